// Command fakevllm stands in for `vllm` in the test of start-vllm.sh. FAKE_VLLM says how it ends:
// "ready" (default) serves /health until SIGTERM, "slow" never comes so far, any other value is a
// text that it writes before it fails, as the engine does.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if slices.Equal(args, []string{"freeport"}) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(l.Addr().(*net.TCPAddr).Port)
		return l.Close()
	}
	if slices.Contains(args, "--help=all") {
		fmt.Println("usage: vllm serve [model_tag]\n  --port PORT\n  --enable-prompt-tokens-details, --no-enable-prompt-tokens-details\n  --shutdown-timeout N")
		return nil
	}
	fmt.Println("fakevllm:", strings.Join(args, " "), "key="+os.Getenv("VLLM_API_KEY"))
	if how := os.Getenv("FAKE_VLLM"); how != "" && how != "ready" && how != "slow" {
		return errors.New(how)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	port := args[slices.Index(args, "--port")+1]
	srv := &http.Server{Addr: "127.0.0.1:" + port, ReadHeaderTimeout: time.Minute, Handler: http.NewServeMux()}
	srv.Handler.(*http.ServeMux).HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	failed := make(chan error, 1)
	if os.Getenv("FAKE_VLLM") != "slow" {
		go func() { failed <- srv.ListenAndServe() }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		fmt.Println("fakevllm: last words")
		return srv.Close()
	}
}
