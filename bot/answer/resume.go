package answer

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// repeats is how many characters a continuation must have in common with the beginning of the
// answer to be taken for a repetition.
const repeats = 40

// ModelTimeout is how long it may take to learn what the server says of its model.
const ModelTimeout = 2 * time.Second

// Resume says how an answer goes on that broke off (LLM_RESUME).
type Resume string

// The ways.
const (
	ResumeAuto     Resume = "auto"     // continue where the server is known to do it, else restart
	ResumeContinue Resume = "continue" // the server gets the text so far, and writes what follows it
	ResumeRestart  Resume = "restart"  // written again; the old text stays until overtaken
)

// Partial is an answer that is to go on.
type Partial struct {
	Text    string
	Tokens  int           // that it took
	Elapsed time.Duration // and how long
	TTFT    time.Duration
	Asked   bool // by a person who saw it end: its length limit was reached

	Finish llm.Finish // it is all there, and ended so; empty: it is not
	Model  string
	Notice string // what is said beside it
	File   string // id of the file that was uploaded with all of it; empty: none
}

// Result returns it as a result, for the footer.
func (p Partial) Result() llm.Result {
	return llm.Result{Usage: llm.Usage{Known: p.Tokens > 0, CompletionTokens: p.Tokens}, Elapsed: p.Elapsed, TTFT: p.TTFT, Finish: p.Finish, Model: p.Model}
}

// continues reports whether the server goes on with an unfinished answer: vLLM does, but for
// gpt-oss, whose prompt has no place for it (facts/vllm.md §1.4, §1.5).
func (w *Writer) continues(ctx context.Context) bool {
	switch w.shared.cfg.Resume {
	case ResumeContinue:
		return true
	case ResumeRestart:
		return false
	case ResumeAuto:
	}
	ctx, cancel := context.WithTimeout(ctx, ModelTimeout)
	defer cancel()
	m, err := w.shared.cfg.Server.Model(ctx, w.model)
	return err == nil && strings.HasPrefix(strings.ToLower(m.OwnedBy), "vllm") && !strings.Contains(strings.ToLower(m.ID+" "+m.Root), "gpt-oss")
}

// goOn asks a model for the rest of an answer, where the server cannot continue it.
const goOn = "Please go on exactly where your answer stopped. Do not repeat anything of it, and do not comment on this."

// resumed returns the request for the rest of an answer. continued reports that only what follows
// comes back.
func (w *Writer) resumed(ctx context.Context, req llm.Request) (_ llm.Request, continued bool) {
	if w.from.Text == "" {
		return req, false
	}
	text := w.from.Text
	if w.room > 0 {
		text = tail(text, int(float64(w.room)*prompt.BytesPerToken))
	}
	req.Messages = append(append([]llm.Message(nil), req.Messages...), llm.Message{Role: llm.RoleAssistant, Content: text})
	if w.continues(ctx) {
		req.Continue = true
		return req, true
	}
	req.Messages = append(req.Messages, llm.Message{Role: llm.RoleUser, Content: goOn})
	return req, true
}

// tail returns the end of a text, of size bytes at most, from the beginning of a line if there is
// one near.
func tail(text string, size int) string {
	if len(text) <= size {
		return text
	}
	text = text[len(text)-size:]
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	if i := strings.IndexByte(text, '\n'); i >= 0 && i < len(text)/4 {
		text = text[i+1:]
	}
	return text
}

// resumable reports whether what there is of an answer can go on: by itself only where the server
// continues it; where a person asked for more, the model is asked for it.
func (w *Writer) resumable(ctx context.Context, p Partial) bool {
	return p.Text != "" && !w.noResume && (p.Asked || w.continues(ctx))
}

// repeated reports whether a continuation begins as the answer does: the server has not continued
// it, but written it anew. It is known as soon as there are enough characters.
func repeated(answer, continuation string) (repeats_, known bool) {
	answer, continuation = strings.TrimSpace(answer), strings.TrimSpace(continuation)
	n := min(len(answer), repeats)
	if len(continuation) < n {
		return false, !strings.HasPrefix(answer, continuation)
	}
	return strings.HasPrefix(continuation, answer[:n]), true
}
