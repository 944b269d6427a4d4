package main

import (
	"cmp"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// openWarning says in plain words what --public means.
const openWarning = `WARNING: --public lets in everybody who can reach this address. There is no sign-in: whoever opens it may write as any person of the
  workspace, and so to the model behind it. The tokens are constants that stand in the source: any program may speak as the bot.`

// where is where an emulated Slack is.
type where struct {
	local string   // root for programs of this machine
	page  string   // root for people: --url, else an address of this machine that they reach
	hosts []string // names to answer to, besides loopback's
	note  string   // what people should know about who is let in; empty: nothing unusual
}

// addrFlags are the flags that say where an emulated Slack is, and to whom.
type addrFlags struct {
	addr, url string
	hosts     []string
	open      bool
}

// register adds the flags; usual is the default address.
func (a *addrFlags) register(f *flag.FlagSet, usual, about, aboutURL string) {
	f.StringVar(&a.addr, "addr", usual, about)
	f.StringVar(&a.url, "url", "", aboutURL)
	f.Func("host", "a further `NAME` of this machine that requests may ask for, without port; may be given several times", func(name string) error {
		if strings.ContainsAny(name, "/@?# ") || (&url.URL{Host: name}).Port() != "" || name == "" {
			return fmt.Errorf("it is %q: give a name such as demo.lan, without scheme and port", name)
		}
		a.hosts = append(a.hosts, name)
		return nil
	})
	f.BoolVar(&a.open, "public", false, "serve the network, not only this machine; there is no sign-in. Without --addr: on all addresses")
}

// check returns what is wrong with the flags, before anything listens. given: --addr was given.
func (a *addrFlags) check(given bool) error {
	var bad []problem
	if a.url != "" {
		u, err := url.Parse(a.url)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
			hint := "It is where this page is reached, an address without a path, such as http://demo.lan:8765."
			if err == nil && strings.Trim(u.Path, "/") == "v1" {
				hint += " The model server of the demo is named with --llm."
			}
			bad = append(bad, problem{fmt.Sprintf("--url is %q", a.url), hint})
		}
		a.url = strings.TrimSuffix(a.url, "/")
	}
	_, port, err := net.SplitHostPort(a.addr)
	if err == nil && a.open && !given {
		a.addr = ":" + port
	}
	if bad != nil {
		return &configError{bad}
	}
	return nil
}

// where finds out how people and programs reach an address on which we listen, from here and from
// elsewhere.
func (a *addrFlags) where(l net.Addr) (where, error) {
	tcp, ok := l.(*net.TCPAddr)
	if !ok {
		return where{}, fmt.Errorf("listening on %s, which is no TCP address", l)
	}
	at := tcp.AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	all, here := at.Addr().IsUnspecified(), at.Addr().IsLoopback()
	w := where{local: "http://" + at.String(), hosts: a.hosts}
	if all {
		w.local = fmt.Sprintf("http://127.0.0.1:%d", at.Port())
	}
	w.page = w.local
	switch {
	// Programs of this machine, too, come there from an address that is not loopback.
	case !a.open && !here && !all:
		return where{}, &configError{[]problem{{
			fmt.Sprintf("--addr is %s, which the network reaches, and without --public only this machine is served", at), "Give --addr 127.0.0.1:" + fmt.Sprint(at.Port()) + ", or --public if everybody in the network may use it.",
		}}}
	case a.open && here:
		w.note = "--public changes nothing at " + at.String() + ", which only this machine reaches: for the network give an --addr such as :" + fmt.Sprint(at.Port()) + " too."
	case a.open:
		w.note = openWarning
		if all {
			if ip, ok := ownAddress(); ok {
				w.page = "http://" + netip.AddrPortFrom(ip, at.Port()).String()
			}
		}
	case all:
		w.note = "Only this machine is served; --public lets the network in, without a sign-in."
	}
	w.page = cmp.Or(a.url, w.page)
	if u, err := url.Parse(w.page); err == nil {
		w.hosts = append(w.hosts, u.Hostname())
	}
	return w, nil
}

// ownAddress returns an address of this machine under which others reach it, an IPv4 one if there
// is one.
func ownAddress() (netip.Addr, bool) {
	var found netip.Addr
	for _, ip := range ownAddresses() {
		if ip.IsGlobalUnicast() && (!found.IsValid() || ip.Is4() && !found.Is4()) {
			found = ip
		}
	}
	return found, found.IsValid()
}

// ownAddresses returns the addresses of this machine.
func ownAddresses() (own []netip.Addr) {
	list, _ := net.InterfaceAddrs() // a sandbox without AF_NETLINK has none
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap())
		}
	}
	return own
}
