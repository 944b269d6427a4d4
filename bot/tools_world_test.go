package bot_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// shed is a server of tools, which outlives the bot's processes. Each tool takes a second.
type shed struct {
	mu   sync.Mutex // guards all below
	ran  []string   // title and arguments of the calls, when they came
	done int        // of them
	does func(c tools.Call) tools.Result
	hang bool // a call never ends by itself

	takes time.Duration // a call; 0: a second
	opens time.Duration // until a process is connected to it, or has given up
	gone  bool          // no process that starts from now on gets to it
	none  bool          // … has a tools file

	odd string // title of a further tool, which never asks, and of one that does: shed_odd, shed_oddask

	word string // then is called once when a call of a tool with this title comes
	then func()
}

// when sets what happens when the next call of a tool comes.
func (s *shed) when(title string, then func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.word, s.then = title, then
}

func (s *shed) count(word string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.ran {
		if strings.Contains(r, word) {
			n++
		}
	}
	return n
}

// in returns the tools as a process has them.
func (s *shed) in(p *process) bot.Tools {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.none {
		return nil
	}
	return shedIn{s, p, time.Now().Add(s.opens), s.gone}
}

type shedIn struct {
	*shed

	p    *process
	open time.Time // when the process is connected
	gone bool      // it never is
}

func (s shedIn) Settle(ctx context.Context) { _ = after(ctx, time.Until(s.open)) }

// The tools of the shed.
func (s shedIn) Offer(tools.Place) []tools.Tool {
	if s.gone || time.Now().Before(s.open) {
		return nil
	}
	tool := func(title string, p tools.Policy, reads bool) tools.Tool {
		return tools.Tool{Tool: llm.Tool{Name: "shed_" + title, Description: title, Schema: json.RawMessage(`{"type":"object"}`)}, Server: "shed", Title: title, Policy: p, ReadOnly: reads, Timeout: time.Minute}
	}
	if s.odd != "" {
		free, asks := tool("odd", tools.PolicyEverywhere, true), tool("oddask", tools.PolicyAsk, false)
		free.Title, asks.Title, asks.Server = s.odd, s.odd, s.odd
		return []tools.Tool{free, asks}
	}
	return []tools.Tool{tool("look", tools.PolicyEverywhere, true), tool("post", tools.PolicyEverywhere, false), tool("drop", tools.PolicyAsk, false), tool("peek", tools.PolicyAsk, true), tool("mail", tools.PolicyDM, false)}
}

func (s shedIn) Status() []tools.ServerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []tools.ServerStatus{{Name: "shed", Connected: true, Since: time.Now(), Tools: make([]tools.ToolStatus, 5), Calls: len(s.ran), Failures: len(s.ran) - s.done}, {Name: "attic", Since: time.Now().Add(-time.Hour), Why: "nobody is there"}}
}

func (s shedIn) Call(ctx context.Context, c tools.Call) tools.Result {
	if s.p.isDead() {
		<-ctx.Done()
		return tools.Result{Failed: true}
	}
	s.mu.Lock()
	s.ran = append(s.ran, c.Tool.Title+" "+string(c.Arguments))
	does, then, takes := s.does, s.then, cmp.Or(s.takes, time.Second)
	if s.hang {
		takes = time.Hour
	}
	if s.word != c.Tool.Title {
		then = nil
	} else {
		s.then = nil
	}
	s.mu.Unlock()
	if then != nil {
		then()
	}
	began := time.Now()
	if err := after(ctx, takes); err != nil {
		return tools.Result{Text: "called off", Failed: true, Took: time.Since(began)}
	}
	s.mu.Lock()
	s.done++
	s.mu.Unlock()
	if does != nil {
		return does(c)
	}
	return tools.Result{Text: "zq brought by " + c.Tool.Title, Took: time.Since(began)}
}

// mind is a model that does what the last question says: "call look, then drop" calls tools, one a
// round, and then answers.
type mind struct {
	mu   sync.Mutex // guards all below
	reqs []llm.Request
	says string // before each call
}

func (m *mind) Stream(ctx context.Context, r llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	m.mu.Lock()
	m.reqs = append(m.reqs, r)
	says := m.says
	m.mu.Unlock()
	began := time.Now()
	if err := after(ctx, time.Second); err != nil {
		return llm.Result{}, err
	}
	question, rounds := "", 0
	for _, msg := range r.Messages {
		if msg.Role == llm.RoleUser {
			question, rounds = msg.Content, 0
		}
		if len(msg.Calls) > 0 {
			rounds++
		}
	}
	res := llm.Result{Model: "mind", Finish: llm.FinishStop, TTFT: time.Second, FirstWord: time.Second, Usage: llm.Usage{Known: true, PromptTokens: 50, CompletionTokens: 10}}
	var calls []string
	if at := strings.LastIndex(question, "call "); at >= 0 {
		list, _, _ := strings.Cut(question[at+len("call "):], "\n")
		calls = strings.Split(strings.TrimSpace(list), ", ")
	}
	text, end := "The answer", " is whole."
	if rounds < len(calls) && r.ToolChoice != llm.ToolChoiceNone && len(r.Tools) > 0 {
		text, end, res.Finish = says, "", llm.FinishToolCalls
		res.Calls = []llm.ToolCall{{ID: fmt.Sprint("c", rounds), Name: "shed_" + calls[rounds], Arguments: fmt.Sprintf(`{"to":"zq %d"}`, rounds)}}
	}
	for _, part := range []string{text, end} {
		if part == "" {
			continue
		}
		if err := on(llm.Delta{Text: part}); err != nil {
			return llm.Result{}, err
		}
		if err := after(ctx, time.Second); err != nil {
			return llm.Result{}, err
		}
	}
	res.Elapsed = time.Since(began)
	return res, nil
}

// last returns the messages of the newest request.
func (m *mind) last() []llm.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reqs[len(m.reqs)-1].Messages
}

// inShed runs a test in a world with tools.
func inShed(t *testing.T, test func(w *world, s *shed, m *mind), options ...func(*worldConfig)) {
	t.Helper()
	s, m := &shed{}, &mind{}
	cfg := worldConfig{mind: m, tools: s.in, slack: slacksim.Config{Latency: 20 * time.Millisecond, Limiter: slacksim.LimiterOff}, bot: bot.Config{Durable: true}}
	for _, o := range options {
		o(&cfg)
	}
	inWorld(t, cfg, func(_ *testing.T, w *world) { test(w, s, m) })
}

// questions returns the questions for leave that a person sees and that have buttons.
func (w *world) questions(user string) (out []slacksim.Message) {
	for _, m := range w.slack.Ephemerals(user) {
		if len(m.Buttons()) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// question waits for the n-th question for leave to a person, and returns it.
func (w *world) leaveAsked(user string, n int) slacksim.Message {
	w.t.Helper()
	w.until(fmt.Sprintf("question %d for leave", n), time.Minute, func() bool { return len(w.questions(user)) >= n })
	return w.questions(user)[n-1]
}

// press presses a button of a question.
func (w *world) press(user string, q slacksim.Message, run bool) {
	w.t.Helper()
	id := map[bool]string{true: "llmbot_leave_run", false: "llmbot_leave_dont"}[run]
	if err := w.slack.Click(w.t.Context(), user, q.Channel, q.TS, id); err != nil {
		w.t.Error(err)
	}
}
