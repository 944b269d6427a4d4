package scenario_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"llmbot/bot/slacksim"
	"llmbot/bot/slacksim/scenario"
	"llmbot/llm/llmsim/memnet"
)

// bot is a small bot: it answers a mention with what was said, puts a button under it, and opens a
// form on /form.
type bot struct {
	t      *testing.T
	api    *slack.Client
	socket *socketmode.Client
}

// play plays a scenario to the bot, in a bubble, and returns the problems and the report.
func play(t *testing.T, text string) (problems []scenario.Problem, report string) {
	t.Helper()
	s, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Second)
		sim := slacksim.New(s.Config(slacksim.Config{}))
		wire := memnet.Serve(sim)
		client := wire.Client()
		ctx, cancel := context.WithCancel(t.Context())
		b := &bot{t: t, api: slack.New(sim.BotToken(), slack.OptionAppLevelToken(sim.AppToken()), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(client), slack.OptionRetry(3))}
		b.socket = socketmode.New(b.api, socketmode.OptionDialer(&websocket.Dialer{NetDialContext: wire.Dial, HandshakeTimeout: 10 * time.Second}))
		ended := make(chan struct{}, 2)
		go func() { _ = b.socket.RunContext(ctx); ended <- struct{}{} }()
		go func() { b.run(ctx); ended <- struct{}{} }()
		var out strings.Builder
		err := s.Run(ctx, sim, &out)
		report = out.String()
		if bad, ok := errors.AsType[*scenario.Error](err); ok {
			problems = bad.List
		} else if err != nil {
			t.Error(err)
		}
		cancel()
		<-ended
		<-ended
		client.CloseIdleConnections()
		sim.Close()
		_ = wire.Close()
	})
	return problems, report
}

func (b *bot) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-b.socket.Events:
			if e.Request == nil {
				continue
			}
			if cb, ok := e.Data.(slack.InteractionCallback); ok && cb.Type == slack.InteractionTypeViewSubmission {
				_ = b.socket.Ack(*e.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"name": "no"}))
				continue
			}
			_ = b.socket.Ack(*e.Request)
			b.handle(ctx, e)
		}
	}
}

func (b *bot) handle(ctx context.Context, e socketmode.Event) {
	plain := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject("plain_text", text, false, false)
	}
	var err error
	switch d := e.Data.(type) {
	case slackevents.EventsAPIEvent:
		m, ok := d.InnerEvent.Data.(*slackevents.AppMentionEvent)
		if !ok {
			return
		}
		_, _, err = b.api.PostMessageContext(ctx, m.Channel, slack.MsgOptionTS(m.TimeStamp), slack.MsgOptionText("heard", false), slack.MsgOptionBlocks(
			slack.NewMarkdownBlock("", "heard "+m.Text), slack.NewActionBlock("", slack.NewButtonBlockElement("go", "", plain("Go")))))
	case slack.SlashCommand:
		input := slack.NewInputBlock("name", plain("Name"), nil, slack.NewPlainTextInputBlockElement(nil, "name"))
		_, err = b.api.OpenViewContext(ctx, d.TriggerID, slack.ModalViewRequest{
			Type: slack.VTModal, CallbackID: "form", Title: plain("Form"), Submit: plain("Send"), Blocks: slack.Blocks{BlockSet: []slack.Block{input}},
		})
	case slack.InteractionCallback:
		_, err = b.api.PostEphemeralContext(ctx, d.Channel.ID, d.User.ID, slack.MsgOptionText("pressed", false))
	}
	if err != nil && ctx.Err() == nil {
		b.t.Log(err)
	}
}

// TestRun plays what a scenario can say: all of it holds.
func TestRun(t *testing.T) {
	problems, report := play(t, `
name: all
workspace: {limiter: "off", latency: 5ms, commands: [/form], bot: helper, events: [app_mention, message.channels], users: [{name: ada}, {name: bo, guest: true}], channels: [{name: lab}, {name: den, private: true, members: [ada]}]}
steps:
  - say: {as: ada, in: lab, text: "@helper hello", id: q}
  - expect:
      reply: {to: q, by: bot, text: "heard @helper hello", matches: '^heard', contains: [heard, hello], lacks: [bye], button: go, block: markdown, edited: false, versions: 1, count: 1, id: a}
  - press: {as: bo, message: a, action: go}
  - press: {as: bo, message: a, action: gone, error: no such button}
  - expect:
      ephemeral: {to: bo, text: pressed, id: e}
  - react: {as: bo, message: q, emoji: ":eyes:"}
  - expect: {message: {in: lab, by: ada, reaction: eyes}}
  - edit: {as: ada, message: q, text: "@helper hi"}
  - expect: {message: {in: lab, edited: true}}
  - command: {as: ada, in: lab, command: /form}
  - expect: {view: {of: ada, title: Form, callback: form, contains: Form}}
  - submit: {as: ada, values: {name: x}, error: "name: no"}
  - close_view: ada
  - expect: {view: {of: ada, open: false}}
  - command: {as: ada, in: lab, command: /none, error: not a valid command}
  - disturb: {event: app_mention, duplicate: 1}
  - say: {as: bo, in: lab, thread: q, text: "@helper again"}
  - expect: {reply: {to: q, contains: again, by: bot, count: 2}}
  - fail: {method: chat.postMessage, status: 429, retry_after: 1, times: 2}
  - say: {as: ada, in: den, text: "@helper slowly", id: slow}
  - expect: {reply: {to: slow, by: bot}}
  - socket: cut
  - expect: {sockets: {count: 1, opened: 2}}
  - heal:
  - wait: 1s
  - delete: {as: ada, message: q}
finally:
  - calls: {method: chat.postMessage, error: ratelimited, count: 2}
  - calls: {error: none, method: views.open, arg: view=form, count: 1}
  - events: {type: app_mention, acked: true, count: ">=4"}
  - notified: {count: ">=1"} # it repeats its own mention
  - unfurled: {count: "<=0"}
  - gone: {message: q}
`)
	for _, p := range problems {
		t.Errorf("%d: %s\n%s", p.Line, p.What, p.Hint)
	}
	if strings.Count(report, "ok  line") != 33 {
		t.Error(report)
	}
}

// TestRunTellsAll plays one in which several things are wrong: each is told with its line, and what
// needs a failed step is left out.
func TestRunTellsAll(t *testing.T) {
	problems, report := play(t, `
patience: 2s
steps:
  - say: {as: alice, in: general, text: "@llm hello", id: q}
  - expect: {reply: {to: q, contains: something else, id: a}}
  - press: {as: alice, message: a, action: go}
  - say: {as: erik, in: general, text: hello}
  - expect: {status: {of: q, contains: thinks}, within: 1s}
finally:
  - calls: {method: chat.postMessage, count: 0}
  - unfurled: {}
`)
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if !slices.Equal(lines, []int{5, 7, 8, 10, 11}) || !strings.Contains(report, "left out") {
		t.Errorf("%v\n%s", lines, report)
	}
	for i, want := range []string{`contains "something else" within 2s`, "not a member", "status", "0 calls of chat.postMessage", "at least 1 addresses"} {
		if !strings.Contains(problems[i].What, want) {
			t.Errorf("%q does not say %q", problems[i].What, want)
		}
	}
	if !strings.Contains(problems[0].Hint, `seen: bot wrote "heard @llm hello`) {
		t.Error(problems[0].Hint)
	}
}

// TestNobodyThere plays to no bot at all.
func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scenario.Parse("test.yaml", []byte("start: 3s\nsteps: [{wait: 1s}]"))
		if err != nil {
			t.Fatal(err)
		}
		sim := slacksim.New(slacksim.Config{})
		defer sim.Close()
		if err := s.Run(t.Context(), sim, nil); err == nil || !strings.Contains(err.Error(), "no app opened a socket within 3s") {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Run(ctx, sim, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestProblems reads files in which something is wrong.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "1: a scenario has keys with values; here is nothing",
		"- a":                                    "1: a scenario has keys with values; here is a list",
		"steps: []":                              "1: a scenario needs steps",
		"steps:\n  - say: [":                     "2: not YAML",
		"a: &x 1\nsteps: [*x]":                   "anchor is not used in scenarios",
		"steps: [{wait: 1s}]\nsteps: [1]":        "2: ",
		"steps: [{wait: 1s}]\n---\nb: 1":         "a second document",
		"name: x\nstep: []\nsteps: [{wait: 1s}]": "2: a scenario has no step",
		"patience: x\nsteps: [{wait: 1s}]":       `1: patience: "x" is not a duration`,
		"steps: [{wait: 1s, heal: }]":            "a step has one key",
		"steps: [{say: hello}]":                  "say needs keys with values, and has a value",
		"steps: [{say: {as: alice, in: [x]}}]":   "say.in must be a channel, and is a list",
		"steps: [{say: {as: alice}}]":            "say lacks in",
		"steps: [{edit: {message: q}}]":          `no earlier step has the id "q"`,
		"steps: [{expect: {}}]":                  "expect does not say what to look at",
		"steps: [{expect: {sockets: {}, home: {of: alice}}}]":                                  "expect looks at one thing",
		"steps: [{submit: {as: alice, values: [x]}}]":                                          "submit.values must be keys with texts",
		"steps: [{say: {as: alice, in: general, files: [{name: a}]}}]":                         "needs either text or base64",
		"steps: [{say: {as: alice, in: general, files: [{name: a, base64: '!'}]}}]":            "illegal base64",
		"steps: [{fail: {method: x, times: -1}}]":                                              `"-1" is not a whole number`,
		"steps: [{disturb: {drop: perhaps}}]":                                                  "neither true nor false",
		"workspace: {channels: [{name: a, members: [nobody]}]}\nsteps: [{wait: 1s}]":           `there is no person "nobody"`,
		"steps: [{say: {as: alice, in: general, id: a}}, {say: {as: bob, in: random, id: a}}]": `an earlier step has the id "a"`,
		"steps: [{wait: 1s}]\nfinally: 7":                                                      "finally must be a list",
		strings.Repeat("a", 1<<20+1):                                                           "bytes, more than",
	} {
		_, err := scenario.Parse("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse holds what must be true of any file: it is read without a panic, and each problem has a
// line of the file and words.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"steps: [{say: {as: alice, in: general, text: x, id: q}}]", "steps:\n- expect: {reply: {to: q}, within: 1s}\nfinally: [{calls: {count: '>=1'}}]", "workspace: {users: [{name: ''}]}", "a: {b: [c, *d]}", "- ? [a]\n  : b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := scenario.Parse("f", []byte(text))
		bad, ok := errors.AsType[*scenario.Error](err)
		if err != nil && (!ok || len(bad.List) == 0) {
			t.Fatalf("%v", err)
		}
		if ok {
			for _, p := range bad.List {
				if p.What == "" || p.Line < 1 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
					t.Errorf("%+v of %q", p, text)
				}
			}
		}
	})
}
