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
	"path/filepath"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/pace"
	"llmbot/bot/permalink"
	"llmbot/bot/quota"
	"llmbot/bot/slackio"
	"llmbot/bot/sqlstore"
	"llmbot/bot/thread"
	"llmbot/bot/tools"
	"llmbot/bot/turn"
	"llmbot/llm"
	"llmbot/llm/egress"
)

func runServe(ctx context.Context, p process, args []string) error {
	f := flags(p, "serve", "the bot. It is configured by the environment (docs/configuration.md)")
	var file string
	envFileFlag(f, &file)
	if err := parse(p, f, args); err != nil {
		return err
	}
	cfg, err := loadConfig(p.env, file, (*Config).tokens, (*Config).channels)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(cfg.LogLevel)
	log := newLog(p.err, cfg, level)
	defer switchLevel(ctx, level, log)()
	for _, d := range cfg.doubts {
		log.WarnContext(ctx, "configuration_doubtful", "problem", d.what, "hint", d.hint)
	}
	setMemory(ctx, p.env, memlimit.FromCgroup, log)
	denyExecutable()
	return cfg.redactor().hide(serve(ctx, cfg, log))
}

// newLog returns a log that writes to w as configured, from level on.
func newLog(w io.Writer, cfg Config, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: cutLogValue}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if cfg.LogFormat == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	h = redact(h, cfg.redactor()) // before the values are cut: a part of a secret is not known for one
	return slog.New(h)
}

// serve runs the bot until ctx ends, then drains it. It stops in this order: no new asks, running
// answers finish, sockets close, the store closes, the ops server ends.
func serve(ctx context.Context, cfg Config, log *slog.Logger) error {
	view, err := startOps(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer view.close()
	channels, err := openChannels(cfg.ChannelsFile, log)
	if err != nil {
		return err
	}
	for _, l := range looseState(cfg) {
		log.WarnContext(ctx, "state_open_to_others", "path", l.Path, "mode", l.Mode.String(), "hint", l.Hint)
	}
	store, err := openStore(cfg, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := store.Close(); err != nil {
			log.ErrorContext(ctx, "store_not_closed", "error", err)
		}
	}()
	if err := store.ready(ctx, cfg, log); err != nil {
		return err
	}
	model, err := llm.New(cfg.botModelConfig(log))
	if err != nil {
		return fmt.Errorf("set up the model's client: %w", err)
	}
	view.store.Store(&store)
	view.model.Store(model)
	slack := slackio.New(slackio.Config{
		AppToken: string(cfg.AppToken), BotToken: string(cfg.BotToken), APIURL: cfg.SlackURL,
		HTTP: slackClient(), Command: cfg.Command, Stream: cfg.Stream, Links: cfg.links(), Log: log,
		Pace: pace.Config{
			Limits: map[pace.Method]int{pace.MethodEdit: cfg.Edits}, Scale: float64(cfg.Edits) / slackEdits, Hooks: view.paceHooks(),
		},
		Hooks: view.slackHooks(),
	})
	view.slack.Store(slack)
	self, err := slack.Connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			log.InfoContext(context.WithoutCancel(ctx), "stopped_before_connected", "error", err)
			return nil
		}
		return err
	}
	warnOfScopes(ctx, log, cfg.Command, slack.Scopes())
	log.InfoContext(ctx, "connected", "team", self.TeamName, "bot", self.Name, "version", buildInfo().short(), "model_url", shownAddress(cfg.BaseURL))
	botCfg := botConfig(cfg, self, store, channels)
	botCfg.Share, botCfg.Use = slack.SetShare, slack.Use
	pdfs, err := pdfReader(cfg, memlimit.FromCgroup, log)
	if err != nil {
		return err
	}
	ears, err := transcriber(cfg, log)
	if err != nil {
		return err
	}
	servers, err := newTools(cfg, log, tools.Hooks{}) // the bot counts calls
	if err != nil {
		return err
	}
	var offered bot.Tools // nil, and no nil pointer, without servers
	if servers != nil {
		offered = servers
	}
	b := bot.New(botCfg, bot.Deps{
		Tools:  offered,
		PDFs:   pdfs,
		Ears:   ears,
		Linked: permalink.New(slack, slack.Full, slack.Hosts(), botCfg.Name, log),
		Model:  model, Server: model, Counter: model, Replier: slack, History: slack, Room: slack, Files: slack, Uploads: slack, Places: slack, Homes: slack, Leaves: slack,
		GPUs: quietGPUs(gpus(cfg), cfg.GPUMetricsURL == "", log), Store: store.Store, Log: log, Hooks: view.botHooks(),
	})
	view.bot.Store(b)
	sup := newSupervisor(ctx, log)
	named, way := cfg.channelsNamed(channels.now.Load()), slackio.Config{BotToken: string(cfg.BotToken), APIURL: cfg.SlackURL, HTTP: slackClient()}
	channels.loaded = func(ctx context.Context, f *channelsFile) {
		warnOfChannels(ctx, log, way, new(Config).channelsNamed(f))
	}
	return runAll(ctx, b, slack, background{
		look:     func(ctx context.Context) { warnOfChannels(ctx, log, way, named) },
		settings: channels.run, pdfs: pdfs.Run, upkeep: store.run,
		tools: func(ctx context.Context) error { return runTools(ctx, cfg, servers, windowOf(model), log) },
		watch: func(end context.Context) {
			sup.run(end, ctx, func() bool { return slack.Sockets() > 0 }, func() { b.Threads() })
		},
	})
}

// windowOf returns what asks a server for the tokens of its model's window; 0: it does not say now.
func windowOf(model answer.Server) func(context.Context) int {
	return func(ctx context.Context) int {
		m, err := model.Model(ctx, "")
		if err != nil {
			return 0
		}
		return m.MaxModelLen
	}
}

// gpus reads the configured exporter, else nvidia-smi if the model server is on this machine; nil:
// nobody tells of GPUs.
func gpus(cfg Config) func(context.Context) ([]llm.GPU, error) {
	if cfg.GPUMetricsURL == "" {
		if !onThisMachine(cfg.BaseURL) {
			return nil
		}
		return localGPUs()
	}
	// There is no proxy: the exporter is beside the model server.
	client := egress.New(&http.Transport{IdleConnTimeout: time.Minute}, "GPU_METRICS_URL")
	return llm.NewExporter(client, cfg.GPUMetricsURL).GPUs
}

// background is what runs beside the bot.
type background struct {
	settings, pdfs, watch func(context.Context)
	look                  func(context.Context) // once, beside the start
	tools                 func(context.Context) error
	upkeep                func(context.Context) error // nil: none
}

// runAll runs the bot, its sockets and what runs beside it. The sockets close last, so that the
// last calls and acks go out.
func runAll(ctx context.Context, b *bot.Bot, slack *slackio.Slack, beside background) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	var (
		all                                 sync.WaitGroup
		botErr, socketsErr, dbErr, toolsErr error
	)
	all.Go(func() {
		socketsErr = slack.Run(sockets, b)
		cancel() // without sockets there is nothing to answer
	})
	all.Go(func() {
		botErr = b.Run(ctx)
		closeSockets()
	})
	all.Go(func() { beside.settings(ctx) })
	all.Go(func() { beside.look(ctx) })
	// Answers that are being finished may need these.
	all.Go(func() { beside.pdfs(sockets) })
	all.Go(func() { toolsErr = beside.tools(sockets) })
	if beside.upkeep != nil {
		all.Go(func() { dbErr = beside.upkeep(sockets) })
	}
	all.Go(func() { beside.watch(sockets) })
	all.Wait()
	b.HandOver(context.WithoutCancel(ctx))
	return errors.Join(socketsErr, botErr, dbErr, toolsErr)
}

func botConfig(cfg Config, self slackio.Self, s store, ch *channels) bot.Config {
	system := cfg.SystemPrompt
	if system == "" {
		system = defaultPrompt
	}
	host, _ := os.Hostname() // only a name to recognise in the store; the random part makes it unique
	return bot.Config{
		Owner: host + "-" + rand.Text()[:8], Name: self.Name, MaxTokens: cfg.MaxTokens, MaxAnswers: cfg.MaxAnswers, MaxChars: cfg.MaxChars, DrainTimeout: cfg.DrainTimeout, Resume: answer.Resume(cfg.Resume), Version: buildInfo().short(), Durable: s.durable, Alone: s.alone,
		Settings: bot.Settings{
			System: system, Temperature: cfg.Temperature, Effort: cfg.ReasoningEffort, FollowUps: thread.FollowUps(cfg.FollowUps),
		},
		Channel: ch.settings, Quota: quota.Limits{AnswersPerMinute: cfg.AnswersPerMinute, TokensPerDay: cfg.TokensPerDay},
		Policy: bot.Policy{
			Channels: cfg.AllowChannels, Users: cfg.AllowUsers, Deny: cfg.DenyUsers,
			AllowExternal: cfg.AllowExternal, AllowGuests: cfg.AllowGuests,
		},
	}
}

// store is what remembers which thread is owed an answer.
type store struct {
	turn.Store

	durable bool                            // it outlives the process
	alone   func() bool                     // see turn.Config; nil: not known
	run     func(ctx context.Context) error // its own upkeep; nil: none
	check   func(ctx context.Context) error // that it takes writes; nil: always
}

// openStore opens the store as configured. A database that is away is no error: the bot starts, and
// questions wait until it is there.
func openStore(cfg Config, log *slog.Logger) (store, error) {
	if cfg.StateURL == "memory:" {
		return store{Store: turn.NewMem()}, nil
	}
	db, err := sqlstore.Open(sqlstore.Config{URL: cfg.StateURL, Dir: cfg.StateDir, Log: log})
	if err != nil {
		return store{}, err
	}
	return store{Store: db, durable: true, alone: db.Alone, run: db.Run, check: db.Check}, nil
}

// stateName says where the state is kept, for people; it has no secret.
func stateName(cfg Config) string {
	switch cfg.StateURL {
	case "":
		path, err := filepath.Abs(filepath.Join(cfg.StateDir, stateFile))
		if err != nil {
			return "SQLite"
		}
		return path
	case "memory:":
		return "memory"
	}
	return shownAddress(cfg.StateURL)
}

// looseState returns what others may read or write of the state.
func looseState(cfg Config) []sqlstore.Loose {
	if cfg.StateURL != "" {
		return nil
	}
	return sqlstore.LooseModes(cfg.StateDir)
}

// storeCheckTimeout is how long the first write may take before the bot starts without it.
const storeCheckTimeout = 5 * time.Second

// ready returns what is wrong with a store that cannot work: a folder that is read-only or full, a
// damaged file. It only logs that a store is away, or that another process keeps its file locked.
func (s store) ready(ctx context.Context, cfg Config, log *slog.Logger) error {
	if s.check == nil {
		return nil
	}
	check, cancel := context.WithTimeout(ctx, storeCheckTimeout)
	defer cancel()
	err := s.check(check)
	if err == nil || ctx.Err() != nil { // a check that was broken off says nothing of the store
		return nil
	}
	if cfg.StateURL == "" && !sqlstore.Locked(err) {
		// A file does not come back by itself. One that another process keeps locked does.
		return fmt.Errorf("the state cannot be kept (set STATE_DIR to a folder on a local disk that this user may write to; it is %s): %w", cfg.StateDir, err)
	}
	log.ErrorContext(ctx, "store_away", "error", err)
	return nil
}

// slackClient uses the environment's proxy, and gives up connections that are not made in time.
// Package slackio bounds each call.
func slackClient() *http.Client {
	return egress.New(&http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 32, IdleConnTimeout: 60 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		// All calls share one connection: a dead one has to be noticed.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}, "SLACK_API_URL")
}
