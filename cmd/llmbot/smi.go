package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"llmbot/llm"
)

const (
	smiBytes = 64 << 10 // of nvidia-smi's output
	smiKill  = time.Second
)

// localGPUs reads the GPUs of this machine by nvidia-smi; nil: it is not installed.
func localGPUs() func(context.Context) ([]llm.GPU, error) {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil
	}
	return llm.NewSMI(func(ctx context.Context) ([]byte, error) { return runSMI(ctx, path) }).GPUs
}

// quietGPUs returns read. If nobody has asked for its figures (local), a failure is logged, and
// shown to nobody.
func quietGPUs(read func(context.Context) ([]llm.GPU, error), local bool, log *slog.Logger) func(context.Context) ([]llm.GPU, error) {
	if read == nil || !local {
		return read
	}
	return func(ctx context.Context) ([]llm.GPU, error) {
		found, err := read(ctx)
		if err != nil && ctx.Err() == nil {
			log.InfoContext(ctx, "nvidia_smi_failed", "error", err)
		}
		return found, nil
	}
}

// onThisMachine reports whether an address is of this machine. Containers have names and addresses
// of their own, and are none of it: their GPUs need not be this machine's.
func onThisMachine(address string) bool {
	name, _ := os.Hostname() // without it, no name is this machine's
	return onMachine(address, name, ownAddresses())
}

// onMachine reports whether an address is of the machine with this host name and these addresses.
func onMachine(address, name string, own []netip.Addr) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		return ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(own, func(o netip.Addr) bool { return o.Unmap().WithZone("") == ip })
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	// One of the two may have its domain. Two domains are two machines.
	long, short := host, name
	if len(long) < len(short) {
		long, short = short, long
	}
	return host == "localhost" || short != "" && (long == short || !strings.Contains(short, ".") && strings.HasPrefix(long, short+"."))
}

// runSMI returns what nvidia-smi prints. It ends the program with ctx.
func runSMI(ctx context.Context, path string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, llm.SMIQuery()...) //nolint:gosec // found in PATH by its constant name
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}     // nothing of ours: it has secrets
	cmd.WaitDelay = smiKill
	out := &limited{most: smiBytes}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return out.b, nil
}

// limited keeps what is written, up to a number of bytes.
type limited struct {
	b    []byte
	most int
}

var errTooMuch = errors.New("it prints too much")

// Write returns an error once there is too much.
func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > l.most {
		return 0, errTooMuch
	}
	l.b = append(l.b, p...)
	return len(p), nil
}
