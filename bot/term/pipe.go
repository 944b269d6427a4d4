package term

import (
	"context"
	"fmt"
	"io"
	"strings"

	"llmbot/bot/answer"
)

// Pipe is an output that is no terminal, as a place to answer in. The text goes to Out as the model
// wrote it, and a line end, once the answer has ended: it could not be taken back. Everything else
// goes to Err.
type Pipe struct {
	Out, Err io.Writer
	Asks     bool  // Err is a terminal, where questions for leave are seen
	Progress *Room // a terminal to show the waiting on; nil: none
	Dumb     bool  // Out is a terminal after all, one that only appends: the text is cleaned
}

var _ Place = (*Pipe)(nil)

// Open begins an answer.
func (p *Pipe) Open(ctx context.Context) (answer.Draft, error) {
	d := &pipeDraft{pipe: p}
	if p.Progress != nil {
		var err error
		if d.progress, err = p.Progress.Open(ctx); err != nil {
			return nil, err
		}
	}
	return d, nil
}

type pipeDraft struct {
	pipe     *Pipe
	progress answer.Draft // nil: none, or a question stands there
	asking   bool
}

// Set shows the status only.
func (d *pipeDraft) Set(a answer.Snapshot) {
	if d.progress == nil {
		return
	}
	if a.Status == "" && !a.Phase.Final() {
		a.Status = "writing"
	}
	d.progress.Set(answer.Snapshot{Status: a.Status, Notice: a.Notice, Phase: a.Phase})
}

// ask writes a question, for a terminal that shows itself what is typed.
func (d *pipeDraft) ask(ctx context.Context, q *question, _ string) (err error) {
	switch {
	case q == nil && d.asking:
		d.asking = false
		if d.pipe.Progress != nil {
			d.progress, err = d.pipe.Progress.Open(ctx)
		}
	case q != nil && !d.asking:
		d.asking = true
		if d.progress != nil {
			if err := d.progress.Close(ctx, answer.Snapshot{Phase: answer.Done}); err != nil {
				return err
			}
			d.progress = nil
		}
		if _, err = io.WriteString(d.pipe.Err, strings.Join(q.lines(mostWidth), "\n")+"\n"+runIt); err != nil {
			return fmt.Errorf("write a question: %w", err)
		}
	}
	return err
}

// Room returns the length of text: an output takes all of it.
func (*pipeDraft) Room(text string, _ bool) int { return len(text) }

// Close writes the answer.
func (d *pipeDraft) Close(ctx context.Context, a answer.Snapshot) error {
	if d.progress != nil {
		if err := d.progress.Close(ctx, answer.Snapshot{Phase: a.Phase}); err != nil {
			return err
		}
	}
	if d.pipe.Dumb {
		a.Text = Clean(a.Text)
	}
	if a.Text != "" {
		if _, err := io.WriteString(d.pipe.Out, strings.TrimSuffix(a.Text, "\n")+"\n"); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	for _, s := range []string{a.Notice, a.Small} {
		if s != "" {
			fmt.Fprintln(d.pipe.Err, Clean(s))
		}
	}
	return nil
}
