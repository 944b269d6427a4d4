package leave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/tools"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

var here = thread.ID{Channel: "C", TS: "1.0"}

// place has tools that take a second, and people who are asked.
type place struct {
	mu    sync.Mutex // guards all below
	ran   int
	asked []Question
	deaf  bool // nobody can be asked
}

func (*place) Offer(tools.Place) []tools.Tool { return nil }
func (*place) Settle(context.Context)         {}

func (p *place) Call(ctx context.Context, _ tools.Call) tools.Result {
	p.mu.Lock()
	p.ran++
	p.mu.Unlock()
	select {
	case <-time.After(time.Second):
		return tools.Result{Text: "done", Took: time.Second}
	case <-ctx.Done():
		return tools.Result{Text: "called off", Failed: true}
	}
}

func (p *place) AskLeave(_ context.Context, _ thread.ID, q Question) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf {
		return errors.New("not in the channel")
	}
	p.asked = append(p.asked, q)
	return nil
}

func (p *place) TellLeave(context.Context, string, string) error { return nil }

func (p *place) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ran
}

// newest returns the id of the newest question, and how many were asked.
func (p *place) newest() (string, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return "", 0
	}
	return p.asked[len(p.asked)-1].ID, len(p.asked)
}

var of = transcript.Of{For: "1.0", Since: "1.0", Upto: "1.0", First: "1.0", Asks: 1}

func (p *place) desk(store turn.Store) *Desk {
	return New(Config{Records: transcript.Records{Store: store}, Tools: p, People: p, Log: slog.New(slog.DiscardHandler)})
}

// owner returns the box of an owner of the answer, and what it finds of it.
func owner(ctx context.Context, t *testing.T, d *Desk, epoch uint64) (*Box, []answer.Round) {
	t.Helper()
	b, begun, err := d.Open(ctx, Answer{
		Thread: here, Of: of, Epoch: epoch, Asker: "U1", Visible: func() bool { return true }, Settled: func(context.Context) error { return nil }, Progress: func() {},
	}, epoch <= 1)
	if err != nil {
		t.Fatal(err)
	}
	rounds := begun.Rounds
	if len(rounds) == 0 {
		rounds = []answer.Round{{Calls: []answer.Call{{ToolCall: llm.ToolCall{ID: "a", Name: "shed_drop", Arguments: `{"table":"users"}`}}}}}
	}
	return b, rounds
}

func asks() tools.Tool { return tools.Tool{Server: "shed", Title: "drop", Policy: tools.PolicyAsk} }

// TestOneDecision: many press at once, everybody every button; one press decides, and it is hers.
func TestOneDecision(t *testing.T) {
	for round := range 20 {
		synctest.Test(t, func(t *testing.T) {
			p, store := &place{}, turn.NewMem()
			desks := []*Desk{p.desk(store), p.desk(store), p.desk(store)} // of three processes
			b, rounds := owner(t.Context(), t, desks[0], 1)
			var may bool
			var all sync.WaitGroup
			all.Go(func() { may, _, _ = b.Leave(t.Context(), rounds, asks(), func() {}) })
			time.Sleep(3 * time.Second)
			id, _ := p.newest()
			var ran, refused atomic.Int64
			for i := range 30 {
				all.Go(func() {
					press := Press{Thread: here, ID: []string{id, "OTHER"}[i%2], User: []string{"U1", "U2", "U3"}[i%3], TS: fmt.Sprintf("2.%06d", i), Run: (i+round)%4 < 2}
					said, _, err := desks[i%3].Decide(t.Context(), press, false)
					switch {
					case err != nil:
						t.Error(err)
					case strings.HasPrefix(said, "You allowed"):
						ran.Add(1)
					case strings.HasSuffix(said, "is not run."):
						refused.Add(1)
					}
				})
			}
			all.Wait()
			if ran.Load()+refused.Load() != 1 || may != (ran.Load() == 1) {
				t.Errorf("allowed %d times, refused %d times; the owner heard %v", ran.Load(), refused.Load(), may)
			}
		})
	}
}

// TestAFrozenOwnerMakesNoCall: another owner claims the rounds at any moment; what the first had not
// noted before, it does not make.
func TestAFrozenOwnerMakesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := &place{}, turn.NewMem()
		tool := asks()
		tool.Policy = tools.PolicyEverywhere
		first, rounds := owner(t.Context(), t, p.desk(store), 1)
		second, found := owner(t.Context(), t, p.desk(store), 2)
		if _, err := first.Run(t.Context(), rounds, tool); !errors.Is(err, turn.ErrLost) || p.calls() != 0 {
			t.Errorf("the first owner: %v, %d calls", err, p.calls())
		}
		if res, err := second.Run(t.Context(), found, tool); err != nil || res.Failed || p.calls() != 1 {
			t.Errorf("the second owner: %+v, %v, %d calls", res, err, p.calls())
		}
		// It dies now, and its result is not kept.
		_, found = owner(t.Context(), t, p.desk(store), 3)
		if c, _, _ := answer.Current(found); c == nil || !c.Begun {
			t.Errorf("the third finds %+v", found)
		}
	})
}

// TestASuccessorAsksAgain: under another id, and not if there is a decision; the time runs on.
func TestASuccessorAsksAgain(t *testing.T) {
	for _, decided := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, store := &place{}, turn.NewMem()
			d := p.desk(store)
			ctx, die := context.WithCancelCause(t.Context())
			defer die(nil)
			first, rounds := owner(t.Context(), t, d, 1)
			time.AfterFunc(8*time.Minute, func() { die(errors.New("the bot is stopping")) })
			if _, _, err := first.Leave(ctx, rounds, asks(), func() {}); err == nil {
				t.Fatal("it did not end")
			}
			old, _ := p.newest()
			if decided {
				if said, _, err := d.Decide(t.Context(), Press{Thread: here, ID: old, User: "U1", TS: "3.0", Run: true}, false); err != nil || !strings.HasPrefix(said, "You allowed") {
					t.Fatalf("%q, %v", said, err)
				}
			}
			began := time.Now()
			second, found := owner(t.Context(), t, d, 2)
			may, why, err := second.Leave(t.Context(), found, asks(), func() {})
			_, n := p.newest()
			switch took := time.Since(began); {
			case err != nil || may != decided:
				t.Errorf("%v, %q, %v", may, why, err)
			case decided && (n != 1 || took > time.Second):
				t.Errorf("asked %d times, it took %s", n, took)
			case !decided && (n != 2 || took > 2*time.Minute+2*time.Second || took < 2*time.Minute-2*time.Second):
				t.Errorf("asked %d times, it took %s", n, took)
			}
			if said, _, _ := d.Decide(t.Context(), Press{Thread: here, ID: old, User: "U1", TS: "4.0", Run: true}, false); strings.HasPrefix(said, "You allowed") {
				t.Errorf("an old button decides: %q", said)
			}
		})
	}
}

// TestADecisionIsOfOneCall: what was allowed of one call is not of another one in its place.
func TestADecisionIsOfOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := &place{}, turn.NewMem()
		d := p.desk(store)
		first, rounds := owner(t.Context(), t, d, 1)
		time.AfterFunc(5*time.Second, func() {
			id, _ := p.newest()
			_, _, _ = d.Decide(t.Context(), Press{Thread: here, ID: id, User: "U1", TS: "3.0", Run: true}, false)
		})
		if may, _, err := first.Leave(t.Context(), rounds, asks(), func() {}); !may || err != nil {
			t.Fatal(may, err)
		}
		rounds[0].Calls[0].Arguments = `{"table":"all"}`
		if may, _, _ := first.Leave(t.Context(), rounds, asks(), func() {}); may {
			t.Error("another call was allowed, too")
		}
	})
}

// TestADecisionIsOfOneServer: what was allowed at one server is not allowed at another, which has its
// name since a restart.
func TestADecisionIsOfOneServer(t *testing.T) {
	for _, moved := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, store := &place{}, turn.NewMem()
			d, tool := p.desk(store), asks()
			tool.Origin = "here"
			ctx, die := context.WithCancelCause(t.Context())
			defer die(nil)
			first, rounds := owner(t.Context(), t, d, 1)
			time.AfterFunc(5*time.Second, func() { die(errors.New("the bot is stopping")) })
			_, _, _ = first.Leave(ctx, rounds, tool, func() {})
			id, _ := p.newest()
			if said, _, err := d.Decide(t.Context(), Press{Thread: here, ID: id, User: "U1", TS: "3.0", Run: true}, false); err != nil || !strings.HasPrefix(said, "You allowed") {
				t.Fatalf("%q, %v", said, err)
			}
			if moved {
				tool.Origin = "there"
			}
			second, found := owner(t.Context(), t, d, 2)
			may, _, err := second.Leave(t.Context(), found, tool, func() {})
			if _, n := p.newest(); err != nil || may == moved || n != map[bool]int{false: 1, true: 2}[moved] {
				t.Errorf("moved %v: %v, %v, asked %d times", moved, may, err, n)
			}
		})
	}
}

// TestACallThatCannotBeShown: nobody is asked, and it is not made: what a person does not see they
// cannot allow.
func TestACallThatCannotBeShown(t *testing.T) {
	many := map[string]int{}
	for i := range 41 {
		many[fmt.Sprintf("a%d", i)] = i
	}
	raw, _ := json.Marshal(many)
	for _, args := range []string{string(raw), `{"` + strings.Repeat("n", 61) + `":1}`} {
		synctest.Test(t, func(t *testing.T) {
			p := &place{}
			b, rounds := owner(t.Context(), t, p.desk(turn.NewMem()), 1)
			rounds[0].Calls[0].Arguments = args
			may, why, err := b.Leave(t.Context(), rounds, asks(), func() {})
			if _, n := p.newest(); may || why != tools.Unshowable || err != nil || n != 0 {
				t.Errorf("%v, %q, %v, asked %d times", may, why, err, n)
			}
		})
	}
}

// TestNobodyCanBeAsked: then it is not made.
func TestNobodyCanBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{deaf: true}
		b, rounds := owner(t.Context(), t, p.desk(turn.NewMem()), 1)
		if may, why, err := b.Leave(t.Context(), rounds, asks(), func() {}); may || why != unaskedWords || err != nil {
			t.Error(may, why, err)
		}
	})
}

// TestLeaveIsForOneRun: a call that was allowed by a person is not made again by a successor, also
// if its server says that it only reads.
func TestLeaveIsForOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := &place{}, turn.NewMem()
		d := p.desk(store)
		tool := asks()
		tool.ReadOnly = true
		ctx, die := context.WithCancelCause(t.Context())
		defer die(nil)
		first, rounds := owner(t.Context(), t, d, 1)
		time.AfterFunc(5*time.Second, func() {
			id, _ := p.newest()
			if said, _, err := d.Decide(t.Context(), Press{Thread: here, ID: id, User: "U1", TS: "3.0", Run: true}, false); err != nil || !strings.HasPrefix(said, "You allowed") {
				t.Errorf("%q, %v", said, err)
			}
		})
		if may, _, err := first.Leave(ctx, rounds, tool, func() {}); !may || err != nil {
			t.Fatal(may, err)
		}
		time.AfterFunc(time.Second/2, func() { die(errors.New("killed")) })
		_, _ = first.Run(ctx, rounds, tool)
		second, found := owner(t.Context(), t, d, 2)
		if c, _, _ := answer.Current(found); c == nil || !c.Begun {
			t.Errorf("the successor finds %+v, and makes it again", found)
			if may, _, _ := second.Leave(t.Context(), found, tool, func() {}); may {
				_, _ = second.Run(t.Context(), found, tool)
			}
			t.Errorf("%d calls with one leave", p.calls())
		}
	})
}

// TestAFrozenOwnerAfterTheEnd: an owner that froze before its note makes no call after a successor
// has ended the answer.
func TestAFrozenOwnerAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := &place{}, turn.NewMem()
		tool := asks()
		tool.Policy = tools.PolicyEverywhere
		first, rounds := owner(t.Context(), t, p.desk(store), 1)
		second, found := owner(t.Context(), t, p.desk(store), 2)
		if res, err := second.Run(t.Context(), found, tool); err != nil || res.Failed {
			t.Fatal(res, err)
		}
		if err := (transcript.Records{Store: store}).ForgetRounds(t.Context(), here, 2); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Run(t.Context(), rounds, tool); !errors.Is(err, turn.ErrLost) || p.calls() != 1 {
			t.Errorf("the first owner: %v, %d calls", err, p.calls())
		}
	})
}

// TestALeaveIsOfOneCall: an owner that dies before it asks for its second call leaves no question
// open: nobody is told of the first call, which was allowed and made, that it was not.
func TestALeaveIsOfOneCall(t *testing.T) {
	for _, asked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, store := &place{}, turn.NewMem()
			d := p.desk(store)
			first, rounds := owner(t.Context(), t, d, 1)
			rounds[0].Calls = append(rounds[0].Calls, answer.Call{ToolCall: llm.ToolCall{ID: "b", Name: "shed_drop", Arguments: `{"table":"all"}`}})
			allow := func() {
				id, _ := p.newest()
				_, _, _ = d.Decide(t.Context(), Press{Thread: here, ID: id, User: "U1", TS: "3.0", Run: true}, false)
			}
			time.AfterFunc(5*time.Second, allow)
			if may, _, err := first.Leave(t.Context(), rounds, asks(), func() {}); !may || err != nil {
				t.Fatal(may, err)
			}
			if _, err := first.Run(t.Context(), rounds, asks()); err != nil {
				t.Fatal(err)
			}
			rounds[0].Calls[0].Over = true
			if asked {
				ctx, die := context.WithCancelCause(t.Context())
				time.AfterFunc(5*time.Second, func() { die(errors.New("the bot is stopping")) })
				_, _, _ = first.Leave(ctx, rounds, asks(), func() {})
				allow()
			} else {
				rounds[0].Calls[1].Asked = time.Now().Round(0)
				first.Keep(t.Context(), rounds)
			}
			second, _ := owner(t.Context(), t, d, 2)
			if q, late, err := second.Close(t.Context()); late != asked || err != nil {
				t.Errorf("asked %v: %+v, %v, %v", asked, q, late, err)
			}
		})
	}
}

// TestWhatWasAskedStaysAsked: a tool may run unasked since a restart. A call for which somebody was
// asked before still waits for them, and nobody is told that it was not run when it was.
func TestWhatWasAskedStaysAsked(t *testing.T) {
	for _, reads := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, store := &place{}, turn.NewMem()
			d, tool := p.desk(store), asks()
			tool.ReadOnly = reads
			ctx, die := context.WithCancelCause(t.Context())
			defer die(nil)
			first, rounds := owner(t.Context(), t, d, 1)
			time.AfterFunc(5*time.Second, func() { die(errors.New("the bot is stopping")) })
			_, _, _ = first.Leave(ctx, rounds, tool, func() {})
			tool.Policy = tools.PolicyEverywhere
			second, found := owner(t.Context(), t, d, 2)
			time.AfterFunc(5*time.Second, func() {
				id, _ := p.newest()
				_, _, _ = d.Decide(t.Context(), Press{Thread: here, ID: id, User: "U1", TS: "3.0", Run: true}, false)
			})
			may, why, err := second.Leave(t.Context(), found, tool, func() {})
			if _, n := p.newest(); !may || err != nil || n != 2 {
				t.Errorf("reads %v: %v, %q, %v, asked %d times", reads, may, why, err, n)
			}
			if _, err := second.Run(t.Context(), found, tool); err != nil {
				t.Fatal(err)
			}
			third, _ := owner(t.Context(), t, d, 3) // the second has died before it kept the result
			for _, b := range []*Box{second, third} {
				if q, late, err := b.Close(t.Context()); late || err != nil {
					t.Errorf("told that %+v was not run: %v", q, err)
				}
			}
		})
	}
}
