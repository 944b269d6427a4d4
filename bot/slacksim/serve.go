package slacksim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// headerWithin is how long a client may take for the head of a request.
const headerWithin = 10 * time.Second

// Server is a workspace at an address of this machine.
type Server struct {
	*Sim

	URL string // of the workspace, without a slash at its end

	http *http.Server
	done chan struct{} // closed when http has ended
}

// Serve makes a workspace and serves it at an address, such as "127.0.0.1:0" for any free port. It
// returns as soon as requests are taken. The caller ends it with [Server.Close]; ctx is only for
// taking the address. Config.BaseURL is replaced by the address.
func Serve(ctx context.Context, addr string, cfg Config) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve the emulated Slack: %w", err)
	}
	cfg.BaseURL = "http://" + l.Addr().String()
	s := &Server{Sim: New(cfg), URL: cfg.BaseURL, done: make(chan struct{})}
	s.http = &http.Server{Handler: s.Sim, ReadHeaderTimeout: headerWithin}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.ErrorContext(ctx, "the emulated Slack is no longer served", "error", err)
		}
	}()
	return s, nil
}

// Close ends the workspace, its connections and the server, and waits for all of them.
func (s *Server) Close() {
	s.Sim.Close()
	_ = s.http.Close() // it only closes what is being closed
	<-s.done
}

// APIURL returns the root of the Web API, as Slack's SDKs take it.
func (s *Server) APIURL() string { return s.URL + "/api/" }

// Env returns the variables that lead a bot to the workspace, as NAME=value: SLACK_API_URL,
// SLACK_BOT_TOKEN and SLACK_APP_TOKEN.
func (s *Server) Env() []string {
	return []string{"SLACK_API_URL=" + s.APIURL(), "SLACK_BOT_TOKEN=" + s.BotToken(), "SLACK_APP_TOKEN=" + s.AppToken()}
}
