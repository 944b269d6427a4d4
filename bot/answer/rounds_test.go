package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/prompt"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// box is a Toolbox that answers each call with what a test says.
type box struct {
	result func(c Call) tools.Result // nil: "found"
	leave  func(ctx context.Context, asks func()) (bool, string, error)
	ran    []string // name and arguments
	kept   int
}

func (b *box) Leave(ctx context.Context, _ []Round, _ tools.Tool, asks func()) (bool, string, error) {
	if b.leave == nil {
		return true, "", nil
	}
	return b.leave(ctx, asks)
}

func (b *box) Run(ctx context.Context, rounds []Round, _ tools.Tool) (tools.Result, error) {
	c, _, _ := Current(rounds)
	c.Ran = true
	b.ran = append(b.ran, c.Name+c.Arguments)
	if ctx.Err() != nil {
		return tools.Result{}, context.Cause(ctx)
	}
	if b.result == nil {
		return tools.Result{Text: "found", Took: 700 * time.Millisecond}, nil
	}
	return b.result(*c), nil
}

func (b *box) Keep(context.Context, []Round) { b.kept++ }

func theTools() []tools.Tool {
	return []tools.Tool{{Tool: llm.Tool{Name: "wiki_search", Description: "finds", Schema: json.RawMessage(`{"type":"object"}`)}, Server: "wiki", Title: "search"}}
}

// calling is a step that writes text and then calls a tool, once for each of these arguments.
func calling(text string, args ...string) step {
	return func(on func(llm.Delta) error) (llm.Result, error) {
		res := llm.Result{Finish: llm.FinishToolCalls, Usage: llm.Usage{Known: true, PromptTokens: 9, CompletionTokens: 10}, Elapsed: time.Second}
		for i, a := range args {
			res.Calls = append(res.Calls, llm.ToolCall{ID: fmt.Sprint("id", i), Name: "wiki_search", Arguments: a})
		}
		err := on(llm.Delta{Reasoning: "hmm "})
		if text != "" {
			err = errors.Join(err, on(llm.Delta{Text: text}))
		}
		return res, err
	}
}

// withTools has an answer written with tools.
func withTools(ctx context.Context, s *scripted, b Toolbox, before []Round, from Partial, window int) (Outcome, *page) {
	in := prompt.Input{Budget: window, Turns: []prompt.Turn{{ID: "0", Name: "Ann", Text: strings.Repeat("old ", 100)}, {ID: "1", Name: "Ann", Text: "q"}}}
	task := Task{Tools: theTools(), Toolbox: b, Rounds: before}
	return trial{shared: with(s, Hooks{}, slog.DiscardHandler), task: task, in: in, from: from}.write(ctx)
}

// TestRounds: what comes of calls, whatever the model and the tools do.
func TestRounds(t *testing.T) {
	many := func(n int) (out []step) {
		for i := range n {
			out = append(out, calling("", fmt.Sprintf(`{"n":%d}`, i)))
		}
		return out
	}
	failing := func(Call) tools.Result { return tools.Result{Text: "no such page", Failed: true, Took: time.Second} }
	for name, tt := range map[string]struct {
		steps    []step
		result   func(Call) tools.Result
		want     string // the text
		ran      int
		requests int
		none     bool   // the last request may not call
		reads    string // what the model reads in the last request
		small    string
		failed   bool
		without  bool // the last request has no tools
	}{
		"no call":                  {steps: []step{writes("so")}, want: "so", requests: 1},
		"one":                      {steps: []step{calling("Let me look.", `{}`), writes("It ", "is so.")}, want: "Let me look.\n\nIt is so.", ran: 1, requests: 2, reads: "found", small: "12 tokens in 2.0s = 6.0 tok/s · 1 tool 0.7s"},
		"two at once":              {steps: []step{calling("", `{"a":1}`, `{"a":2}`), writes("so")}, want: "so", ran: 2, requests: 2, small: "2 tools 1.4s"},
		"text between":             {steps: []step{calling("One.", `{"a":1}`), calling("Two.", `{"a":2}`), writes("Three.")}, want: "One.\n\nTwo.\n\nThree.", ran: 2, requests: 3},
		"ten rounds, then none":    {steps: append(many(10), writes("so")), want: "so", ran: 10, requests: 11, none: true, reads: noMoreCalls},
		"and it goes on calling":   {steps: many(12), ran: 10, requests: 11, none: true, failed: true},
		"the third identical call": {steps: []step{calling("", `{"a":1}`), calling("", `{ "a": 1 }`), calling("", `{"a":1}`), writes("so")}, want: "so", ran: 2, requests: 4, reads: "not made again"},
		"identical in one round":   {steps: []step{calling("", `{"a":1}`, `{"a":1}`, `{"a":1}`, `{"a":2}`), writes("so")}, want: "so", ran: 3, requests: 2},
		"a failure is a result":    {steps: []step{calling("", `{}`), writes("so")}, result: failing, want: "so", ran: 1, requests: 2, reads: "no such page", small: "1 tool 1.0s"},
		"three failures end tools": {steps: append(many(3), writes("so")), result: failing, want: "so", ran: 3, requests: 4, none: true, reads: noMoreCalls},
		"three at once, of five":   {steps: []step{calling("", `{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":4}`, `{"a":5}`), writes("so")}, result: failing, want: "so", ran: 3, requests: 2, none: true},
		"too many at once": {steps: []step{calling("", slices.Collect(func(yield func(string) bool) {
			for i := range 40 {
				if !yield(fmt.Sprintf(`{"a":%d}`, i)) {
					return
				}
			}
		})...), writes("so")}, want: "so", ran: mostCalls, requests: 2, none: true},
		"arguments that are no JSON": {steps: []step{func(func(llm.Delta) error) (llm.Result, error) {
			return llm.Result{Calls: []llm.ToolCall{{ID: "a", Name: "wiki_search", Arguments: "{oops", Bad: "The arguments are no JSON object."}}}, nil
		}, writes("so")}, want: "so", requests: 2, reads: "no JSON object"},
		"a tool that there is not": {steps: []step{func(func(llm.Delta) error) (llm.Result, error) {
			return llm.Result{Calls: []llm.ToolCall{{ID: "a", Name: "rm", Arguments: "{}"}}}, nil
		}, writes("so")}, want: "so", requests: 2, reads: "There are: wiki_search"},
		"a name that none can have": {steps: []step{func(func(llm.Delta) error) (llm.Result, error) {
			return llm.Result{Calls: []llm.ToolCall{{ID: "a", Name: "<|x|>", Arguments: "{}"}}}, nil
		}, writes("so")}, want: "so", requests: 2},
		"a server that takes none":      {steps: []step{fails(llm.KindNoTools), writes("so")}, want: "so", requests: 2, without: true},
		"a call that nobody can read":   {steps: []step{fails(llm.KindTool), writes("so")}, want: "so", requests: 2, none: true},
		"and another one":               {steps: []step{fails(llm.KindTool), fails(llm.KindTool), writes("so")}, want: "so", requests: 3, none: true, reads: "You have no tools"},
		"one behind a round":            {steps: []step{calling("One.", `{"a":1}`), fails(llm.KindTool), writes("so")}, want: "One.\n\nso", ran: 1, requests: 3, none: true, reads: "Answer now in words"},
		"the stream breaks off between": {steps: []step{calling("One.", `{"a":1}`), fails(llm.KindCut, "Two"), writes("Three")}, want: "One.\n\nThree", ran: 1, requests: 3, reads: "found"},
		"it breaks off in a round":      {steps: []step{fails(llm.KindCut, "One"), calling("One.", `{"a":1}`), writes("Three")}, want: "One.\n\nThree", ran: 1, requests: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b := &scripted{steps: tt.steps}, &box{result: tt.result}
				out, p := withTools(t.Context(), s, b, nil, Partial{}, 0)
				last := s.got[len(s.got)-1]
				if (out.Err != nil) != tt.failed || out.Answer.Text != tt.want || len(b.ran) != tt.ran || len(s.got) != tt.requests {
					t.Errorf("%q, %v, ran %q, %d requests", out.Answer.Text, out.Err, b.ran, len(s.got))
				}
				if none := last.ToolChoice == llm.ToolChoiceNone; none != tt.none || (len(last.Tools) != 1) != tt.without {
					t.Errorf("choice %q, %d tools", last.ToolChoice, len(last.Tools))
				}
				if read := last.Messages[len(last.Messages)-1].Content; !strings.Contains(read, tt.reads) {
					t.Errorf("the model reads %q", read)
				}
				if !strings.Contains(out.Answer.Small, tt.small) {
					t.Errorf("footer %q", out.Answer.Small)
				}
				neverShorter(t, p)
				answersCalls(t, s.got)
			})
		})
	}
}

// answersCalls holds that each call in a prompt has its result right after it, and only there.
func answersCalls(t *testing.T, reqs []llm.Request) {
	t.Helper()
	for _, req := range reqs {
		var open []string
		for _, m := range req.Messages {
			switch {
			case m.Role == llm.RoleTool && (len(open) == 0 || open[0] != m.CallID):
				t.Errorf("a result of %q, open are %q", m.CallID, open)
			case m.Role == llm.RoleTool:
				open = open[1:]
			case len(open) > 0:
				t.Errorf("%s comes before the results of %q", m.Role, open)
			}
			for _, c := range m.Calls {
				if !json.Valid([]byte(c.Arguments)) || !isName(c.Name) {
					t.Errorf("a call that no server takes back: %+v", c)
				}
				open = append(open, c.ID)
			}
		}
		if len(open) > 0 {
			t.Errorf("without a result: %q", open)
		}
	}
}

// TestReasoningGoesBackWithinTheAnswer: the model gets back what it thought before a call.
func TestReasoningGoesBackWithinTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{steps: []step{calling("Let me look.", `{}`), writes("so")}}
		withTools(t.Context(), s, &box{}, nil, Partial{}, 0)
		m := s.got[1].Messages
		if call := m[len(m)-2]; call.Reasoning != "hmm " || call.Content != "Let me look." || call.Calls[0].ID != "id0" || m[len(m)-1].CallID != "id0" {
			t.Errorf("%+v", m)
		}
	})
}

// TestRoundsStayInTheWindow: ten results of 32 KB, in a window of 8,000 tokens.
func TestRoundsStayInTheWindow(t *testing.T) {
	for _, window := range []int{1000, 8000, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			var steps []step
			for i := range 10 {
				steps = append(steps, calling("", fmt.Sprintf(`{"n":%d}`, i)))
			}
			s := &scripted{steps: append(steps, writes("so"))}
			out, _ := withTools(t.Context(), s, &box{result: func(Call) tools.Result { return tools.Result{Text: strings.Repeat("word ", 20_000)} }}, nil, Partial{}, window)
			if out.Err != nil || len(s.got) != 11 {
				t.Fatalf("%v after %d requests", out.Err, len(s.got))
			}
			for i, req := range s.got {
				if n, _ := textSize(req.Messages); n > 3*window {
					t.Errorf("request %d has %d bytes in a window of %d tokens", i, n, window)
				}
			}
			last := s.got[10].Messages
			if window < 8000 { // not all of them have a place as messages
				return
			}
			if first, newest := len(last[len(last)-19].Content), len(last[len(last)-1].Content); first > newest {
				t.Errorf("the oldest result has %d bytes, the newest %d", first, newest)
			}
		})
	}
}

// TestAPromptThatIsTooLongGetsShorterResults: nobody knows the window, and the server refuses.
func TestAPromptThatIsTooLongGetsShorterResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{steps: []step{calling("", `{"a":1}`), fails(llm.KindContext), fails(llm.KindContext), writes("so")}}
		out, _ := withTools(t.Context(), s, &box{result: func(Call) tools.Result { return tools.Result{Text: strings.Repeat("word ", 5000)} }}, nil, Partial{}, 0)
		if out.Err != nil || out.Answer.Text != "so" {
			t.Fatalf("%+v", out)
		}
		a, _ := textSize(s.got[1].Messages)
		if b, _ := textSize(s.got[3].Messages); b > a/3 {
			t.Errorf("%d bytes after %d", b, a)
		}
	})
}

// TestASuccessorGoesOnAfterTheRounds: what an owner before did is not done again, and what it began
// is not either.
func TestASuccessorGoesOnAfterTheRounds(t *testing.T) {
	done := Call{ToolCall: llm.ToolCall{ID: "a", Name: "wiki_search", Arguments: `{"a":1}`}, Over: true, Ran: true, Result: "found", Took: time.Second}
	open := Call{ToolCall: llm.ToolCall{ID: "b", Name: "wiki_search", Arguments: `{"a":2}`}}
	begun := open
	begun.Begun = true
	for name, tt := range map[string]struct {
		rounds []Round
		from   Partial
		ran    int
		want   string
		notice string
	}{
		"all done":            {rounds: []Round{{Text: "One.", Calls: []Call{done}}}, want: "One.\n\nso"},
		"one is open":         {rounds: []Round{{Text: "One.", Calls: []Call{done, open}}}, ran: 1, want: "One.\n\nso"},
		"one was begun":       {rounds: []Round{{Text: "One.", Calls: []Call{done, begun}}}, want: "One.\n\nso", notice: "do not know whether “search” was run"},
		"the text is older":   {rounds: []Round{{Text: "One.", Calls: []Call{done}}}, from: Partial{Text: "On"}, want: "One.\n\nso"},
		"the text is further": {rounds: []Round{{Text: "One.", Calls: []Call{done}}}, from: Partial{Text: "One.\n\nTwo"}, want: "One.\n\nTwoso"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b := &scripted{owner: "vllm", steps: []step{writes("so")}}, &box{}
				out, _ := withTools(t.Context(), s, b, tt.rounds, tt.from, 0)
				if out.Err != nil || out.Answer.Text != tt.want || len(b.ran) != tt.ran || !strings.Contains(out.Answer.Notice, tt.notice) {
					t.Errorf("%q, %q, %v, ran %q", out.Answer.Text, out.Answer.Notice, out.Err, b.ran)
				}
				answersCalls(t, s.got)
			})
		})
	}
}

// TestTheModelKnowsEveryToolThatRan: one tool that ran often hides no other one.
func TestTheModelKnowsEveryToolThatRan(t *testing.T) {
	ran := []Ran{{Name: "create_ticket", Outcome: RanWell}}
	for i := range 33 {
		ran = append(ran, Ran{Name: "set_label", Arguments: fmt.Sprintf(`{"n":%d}`, i), Outcome: RanWell})
	}
	r := NewRounds(nil, &box{}, nil, ran)
	told, says := r.before(), r.saysRan()
	if !strings.Contains(told, "create_ticket\n") || !strings.Contains(told, `set_label {"n":32}`) || strings.Count(told, "set_label") != MostRan-1 {
		t.Errorf("the model reads %q", told)
	}
	if !strings.Contains(says, "create_ticket") || !strings.Contains(says, "set_label") {
		t.Errorf("people read %q", says)
	}
}

// TestAskingHoldsNoSlot: while a person is asked others are answered, and a stop ends it.
func TestAskingHoldsNoSlot(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{steps: []step{calling("Let me.", `{}`), writes("so")}}
			shared := with(s, Hooks{}, slog.DiscardHandler)
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			decided := make(chan struct{})
			b := &box{leave: func(ctx context.Context, asks func()) (bool, string, error) {
				asks()
				select {
				case <-decided:
					return false, "refused", nil
				case <-ctx.Done():
					return false, "", context.Cause(ctx)
				}
			}}
			p := &page{}
			w := shared.Writer(Task{Thread: "C/1", Draft: p, Progress: func() {}, Spent: func(int) {}, Tools: theTools(), Toolbox: b})
			ended := make(chan Outcome)
			go func() {
				_ = w.Enter(ctx)
				defer w.Leave()
				ended <- *w.Write(ctx, prompt.Input{Turns: []prompt.Turn{{ID: "1", Text: "q"}}}, llm.Request{}, Partial{})
			}()
			time.Sleep(time.Minute)
			synctest.Wait()
			other := shared.Writer(Task{Draft: &page{}})
			if err := other.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			other.Leave()
			if a := p.shown[len(p.shown)-1]; !a.Busy || a.Notice == "" || !strings.Contains(a.Status, "leave") || a.Controls != CanStop {
				t.Errorf("people see %+v", a)
			}
			if stopped {
				stop(ErrStopped)
			} else {
				close(decided)
			}
			out := <-ended
			if want := map[bool]string{false: "Let me.\n\nso", true: "Let me."}[stopped]; out.Answer.Text != want || len(b.ran) > 0 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// TestWithoutToolsRequestsAreAsBefore: nothing of a request changes where no tools are offered.
func TestWithoutToolsRequestsAreAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{steps: []step{writes("so")}}
		write(t.Context(), s, Hooks{})
		if req := s.got[0]; req.Tools != nil || req.ToolChoice != "" || strings.Contains(req.Messages[0].Content, "tool") {
			t.Errorf("%+v", req)
		}
	})
}
