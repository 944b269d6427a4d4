package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nvidiaSMI puts a program of this name, with these lines, first in the path.
func nvidiaSMI(t *testing.T, lines string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// The model server is on this machine, and so are its GPUs.
func TestLocalGPUs(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	nvidiaSMI(t, `[ -z "$SLACK_BOT_TOKEN" ] && [ "$2" = --format=csv,noheader,nounits ] && echo "0, NVIDIA H100, 81559, 40000, 7"`)
	cfg := Config{BaseURL: "http://localhost:8000/v1"}
	found, err := gpus(cfg)(t.Context())
	if err != nil || len(found) != 1 || found[0].Name != "NVIDIA H100" || found[0].Load != 7 {
		t.Errorf("%+v %v", found, err)
	}
	for _, elsewhere := range []string{"http://gpu:8000/v1", "http://10.0.0.7/v1", "https://models.example.com", ":"} {
		if gpus(Config{BaseURL: elsewhere}) != nil {
			t.Errorf("%s: this machine's GPUs are shown", elsewhere)
		}
	}
}

// The machine is known by its own names and addresses, and no other is taken for it.
func TestOnThisMachine(t *testing.T) {
	t.Parallel()
	own := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("2001:db8::5")}
	for _, tt := range []struct {
		address, name string
		want          bool
	}{
		{"http://10.0.0.5:8000/v1", "gpu1", true},
		{"http://10.0.0.6:8000/v1", "gpu1", false},
		{"http://[2001:db8::5]:8000", "gpu1", true},
		{"http://[2001:db8::6]:8000", "gpu1", false},
		{"http://[fe80::1]:8000", "gpu1", true},
		{"http://[::ffff:10.0.0.5]:8000", "gpu1", true},
		{"http://127.0.0.2", "gpu1", true},
		{"http://[::1]", "gpu1", true},
		{"http://0.0.0.0:8000", "gpu1", true},
		{"http://gpu1:8000/v1", "gpu1", true},
		{"http://GPU1.corp.example.:8000", "gpu1", true},
		{"http://gpu1:8000", "gpu1.corp.example", true},
		{"http://gpu1.corp.example", "gpu1.corp.example", true},
		{"http://gpu1.other.example", "gpu1.corp.example", false},
		{"http://gpu10", "gpu1", false},
		{"http://gpu", "gpu1", false},
		{"http://gpu1.corp", "gpu1.corp.example", false},
		{"http://localhost:8000", "", true},
		{"http://gpu1", "", false},
		{"http://", "gpu1", false},
		{"", "", false},
		{":", "gpu1", false},
	} {
		if got := onMachine(tt.address, tt.name, own); got != tt.want {
			t.Errorf("%s on %s: %v", tt.address, tt.name, got)
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if p := netip.MustParsePrefix(a.String()); !onThisMachine("http://" + net.JoinHostPort(p.Addr().WithZone("").String(), "8000")) {
			t.Errorf("%s is another machine", a)
		}
	}
}

// A program that fails, hangs or prints without end costs little, and nobody reads of it in Slack.
func TestLocalGPUsFail(t *testing.T) {
	for _, lines := range []string{"exit 9", "echo no GPU", "yes"} {
		nvidiaSMI(t, lines)
		var log strings.Builder
		read := quietGPUs(gpus(Config{BaseURL: "http://127.0.0.1:8000"}), true, slog.New(slog.NewTextHandler(&log, nil)))
		if found, err := read(t.Context()); err != nil || found != nil || !strings.Contains(log.String(), "nvidia_smi_failed") {
			t.Errorf("%s: %v %v %s", lines, found, err, log.String())
		}
	}
	nvidiaSMI(t, "sleep 100")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := runSMI(ctx, filepath.Join(strings.Split(os.Getenv("PATH"), ":")[0], "nvidia-smi")); err == nil {
		t.Error("it ended")
	}
}
