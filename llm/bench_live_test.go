package llm

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	liveStreams = 1000
	liveRate    = 50 // tokens a second, each
	liveSeconds = 12 // of a round: an answer of 600 tokens
	liveServer  = "LLMBOT_BENCH_SERVER"
)

// TestBenchServer is no test: it is the server of BenchmarkThousandLiveStreams, in a process of its own, so that only the client is measured.
func TestBenchServer(t *testing.T) {
	if os.Getenv(liveServer) == "" {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr())
	event := []byte(textEvent(" token"))
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		out := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(time.Second / liveRate)
		defer tick.Stop()
		for range liveRate * liveSeconds {
			if _, err := w.Write(event); err != nil || out.Flush() != nil {
				return
			}
			<-tick.C
		}
		_, _ = io.WriteString(w, stopEvent+doneEvent)
	})}
	go func() { // until the benchmark closes our input
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = srv.Close()
	}()
	_ = srv.Serve(l)
}

// BenchmarkThousandLiveStreams has 1,000 streams open at once, each at 50 tokens a second over TCP, for a bare reader of server-sent events and for
// this client. cores is the processor time of this process (user and system) a second. Issue 4: less than half a core.
//
//	go test ./llm -run x -bench ThousandLive -benchtime 1x
func BenchmarkThousandLiveStreams(b *testing.B) {
	address := startBenchServer(b)
	hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: liveStreams, IdleConnTimeout: 4 * time.Second}}
	c, err := New(Config{BaseURL: "http://" + address, Model: "m"})
	if err != nil {
		b.Fatal(err)
	}
	var tokens atomic.Int64
	bare := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/chat/completions", strings.NewReader("{}"))
		if err != nil {
			return err
		}
		resp, err := hc.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() && !bytes.Equal(lines.Bytes(), []byte("data: [DONE]")) {
			if len(lines.Bytes()) > 0 {
				tokens.Add(1)
			}
		}
		return lines.Err()
	}
	ours := func(ctx context.Context) error {
		_, err := c.Stream(ctx, Request{}, func(Delta) error { tokens.Add(1); return nil })
		return err
	}
	for _, who := range []struct {
		name string
		one  func(context.Context) error
	}{{"bare", bare}, {"client", ours}} {
		b.Run(who.name, func(b *testing.B) {
			tokens.Store(0)
			before := cpu(b)
			for b.Loop() {
				var all sync.WaitGroup
				for range liveStreams {
					all.Go(func() {
						if err := who.one(b.Context()); err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
			}
			b.ReportMetric((cpu(b)-before).Seconds()/b.Elapsed().Seconds(), "cores")
			b.ReportMetric(float64(tokens.Load())/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func startBenchServer(b *testing.B) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBenchServer$")
	cmd.Env = append(os.Environ(), liveServer+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
