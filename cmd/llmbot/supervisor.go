package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"llmbot/bot/wait"
)

// readyPause is how often the supervisor's goroutine looks whether the bot is ready.
const readyPause = 250 * time.Millisecond

// supervisor tells systemd how the bot is doing, if systemd started it with Type=notify; else it
// does nothing. See sd_notify(3).
type supervisor struct {
	watchdog time.Duration // the longest pause between two signs of life (WatchdogSec=); 0: none are wanted
	told     bool          // systemd listens
	log      *slog.Logger
}

// newSupervisor reads NOTIFY_SOCKET and WATCHDOG_USEC of the process's environment, where systemd
// sets them.
func newSupervisor(ctx context.Context, log *slog.Logger) supervisor {
	s := supervisor{log: log}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.WarnContext(ctx, "watchdog_unknown", "error", err)
	}
	s.watchdog = every
	s.told = s.tell(ctx, "STATUS=connecting to Slack")
	return s
}

// tell sends one state, and reports whether systemd took it. It does not block for longer than a
// datagram to this machine does.
func (s *supervisor) tell(ctx context.Context, state string) bool {
	sent, err := daemon.SdNotify(false, state)
	if err != nil {
		s.log.WarnContext(ctx, "systemd_not_told", "state", state, "error", err)
	}
	return sent
}

// run tells systemd that the bot is ready once it is, and then gives signs of life until ctx ends.
// ready reports whether a socket to Slack is open. alive takes the bot's locks: if the bot is
// stuck, it does not return, no sign of life follows, and systemd starts the bot anew. stopping is
// done when the bot takes no new questions.
func (s *supervisor) run(ctx, stopping context.Context, ready func() bool, alive func()) {
	if !s.told {
		return
	}
	var isReady, isStopping bool
	for last := time.Now(); ; {
		switch {
		case stopping.Err() != nil && !isStopping:
			isStopping = true
			s.tell(ctx, daemon.SdNotifyStopping+"\nSTATUS=finishing answers")
		case !isReady && !isStopping && ready():
			isReady = true
			s.tell(ctx, daemon.SdNotifyReady+"\nSTATUS=connected to Slack")
		}
		if s.watchdog > 0 && time.Since(last) >= s.watchdog/3 {
			last = time.Now()
			alive()
			s.tell(ctx, daemon.SdNotifyWatchdog)
		}
		if wait.For(ctx, readyPause) != nil {
			return
		}
	}
}
