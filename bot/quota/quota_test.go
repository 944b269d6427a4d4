package quota

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

func person(answers, tokens int) Account {
	return Account{Of: Person, ID: "U", Limits: Limits{AnswersPerMinute: answers, TokensPerDay: tokens}}
}

func raw(t *testing.T, store turn.Store, key string) (out []byte) {
	t.Helper()
	if err := store.Update(t.Context(), key, func(old []byte) ([]byte, error) { out = old; return nil, turn.ErrKeep }); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWindow compares the lists with what was really used at which time.
func TestWindow(t *testing.T) {
	for name, w := range map[string]window{"minute": minute(), "day": day()} {
		for seed := range uint64(15) {
			r := rand.New(rand.NewPCG(seed, 1))
			var list []tally
			type used struct {
				at time.Time
				n  int
			}
			var all []used
			now := time.UnixMilli(1_700_000_000_000)
			rare := 1 + r.IntN(300)
			for range 600 {
				now = now.Add(time.Duration(r.Int64N(int64(w.span) / int64(rare)))).Truncate(time.Millisecond)
				if list = w.drop(list, now); r.IntN(3) > 0 {
					n := 1 + r.IntN(5)
					list = w.add(list, now, n)
					all = append(all, used{now, n})
				}
				most, least := 0, 0 // used in the span, and in it and a step
				for _, u := range all {
					if now.Sub(u.at) < w.span {
						least += u.n
					}
					if now.Sub(u.at) < w.span+w.step {
						most += u.n
					}
				}
				if got := sum(list); got < least || got > most {
					t.Fatalf("%s, seed %d: %d, and not %d to %d", name, seed, got, least, most)
				}
				if len(list) > int(w.span/w.step)+1 {
					t.Fatalf("%s: %d tallies", name, len(list))
				}
				if limit := 1 + r.IntN(20); sum(list) >= limit {
					until := w.until(list, limit)
					if before := sum(w.drop(list, until.Add(-time.Millisecond))); before < limit {
						t.Fatalf("%s, seed %d: room before the time that is told", name, seed)
					}
					if then := sum(w.drop(list, until)); then >= limit || !until.After(now) || until.Sub(now) > w.span {
						t.Fatalf("%s, seed %d: no room at the time that is told, in %s", name, seed, until.Sub(now))
					}
				}
			}
		}
	}
}

func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := turn.NewMem()
		l, me := Ledger{store}, person(2, 0)
		room := Account{Of: Channel, ID: "C", Limits: Limits{AnswersPerMinute: 3}}
		begin := func(work string, takeover bool, accounts ...Account) Over {
			t.Helper()
			over, err := l.Begin(t.Context(), work, takeover, accounts...)
			if err != nil {
				t.Fatal(err)
			}
			return over
		}
		start := time.Now()
		for i, want := range []Limit{"", "", AnswersPerMinute} {
			if over := begin(fmt.Sprint(i), true, me, room); over.Limit != want || want != "" && !over.Until.Equal(start.Add(time.Minute)) {
				t.Errorf("%d: %+v", i, over)
			}
			time.Sleep(10 * time.Second)
		}
		if over := begin("0", true, me, room); over.Limit != "" {
			t.Errorf("an answer that goes on is refused: %+v", over)
		}
		if over := begin("0", false, me, room); over.Limit == "" {
			t.Error("another answer in the same place is not counted")
		}
		if err := l.End(t.Context(), "0", me, room); err != nil {
			t.Fatal(err)
		}
		if over := begin("0", true, me, room); over.Limit == "" {
			t.Error("an answer goes on that has ended")
		}
		if over := begin("3", true, person(0, 0), room); over.Limit != "" {
			t.Error("what the person was refused counts for the channel")
		}
		other := Account{Of: Person, ID: "V", Limits: Limits{AnswersPerMinute: 1}}
		if over := begin("4", true, other, room); over.Account.Of != Channel {
			t.Errorf("%+v", over)
		}
		if got := raw(t, store, other.key()); got != nil {
			t.Errorf("what the channel was refused counts for the person: %s", got)
		}
		time.Sleep(30 * time.Second) // the first one is a minute ago
		if over := begin("5", true, me, room); over.Limit != "" {
			t.Errorf("%+v", over)
		}
		if over := begin("6", true, me, room); over.Limit == "" {
			t.Error("two more")
		}
	})
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := turn.NewMem()
		l, me := Ledger{store}, person(0, 100)
		spend := func(n int) {
			t.Helper()
			if err := l.Spend(t.Context(), n, me, Account{Of: Channel, ID: "C", Limits: Limits{AnswersPerMinute: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		spent := func() Over {
			t.Helper()
			over, err := l.Spent(t.Context(), me)
			if err != nil {
				t.Fatal(err)
			}
			return over
		}
		spend(60)
		time.Sleep(time.Hour)
		if over := spent(); over.Limit != "" {
			t.Errorf("%+v", over)
		}
		spend(39)
		if over := spent(); over.Limit != "" {
			t.Errorf("%+v", over)
		}
		spend(500)
		over := spent()
		if left := time.Until(over.Until); over.Limit != TokensPerDay || left != 24*time.Hour {
			t.Errorf("%+v, in %s", over, left)
		}
		if again, err := l.Begin(t.Context(), "w", true, me); err != nil || again.Limit != TokensPerDay {
			t.Errorf("%+v, %v", again, err)
		}
		if use, err := l.Used(t.Context(), me); err != nil || use != (Use{Tokens: 599}) {
			t.Errorf("%+v, %v", use, err)
		}
		if got := raw(t, store, "quota/channel/C"); got != nil {
			t.Errorf("counted without a limit: %s", got)
		}
		time.Sleep(24 * time.Hour)
		if over, err := l.Begin(t.Context(), "w", true, me); err != nil || over.Limit != "" {
			t.Errorf("%+v, %v", over, err)
		}
		if err := l.End(t.Context(), "w", me); err != nil {
			t.Fatal(err)
		}
		if got := raw(t, store, me.key()); got != nil {
			t.Errorf("an empty record stays: %s", got)
		}
	})
}

// A record is small, whatever is done with it, and whatever somebody has written there.
func TestRecordIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := turn.NewMem()
		l, me := Ledger{store}, person(1_000_000, 1_000_000_000)
		for i := range 1000 {
			if over, err := l.Begin(t.Context(), fmt.Sprintf("C0123456789/1700000000.%06d", i), true, me); err != nil || over.Limit != "" {
				t.Fatal(over, err)
			}
			if err := l.Spend(t.Context(), 30_000, me); err != nil {
				t.Fatal(err)
			}
			time.Sleep(70 * time.Millisecond * time.Duration(1+i%2*600))
		}
		if got := raw(t, store, me.key()); len(got) > 20_000 {
			t.Errorf("%d bytes", len(got))
		}
		for _, bad := range []string{"{", "null", "[]", `{"answers":"x"}`, `{"answers":[[99999999999999,5]]}`, `{"tokens":[[1,-5]],"open":{"x":-1}}`} {
			if err := store.Update(t.Context(), me.key(), func([]byte) ([]byte, error) { return []byte(bad), nil }); err != nil {
				t.Fatal(err)
			}
			if over, err := l.Begin(t.Context(), "w", true, person(5, 5)); err != nil || over.Limit != "" && time.Until(over.Until) > time.Minute {
				t.Errorf("%s: %+v, %v", bad, over, err)
			}
		}
	})
}

// TestBeginHammer has replicas and people count in one store at once: exactly so many answers begin as there may.
func TestBeginHammer(t *testing.T) {
	store := turn.NewMem()
	room := Account{Of: Channel, ID: "C", Limits: Limits{AnswersPerMinute: 40}}
	var all sync.WaitGroup
	var begun [4]atomic.Int64
	for g := range 8 {
		l := Ledger{store}
		me := person(15, 1000)
		me.ID += fmt.Sprint(g % 4)
		all.Go(func() {
			for i := range 60 {
				over, err := l.Begin(t.Context(), fmt.Sprintf("%d/%d", g, i), true, me, room)
				if err != nil {
					t.Error(err)
				}
				if over.Limit == "" {
					begun[g%4].Add(1)
				}
			}
		})
	}
	all.Wait()
	total := int64(0)
	for i := range begun {
		n := begun[i].Load()
		if total += n; n > 15 {
			t.Errorf("%d answers of one person", n)
		}
	}
	if total > 40 {
		t.Errorf("%d answers in the channel", total)
	}
	var r record
	if err := json.Unmarshal(raw(t, store, room.key()), &r); err != nil || sum(r.Answers) != int(total) {
		t.Errorf("%d counted, %d begun, %v", sum(r.Answers), total, err)
	}
	if total < 40 || slices.ContainsFunc(r.Answers, func(a tally) bool { return a[1] <= 0 }) {
		t.Errorf("%d begun: %v", total, r.Answers)
	}
}
