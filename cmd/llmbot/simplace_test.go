package main

import (
	"errors"
	"flag"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestWhere(t *testing.T) {
	own, hasOwn := ownAddress()
	for _, c := range []struct {
		name   string
		args   string
		listen string // the address that the listener has
		local  string
		page   string // "own": an address of this machine
		note   string
		hosts  string
		fails  string
	}{
		{name: "usual", listen: "127.0.0.1:8765", local: "http://127.0.0.1:8765", page: "http://127.0.0.1:8765", hosts: "127.0.0.1"},
		{name: "IPv6", args: "-addr [::1]:1", listen: "[::1]:1", local: "http://[::1]:1", page: "http://[::1]:1", hosts: "::1"},
		{name: "IPv4 in IPv6", args: "-addr 127.0.0.1:1", listen: "[::ffff:127.0.0.1]:1", local: "http://127.0.0.1:1", page: "http://127.0.0.1:1", hosts: "127.0.0.1"},
		{name: "all, not open", args: "-addr 0.0.0.0:1", listen: "0.0.0.0:1", local: "http://127.0.0.1:1", page: "http://127.0.0.1:1", note: "Only this machine is served", hosts: "127.0.0.1"},
		{name: "all of IPv6, not open", args: "-addr :1", listen: "[::]:1", local: "http://127.0.0.1:1", page: "http://127.0.0.1:1", note: "Only this machine is served", hosts: "127.0.0.1"},
		{name: "open", args: "--public", listen: "[::]:8765", local: "http://127.0.0.1:8765", page: "own", note: "WARNING", hosts: "own"},
		{name: "open, all", args: "--public -addr 0.0.0.0:1", listen: "0.0.0.0:1", local: "http://127.0.0.1:1", page: "own", note: "WARNING", hosts: "own"},
		{name: "open, one address", args: "--public -addr 192.168.1.7:1", listen: "192.168.1.7:1", local: "http://192.168.1.7:1", page: "http://192.168.1.7:1", note: "WARNING", hosts: "192.168.1.7"},
		{name: "open for nobody", args: "--public -addr 127.0.0.1:1", listen: "127.0.0.1:1", local: "http://127.0.0.1:1", page: "http://127.0.0.1:1", note: "--public changes nothing", hosts: "127.0.0.1"},
		{name: "a name", args: "-url https://demo.lan/ -host a.lan -host b.lan", listen: "127.0.0.1:1", local: "http://127.0.0.1:1", page: "https://demo.lan", hosts: "a.lan b.lan demo.lan"},
		{name: "an address of the network, not open", args: "-addr 192.168.1.7:1", listen: "192.168.1.7:1", fails: "without --public only this machine is served"},
		{name: "no url", args: "-url demo.lan", fails: "--url is"},
		{name: "url with a path", args: "-url http://demo.lan/x", fails: "--url is"},
		{name: "url with a password", args: "-url http://u:p@demo.lan", fails: "--url is"},
		{name: "url of another kind", args: "-url ftp://demo.lan", fails: "--url is"},
		{name: "url without host", args: "-url http://:80", fails: "--url is"},
		{name: "host with a port", args: "-host demo.lan:80", fails: "without scheme and port"},
		{name: "host with a scheme", args: "-host http://demo.lan", fails: "without scheme and port"},
		{name: "empty host", args: "-host=", fails: "without scheme and port"},
	} {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		var a addrFlags
		a.register(f, "127.0.0.1:8765", "", "")
		err := f.Parse(strings.Fields(c.args))
		if err == nil {
			err = a.check(isGiven(f, "addr"))
		}
		var w where
		if err == nil {
			w, err = a.where(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.listen)))
		}
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.page == "own" {
			if !hasOwn {
				continue // a machine without a network
			}
			u, _ := url.Parse(w.page)
			if ip, err := netip.ParseAddr(u.Hostname()); err != nil || ip != own || ip.IsLoopback() || ip.IsUnspecified() {
				t.Errorf("%s: %s", c.name, w.page)
			}
			c.page, c.hosts = w.page, own.String()
		}
		if w.local != c.local || w.page != c.page || !strings.HasPrefix(w.note, c.note) || (c.note == "") != (w.note == "") || !slices.Equal(w.hosts, strings.Fields(c.hosts)) {
			t.Errorf("%s: %+v", c.name, w)
		}
	}
}

func TestOpenListensEverywhere(t *testing.T) {
	for args, want := range map[string]string{"": "127.0.0.1:8765", "--public": ":8765", "--public -addr 127.0.0.1:1": "127.0.0.1:1"} {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		var a addrFlags
		a.register(f, "127.0.0.1:8765", "", "")
		if err := errors.Join(f.Parse(strings.Fields(args)), a.check(isGiven(f, "addr"))); err != nil || a.addr != want {
			t.Errorf("%q: %q, %v", args, a.addr, err)
		}
	}
}
