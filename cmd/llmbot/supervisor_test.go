package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/llm/llmsim/memnet"
)

// systemd is what a supervisor talks to: a socket of datagrams, as systemd's own.
func systemd(t *testing.T) (said func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	got := make(chan string, 1000)
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			got <- string(b[:n])
		}
	})
	t.Cleanup(func() { _ = c.Close(); reading.Wait() })
	return func() string {
		select {
		case s := <-got:
			return strings.ReplaceAll(s, "\n", " ")
		case <-time.After(patience):
			return "nothing"
		}
	}
}

// systemd hears when the bot is ready, that it lives, and that it stops; and no sign of life of one
// that is stuck.
func TestSupervisor(t *testing.T) {
	said := systemd(t)
	t.Setenv("WATCHDOG_USEC", "900000")
	ctx, end := context.WithCancel(t.Context())
	stopping, stop := context.WithCancel(ctx)
	var connected atomic.Bool
	stuck := make(chan chan struct{}, 1)
	s := newSupervisor(ctx, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	all.Go(func() {
		s.run(ctx, stopping, connected.Load, func() {
			select {
			case free := <-stuck:
				<-free
			default:
			}
		})
	})
	until := func(want string) {
		t.Helper()
		for range 20 {
			switch got := said(); {
			case got == want:
				return
			case got != "WATCHDOG=1":
				t.Fatalf("systemd hears %q, and not %q", got, want)
			}
		}
		t.Fatalf("systemd hears only signs of life, and not %q", want)
	}
	until("STATUS=connecting to Slack")
	until("WATCHDOG=1") // also before it is ready: connecting may take long
	connected.Store(true)
	until("READY=1 STATUS=connected to Slack")
	free := make(chan struct{})
	stuck <- free
	for len(stuck) > 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	close(free)
	until("STOPPING=1 STATUS=finishing answers")
	end()
	all.Wait()
}

// Without systemd there is nobody to tell, and nothing runs.
func TestNoSupervisor(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	s := newSupervisor(t.Context(), slog.New(slog.DiscardHandler))
	s.run(t.Context(), t.Context(), func() bool { t.Error("asked"); return true }, func() { t.Error("asked") })
}

func TestCheckLive(t *testing.T) {
	answer := http.StatusOK
	n := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" {
			answer = http.StatusNotFound
		}
		w.WriteHeader(answer)
	}))
	defer n.Close()
	client := n.Client()
	defer client.CloseIdleConnections()
	for _, addr := range []string{"", "off", "127.0.0.1:0", "0.0.0.0:9464", ":9464", "[::]:9464"} {
		if err := checkLive(t.Context(), client, addr); err != nil {
			t.Errorf("%q: %v", addr, err)
		}
	}
	answer = http.StatusServiceUnavailable
	if err := checkLive(t.Context(), client, "127.0.0.1:9464"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := checkLive(gone, client, "127.0.0.1:9464"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "OPS_ADDR") {
		t.Error(err)
	}
}
