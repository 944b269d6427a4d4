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
	closeGrace        = 5 * time.Second  // what is left for the last Slack calls when the drain time is over
)

// Errors of Handle.
var (
	// ErrNotDurable says that the store did not take an ask, or not yet: it must not be acked.
	ErrNotDurable = errors.New("ask is not durable")
	// ErrDraining says that the bot is stopping and did not take the ask: it must not be acked.
	ErrDraining = errors.New("bot is stopping")
	// ErrBusy says that too much waits for one thread. The ask was noted; the turn that comes to it reads the thread.
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
	// Channel changes the settings for one channel; name asks for its name, which may block for a moment. It is called often, from any
	// goroutine. nil: all channels are alike.
	Channel      func(channel string, name func() string, base Settings) Settings
	Policy       Policy
	Quota        quota.Limits  // of each person
	Resume       answer.Resume // "": ResumeAuto
	MaxAnswers   int           // 0: DefaultMaxAnswers
	MaxChars     int           // of an answer that are shown; 0: DefaultMaxChars
	DrainTimeout time.Duration // 0: DefaultDrain
	Version      string        // for the status
	// Durable says that the store outlives the process, so that what comes while the bot stops may be noted and acked.
	Durable bool
	Alone   func() bool            // see turn.Config
	Use     func() status.SlackUse // for the status; nil: not known
	// Share is told which part of Slack's edit budget is this process's, above 0 up to 1, when it changes; nil: there is only one process.
	Share func(share float64)
}

// Deps is what a Bot needs of others.
type Deps struct {
	Model   answer.Model
	Server  status.Server
	Counter answer.Counter                               // nil: prompts are estimated only
	Files   attach.Files                                 // nil: files are not read
	Uploads Uploads                                      // nil: of an answer that is too long the rest is left out
	Homes   Homes                                        // nil: there are no Home tabs
	GPUs    func(ctx context.Context) ([]llm.GPU, error) // nil: nobody tells of GPUs
	Places  catchup.Places                               // nil: what was said while no socket was open is not looked for
	Replier Replier
	History History
	Room    Room
	Store   turn.Store
	Log     *slog.Logger
	Hooks   Hooks
}

// Bot answers. Its methods are safe for concurrent use.
type Bot struct {
	cfg         Config
	dep         Deps
	log         *slog.Logger
	coordinator *turn.Coordinator
	shared      *answer.Shared
	ledger      quota.Ledger
	told        told
	status      *status.Board
	records     transcript.Records
	crowds      crowds
	homes       seldom // whose Home tab was published
	refused     seldom // who was told that they may not ask
	attach      *attach.Reader
	since       time.Time // when this process began
	catchup     *catchup.Watcher
	looks       chan look1
	errands     errands // short ones: words to one person
	repairs     errands // long ones, see repair
	lookBacks   delayed // looks back at what was taken over
	looksOnce   delayed // later ones, see lookOnce
	held        held    // questions that wait for the store
	young       delayed // looks again at young threads
	ratings     ratings
	turns       sync.WaitGroup // the actors' goroutines; only Run adds to it
	wake        chan struct{}  // holds one: an actor is to be started, or has left

	mu       sync.Mutex // guards all below
	actors   map[thread.ID]*actor
	starting []*actor // in actors, without a goroutine yet
	asking   int      // asks that are being taken: one of them may hold a claim that no actor knows of yet
	draining bool     // no new asks are taken
	over     bool     // no actor is left, and none is started any more
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
		actors: map[thread.ID]*actor{}, since: time.Now(), looks: make(chan look1, maxLooks),
		attach: attach.New(dep.Files, dep.Log), errands: newErrands(8, 10*time.Second), repairs: newErrands(64, repairTimeout),
		lookBacks: newDelayed(lookBackAfter, lookEvery), looksOnce: newDelayed(0, lookEvery), young: newDelayed(youngAgain, 0),
		told: newTold(), homes: newSeldom(homeEvery), refused: newSeldom(refusalEvery), ratings: newRatings(),
		crowds: newCrowds(),
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
	b.coordinator = turn.NewCoordinator(dep.Store, turn.Config{Owner: cfg.Owner, Alone: cfg.Alone, Log: dep.Log, Owed: b.owed, Noted: b.noted, Look: b.lookAgain, Hooks: dep.Hooks.Turn})
	b.catchup = catchup.New(catchup.Config{
		Owner: cfg.Owner, Durable: cfg.Durable, Alone: cfg.Alone, Store: dep.Store, Threads: b.coordinator, History: dep.History, Places: dep.Places,
		FollowUps: func(ctx context.Context, channel string) thread.FollowUps { return b.settings(ctx, channel).FollowUps },
		Read:      b.crowds.see, Ask: b.ask, Log: dep.Log,
	})
	return b
}

// Run answers until ctx ends, then drains: it takes no new asks, lets running answers finish for DrainTimeout, marks what is left,
// and returns when all of its goroutines did.
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
	background.Go(func() { b.lookAtThreads(ctx) })
	background.Go(func() { b.young.run(ctx, b, lookTimeout) })
	background.Go(func() { b.catchup.Run(ctx) })
	background.Go(func() { b.status.Run(ctx) })
	background.Go(func() { b.shareBudget(work) })
	background.Go(func() { b.errands.run(work) })
	background.Go(func() { b.repairs.run(work) })
	background.Go(func() { b.lookBacks.run(work, b, lookBackTimeout) })
	background.Go(func() { b.looksOnce.run(ctx, b, closeTimeout) })
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
	for !b.finished() {
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

// finished says whether no actor is left, and none is about to come; from then on none begins.
func (b *Bot) finished() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = len(b.actors) == 0 && b.asking == 0
	return b.over
}

// enter says that an ask is being taken, until exit; false: none is taken any more.
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

// Handle takes an event. It returns when the event is durable and may be acked, or with the reason why it must not be. It blocks
// for at most the store's time-out.
func (b *Bot) Handle(ctx context.Context, ev Event) error {
	switch ev := ev.(type) {
	case Asked:
		w := thread.WordOf(ev.Text)
		switch {
		case w != thread.NoWord && len(ev.Files) == 0:
			return b.said(ctx, w, ev.Question)
		case ev.Explicit():
			b.crowds.note(ev.Thread, ev.User, ev.TS)
			return b.ask(ctx, ev.Question)
		case ev.Opens():
			return nil // nobody's question
		}
		return b.follow(ctx, ev.Question)
	case Detailed:
		_ = b.deliver(ev.Thread, mail{ask: &ev.Question}) // best effort
		return nil
	case Edited:
		return b.edited(ctx, ev)
	case Deleted:
		return b.deleted(ctx, ev)
	case Pressed:
		return b.pressed(ctx, ev)
	case HomeOpened:
		b.homeOpened(ev)
		return nil
	case Connected:
		b.catchup.SocketOpened(catchup.Opened{Since: ev.Since})
		return nil
	case Disconnected:
		b.catchup.SocketsClosed()
		return nil
	case Halted:
		return b.halt(ctx, ev.Thread, ev.Thread, ev.User, ev.TS)
	default:
		return nil
	}
}

func (b *Bot) ask(ctx context.Context, ev thread.Question) error {
	key, ts := ev.Thread.String(), ev.Since()
	if !b.enter() {
		if !b.cfg.Durable {
			return ErrDraining
		}
		noteCtx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		_, err := b.coordinator.Note(noteCtx, key, ts)
		return err
	}
	defer b.exit()
	if ev.Explicit() {
		b.held.add(ev, time.Now()) // it is told if that takes long
	}
	note, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked, err := b.coordinator.Ask(note, key, ts)
	if err == nil || errors.Is(err, turn.ErrKey) {
		b.waitsNoMore(ev.Thread, everyAsk)
	}
	if errors.Is(err, turn.ErrKey) { // nobody can answer in such a thread, now or later
		b.log.ErrorContext(ctx, "ask_refused_key", "error", err)
		return nil
	}
	if err != nil {
		_ = b.deliver(ev.Thread, mail{ask: &ev}) // a turn that is at it has this form of the question
		return b.hold(ctx, ev, false, err)
	}
	if asked.Lease == nil && !ts.After(asked.Record.Answered) {
		return nil // it has its answer
	}
	// It may be known and yet no news to the store: of two messages the older one can come last.
	return b.deliver(ev.Thread, mail{ask: &ev, claim: asked.Lease})
}

// isLive says whether this process is at work on a thread.
func (b *Bot) isLive(t thread.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.actors[t] != nil
}

// liveIn are the threads of a channel that this process is at work on.
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

// live is how many threads are at work.
func (b *Bot) live() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.actors)
}

// owed is told of claims that this process has taken over.
func (b *Bot) owed(claim *turn.Lease, _ turn.Record) {
	t, ok := thread.Parse(claim.Key())
	if !ok {
		return
	}
	b.waitsNoMore(t, everyAsk)
	if err := b.deliver(t, mail{claim: claim}); err != nil {
		b.log.Warn("claim_not_delivered", "thread", claim.Key(), "error", err)
	}
}

// lookAgain is told of a thread that is to be looked at once more.
func (b *Bot) lookAgain(key string, _ turn.Record) {
	if t, ok := thread.Parse(key); ok {
		b.looksOnce.add(b, "look_once", func(ctx context.Context) { b.lookOnce(ctx, t) })
	}
}

// deliver puts mail into a thread's inbox, and sees to it that the thread has an actor. It does not block. A claim that comes when the
// bot has stopped is left to lapse: the process ends.
func (b *Bot) deliver(t thread.ID, m mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.actors[t]
	switch {
	case a != nil && a.behind+len(a.inbox) >= maxInbox && m.claim == nil:
		return ErrBusy
	case b.over:
		return ErrDraining
	case a == nil && m.claim == nil:
		return nil // nobody is at work on it here, and nothing was claimed
	case a == nil:
		a = &actor{bot: b, thread: t, wake: make(chan struct{}, 1)}
		b.actors[t] = a
		b.starting = append(b.starting, a)
		poke(b.wake)
	}
	a.inbox = append(a.inbox, m)
	poke(a.wake)
	return nil
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
