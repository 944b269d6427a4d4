package bot_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/attach"
	"llmbot/bot/pace"
	"llmbot/bot/permalink"
	"llmbot/bot/slackio"
	"llmbot/bot/slacksim"
	"llmbot/bot/status"
	"llmbot/bot/turn"
	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// world is a workspace, a model server and the bot between them, in one bubble.
type world struct {
	t        *testing.T
	slack    *slacksim.Sim
	model    *llmsim.Server
	log      *logBuffer
	bot      *bot.Bot
	stop     func() // SIGTERM, and wait
	term     func() // SIGTERM alone
	kill     func() // kill -9: nothing more of the process reaches anybody
	again    func() // a new process, after stop or kill
	runs     int
	old      []func() // stops of all processes
	procs    []*process
	settling chan struct{} // full while a stopped process waits until Slack has seen that
}

type worldConfig struct {
	slack slacksim.Config
	model llmsim.Config
	llm   llm.Config
	bot   bot.Config
	hooks bot.Hooks
	gpus  func(context.Context) ([]llm.GPU, error)
	watch bool              // the server's metrics are read: worlds that do not need it are faster without
	edits int               // a minute, that the bot takes for allowed; 0: Slack's
	store func() turn.Store // called inside the bubble
	mode  llmsim.Mode       // of the model server at the start

	mind     answer.Model // instead of the model server
	tools    func(p *process) bot.Tools
	stream   string // BOT_STREAM; empty: auto
	lateAcks bool   // acks may be late or missing: the store is away

	begins time.Time // of the bubble; zero: in 2000
}

// inWorld runs a test inside a bubble, with a bot that has its sockets open, and checks at the end
// what must hold in every world.
func inWorld(t *testing.T, cfg worldConfig, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(cfg.begins))
		w := &world{t: t, slack: slacksim.New(cfg.slack), model: llmsim.New(cfg.model), log: &logBuffer{}, settling: make(chan struct{}, 1)}
		w.model.SetMode(cfg.mode)
		slackNet, modelNet := memnet.Serve(w.slack), memnet.Serve(w.model)
		w.again = func() { w.start(cfg, slackNet, modelNet) }
		w.again()
		defer func() {
			for _, stop := range w.old {
				stop()
			}
			w.slack.Close()
			_ = slackNet.Close()
			_ = modelNet.Close()
		}()
		w.until("both sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2 })
		test(t, w)
		time.Sleep(10 * time.Second) // whatever is still to come
		w.check(cfg)
	})
}

func (w *world) start(cfg worldConfig, slackNet, modelNet *memnet.Net) {
	t := w.t
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("process", w.runs)
	p := &process{}
	client := p.client(modelNet)
	cfg.llm.BaseURL, cfg.llm.HTTP, cfg.llm.Log = "http://model/v1", client, log
	model, err := llm.New(cfg.llm)
	if err != nil {
		t.Fatal(err)
	}
	slackHTTP := p.slackClient(slackNet)
	s := slackio.New(slackio.Config{
		AppToken: slacksim.DefaultAppToken, BotToken: slacksim.DefaultBotToken, APIURL: "http://slack/api/",
		HTTP: slackHTTP, Dialer: &websocket.Dialer{NetDialContext: p.dial(slackNet)}, Command: "/llm-status", Log: log,
		Stream: cfg.stream,
		Pace:   pace.Config{Limits: map[pace.Method]int{pace.MethodEdit: cmp.Or(cfg.edits, 50)}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	self, err := s.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.store == nil {
		cfg.store = func() turn.Store { return turn.NewMem() }
	}
	kept := cfg.store()
	store := mortal{kept, p}
	var server status.Server = model
	if !cfg.watch {
		server = unwatched{model}
	}
	w.runs++
	cfg.bot.Owner, cfg.bot.Name = fmt.Sprintf("test-%d", w.runs), self.Name
	cfg.bot.Use = s.Use
	var ears attach.Transcriber
	if cfg.model.Hear != nil {
		ears = model
	}
	deps := bot.Deps{Linked: permalink.New(s, s.Full, s.Hosts(), "llm", log), Ears: ears, Model: model, Server: server, Replier: s, History: s, Room: s, Files: s, Uploads: s, Places: s, Homes: s, GPUs: cfg.gpus, Store: store, Log: log, Hooks: cfg.hooks, Leaves: s}
	if cfg.mind != nil {
		deps.Model = cfg.mind
	}
	if cfg.tools != nil {
		deps.Tools = cfg.tools(p)
	}
	w.bot = bot.New(cfg.bot, deps)
	var all sync.WaitGroup
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	all.Go(func() {
		if err := s.Run(sockets, w.bot); err != nil {
			t.Errorf("slack: %v", err)
		}
	})
	all.Go(func() {
		if err := w.bot.Run(ctx); err != nil {
			t.Errorf("bot: %v", err)
		}
		closeSockets()
	})
	w.term = cancel
	w.kill = func() {
		p.kill()
		cancel()
	}
	b := w.bot
	w.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
		b.HandOver(context.WithoutCancel(ctx))
		slackHTTP.CloseIdleConnections()
		client.CloseIdleConnections()
		_ = kept.Close()
		// Slack has seen that the sockets are closed: it does not send what is said next to them.
		w.settling <- struct{}{} // one at a time may wait
		synctest.Wait()
		<-w.settling
	})
	w.old, w.procs = append(w.old, w.stop), append(w.procs, p)
}

// unwatched is a server without metrics.
type unwatched struct{ *llm.Client }

func (unwatched) Metrics(context.Context) (llm.Metrics, error) {
	return llm.Metrics{}, errors.ErrUnsupported
}

// private marks what people and models write in these tests: it must not be in the log above Debug.
const private = "zq"

// leak finds what never belongs into Slack: addresses, Go's own text, secrets. (A regexp takes its
// time under the race detector.)
func leak(s string) string {
	for _, word := range []string{
		"http://model", "127.0.0.1", "connection refused", "connection reset", "dial tcp", "dial ", "EOF", "context deadline", "context canceled", "goroutine", "panic",
		"/v1", "xoxb-", "xoxp-", "xapp-",
	} {
		if strings.Contains(s, word) {
			return word
		}
	}
	return ""
}

// check is what must hold at the end of every test.
func (w *world) check(cfg worldConfig) {
	w.t.Helper()
	if p := w.slack.Notified(); len(p) > 0 {
		w.t.Errorf("pinged: %v", p)
	}
	if u := w.slack.Unfurled(); len(u) > 0 {
		w.t.Errorf("unfurled: %v", u)
	}
	for _, c := range w.slack.Calls("chat.postMessage", "chat.update", "chat.postEphemeral", "assistant.threads.setStatus") {
		for k, v := range c.Args {
			if m := leak(v); m != "" {
				w.t.Errorf("%s shows %q in %s: %.300s", c.Method, m, k, v)
			}
		}
	}
	if !cfg.lateAcks {
		for _, e := range w.slack.Envelopes() {
			if e.Acked.IsZero() || e.Acked.Sub(e.Sent) > slacksim.AckTimeout {
				w.t.Errorf("envelope %s (%s, attempt %d) sent %s, acked %s", e.ID, e.Type, e.Attempt, e.Sent.Format(clock), e.Acked.Format(clock))
			}
		}
	}
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, slacksim.DefaultAppToken) || strings.Contains(line, slacksim.DefaultBotToken) {
			w.t.Errorf("secret in the log: %s", line)
		}
		if strings.Contains(line, private) && !strings.Contains(line, "level=DEBUG") {
			w.t.Errorf("message text in the log: %s", line)
		}
		if strings.Contains(line, "panicked") {
			w.t.Errorf("%s", line)
		}
	}
}

const clock = "15:04:05.000"

// Times for which worlds wait; quiet and reaction are others.
const (
	// redelivered is longer than Slack goes on telling of what was not acked: for 6 minutes.
	redelivered = 10 * time.Minute
	// outage is longer than the store may be away without being missed: a lease is trusted for 4.5
	// s.
	outage = time.Minute
)

// until waits in virtual time.
func (w *world) until(what string, atMost time.Duration, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(atMost); !ok(); {
		if time.Now().After(end) {
			w.t.Fatalf("%s: not after %s\n%s", what, atMost, w.log.tail(6000))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// ask says something to the bot.
func (w *world) ask(user, channel, threadTS, text string) string {
	return w.slack.Say(user, channel, threadTS, w.slack.Mention()+" "+text)
}

// prompt returns all of the model's last prompt.
func (w *world) prompt() string {
	_, all := conversation(w.model.Last().Chat)
	return all
}

// question returns the last message of the model's last prompt.
func (w *world) question() string {
	m := w.model.Last().Chat.Messages
	return m[len(m)-1].Content
}

// answers returns the bot's messages of a thread.
func (w *world) answers(channel, ts string) []slacksim.Message {
	var out []slacksim.Message
	for _, m := range w.slack.Replies(channel, ts) {
		if m.BotID == w.slack.Bot().BotID && !m.Deleted {
			out = append(out, m)
		}
	}
	return out
}

// answered waits for the n-th answer's footer and returns the messages.
func (w *world) answered(channel, ts string, n int) []slacksim.Message {
	w.t.Helper()
	w.until("the answer is complete", 5*time.Minute, func() bool { return footers(w.answers(channel, ts)) >= n })
	return w.answers(channel, ts)
}

// says waits until the thread's last message of the bot holds words.
func (w *world) says(channel, ts, words string, atMost time.Duration) []slacksim.Message {
	w.t.Helper()
	w.until("the bot says "+words, atMost, func() bool { return strings.Contains(text(w.answers(channel, ts)), words) })
	return w.answers(channel, ts)
}

// logged fails unless the log has a line with all words.
func (w *world) logged(words ...string) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		ok := true
		for _, word := range words {
			ok = ok && strings.Contains(line, word)
		}
		if ok {
			return
		}
	}
	w.t.Errorf("no line with %q in the log:\n%s", words, w.log.tail(3000))
}

func text(messages []slacksim.Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Plain + "\n")
	}
	return b.String()
}

func footers(messages []slacksim.Message) int {
	return strings.Count(text(messages), "first token ")
}

// oneFooter fails unless only the last of the messages has small print, and that once.
func oneFooter(t *testing.T, messages []slacksim.Message) {
	t.Helper()
	for i, m := range messages {
		want := 0
		if i == len(messages)-1 {
			want = 1
		}
		if n := strings.Count(m.Plain, "first token "); n != want || strings.Contains(m.Plain, "writing…") {
			t.Errorf("message %d of %d has %d footers: …%s", i+1, len(messages), n, m.Plain[max(0, len(m.Plain)-200):])
		}
	}
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *logBuffer) tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}

// is fails unless got is want. what names the promise.
func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// atMost fails if got is more.
func atMost[T cmp.Ordered](t *testing.T, what string, got, most T) {
	t.Helper()
	if got > most {
		t.Errorf("%s: %v, want at most %v", what, got, most)
	}
}

// size ends the test unless there are n of something: what follows looks at them.
func size[E any](t *testing.T, what string, all []E, n int) {
	t.Helper()
	if len(all) != n {
		t.Fatalf("%d %s, want %d: %.2000s", len(all), what, n, fmt.Sprintf("%+v", all))
	}
}

// has fails for each of these words that is not in a text.
func has(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("nothing says %q: %.2000s", word, text)
		}
	}
}

// hasNot fails for each of these words that is in a text.
func hasNot(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if at := strings.Index(text, word); at >= 0 {
			t.Errorf("something says %q: …%.300s", word, text[max(0, at-100):])
		}
	}
}

// times fails unless a word is n times in a text.
func times(t *testing.T, text, word string, n int) {
	t.Helper()
	if got := strings.Count(text, word); got != n {
		t.Errorf("%q is said %d times, want %d: %.2000s", word, got, n, text)
	}
}

// toldOnce fails unless a person was told one thing, for nobody else to see, and that in these
// words.
func (w *world) toldOnce(user string, words ...string) {
	w.t.Helper()
	told := w.slack.Ephemerals(user)
	size(w.t, "ephemeral messages to "+user, told, 1)
	has(w.t, told[0].Plain, words...)
}
