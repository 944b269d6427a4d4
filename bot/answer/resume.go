package answer

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// repeatChars is how many characters a continuation must have in common with the beginning of the
// answer to be taken for a repetition.
const repeatChars = 40

// ModelTimeout is how long a look at what the server says of its model may take.
const ModelTimeout = 2 * time.Second

// Resume is how an answer that broke off goes on (LLM_RESUME).
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
	// FirstWord is the time to the first visible text; 0: not known.
	FirstWord time.Duration
	Asked     bool // by a person who saw it end: its length limit was reached, or it repeated itself
	// Before is how many of Tokens do not count towards the most that an answer may have: they were
	// there before a person asked for more.
	Before int

	Finish llm.Finish // it is all there, and ended so; empty: it is not
	Model  string
	Notice string // what is said beside it
	File   string // id of the file that was uploaded with all of it; empty: none
	Used   Used   // of tools
}

// Result returns it as a result, for the footer.
func (p Partial) Result() llm.Result {
	return llm.Result{
		Usage: llm.Usage{Known: p.Tokens > 0, CompletionTokens: p.Tokens}, Elapsed: p.Elapsed, TTFT: p.TTFT, FirstWord: p.FirstWord,
		Finish: p.Finish, Model: p.Model,
	}
}

// continues reports whether the server continues an unfinished answer. vLLM does, except for
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
	return err == nil && strings.HasPrefix(strings.ToLower(m.OwnedBy), "vllm") &&
		!strings.Contains(strings.ToLower(m.ID+" "+m.Root), "gpt-oss")
}

// continuePrompt asks a model for the rest of an answer that the server cannot continue.
const continuePrompt = "Please go on exactly where your answer stopped. Do not repeat anything of it, and do not comment on this."

// resumed makes req ask for the rest of an answer. It reports whether only what follows comes back.
func (w *Writer) resumed(ctx context.Context, req *llm.Request) bool {
	text := w.part()
	if text == "" {
		return false
	}
	if w.room > 0 {
		text = tail(text, int(float64(w.room)*prompt.BytesPerToken))
	}
	unfinished := llm.Message{Role: llm.RoleAssistant, Content: text}
	req.Messages = append(slices.Clone(req.Messages), unfinished)
	if w.continues(ctx) {
		req.Continue = true
		return true
	}
	req.Messages = append(req.Messages, llm.Message{Role: llm.RoleUser, Content: continuePrompt})
	return true
}

// tail returns the end of a text, of at most size bytes. It begins with a line if one begins
// nearby.
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

// resumable reports whether an answer can go on from what there is of it. By itself it goes on only
// where the server continues it. Where a person asked for more, the model is asked for the rest.
func (w *Writer) resumable(ctx context.Context, p Partial) bool {
	return len(p.Text) > len(w.head.Text) && !w.noResume && (p.Asked || w.continues(ctx))
}

// repeated reports whether a continuation begins as the answer does: then the server has not
// continued it, but written it again. That is known as soon as there are enough characters.
func repeated(answer, continuation string) (repeats_, known bool) {
	answer, continuation = strings.TrimSpace(answer), strings.TrimSpace(continuation)
	n := min(len(answer), repeatChars)
	if len(continuation) < n {
		return false, !strings.HasPrefix(answer, continuation)
	}
	return strings.HasPrefix(continuation, answer[:n]), true
}
