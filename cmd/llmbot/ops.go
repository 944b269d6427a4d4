package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"llmbot/bot"
	"llmbot/bot/ops"
	"llmbot/bot/pace"
	"llmbot/bot/slackio"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// opsOff is the OPS_ADDR that means none.
const opsOff = "off"

// opsView is what the ops server shows. The server begins before everything else and ends after it,
// so the parts that it shows are added while it serves.
type opsView struct {
	metrics *ops.Metrics // nil: there is no server, and nobody counts
	hide    *redactor    // for what store and model server say
	close   func()       // ends the server and waits for it

	store atomic.Pointer[store]
	model atomic.Pointer[llm.Client]
	slack atomic.Pointer[slackio.Slack]
	bot   atomic.Pointer[bot.Bot]
}

// startOps starts the ops server as configured. When ctx has ended the bot is stopping, and the
// server says so until close.
func startOps(ctx context.Context, cfg Config, log *slog.Logger) (*opsView, error) {
	v := &opsView{close: func() {}, hide: cfg.redactor()}
	if cfg.OpsAddr == "" || cfg.OpsAddr == opsOff {
		return v, nil
	}
	l, err := ops.Listen(ctx, cfg.OpsAddr, log)
	if err != nil {
		return nil, err
	}
	log.InfoContext(ctx, "ops_open", "address", l.Addr().String())
	b := buildInfo()
	v.metrics = ops.NewMetrics(ops.Build{Version: b.Version, Commit: b.Commit, Go: runtime.Version()})
	server := ops.New(ops.Config{
		Metrics: v.metrics, Version: b.short(), Log: log,
		Stopping: func() bool { return ctx.Err() != nil },
		Sockets:  func() int { return of(&v.slack, (*slackio.Slack).Sockets) }, Connections: func() int { return of(&v.slack, (*slackio.Slack).Connections) },
		Trouble: func() string { return of(&v.slack, (*slackio.Slack).Trouble) },
		Pace:    func() pace.Snapshot { return of(&v.slack, (*slackio.Slack).Pace) },
		Threads: func() []bot.ThreadState { return of(&v.bot, (*bot.Bot).Threads) },
		Tools:   func() []tools.ServerStatus { return of(&v.bot, (*bot.Bot).ToolServers) },
		Queued:  func() int { return of(&v.bot, (*bot.Bot).Queued) }, Held: func() int { return of(&v.bot, (*bot.Bot).Held) },
		State: stateName(cfg), Store: v.checkStore, Model: v.checkModel,
	})
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() {
		// The bot goes on: people wait for answers, not for figures.
		if err := server.Run(serving, l); err != nil {
			log.ErrorContext(serving, "ops_ended", "error", err)
		}
	})
	v.close = func() {
		end()
		all.Wait()
	}
	return v, nil
}

// of calls a part of the program that may not be there yet.
func of[P, T any](p *atomic.Pointer[P], ask func(*P) T) T {
	if part := p.Load(); part != nil {
		return ask(part)
	}
	var nothing T
	return nothing
}

// checkStore returns an error if the store takes no writes.
func (v *opsView) checkStore(ctx context.Context) error {
	switch s := v.store.Load(); {
	case s == nil:
		return errors.New("it is not open yet")
	case s.check == nil: // memory
		return nil
	default:
		return v.hide.hide(s.check(ctx))
	}
}

// checkModel returns what the model server serves. Its error says in plain words why it does not.
func (v *opsView) checkModel(ctx context.Context) (string, error) {
	client := v.model.Load()
	if client == nil {
		return "", errors.New("it was not asked yet")
	}
	err := client.Health(ctx)
	if errors.Is(err, errors.ErrUnsupported) { // not vLLM
		_, err = client.Models(ctx)
	}
	var info llm.ModelInfo
	if err == nil {
		info, err = client.Model(ctx, "")
	}
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return "", errors.New(v.hide.clean(e.User() + " " + e.Hint()))
	}
	return v.hide.clean(info.ID), v.hide.hide(err)
}

// botHooks, slackHooks and paceHooks return hooks that count what happens, if there is an ops
// server.
func (v *opsView) botHooks() bot.Hooks {
	if v.metrics == nil {
		return bot.Hooks{}
	}
	return v.metrics.Bot()
}

func (v *opsView) slackHooks() slackio.Hooks {
	if v.metrics == nil {
		return slackio.Hooks{}
	}
	return slackio.Hooks{Event: v.metrics.Event, Acked: v.metrics.Acked, Socket: v.metrics.Socket, Gap: v.metrics.Gap, Unread: v.metrics.Unread}
}

func (v *opsView) paceHooks() pace.Hooks {
	if v.metrics == nil {
		return pace.Hooks{}
	}
	return v.metrics.Pace()
}
