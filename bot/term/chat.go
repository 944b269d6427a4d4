package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/llm"
)

// Chat is a conversation at a terminal.
type Chat struct {
	Model    answer.Model
	Server   Server
	Place    Place
	Lines    Lines
	Say      func(text string) // shows a word of ours, Markdown, between answers
	Settings Settings
	Tools    Tools        // nil: none
	Servers  ToolServers  // of them; nil: nobody waits for them
	Address  string       // of the server, for the first line and /status
	Log      *slog.Logger // nil: no log
}

const help = `- **quit** or **exit**, Ctrl-D: leave
- **clear**: forget the conversation
- **/continue**: more of the last answer, also if it repeats itself
- **/status**: how the model server is doing
- **/help**: this list
- Ctrl-C: stop the answer; at the prompt, clear the line
- Alt-Enter, or Enter behind a backslash: a new line in the question; a pasted text may have many
- ↑ ↓, Ctrl-R: earlier questions; a question that begins with a space is not remembered`

// errNothingToClear reports a Ctrl-C at an empty prompt: whoever presses it wants to leave.
var errNothingToClear = errors.New("Ctrl-C at an empty prompt")

// A word behind a slash is meant as a command; /etc/hosts is not.
var command = regexp.MustCompile(`^/[a-z]+$`)

// Run holds the conversation until the person leaves (nil), ctx ends (its cause), or the terminal
// fails (its error).
func (c *Chat) Run(ctx context.Context) error {
	a := c.asker()
	a.wait, a.more = true, "/continue has it go on."
	c.Say(c.greeting(ctx))
	for {
		line, err := c.Lines.ReadLine(ctx)
		cut, isCut := errors.AsType[lineCutError](err)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errNothingToClear):
			c.Say("**quit** or Ctrl-D leaves; **/help** shows the commands.")
			continue
		case isCut:
			c.Say(fmt.Sprintf("This terminal takes lines of at most %d bytes and has cut yours, so it was not asked. Break it into lines that end in a backslash, "+
				"or pipe it in: llmbot chat <FILE", int(cut)))
			continue
		case err != nil:
			return err
		}
		switch word := strings.TrimSpace(line); word {
		case "":
		case "quit", "exit", "/quit", "/exit":
			return nil
		case "clear", "/clear":
			a.talk.forget()
			a.told = 0
			c.Say("The conversation is forgotten.")
		case "/continue":
			if len(a.talk.turns) == 0 {
				c.Say("There is no answer yet that could go on.")
				continue
			}
			if err := c.reply(ctx, a, a.goOn); err != nil {
				return err
			}
		case "/status":
			c.Say(c.status(ctx, a))
		case "/help":
			c.Say(help)
		default:
			if command.MatchString(word) {
				c.Say(fmt.Sprintf("There is no command `%s`.\n\n%s", word, help))
				continue
			}
			ask := func(ctx context.Context, draft answer.Draft) outcome { return a.ask(ctx, draft, word) }
			if err := c.reply(ctx, a, ask); err != nil {
				return err
			}
		}
	}
}

// Ask asks one question, as Once does, but asks the person for leave to run tools. The error is
// ErrStopped if they stopped the answer.
func (c *Chat) Ask(ctx context.Context, question string) error {
	a := c.asker()
	out, err := c.answer(ctx, a, func(ctx context.Context, draft answer.Draft) outcome {
		out := a.ask(ctx, draft, question)
		if out.answer.Phase == answer.Failed {
			out.answer.Notice = "" // the caller tells the error
		}
		return out
	})
	if out.err != nil {
		return out.err // it tells more than a failure of the output
	}
	return err
}

func (c *Chat) asker() *asker {
	return &asker{
		model: c.Model, server: c.Server, settings: c.Settings, log: logger(c.Log), talk: talk{system: c.Settings.System},
		tools: c.Tools, servers: c.Servers, toldOf: map[string]string{},
	}
}

// reply has one question asked in the conversation. The error is one of the terminal, or the cause
// of ctx.
func (c *Chat) reply(ctx context.Context, a *asker, ask func(context.Context, answer.Draft) outcome) error {
	if _, err := c.answer(ctx, a, ask); err != nil {
		return err
	}
	c.Say("")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// answer has one question asked; Ctrl-C stops it, and means no to a question for leave. The error
// is one of the terminal.
func (c *Chat) answer(ctx context.Context, a *asker, ask func(context.Context, answer.Draft) outcome) (outcome, error) {
	draft, err := c.Place.Open(ctx)
	if err != nil {
		return outcome{}, err
	}
	questions := make(chan asking)
	if pipe, ok := c.Place.(*Pipe); !ok || pipe.Asks { // else nobody sees a question
		a.leave = leaveBy(questions)
	}
	asking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		out  outcome
		all  sync.WaitGroup
		done = make(chan struct{})
	)
	all.Go(func() {
		defer close(done)
		out = ask(asking, draft)
	})
	kb := c.Lines.keys()
	var asked leaveDesk
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case q := <-questions:
			if err := asked.open(ctx, q, kb, draft); err != nil {
				stop(err)
			}
		case got := <-kb.next():
			switch {
			case asked.isOpen():
				if err := asked.take(ctx, got, kb, draft); err != nil {
					stop(err)
				}
			case kb.during(got):
				stop(ErrStopped)
			}
			if got.err != nil {
				stop(ErrStopped)
			}
		}
	}
	all.Wait()
	return out, draft.Close(context.WithoutCancel(ctx), out.answer)
}

// greeting returns a line on which model is there.
func (c *Chat) greeting(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, answer.ModelTimeout)
	defer cancel()
	m, err := c.Server.Model(ctx, "")
	if err != nil {
		return away(err) + "\n\nYour question will wait for it. /help shows the commands."
	}
	s := "**" + m.ID + "** at " + c.Address
	if m.MaxModelLen > 0 {
		s += fmt.Sprintf(", %d tokens", m.MaxModelLen)
	}
	return s + ". /help shows the commands."
}

// status returns how the server is doing and how full the window is. It blocks for about 2 s at
// most.
func (c *Chat) status(ctx context.Context, a *asker) string {
	ctx, cancel := context.WithTimeout(ctx, answer.ModelTimeout)
	defer cancel()
	lines := []string{"- Address: " + c.Address}
	add := func(format string, args ...any) { lines = append(lines, "- "+fmt.Sprintf(format, args...)) }
	m, err := c.Server.Model(ctx, "")
	begun := time.Now()
	// Not every server has a version, but it must answer: the model may be known from before.
	version, versionErr := c.Server.Version(ctx)
	took := time.Since(begun)
	if err == nil && gone(versionErr) {
		err = versionErr
	}
	if err != nil {
		add("Model server: down. %s", strings.ReplaceAll(away(err), "\n", " "))
	} else {
		add("Model server: up (answered in %d ms)", took.Milliseconds())
		add("Model: %s", m.ID)
		if versionErr == nil && version != "" {
			add("Version: %s", version)
		}
		if metrics, err := c.Server.Metrics(ctx); err == nil && metrics.Known {
			add("Requests: %.0f running, %.0f waiting", metrics.Running, metrics.Waiting)
			if metrics.KVCacheKnown {
				add("KV cache: %.0f %%", 100*metrics.KVCacheUsage)
			}
		}
	}
	kept := len(a.talk.turns) - a.talk.left
	fill := fmt.Sprintf("%d messages, about %d tokens", kept, a.talk.tokens())
	if m.MaxModelLen > 0 {
		fill += fmt.Sprintf(" of %d", m.MaxModelLen)
	}
	if a.talk.left > 0 {
		fill += fmt.Sprintf("; %d older ones left out", a.talk.left)
	}
	add("Conversation: %s", fill)
	for _, line := range a.toolStatus() {
		add("%s", line)
	}
	return strings.Join(lines, "\n")
}

// gone reports whether err means that the server is not there.
func gone(err error) bool {
	e, ok := errors.AsType[*llm.Error](err)
	return ok && e.Away() || errors.Is(err, context.DeadlineExceeded)
}

// away returns the text of an error, with its next step.
func away(err error) string {
	var e interface {
		User() string
		Hint() string
	}
	if errors.As(err, &e) {
		return e.User() + "\n→ " + e.Hint()
	}
	return "The model server did not answer."
}

// Say shows Markdown of ours on a terminal; empty text is an empty line.
func (r *Room) Say(text string) {
	look := r.Look
	look.Plain = false
	look.Width = r.Size().known().Width
	lines := append(NewMarkdown().Lines(text, look), "")
	// A terminal that is gone shows at the next read.
	_, _ = io.WriteString(r.Out, strings.Join(lines, "\r\n")+"\r\n")
}
