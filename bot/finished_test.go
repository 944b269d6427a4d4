package bot_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// stuckClose is a Slack that does not take the end of an answer.
type stuckClose struct{ *reading }

func (s stuckClose) Open(ctx context.Context, t thread.ID, r bot.Reply) (answer.Draft, error) {
	d, err := s.reading.Open(ctx, t, r)
	return stuckDraft{d}, err
}

type stuckDraft struct{ answer.Draft }

func (stuckDraft) Close(ctx context.Context, _ answer.Snapshot) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// TestKilledBetweenTheLastTokenAndTheEnd: the model has written all, and the process dies before that is shown. Its successor shows it, and asks nobody.
func TestKilledBetweenTheLastTokenAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := turn.NewMem()
		dying := &awayStore{Mem: store} // when it is away, the process is as good as dead
		b, stopA := runBot(t, bot.Config{Owner: "A", Durable: true}, bot.Deps{Model: s, Server: s, Replier: stuckClose{s}, History: s, Room: s, Store: dying})
		_ = b.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(12 * time.Second) // the model needs ten
		if len(s.put()) != 1 || strings.Contains(s.seen()["1.0"], "phase 2") {
			t.Fatalf("prompts %q, shown %v", s.put(), s.seen())
		}
		dying.leave()
		_, stop := s.run(t, "B", store)
		time.Sleep(time.Minute)
		if len(s.put()) != 1 || !strings.Contains(s.seen()["1.0"], `phase 2 "half whole"`) {
			t.Errorf("prompts %q, shown %v", s.put(), s.seen())
		}
		dying.back()
		stop()
		stopA()
	})
}
