package term

import (
	"context"
	"log/slog"
	"strings"

	"llmbot/bot/answer"
)

// Once is a single question.
type Once struct {
	Model    answer.Model
	Server   Server
	Place    Place
	Settings Settings
	Tools    Tools        // nil: none. Those that need leave are not run: nobody is asked
	Servers  ToolServers  // of them; nil: nobody waits for them
	Log      *slog.Logger // nil: no log
}

// Ask asks and shows the answer. A server that is away is an error at once. When the answer is not
// complete, Ask has shown what there is of it, and returns an [*llm.Error], the cause of ctx, or a
// failure of the output.
func (o Once) Ask(ctx context.Context, question string) error {
	a := &asker{
		model: o.Model, server: o.Server, settings: o.Settings, log: logger(o.Log), talk: talk{system: o.Settings.System},
		tools: o.Tools, servers: o.Servers, toldOf: map[string]string{},
	}
	draft, err := o.Place.Open(ctx)
	if err != nil {
		return err
	}
	out := a.ask(ctx, draft, question)
	if out.answer.Phase == answer.Failed {
		out.answer.Notice = "" // the caller tells the error
	}
	if err := draft.Close(context.WithoutCancel(ctx), out.answer); out.err == nil {
		return err
	}
	return out.err // it tells more than a failure of the output
}

// Question makes one question of what was asked and what was piped in. The text to work on follows
// the question.
func Question(asked, piped string) string {
	asked, piped = strings.TrimSpace(asked), strings.Trim(piped, "\r\n")
	if strings.TrimSpace(piped) == "" {
		return asked
	}
	if asked == "" {
		return piped
	}
	return asked + "\n\n" + piped
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
