package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"llmbot/bot"
	"llmbot/bot/slackio"
	"llmbot/bot/turn"
	"llmbot/llm"
)

func runServe(ctx context.Context, p process, args []string) error {
	f := flags(p, "serve", "the bot. It is configured by the environment (docs/configuration.md)")
	file := f.String("env-file", "", "file with NAME=value lines; variables that are set win over it")
	if err := parse(f, args); err != nil {
		return err
	}
	cfg, err := loadConfig(p.env, *file, (*Config).tokens)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, newLog(p.err, cfg))
}

// newLog writes to w as configured.
func newLog(w io.Writer, cfg Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// serve runs the bot until ctx ends, then drains it. The order of stopping: no new asks, running answers finish, sockets close, the
// store closes.
func serve(ctx context.Context, cfg Config, log *slog.Logger) error {
	store, durable, err := openStore(cfg, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := store.Close(); err != nil {
			log.ErrorContext(ctx, "store_not_closed", "error", err)
		}
	}()
	model, err := llm.New(llm.Config{
		BaseURL: cfg.BaseURL, APIKey: string(cfg.APIKey), Model: cfg.Model, FirstTokenTimeout: cfg.FirstTokenTimeout,
		IdleTimeout: cfg.IdleTimeout, Extra: cfg.extra, Log: log,
	})
	if err != nil {
		return fmt.Errorf("set up the model's client: %w", err)
	}
	slack := slackio.New(slackio.Config{
		AppToken: string(cfg.AppToken), BotToken: string(cfg.BotToken), APIURL: cfg.SlackURL,
		HTTP: &http.Client{Transport: slackTransport()}, Command: cfg.Command, Log: log,
	})
	self, err := slack.Connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	log.InfoContext(ctx, "connected", "team", self.TeamName, "bot", self.Name, "version", buildInfo().short(), "model_url", withoutPassword(cfg.BaseURL))
	b := bot.New(botConfig(cfg, self, durable), bot.Deps{
		Model: model, Server: model, Counter: model, Replier: slack, History: slack, Room: slack, Store: store, Log: log,
	})
	return runBoth(ctx, b, slack)
}

// runBoth runs the bot and its sockets; the sockets close last, so that the last calls and acks go out.
func runBoth(ctx context.Context, b *bot.Bot, slack *slackio.Slack) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	var (
		all                sync.WaitGroup
		botErr, socketsErr error
	)
	all.Go(func() {
		socketsErr = slack.Run(sockets, b)
		cancel() // without sockets there is nothing to answer
	})
	all.Go(func() {
		botErr = b.Run(ctx)
		closeSockets()
	})
	all.Wait()
	return errors.Join(socketsErr, botErr)
}

func botConfig(cfg Config, self slackio.Self, durable bool) bot.Config {
	system := cfg.SystemPrompt
	if system == "" {
		system = defaultPrompt
	}
	host, _ := os.Hostname() // only a name to recognise in the store; the random part makes it unique
	return bot.Config{
		Owner: host + "-" + rand.Text()[:8], Name: self.Name, System: system, Temperature: cfg.Temperature, MaxTokens: cfg.MaxTokens,
		Effort: cfg.ReasoningEffort, MaxAnswers: cfg.MaxAnswers, DrainTimeout: cfg.DrainTimeout, Version: buildInfo().short(), Durable: durable,
		Policy: bot.Policy{
			Channels: cfg.AllowChannels, Users: cfg.AllowUsers, Deny: cfg.DenyUsers,
			AllowExternal: cfg.AllowExternal, AllowGuests: cfg.AllowGuests,
		},
	}
}

// openStore opens what remembers which thread is owed an answer, and says whether it outlives the process.
func openStore(cfg Config, log *slog.Logger) (turn.Store, bool, error) {
	switch cfg.StateURL {
	case "memory:":
	case "":
		log.Warn("state_in_memory", "hint", "this version keeps its state in memory only: what is asked while it is down is lost")
	default:
		return nil, false, &configError{[]problem{{"STATE_URL names a database", "This version keeps its state in memory only: leave STATE_URL empty."}}}
	}
	return turn.NewMem(), false, nil
}

// slackTransport honours the environment's proxy and gives up on connections that do not come to be. Each call has its own time-out.
func slackTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 32, IdleConnTimeout: 60 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
	}
}
