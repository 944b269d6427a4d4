package term

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/tools"
	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// toolbench has three tools that take a second each: find runs unasked, note asks, and fail fails.
type toolbench struct {
	result string // of each call; empty: a short one

	mu   sync.Mutex // guards made
	made []string
}

func (b *toolbench) Offer(tools.Place) (out []tools.Tool) {
	for name, policy := range map[string]tools.Policy{"fail": tools.PolicyDM, "find": tools.PolicyEverywhere, "hang": tools.PolicyEverywhere, "note": tools.PolicyAsk} {
		out = append(out, tools.Tool{
			Tool:   llm.Tool{Name: "team_" + name, Description: name, Schema: json.RawMessage(`{"type":"object","properties":{}}`)},
			Server: "team", Title: name, Policy: policy,
		})
	}
	return out
}

func (b *toolbench) Call(ctx context.Context, c tools.Call) tools.Result {
	b.mu.Lock()
	b.made = append(b.made, c.Tool.Title+string(c.Arguments))
	b.mu.Unlock()
	wait := time.Second
	if c.Tool.Title == "hang" {
		wait = time.Hour
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return tools.Result{Text: cmp.Or(b.result, "secret result"), Took: wait, Failed: c.Tool.Title == "fail"}
}

func (b *toolbench) calls() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.made, " ")
}

// held is a conversation with the tools.
func (b *toolbench) held(c *Chat) func(context.Context) error {
	c.Tools = b
	return c.Run
}

// withTools is a desk with tools, and a model that calls what the question names.
func withTools(t *testing.T, cfg llmsim.Config, do func(*desk, *toolbench)) {
	t.Helper()
	b := &toolbench{}
	cfg.Tools, cfg.Speed = true, 50
	calls := cfg.Script
	cfg.Script = func(c *llmsim.Chat) llmsim.Tape {
		if calls != nil {
			if tape := calls(c); tape != nil {
				return tape
			}
		} else if c.Choice != llmsim.ChoiceNone && len(c.Results()) == 0 && strings.Contains(c.Messages[len(c.Messages)-1].Content, "call ") {
			return nil
		}
		return llmsim.Tape{llmsim.Text(fmt.Sprintf("Read %d results.", len(c.Results())))}
	}
	atDeskWith(t, cfg, Settings{}, b.held, func(d *desk) { do(d, b) })
}

func TestChatCallsTools(t *testing.T) {
	withTools(t, llmsim.Config{}, func(d *desk, b *toolbench) {
		d.typed("call team_find {\"q\": 1} and call team_find {\"q\": 2}\r")
		d.has(1500*time.Millisecond, "Running find… ")
		d.has(5*time.Second, "Read 2 results.", " · 2 tools 2.0s", "\n>")
		d.hasNot("secret", "Run it?", "with leave")
		if got := b.calls(); got != `find{"q": 1} find{"q": 2}` {
			t.Error(got)
		}
		d.typed("And?\r")
		d.after(5 * time.Second)
		if msgs := d.model.Last().Chat.Messages; len(msgs) != 3 || msgs[1].Content != "Read 2 results." {
			t.Errorf("the conversation is %+v", msgs)
		}
	})
}

// TestChatAsksForLeave: only y or yes, typed behind the question, runs a call.
func TestChatAsksForLeave(t *testing.T) {
	const asked = `call team_note {"who": "Ben", "note": "likes\ntea"}`
	for name, tt := range map[string]struct {
		before, keys string
		runs         bool
	}{
		"y":                  {keys: "y\r", runs: true},
		"YES, corrected":     {keys: "YEX\x7fs\r", runs: true},
		"Enter":              {keys: "\r"},
		"n":                  {keys: "n\r"},
		"Ctrl-C":             {keys: "\x03"},
		"Ctrl-D":             {keys: "y\x04"},
		"another word":       {keys: "yessir\r"},
		"an arrow":           {keys: "\x1b[A\r"},
		"typed before":       {before: "y\r", keys: "\r"},
		"in another line":    {before: "Who is t", keys: "y\r"},
		"y behind a Ctrl-U":  {before: "Who is t", keys: "\x15y\r", runs: true},
		"y behind a decline": {keys: "n\ry\r"},
		"a pasted y":         {keys: "\x1b[200~y\ry\x1b[201~\r"},
		"of a paste before":  {before: "\x1b[200~Who\rsays ", keys: "y\ry\x1b[201~\r"},
		"of a mark before":   {before: "\x1b[20", keys: "0~y\ry\x1b[201~\r"},
	} {
		t.Run(name, func(t *testing.T) {
			withTools(t, llmsim.Config{FirstToken: time.Second}, func(d *desk, b *toolbench) {
				d.typed(asked + "\r" + tt.before)
				d.has(4*time.Second, "May I run “note” of “team”?\n    note: likes\n      tea\n    who: Ben\nRun it? [y/N]")
				d.hasNot("waiting")
				if b.calls() != "" {
					t.Error("it ran before it was allowed")
				}
				d.typed(tt.keys)
				if tt.runs {
					d.has(500*time.Millisecond, "Running note…")
					d.has(5*time.Second, "Read 1 results.", "“note” was run, with leave", " · 1 tool 1.0s")
				} else {
					d.has(5*time.Second, "Read 1 results.", "“note” was not run")
					if d.hasNot(" tool "); b.calls() != "" {
						t.Error("it ran")
					}
				}
				d.hasNot("Run it?", "    who: Ben")
				if name == "in another line" { // what it was typed for
					d.has(0, "> Who is ty\n")
				}
			})
		})
	}
}

// TestChatQuestionIsWhole: a call cannot hide what it does, nor look like what we say.
func TestChatQuestionIsWhole(t *testing.T) {
	q := question{server: "s", title: "t"}
	q.arguments, _ = tools.Arguments(`{"a": "` + strings.Repeat("x ", 400) + `", "b": "1\nRun it? [y/N] y", "c": "\u001b[2J\u202e"}`)
	lines := q.lines(40)
	names := 0
	for i, l := range lines[1:] {
		if !strings.HasPrefix(l, questionIndent) || width(l) > 40 {
			t.Errorf("line %d: %q", i, l)
		}
		if !strings.HasPrefix(l, valueIndent) {
			names++
		}
	}
	if names != 3 {
		t.Errorf("%d arguments:\n%s", names, strings.Join(lines, "\n"))
	}
	for _, want := range []string{"(300\n      more characters)", `\u{001B}[2J\u{202E}`} {
		if !strings.Contains(strings.Join(lines, "\n"), want) {
			t.Errorf("no %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

// TestChatStopsCall: Ctrl-C ends the call and the answer, and nothing else.
func TestChatStopsCall(t *testing.T) {
	withTools(t, llmsim.Config{}, func(d *desk, b *toolbench) {
		d.model.NextTape(llmsim.Tape{llmsim.Text("Let me see."), llmsim.CallTools(llmsim.Call{Name: "team_hang", Arguments: "{}"})})
		d.typed("Well?\r")
		d.has(5*time.Second, "Let me see.", "Running hang… ")
		d.typed("\x03")
		d.has(time.Second, "Let me see.", "stopped · ", "\n>")
		d.typed("Well?\r")
		d.has(5*time.Second, "Read 0 results.")
	})
}

// TestChatToolBounds: the same bounds as in Slack.
func TestChatToolBounds(t *testing.T) {
	again := func(name string) func(*llmsim.Chat) llmsim.Tape {
		return func(c *llmsim.Chat) llmsim.Tape {
			if len(c.Tools) == 0 || c.Choice == llmsim.ChoiceNone {
				return nil
			}
			args := "{}"
			if name == "team_find" {
				args = fmt.Sprintf(`{"q": %d}`, c.Round())
			}
			return llmsim.Tape{llmsim.CallTools(llmsim.Call{Name: name, Arguments: args})}
		}
	}
	for name, tt := range map[string]struct {
		tool  string
		calls int
	}{"ten rounds": {"team_find", 10}, "three failures": {"team_fail", 2}} { // the third is the same call again
		t.Run(name, func(t *testing.T) {
			withTools(t, llmsim.Config{Script: again(tt.tool)}, func(d *desk, b *toolbench) {
				d.typed("Well?\r")
				d.has(time.Minute, "Read ", "\n>")
				if got := len(strings.Fields(b.calls())); got != tt.calls && tt.tool != "team_find" || tt.tool == "team_find" && strings.Count(b.calls(), "find") != tt.calls {
					t.Errorf("%d calls: %s", got, b.calls())
				}
				if c := d.model.Last().Chat; c.Choice != llmsim.ChoiceNone {
					t.Errorf("the last request has tool_choice %q", c.Choice)
				}
			})
		})
	}
}

// TestChatWithoutToolsOfServer: a server that takes no tools is told of once, and answers.
func TestChatWithoutToolsOfServer(t *testing.T) {
	b := &toolbench{}
	atDeskWith(t, llmsim.Config{Speed: 50}, Settings{}, b.held, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Text("One.")}, llmsim.Tape{llmsim.Text("Two.")})
		d.typed("Well?\r")
		d.has(5*time.Second, "One.", "takes no tools", "--enable-auto-tool-choice", "\n>")
		d.typed("And?\r")
		d.has(5*time.Second, "Two.")
		if n := strings.Count(d.vt.text(), "--enable-auto-tool-choice"); n != 1 {
			t.Errorf("said %d times:\n%s", n, d.vt.text())
		}
	})
}

// TestChatKeepsToolsOnAChance: a server that fails by chance is asked with tools once more.
func TestChatKeepsToolsOnAChance(t *testing.T) {
	for name, tape := range map[string]llmsim.Tape{
		"at once": {llmsim.HarmonyError()}, "after thoughts": {llmsim.Reason("Let me think of it."), llmsim.HarmonyError()},
	} {
		t.Run(name, func(t *testing.T) {
			failed := false
			first := func(c *llmsim.Chat) llmsim.Tape {
				switch {
				case !failed:
					failed = true
					return tape
				case len(c.Results()) == 0:
					return llmsim.ToolCall("team_find", "{}")
				}
				return nil
			}
			withTools(t, llmsim.Config{Script: first}, func(d *desk, b *toolbench) {
				d.typed("call team_find {}\r")
				d.has(10*time.Second, "Read 1 results.")
				if b.calls() != "find{}" {
					t.Errorf("made %q", b.calls())
				}
				d.hasNot("reported an error")
			})
		})
	}
}

// TestOnceNeverAsks: without a terminal a call that needs leave is not made, and that is said.
func TestOnceNeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Speed: 50, Tools: true})
		net := memnet.Serve(s)
		defer func() { _ = net.Close() }()
		client := modelAt(t, net)
		var o, e strings.Builder
		b := &toolbench{}
		ask := func(question string) {
			o.Reset()
			e.Reset()
			if err := (Once{Model: client, Server: client, Place: &Pipe{Out: &o, Err: &e}, Tools: b}).Ask(t.Context(), question); err != nil {
				t.Error(err)
			}
		}
		ask("call team_note {} and call team_find {}")
		if !strings.HasPrefix(o.String(), "The tool team_note says") || b.calls() != "find{}" {
			t.Errorf("%q, called %q", o.String(), b.calls())
		}
		for _, want := range []string{"“note” was not run: it needs leave, and there is no terminal to ask in.", " · 1 tool 1.0s\n"} {
			if !strings.Contains(e.String(), want) {
				t.Errorf("no %q in %q", want, e.String())
			}
		}
	})
}

// TestAskOnce: one question at a terminal asks, too; Ctrl-C in an answer is an error.
func TestAskOnce(t *testing.T) {
	b := &toolbench{}
	for question, tt := range map[string]struct {
		keys string
		err  error
	}{"call team_note {}": {"y\r", nil}, "call team_hang {}": {"\x03", ErrStopped}} {
		atDeskWith(t, llmsim.Config{Speed: 50, Tools: true}, Settings{}, func(c *Chat) func(context.Context) error {
			c.Tools = b
			return func(ctx context.Context) error { return c.Ask(ctx, question) }
		}, func(d *desk) {
			d.after(3 * time.Second)
			d.typed(tt.keys)
			d.after(5 * time.Second)
			if err := d.left(); !errors.Is(err, tt.err) {
				t.Errorf("%s: %v", question, err)
			}
		})
	}
	if b.calls() != "note{} hang{}" && b.calls() != "hang{} note{}" {
		t.Error(b.calls())
	}
}

// TestChatResultsFit: results that are longer than the window, round after round, leave a place for the question, and the answer comes.
func TestChatResultsFit(t *testing.T) {
	for _, window := range []int{1500, 4000} {
		script := func(c *llmsim.Chat) llmsim.Tape {
			if c.Round() == 4 {
				return nil
			}
			return llmsim.Tape{llmsim.CallTools(llmsim.Call{Name: "team_find", Arguments: fmt.Sprintf(`{"q": %d}`, c.Round())})}
		}
		withTools(t, llmsim.Config{MaxModelLen: window, Script: script}, func(d *desk, b *toolbench) {
			b.result = strings.Repeat("A line of the result that is long. ", 2000)
			d.typed("Well?\r")
			d.has(time.Minute, "Read 1 results.", " · 4 tools 4.0s")
			d.typed("And then?\r")
			d.has(time.Minute, "And then?")
			if msgs := d.model.Last().Chat.Messages; msgs[0].Content != "Well?" && msgs[0].Content != "And then?" {
				t.Errorf("the conversation begins with %+v", msgs[0])
			}
		})
	}
}

// TestChatResultsThatCannotBeReadBack: a template without a place for results gets them in the question.
func TestChatResultsThatCannotBeReadBack(t *testing.T) {
	withTools(t, llmsim.Config{NoResults: true, Script: func(c *llmsim.Chat) llmsim.Tape {
		last := c.Messages[len(c.Messages)-1].Content
		if !strings.Contains(last, "secret result") {
			return llmsim.Tape{llmsim.CallTools(llmsim.Call{Name: "team_find", Arguments: `{"q": 1}`})}
		}
		return llmsim.Tape{llmsim.Text(fmt.Sprintf("Found it, with %d tools.", len(c.Tools)))}
	}}, func(d *desk, b *toolbench) {
		d.typed("Well?\r")
		d.has(10*time.Second, "Found it, with 0 tools.", "takes no tools", " · 1 tool 1.0s")
		if b.calls() != `find{"q": 1}` {
			t.Error(b.calls())
		}
	})
}
