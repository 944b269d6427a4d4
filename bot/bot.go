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
	maxInbox          = 64               // messages to one thread that wait for its next turn
	// closeGrace is left for the last Slack calls when the drain time is over.
	closeGrace = 5 * time.Second
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

// The causes that end a turn early.
var (
	errShutdown = errors.New("the bot is stopping")
)

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
	cfg          Config
	dep          Deps
	log          *slog.Logger
	coordinator  *turn.Coordinator
	shared       *answer.Shared
	ledger       quota.Ledger
	told         seldom // who was told that they have had their share
	status       *status.Board
	records      transcript.Records
	participants participants
	hints        *hints
	homes        seldom // whose Home tab was published
	refused      seldom // who was told that they may not ask
	attach       *attach.Reader
	since        time.Time // when this process began
	catchup      *catchup.Watcher
	jobs         pool             // short ones: words to one person
	longJobs     pool             // see repair
	rechecks     queue[followUp]  // of young threads that the store did not know
	threadChecks queue[followUp]  // of threads of which nothing is known
	lookBacks    queue[takenOver] // at answers that were taken over
	lastLooks    queue[oneLook]   // later ones, see lookOnce
	cleanups     cleanups         // that answers which are complete still wait for
	held         held             // questions that wait for the store
	desk         *leave.Desk      // also without tools: an owner before may have had some
	ratings      ratings
	turns        sync.WaitGroup // the actors' goroutines; only Run adds to it
	wake         chan struct{}  // holds one: an actor is to be started, or has left

	mu       sync.Mutex // guards all below
	actors   map[thread.ID]*actor
	starting []*actor // in actors, without a goroutine yet
	// asking is how many asks are being taken: one of them may have a lease that no actor knows of
	// yet.
	asking   int
	draining bool // no new asks are taken
	over     bool // no actor is left, and none is started any more
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
		records: transcript.Records{Store: dep.Store}, ledger: quota.Ledger{Store: dep.Store}, wake: make(chan struct{}, 1),
		actors: map[thread.ID]*actor{}, since: time.Now(),
		attach: attach.New(dep.Files, dep.PDFs, dep.Ears, dep.Hooks.File, dep.Log), jobs: newPool(dep.Log, 8, 10*time.Second), longJobs: newPool(dep.Log, 64, repairTimeout),
		rechecks:     newQueue[followUp](dep.Log, "recheck", maxDelayed, youngAgain, 0),
		threadChecks: newQueue[followUp](dep.Log, "thread_check", maxThreadChecks, 0, threadEvery),
		lookBacks:    newQueue[takenOver](dep.Log, "look_back", maxDelayed, lookBackAfter, threadEvery),
		lastLooks:    newQueue[oneLook](dep.Log, "look_once", maxDelayed, 0, threadEvery),
		told:         newSeldom(tellAgain), homes: newSeldom(homeEvery), refused: newSeldom(refusalEvery), ratings: newRatings(),
		participants: newParticipants(), hints: newHints(),
	}
	b.status = status.New(status.Config{
		Server: dep.Server, GPUs: dep.GPUs, Use: cfg.Use, Work: func() (live, queued int) { return b.live(), b.shared.Queued() },
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
	b.coordinator = turn.NewCoordinator(dep.Store, turn.Config{Owner: cfg.Owner, Alone: cfg.Alone, Log: dep.Log, Owed: b.owed, Noted: b.noted, Look: b.lookAgain, Hooks: dep.Hooks.Turn})
	b.catchup = catchup.New(catchup.Config{
		Owner: cfg.Owner, Durable: cfg.Durable, Alone: cfg.Alone, Store: dep.Store, Threads: b.coordinator, History: dep.History, Places: dep.Places,
		FollowUps: func(ctx context.Context, channel string) thread.FollowUps { return b.settings(ctx, channel).FollowUps },
		Read:      b.participants.see, Gone: b.missed, Ask: b.ask, Log: dep.Log,
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
	background.Go(func() { b.rechecks.run(ctx, b.recheck) })
	background.Go(func() { b.threadChecks.run(ctx, b.checkThread) })
	background.Go(func() { b.catchup.Run(ctx) })
	background.Go(func() { b.status.Run(ctx) })
	background.Go(func() { b.shareBudget(work) })
	background.Go(func() { b.jobs.run(work) })
	background.Go(func() { b.longJobs.run(work) })
	background.Go(func() { b.lookBacks.run(work, b.lookBack) })
	background.Go(func() { b.lastLooks.run(ctx, b.lookOnce) })
	background.Go(func() { b.cleanups.run(work, b.cleanedUp) })
	background.Go(func() { b.tellHeld(work) })
	for ctx.Err() == nil {
		select {
		case <-b.wake:
			b.startActors(work, cut)
		case <-ctx.Done():
		}
	}
	left := b.drain()
	if b.cfg.Durable {
		b.coordinator.Drain() // another process, or the next one, goes on with what is not begun
	}
	b.log.InfoContext(work, "drain_started", "threads", left)
	over, end := time.NewTimer(b.cfg.DrainTimeout), time.NewTimer(b.cfg.DrainTimeout+closeGrace)
	defer over.Stop()
	defer end.Stop()
	for !b.seal() {
		b.startActors(work, cut) // what was claimed while the drain began
		select {
		case <-b.wake: // also poked by the last actor
		case <-over.C:
			cutAll(errShutdown)
		case <-end.C:
			cancel()
		}
	}
	cancel()
	b.turns.Wait()
	background.Wait()
	b.log.InfoContext(ctx, "bot_stopped")
	return nil
}

// seal reports whether no actor is left and none is about to come. If so, none begins any more.
func (b *Bot) seal() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = len(b.actors) == 0 && b.asking == 0
	return b.over
}

// enter notes that an ask is being taken, until exit. It reports false when none is taken any more.
func (b *Bot) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.draining {
		return false
	}
	b.asking++
	return true
}

func (b *Bot) exit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asking--
	if b.draining {
		poke(b.wake)
	}
}

func (b *Bot) drain() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
	return len(b.actors)
}

func (b *Bot) startActors(work, cut context.Context) {
	b.mu.Lock()
	starting := b.starting
	b.starting = nil
	b.mu.Unlock()
	for _, a := range starting {
		b.turns.Go(func() { a.run(work, cut) })
	}
}

// isLive reports whether this process is at work on a thread.
func (b *Bot) isLive(t thread.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.actors[t] != nil
}

// liveIn returns the threads of a channel that this process is at work on.
func (b *Bot) liveIn(channel string) []thread.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []thread.ID
	for t := range b.actors {
		if t.Channel == channel {
			out = append(out, t)
		}
	}
	return out
}

// live returns how many threads are at work.
func (b *Bot) live() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.actors)
}
