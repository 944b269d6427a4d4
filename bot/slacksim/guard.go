package slacksim

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// refused returns in plain words why a request is not served; empty: it is. The workspace's tokens
// are constants and its page has no sign-in, so these rules are what keeps others out, on every
// path:
//   - The peer is a program of this machine, unless Config.Open allows others. A peer without an
//     address is in this process: a pipe.
//   - The request names one of our hosts. A page that gives its own name our address (DNS
//     rebinding) asks for its own name.
//   - No page of another origin sends it.
//
// Nothing in the request is trusted: neither Host nor X-Forwarded-For changes what the workspace
// calls itself.
func (s *Sim) refused(r *http.Request) string {
	switch {
	case !s.cfg.Open && !fromHere(r.RemoteAddr):
		return "This emulated Slack serves only its own machine: it has no sign-in. With --public it serves the network."
	case !s.hostAllowed(r):
		return fmt.Sprintf("This emulated Slack has another name: ask for %s. With -host NAME it takes another name, too.", s.cfg.BaseURL)
	case s.foreign(r):
		return "This emulated Slack takes nothing from pages of other sites."
	}
	return ""
}

// fromHere reports whether a peer is on this machine.
func fromHere(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	return err != nil || peer.Addr().Unmap().IsLoopback()
}

// hostAllowed reports whether the request asks for one of our names: one of loopback, that of
// Config.BaseURL, one of Config.Hosts, or the very address that the connection came to.
func (s *Sim) hostAllowed(r *http.Request) bool {
	return s.nameAllowed((&url.URL{Host: r.Host}).Hostname(), r)
}

func (s *Sim) nameAllowed(name string, r *http.Request) bool {
	name = strings.ToLower(name)
	if name == "localhost" || slices.Contains(s.hosts, name) {
		return true
	}
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	at, isTCP := local.(*net.TCPAddr)
	return ip.Unmap().IsLoopback() || isTCP && !at.IP.IsUnspecified() && at.AddrPort().Addr().Unmap().WithZone("") == ip.Unmap()
}

// hostNames returns the names that Config gives the workspace, in lower case.
func hostNames(cfg Config) []string {
	names := make([]string, 0, len(cfg.Hosts)+1)
	for _, h := range cfg.Hosts {
		names = append(names, strings.ToLower(strings.Trim(h, "[]")))
	}
	if u, err := url.Parse(cfg.BaseURL); err == nil {
		names = append(names, strings.ToLower(u.Hostname()))
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// foreign reports whether a page of another origin sends a request. New browsers say so themselves
// wherever a page could be spoofed (Sec-Fetch-Site); all of them send their page's origin with a
// POST and with a WebSocket's handshake. A link to our page may be followed from anywhere.
//
// They say so only over https and to their own machine, and an image has no Origin. So a browser
// that says nothing gets the page and its parts, of which no GET changes anything: what is for
// programs it gets only if its Referer is ours.
func (s *Sim) foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return false
	case "", "none":
	default:
		return r.Method != http.MethodGet || r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
	}
	origins := r.Header.Values("Origin")
	if r.Header.Get("Sec-Fetch-Site") == "" && len(origins) == 0 && isBrowser(r) && s.forPrograms(r.URL.Path) {
		from, err := url.Parse(r.Referer())
		return err != nil || from.Host == "" || !strings.EqualFold(from.Host, r.Host)
	}
	return slices.ContainsFunc(origins, func(o string) bool { return !s.ours(o, r) })
}

// isBrowser reports whether a request says that a browser sends it: all begin their name so.
func isBrowser(r *http.Request) bool { return strings.HasPrefix(r.UserAgent(), "Mozilla/") }

// ours reports whether an Origin is not that of a page of another site. WebSocket libraries that
// are no browser send no Origin or make one up. Slack's own sends the address that it dials; others
// send what no browser would write, which is accepted.
func (s *Sim) ours(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	switch {
	case origin == "null":
		return false
	case !strings.Contains(origin, "://"):
		return true
	case err != nil || u.Host == "":
		return false
	case strings.EqualFold(u.Host, r.Host), strings.EqualFold(u.Scheme+"://"+u.Host, s.cfg.BaseURL):
		return true
	}
	slack := u.Scheme == "https" && (u.Host == "slack.com" || strings.HasSuffix(u.Host, ".slack.com"))
	// A browser writes no path, not even a slash.
	odd := u.Scheme+"://"+u.Host != origin && s.nameAllowed(u.Hostname(), r)
	return strings.HasPrefix(r.URL.Path, linkPath) && (slack || odd)
}
