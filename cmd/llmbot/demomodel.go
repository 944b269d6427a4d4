package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"llmbot/llm"
	"llmbot/llm/llmsim"
)

// demoModel is the model server of the demo.
type demoModel struct {
	name, notice string // name: of the model; empty: not known
	simulated    bool
	toolless     bool // the server refuses requests with tools
	stop         func() error
}

// The simulated model of the demo.
const (
	simulatedModel = "simulated-model"
	usualSpeed     = 40     // tokens a second: what one reader of a large model sees
	mostSpeed      = 10_000 // more than any server gives one reader
)

// speedError reports that --speed was given, and the model is a real one.
func speedError(why, hint string) error {
	return &configError{[]problem{{"--speed is for the simulated model, and " + why, hint}}}
}

// findModel takes the configured server, else the first that answers on this machine, else it
// starts a simulated one. It sets cfg.BaseURL. The key goes only to the server that the environment
// or a flag names, never to whatever listens on a port. from is which of the two it was, for
// people. speed is that of a simulated model, in tokens a second; 0: it was not asked for.
func findModel(ctx context.Context, cfg *Config, from string, speed float64) (demoModel, error) {
	none := func() error { return nil }
	if cfg.named {
		name := probe(ctx, llm.Config{BaseURL: cfg.BaseURL, APIKey: string(cfg.APIKey), Proxy: cfg.proxy, Roots: cfg.roots})
		if name == "" {
			return demoModel{name: cfg.Model, notice: "Model server: " + shownAddress(cfg.BaseURL) + " (from " + from + "; it does not answer yet)", stop: none}, nil
		}
		name = cmp.Or(cfg.Model, name)
		return demoModel{name: name, notice: "Model server: " + shownAddress(cfg.BaseURL) + " (from " + from + "), model " + name, stop: none}, nil
	}
	if found, ok := localServer(ctx); ok {
		if speed != 0 {
			return demoModel{}, speedError("a real one answers at "+found.url, "Leave --speed out, or stop that server: without one the demo simulates a model.")
		}
		cfg.BaseURL, cfg.APIKey, cfg.Model, cfg.proxy = found.url, "", "", nil
		return demoModel{name: found.model, notice: found.notice(), stop: none}, nil
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return demoModel{}, err
	}
	sim := llmsim.New(llmsim.Config{Model: simulatedModel, Speed: cmp.Or(speed, usualSpeed), FirstToken: 300 * time.Millisecond, PromptDetails: true, Answer: demoAnswer, Tools: true})
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: headerTimeout, IdleTimeout: llmsim.KeepAliveIdle}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	cfg.BaseURL, cfg.Model, cfg.APIKey, cfg.proxy = "http://"+l.Addr().String()+"/v1", "", "", nil
	return demoModel{
		name: simulatedModel, simulated: true,
		notice: "Model server: a simulated one (canned answers), because none answered on the ports " + usualPorts() + ". Name yours: llmbot demo --llm http://HOST:8000/v1 (LLM_BASE_URL).",
		stop: func() error {
			return errors.Join(srv.Close(), served(<-ended))
		},
	}, nil
}

// toolsWithin is how long the demo waits for the model server to take a request with a tool: one
// token of an answer. A server that needs longer may take tools.
const toolsWithin = 5 * time.Second

// lookAtTools finds out whether the model server takes the tools that the bot would offer, and adds
// to the notice that it does not. One that is not there yet is taken for one that does.
func (d *demo) lookAtTools(ctx context.Context) {
	if d.model.simulated || d.flags.tools == toolsOff {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, toolsWithin)
	defer cancel()
	client, err := llm.New(d.cfg.modelConfig(nil))
	if err != nil { // build tells it
		return
	}
	if e, ok := errors.AsType[*llm.Error](client.TakesTools(ctx, "")); ok && e.Kind == llm.KindNoTools {
		d.model.toolless = true
		d.model.notice += ". It takes no tools, so the bot answers without. " + e.Hint()
	}
}

// demoAnswer answers as the simulated model, which says what it is when somebody asks what it can
// do: the demo proposes that as the first question.
func demoAnswer(c *llmsim.Chat) string {
	question := ""
	if n := len(c.Messages); n > 0 {
		question = strings.ToLower(c.Messages[n-1].Content)
	}
	for _, asks := range []string{"what can you do", "who are you", "what are you", "how do you work"} {
		if strings.Contains(question, asks) {
			return aboutSimulated
		}
	}
	if words := strings.Fields(question); len(words) > 0 && len(words) < 3 && strings.Trim(words[len(words)-1], "!?.") == "help" {
		return aboutSimulated
	}
	return llmsim.DefaultAnswer(c)
}

const aboutSimulated = `I am a **simulated model**: no model server answered on this machine, so my answers are canned. Everything around me is real: the bot, its edits, its limits.

You can see here how an answer grows. Try:

- a follow-up in this thread; no mention is needed while only you write here
- ` + "`write 600 tokens`" + `, and **Stop** under the answer; or edit or delete your question while I write
- ` + "`a table`, `some code`, `a list`" + `, to see how Markdown looks
- ` + "`call team_find_person`" + `, to see a tool at work, and ` + "`call team_add_note {\"person\": \"Ben\", \"note\": \"likes tea\"}`" + `, to see one that asks you first
- ` + "`/llm-status`" + `, the Home tab, and ` + "`!help`" + ` in a thread
- a second browser tab as another person

With your own model server: ` + "`llmbot demo --llm http://HOST:8000/v1`"
