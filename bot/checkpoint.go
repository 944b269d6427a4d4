package bot

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/llm"
)

const (
	// saveFirst and saveEvery are how soon, and then how often at most, the text of an answer in progress is saved (issue 7: at most every 2 s).
	saveFirst = time.Second
	saveEvery = 2 * time.Second
	// saveCrowd is how many answers in progress save so often; more save more seldom.
	saveCrowd = 200
	// saveBytes is how much text is saved so often; more is saved more seldom: every saving writes all of it.
	saveBytes = 64 << 10
)

// checkpoint is the text of an answer in progress, for the process that goes on with it.
type checkpoint struct {
	For     string        `json:"for"`   // what it answers
	Since   string        `json:"since"` // in which form of the questions
	Upto    string        `json:"upto"`  // of the turn
	First   string        `json:"first"` // of the questions
	Asks    int           `json:"asks"`  // how many they are
	Text    string        `json:"text"`
	Tokens  int           `json:"tokens,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
	TTFT    time.Duration `json:"ttft,omitempty"`

	// Of a text that is all there:
	Finish llm.Finish `json:"finish,omitempty"`
	Model  string     `json:"model,omitempty"`
	Notice string     `json:"notice,omitempty"`
	File   string     `json:"file,omitempty"` // id of the file with all of it, which may have been shown or not
}

func checkpointKey(t thread.ID) string { return "checkpoint/" + t.String() }

// saver saves the text of one answer now and then, outside of the token loop.
type saver struct {
	bot      *Bot
	thread   thread.ID
	progress func()        // is called when the store has more of the answer than ever
	all      chan struct{} // closed when the text is all there
	stop     chan struct{}
	done     chan struct{}

	mu    sync.Mutex // guards all below
	now   checkpoint
	ended bool // end was called
	known bool // the store knows that the text is all there
	saved int  // bytes of text that the store has
	most  int  // that it ever had of this answer
}

// newSaver starts one; end ends it.
func (t *turnRun) newSaver(ctx context.Context, base checkpoint) *saver {
	s := &saver{bot: t.bot, thread: t.thread, progress: t.claim.Progress, all: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}), now: base, saved: len(base.Text), most: len(base.Text)}
	go func() { // end waits for it
		defer close(s.done)
		s.run(ctx)
	}()
	return s
}

// finish takes the text as it is in the end, which is saved at once: should the process die before it has shown that, nobody need ask the model again. It
// does not block.
func (s *saver) finish(out answer.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := out.Result
	s.now.Text, s.now.Tokens, s.now.Elapsed, s.now.TTFT = cmp.Or(out.All, out.Answer.Text), r.Usage.CompletionTokens, r.Elapsed, r.TTFT
	s.now.Finish, s.now.Model, s.now.Notice, s.now.File = r.Finish, r.Model, out.Answer.Notice, out.File
	close(s.all)
}

// note takes the newest text. It does not block.
func (s *saver) note(text string, tokens int, elapsed, ttft time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Text, s.now.Tokens, s.now.Elapsed, s.now.TTFT = text, tokens, elapsed, ttft
}

func (s *saver) run(ctx context.Context) {
	timer := time.NewTimer(saveFirst)
	defer timer.Stop()
	all := s.all
	for {
		select {
		case <-all:
			s.save(ctx)
			all = nil
		case <-timer.C:
			s.save(ctx)
			timer.Reset(saveEvery * time.Duration(1+s.bot.live()/saveCrowd+s.size()/saveBytes))
		case <-s.stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

// save writes the newest text if the store does not have it.
func (s *saver) save(ctx context.Context) {
	s.mu.Lock()
	c, saved, known := s.now, s.saved, s.known
	s.mu.Unlock()
	if len(c.Text) == saved && (c.Finish == "" || known) || strings.TrimSpace(c.Text) == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := s.bot.answers.write(ctx, checkpointKey(s.thread), c); err != nil {
		if ctx.Err() == nil {
			s.bot.log.WarnContext(ctx, "checkpoint_not_written", "thread", s.thread.String(), "error", err)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved, s.known = len(c.Text), c.Finish != ""
	if s.saved > s.most {
		s.most = s.saved
		s.progress()
	}
}

// size is how many bytes of text the store has.
func (s *saver) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}

// filed ends the saving, and saves which file has all of the text.
func (s *saver) filed(ctx context.Context, id string) error {
	s.end()
	s.mu.Lock()
	s.now.File = id
	c := s.now
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := s.bot.answers.write(ctx, checkpointKey(s.thread), c); err != nil {
		return fmt.Errorf("note the file of an answer: %w", err)
	}
	return nil
}

// end ends the saving and waits for a write that is under way. More than once is once.
func (s *saver) end() {
	s.mu.Lock()
	ended := s.ended
	s.ended = true
	s.mu.Unlock()
	if !ended {
		close(s.stop)
	}
	<-s.done
}

// saved is the checkpoint that an earlier owner of the same turn left; the zero answer.Partial if there is none.
func (t *turnRun) saved(ctx context.Context, want checkpoint) answer.Partial {
	var c checkpoint
	err := t.stored(ctx, func(ctx context.Context) error { return t.bot.answers.read(ctx, checkpointKey(t.thread), &c) })
	if err != nil {
		t.bot.log.WarnContext(ctx, "checkpoint_unread", "thread", t.thread.String(), "error", err)
		return answer.Partial{}
	}
	if c.For != want.For || c.Since != want.Since || c.Upto != want.Upto || c.First != want.First || c.Asks != want.Asks {
		return answer.Partial{}
	}
	t.bot.log.InfoContext(ctx, "answer_goes_on", "thread", t.thread.String(), "ask", c.For, "chars", len(c.Text), "completion_tokens", c.Tokens)
	return answer.Partial{Text: c.Text, Tokens: c.Tokens, Elapsed: c.Elapsed, TTFT: c.TTFT, Finish: c.Finish, Model: c.Model, Notice: c.Notice, File: c.File}
}

// forget deletes the checkpoint of an answer that is complete.
func (t *turnRun) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := t.bot.dep.Store.Update(ctx, checkpointKey(t.thread), func([]byte) ([]byte, error) { return nil, nil })
	if err != nil {
		t.bot.log.WarnContext(ctx, "checkpoint_stays", "thread", t.thread.String(), "error", err)
	}
}
