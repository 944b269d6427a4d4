package transcript

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm"
)

const (
	// saveFirst and saveEvery are how soon, and then how often at most, the text of an answer in
	// progress is saved (issue 7: at most every 2 s).
	saveFirst = time.Second
	saveEvery = 2 * time.Second
	// saveCrowd is how many answers in progress save so often; more save more seldom.
	saveCrowd = 200
	// saveBytes is how much text is saved so often; more is saved more seldom, for every save
	// writes all of it.
	saveBytes = 64 << 10
)

// Of names the turn that a checkpoint belongs to: its questions, in their form.
type Of struct {
	For   string `json:"for"`   // the last of them
	Since string `json:"since"` // when the newest of them had become what it was
	Upto  string `json:"upto"`  // what the turn answers
	First string `json:"first"` // the first of them
	Asks  int    `json:"asks"`  // how many they are
}

// OfTurn names the turn that answers asks, oldest first, and everything up to a time.
func OfTurn(asks []thread.Question, upto turn.TS) Of {
	return Of{For: asks[len(asks)-1].TS, Since: string(thread.Newest(asks)), Upto: string(upto), First: asks[0].TS, Asks: len(asks)}
}

// Checkpoint is the text of an answer in progress, for the process that goes on with it.
type Checkpoint struct {
	Of

	Text    string        `json:"text"`
	Tokens  int           `json:"tokens,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
	TTFT    time.Duration `json:"ttft,omitempty"`
	Word    time.Duration `json:"word,omitempty"`   // to the first visible one
	Before  int           `json:"before,omitempty"` // see answer.Partial

	// Of a text that is all there:
	Finish llm.Finish `json:"finish,omitempty"`
	Model  string     `json:"model,omitempty"`
	Notice string     `json:"notice,omitempty"`
	// Id of the file with all of it, which may have been shown or not.
	File string       `json:"file,omitempty"`
	Used *answer.Used `json:"used,omitempty"` // of tools
}

// Partial returns the text as one that goes on.
func (c Checkpoint) Partial() answer.Partial {
	p := answer.Partial{
		Text: c.Text, Tokens: c.Tokens, Elapsed: c.Elapsed, TTFT: c.TTFT, FirstWord: c.Word, Before: c.Before,
		Finish: c.Finish, Model: c.Model, Notice: c.Notice, File: c.File,
	}
	if c.Used != nil {
		p.Used = *c.Used
	}
	return p
}

func checkpointKey(t thread.ID) string { return "checkpoint/" + t.String() }

// Checkpoint returns what an earlier owner of the same turn left; the zero Checkpoint if there is
// none.
func (r Records) Checkpoint(ctx context.Context, t thread.ID, of Of) (Checkpoint, error) {
	var c Checkpoint
	if err := r.read(ctx, checkpointKey(t), &c); err != nil || c.Of != of {
		return Checkpoint{}, err
	}
	return c, nil
}

// Forget deletes the checkpoint of an answer that is complete.
func (r Records) Forget(ctx context.Context, t thread.ID) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := r.Store.Update(ctx, checkpointKey(t), func([]byte) ([]byte, error) { return nil, nil })
	if err != nil {
		return fmt.Errorf("delete the checkpoint of %s: %w", t, err)
	}
	return nil
}

// SaverConfig says what a Saver saves, and whom it tells.
type SaverConfig struct {
	Thread   thread.ID
	Begin    Checkpoint // what the store has; of which turn it is
	Live     func() int // how many answers are in progress: many save more seldom
	Progress func()     // is called when the store has more of the answer than ever
	Log      *slog.Logger
}

// Saver saves the text of one answer now and then. Its methods are safe for concurrent use.
type Saver struct {
	records Records
	cfg     SaverConfig
	runs    sync.WaitGroup // a run is under way or to come; never two

	mu    sync.Mutex  // guards all below; never held across a call
	timer *time.Timer // begins the next run
	again bool        // the run under way is to save once more
	now   Checkpoint
	ended bool // End was called
	known bool // the store knows that the text is all there
	saved int  // bytes of text that the store has
	most  int  // that it ever had of this answer
}

// Saver starts a Saver, which saves until ctx ends. End must be called. Between two saves it has no
// goroutine: that would cost every live answer 8 kB.
func (r Records) Saver(ctx context.Context, c SaverConfig) *Saver {
	n := len(c.Begin.Text)
	s := &Saver{records: r, cfg: c, now: c.Begin, saved: n, most: n}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs.Add(1)
	s.timer = time.AfterFunc(saveFirst, func() { s.run(ctx) })
	return s
}

// Note takes the newest text. It does not block.
func (s *Saver) Note(text string, tokens int, elapsed, ttft time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Text, s.now.Tokens, s.now.Elapsed, s.now.TTFT = text, tokens, elapsed, ttft
}

// Finish takes the text as it is in the end, and has it saved at once: should the process die
// before it has shown that, nobody need ask the model again. It does not block, and is called once.
func (s *Saver) Finish(out answer.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := out.Result
	s.now.Text, s.now.Tokens = cmp.Or(out.All, out.Answer.Text), r.Usage.CompletionTokens
	s.now.Elapsed, s.now.TTFT, s.now.Word = r.Elapsed, r.TTFT, r.FirstWord
	s.now.Finish, s.now.Model, s.now.Notice, s.now.File = r.Finish, r.Model, out.Answer.Notice, out.File
	if out.Used != (answer.Used{}) {
		s.now.Used = &out.Used
	}
	if s.timer.Stop() {
		s.timer.Reset(0)
	} else {
		s.again = true
	}
}

// run saves, and has the timer begin the next run.
func (s *Saver) run(ctx context.Context) {
	defer s.runs.Done()
	for again := true; again; {
		if s.over(ctx) {
			return
		}
		s.Save(ctx)
		again = s.next()
	}
}

// over reports whether nothing is to be saved any more.
func (s *Saver) over(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || ctx.Err() != nil
}

// next sets the timer for the next run, unless this one is to save again.
func (s *Saver) next() (again bool) {
	live := s.cfg.Live()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.again {
		again, s.again = s.again, false
		return again
	}
	s.runs.Add(1)
	s.timer.Reset(saveEvery * time.Duration(1+live/saveCrowd+s.saved/saveBytes))
	return false
}

// Save writes the newest text if the store does not have it, and blocks for the store.
func (s *Saver) Save(ctx context.Context) {
	s.mu.Lock()
	c, saved, known := s.now, s.saved, s.known
	s.mu.Unlock()
	if len(c.Text) == saved && (c.Finish == "" || known) || strings.TrimSpace(c.Text) == "" {
		return
	}
	if err := s.records.write(ctx, checkpointKey(s.cfg.Thread), c); err != nil {
		// The store is away: others say so.
		if ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			s.cfg.Log.WarnContext(ctx, "checkpoint_not_written", "thread", s.cfg.Thread.String(), "error", err)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved, s.known = len(c.Text), c.Finish != ""
	if s.saved > s.most {
		s.most = s.saved
		s.cfg.Progress()
	}
}

// Filed ends the saving, and records which file has all of the text. It blocks for the store.
func (s *Saver) Filed(ctx context.Context, id string) error {
	s.End()
	s.mu.Lock()
	s.now.File = id
	c := s.now
	s.mu.Unlock()
	if err := s.records.write(ctx, checkpointKey(s.cfg.Thread), c); err != nil {
		return fmt.Errorf("note the file of an answer: %w", err)
	}
	return nil
}

// End ends the saving and waits for a write that is under way. Calling it again does nothing.
func (s *Saver) End() {
	s.mu.Lock()
	if !s.ended && s.timer.Stop() {
		s.runs.Done()
	}
	s.ended = true
	s.mu.Unlock()
	s.runs.Wait()
}
