package bot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/attach"
	"llmbot/bot/catchup"
	"llmbot/bot/held"
	"llmbot/bot/leave"
	"llmbot/bot/permalink"
	"llmbot/bot/quota"
	"llmbot/bot/status"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// Limits and time-outs of the bot.
const (
	DefaultMaxAnswers = 64               // answers in progress (design §5)
	DefaultDrain      = 25 * time.Second // on SIGTERM (design §5)
	storeTimeout      = time.Second      // a store that takes longer is away
	// closeGrace is left for the last Slack calls when the drain time is over.
	closeGrace = 5 * time.Second
	// nameTimeout is how long a channel's name may take where an event waits for it: people are told
	// within 3 s that it has come.
	nameTimeout = 500 * time.Millisecond
)

// Errors of Handle.
var (
	// ErrNotDurable reports that the store has not taken an ask yet: it must not be acked.
	ErrNotDurable = errors.New("ask is not durable")
	// ErrDraining reports that the bot is stopping and did not take the ask: it must not be acked.
	ErrDraining = errors.New("bot is stopping")
	// ErrBusy reports that too much waits for one thread. The store has the ask; the turn that
	// comes to it reads the thread.
	ErrBusy = errors.New("thread has too many messages waiting")
)

// errShutdown ends a turn early.
var errShutdown = errors.New("the bot is stopping")

// Config of a Bot.
type Config struct {
	Owner     string   // unique id of this process
	Name      string   // the bot's display name
	Settings  Settings // of all channels
	MaxTokens int      // 0: the server decides
	// Channel changes the settings for one channel. name asks for its name, which may block for a
	// moment. Channel is called often, from any goroutine. nil: all channels are alike.
	Channel      func(channel string, name func() string, base Settings) Settings
	Policy       Policy
	Quota        quota.Limits  // of each person
	Resume       answer.Resume // "": ResumeAuto
	MaxAnswers   int           // 0: DefaultMaxAnswers
	MaxChars     int           // of an answer that are shown; 0: DefaultMaxChars
	DrainTimeout time.Duration // 0: DefaultDrain
	Version      string        // for the status
	// Durable reports whether the store outlives the process, so that what comes while the bot
	// stops may be noted and acked.
	Durable bool
	Alone   func() bool            // see turn.Config
	Use     func() status.SlackUse // for the status; nil: not known
	// Share takes the part of Slack's edit budget that is this process's, above 0 up to 1, when it
	// changes. nil: there is only one process.
	Share func(share float64)
}

// Settings are how the bot answers in a channel.
type Settings struct {
	System      string // system prompt
	Model       string // empty: the client's
	Temperature *float64
	Effort      string
	FollowUps   thread.FollowUps
	Quota       quota.Limits // of the channel, for all people together
}

// Deps is what a Bot needs of others.
type Deps struct {
	Model   answer.Model
	Server  status.Server
	Counter answer.Counter     // nil: prompts are estimated only
	Files   attach.Files       // nil: files are not read
	PDFs    attach.PDFs        // nil: PDF files are not read
	Linked  *permalink.Reader  // nil: links to messages are not read
	Ears    attach.Transcriber // nil: of voice clips, only Slack's own transcripts are read
	// Uploads may be nil: the rest of an answer that is too long is left out.
	Uploads Uploads
	Homes   Homes                                        // nil: there are no Home tabs
	GPUs    func(ctx context.Context) ([]llm.GPU, error) // nil: nobody tells of GPUs
	Tools   Tools                                        // nil: the model is offered none
	Leaves  Leaves                                       // nil: tools that need leave are not run
	// Places may be nil: nobody looks for what was said while no socket was open.
	Places  catchup.Places
	Replier Replier
	History History
	Room    Room
	Store   turn.Store
	Log     *slog.Logger
	Hooks   Hooks
}

// Bot answers. Its methods are safe for concurrent use.
type Bot struct {
	cfg   Config
	dep   Deps
	log   *slog.Logger
	since time.Time // when this process began

	// What answers are made of.
	coordinator  *turn.Coordinator
	records      transcript.Records
	ledger       quota.Ledger
	participants *participants
	attach       *attach.Reader
	shared       *answer.Shared
	desk         *leave.Desk // also without tools: an owner before may have had some
	status       *status.Board
	catchup      *catchup.Watcher

	// Its own parts; doc.go shows which one calls which.
	notifier *notifier
	access   *access
	actors   *actors
	intake   *intake
	controls *controls
	follower *follower
	mender   *mender
}

// New returns a Bot that does nothing before Run.
func New(cfg Config, dep Deps) *Bot {
	if cfg.MaxAnswers <= 0 {
		cfg.MaxAnswers = DefaultMaxAnswers
	}
	if cfg.MaxChars <= 0 {
		cfg.MaxChars = answer.DefaultMaxChars
	}
	if cfg.Resume == "" {
		cfg.Resume = answer.ResumeAuto
	}
	if cfg.DrainTimeout <= 0 {
		cfg.DrainTimeout = DefaultDrain
	}
	b := &Bot{
		cfg: cfg, dep: dep, log: dep.Log,
		records: transcript.Records{Store: dep.Store}, ledger: quota.Ledger{Store: dep.Store},
		since:        time.Now(),
		attach:       attach.New(dep.Files, dep.PDFs, dep.Ears, dep.Hooks.File, dep.Log),
		participants: newParticipants(), notifier: newNotifier(dep.Room, dep.Log),
	}
	b.access = &access{policy: cfg.Policy, room: dep.Room, records: b.records, notifier: b.notifier, log: dep.Log}
	b.actors = newActors(func(t thread.ID, l *turn.Lease, heir bool, known []thread.Question) *turnRun {
		return newTurn(b, t, l, heir, known)
	})
	waits := held.Config{Whisper: b.notifier.whisper, History: dep.History, IsLive: b.actors.isLive}
	if s, ok := dep.Room.(Statuses); ok {
		waits.Status = s.Status
	}
	b.intake = &intake{durable: cfg.Durable, actors: b.actors, held: held.New(waits), notifier: b.notifier, log: dep.Log}
	b.status = status.New(status.Config{
		Server: dep.Server, GPUs: dep.GPUs, Use: cfg.Use, Work: func() (live, queued int) { return b.actors.count(), b.shared.Queued() },
		Version: cfg.Version, Log: dep.Log,
	})
	hooks := dep.Hooks
	b.shared = answer.New(answer.Config{
		Model: dep.Model, Server: dep.Server, Counter: dep.Counter, Resume: cfg.Resume, MaxAnswers: cfg.MaxAnswers, MaxChars: cfg.MaxChars, Durable: cfg.Durable,
		Log: dep.Log, Hooks: answer.Hooks{Waited: hooks.Waited, Streamed: hooks.Streamed, Away: hooks.Away, Complete: b.status.Answered},
	})
	b.desk = leave.New(leave.Config{
		Records: b.records, Tools: dep.Tools, People: dep.Leaves, Log: dep.Log, Hooks: leave.Hooks{Called: hooks.Called, Decided: hooks.Decided},
	})
	b.mender = &mender{
		replier: dep.Replier, history: dep.History, records: b.records, log: dep.Log, repairs: newPool(dep.Log, 64, repairTimeout),
		lookBacks: newQueue[takenOver](dep.Log, "look_back", maxDelayed, lookBackAfter, threadEvery),
		lastLooks: newQueue[oneLook](dep.Log, "look_once", maxDelayed, 0, threadEvery),
	}
	b.coordinator = turn.NewCoordinator(dep.Store, turn.Config{
		Owner: cfg.Owner, Alone: cfg.Alone, Log: dep.Log, Owed: b.intake.owed, Noted: b.intake.noted, Look: b.mender.lookAgain, Hooks: dep.Hooks.Turn,
	})
	b.intake.coordinator, b.mender.coordinator = b.coordinator, b.coordinator
	b.controls = &controls{
		intake: b.intake, access: b.access, records: b.records, participants: b.participants, history: dep.History, room: dep.Room,
		desk: b.desk, leaves: dep.Leaves, report: b.report, onRated: hooks.Rated, ratings: newRatings(),
	}
	followUps := func(ctx context.Context, channel string) thread.FollowUps { return b.settings(ctx, channel).FollowUps }
	b.follower = &follower{
		intake: b.intake, controls: b.controls, access: b.access,
		participants: b.participants, history: dep.History, mode: followUps, since: b.since,
		threadChecks: newQueue[followUp](dep.Log, "thread_check", maxThreadChecks, 0, threadEvery),
	}
	b.catchup = catchup.New(catchup.Config{
		Owner: cfg.Owner, Durable: cfg.Durable, Alone: cfg.Alone, Store: dep.Store, Threads: b.coordinator, History: dep.History, Places: dep.Places,
		FollowUps: followUps, Read: b.participants.see, Gone: b.controls.missed, Ask: b.intake.ask, Log: dep.Log,
	})
	return b
}

// Run answers until ctx ends, and then drains: it takes no new asks, lets running answers finish
// for DrainTimeout, and marks what is left. It returns when all of its goroutines did.
func (b *Bot) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx, for the drain
	defer cancel()
	cut, cutAll := context.WithCancelCause(work) // of the model's streams
	defer cutAll(nil)

	var background sync.WaitGroup
	background.Go(func() {
		if err := b.coordinator.Run(work); err != nil && work.Err() == nil {
			b.log.ErrorContext(work, "desk_ended", "error", err)
		}
	})
	background.Go(func() { b.follower.threadChecks.run(ctx, b.follower.checkThread) })
	background.Go(func() { b.catchup.Run(ctx) })
	background.Go(func() { b.status.Run(ctx) })
	background.Go(func() { b.shareBudget(work) })
	background.Go(func() { b.notifier.jobs.run(work) })
	background.Go(func() { b.mender.run(ctx, work) })
	background.Go(func() { b.intake.held.Run(work) })
	for ctx.Err() == nil {
		select {
		case <-b.actors.wake:
			b.actors.start(work, cut)
		case <-ctx.Done():
		}
	}
	left := b.actors.drain()
	if b.cfg.Durable {
		b.coordinator.Drain() // another process, or the next one, goes on with what is not begun
	}
	b.log.InfoContext(work, "drain_started", "threads", left)
	over, end := time.NewTimer(b.cfg.DrainTimeout), time.NewTimer(b.cfg.DrainTimeout+closeGrace)
	defer over.Stop()
	defer end.Stop()
	for !b.actors.seal() {
		b.actors.start(work, cut) // what was claimed while the drain began
		select {
		case <-b.actors.wake: // also poked by the last actor
		case <-over.C:
			cutAll(errShutdown)
		case <-end.C:
			cancel()
		}
	}
	cancel()
	b.actors.all.Wait()
	background.Wait()
	b.log.InfoContext(ctx, "bot_stopped")
	return nil
}

// settings returns those of a channel, as they are now.
func (b *Bot) settings(ctx context.Context, channel string) Settings {
	base := b.cfg.Settings
	if base.FollowUps == "" {
		base.FollowUps = thread.FollowSolo
	}
	if b.cfg.Channel == nil {
		return base
	}
	return b.cfg.Channel(channel, func() string {
		ctx, cancel := context.WithTimeout(ctx, nameTimeout)
		defer cancel()
		name, err := b.dep.Room.Channel(ctx, channel)
		if err != nil {
			b.log.WarnContext(ctx, "channel_unknown", "channel", channel, "error", err)
		}
		return name
	}, base)
}

// hasOthers reports whether another process may use the same store now.
func (b *Bot) hasOthers() bool { return b.cfg.Durable && (b.cfg.Alone == nil || !b.cfg.Alone()) }

// shareEvery is how often the processes divide the edit budget anew.
const shareEvery = 500 * time.Millisecond

// shareBudget reports, until ctx ends, which part of the workspace's edit budget is this process's:
// as many answers as it writes, of all that are being written. What a process learns from refusals
// comes on top.
func (b *Bot) shareBudget(ctx context.Context) {
	if b.cfg.Share == nil {
		return
	}
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for last := 1.0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := share(b.coordinator.Owners(), b.cfg.Owner); now != last {
			b.cfg.Share(now)
			last = now
		}
	}
}

// share returns the part of one owner, above 0. One that writes nothing counts as one answer: the
// next question may come to it.
func share(owners map[string]int, me string) float64 {
	mine, others := max(owners[me], 1), 0
	for owner, n := range owners {
		if owner != me && owner != "" {
			others += n
		}
	}
	return float64(mine) / float64(mine+others)
}
