package bot_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

var (
	soakTime = flag.Duration("soak", 20*time.Minute, "the virtual time that TestSoak plays with faults, behind a quiet part of a tenth of it; 10 minutes at least")
	soakSeed = flag.Uint64("soak.seed", 1, "the seed of its faults")
)

const (
	soakQuietLeast = 10 * time.Minute
	soakEvery      = 15 * time.Second // between two questions of well-behaved people, on average
	soakTrouble    = 2 * time.Minute  // between two troubles, on average
	soakAllowance  = 24 << 20         // bytes that the bot may hold more after a long soak than after a quiet time
)

// released is a handler that can be let go, with all that it holds.
type released struct{ h atomic.Pointer[http.Handler] }

func (r *released) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if h := r.h.Load(); h != nil {
		(*h).ServeHTTP(w, req)
		return
	}
	http.Error(w, "gone", http.StatusServiceUnavailable)
}

func (r *released) set(h http.Handler) { r.h.Store(&h) }

// releasedStore is a store that can be let go: what the database holds is not the bot's.
type releasedStore struct{ s atomic.Pointer[turn.Mem] }

func (r *releasedStore) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if s := r.s.Load(); s != nil {
		return s.Update(ctx, key, fn)
	}
	return turn.ErrClosed
}

func (r *releasedStore) Watch(ctx context.Context, prefix string, fn func(string, []byte)) error {
	if s := r.s.Load(); s != nil {
		return s.Watch(ctx, prefix, fn)
	}
	return turn.ErrClosed
}

func (r *releasedStore) Close() error {
	if s := r.s.Swap(nil); s != nil {
		return s.Close()
	}
	return nil
}

// soak is one bot for hours, with well-behaved people, and with one who is not.
type soak struct {
	*world

	rng     *rand.Rand
	waiting []*waitingFor
	waits   []time.Duration // of well-behaved people
	lost    []string
	n       int
	picture []byte
}

// waitingFor is a question whose answer has not been seen yet.
type waitingFor struct {
	channel, ts string
	asked       time.Time
}

// people who behave, and where they ask.
func (s *soak) ask() {
	s.n++
	user := []string{"alice", "bob", "carol"}[s.rng.IntN(3)]
	channel := []string{"general", "engineering", "random", "leads"}[s.rng.IntN(4)]
	if s.rng.IntN(4) == 0 {
		channel = "@" + user
	}
	var files []slacksim.Upload
	if s.rng.IntN(5) == 0 {
		files = append(files, slacksim.Upload{Name: fmt.Sprintf("notes%d.txt", s.n), Data: fmt.Appendf(nil, "a line for question %d", s.n)})
	}
	ts := s.slack.Upload(user, channel, "", s.slack.Mention()+fmt.Sprintf(" nice question %d", s.n), files...)
	s.waiting = append(s.waiting, &waitingFor{channel, ts, time.Now()})
}

// harvest notes how long the answers took that are there.
func (s *soak) harvest(last bool) {
	s.waiting = slices.DeleteFunc(s.waiting, func(q *waitingFor) bool {
		for _, m := range s.answers(q.channel, q.ts) {
			for _, v := range m.Versions {
				if strings.Contains(v.Plain, "first token ") {
					s.waits = append(s.waits, v.At.Sub(q.asked))
					return true
				}
			}
		}
		if last {
			s.lost = append(s.lost, q.channel+"/"+q.ts)
		}
		return false
	})
}

// trouble does one thing that harms others in a bot that is not made for it.
func (s *soak) trouble() {
	mallory := "mallory"
	say := func(text string) string { return s.slack.Say(mallory, "random", "", s.slack.Mention()+" "+text) }
	after := func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	switch n := s.rng.IntN(27); n {
	case 0, 1: // a flood
		for i := range 30 {
			say(fmt.Sprintf("flood %d", i))
		}
	case 2, 3:
		say("endless")
	case 4, 5:
		say("bomb")
	case 6, 7:
		var b strings.Builder
		for range 300 {
			fmt.Fprintf(&b, "<@UNOPE%05d> ", s.rng.IntN(100_000))
		}
		say("nice to all of " + b.String())
	case 8, 9:
		s.slack.Upload(mallory, "random", "", s.slack.Mention()+" nice picture?", slacksim.Upload{Name: "bomb.png", Data: s.picture})
	case 10:
		for range 20 {
			s.slack.Say("gina", "random", "", s.slack.Mention()+" may I?")
		}
	case 11:
		s.slack.Cut()
	case 12:
		s.slack.HalfOpen(1)
	case 13:
		s.slack.Disconnect([]string{"warning", "refresh_requested", "link_disabled"}[s.rng.IntN(3)])
	case 14:
		s.slack.RefuseSockets(1+s.rng.IntN(4), "too_many_websockets")
		s.slack.Cut()
	case 15:
		s.slack.Fail(slacksim.Fault{Method: "chat.update", Times: 5, Status: 429, RetryAfter: 3})
	case 16:
		s.slack.Fail(slacksim.Fault{Times: 3, Status: 503})
	case 17:
		s.slack.Fail(slacksim.Fault{Method: "chat.postMessage", Times: 2, Error: "internal_error", Carry: s.rng.IntN(2) == 0})
	case 18:
		s.slack.Fail(slacksim.Fault{Method: []string{"users.info", "conversations.replies", "chat.update"}[s.rng.IntN(3)], Times: 2, Hang: true})
	case 19:
		s.slack.FailEvent(slacksim.EventFault{Times: 10, Duplicate: s.rng.IntN(3), Delay: time.Duration(s.rng.IntN(3)) * time.Second, LoseAck: s.rng.IntN(3) == 0})
	case 20:
		s.model.Interrupt(llmsim.Tape{llmsim.Cut()})
	case 21:
		s.model.SetMode([]llmsim.Mode{llmsim.Refusing, llmsim.BadGateway, llmsim.Unavailable, llmsim.EngineDead}[s.rng.IntN(4)])
		after(5*time.Second, func() { s.model.SetMode(llmsim.Up) })
	case 22:
		ts := say("nice thing, and then I take it back")
		after(time.Second, func() { _ = s.slack.Delete(mallory, "random", ts) })
	case 23:
		ts := say("nice thing, and then I stop it")
		after(2*time.Second, func() { s.slack.Say(mallory, "random", ts, "stop") })
	case 24: // more than Slack tells of in a minute
		for range 12 {
			var files []slacksim.Upload
			for i := range 10 {
				files = append(files, slacksim.Upload{Name: fmt.Sprintf("plan%d.canvas", i), Data: []byte("<p>a line</p>")})
			}
			s.slack.Upload(mallory, "random", "", s.slack.Mention()+" nice files?", files...)
		}
	case 25:
		for i := range 60 {
			s.slack.Say(mallory, "@"+mallory, "", fmt.Sprintf("nice flood %d", i))
		}
	case 26:
		frames := []string{"oops", "", "null", "[1]", `{"type":7}`, `{"type":"events_api","envelope_id":9,"payload":[]}`, "{", "\xff\xfe"}
		s.slack.Inject([]byte(frames[s.rng.IntN(len(frames))]), s.rng.IntN(2) == 0)
	}
}

// soakScript is what the model does for whom.
func soakScript(c *llmsim.Chat) llmsim.Tape {
	last := ""
	for _, m := range c.Messages {
		if m.Role == "user" {
			last = m.Content
		}
	}
	switch {
	case strings.Contains(last, "endless"):
		t := make(llmsim.Tape, 0, 4000)
		for range 2000 { // a megabyte a second, as long as anybody listens
			t = append(t, llmsim.Chunk(strings.Repeat("and on and on ", 1500), 100), llmsim.Wait(20*time.Millisecond))
		}
		return t
	case strings.Contains(last, "bomb"):
		return llmsim.Tape{llmsim.Chunk(strings.Repeat("word ", 80_000), 1)}
	}
	return nil
}

// run plays for quiet + d, with troubles in d alone, and returns the waits of each part.
func (s *soak) run(quiet, d time.Duration) (calm, rough []time.Duration) {
	play := func(d time.Duration, troubles bool) []time.Duration {
		s.waits = nil
		end, next, nextTrouble, nextHarvest := time.Now().Add(d), time.Now(), time.Now().Add(soakTrouble), time.Now().Add(time.Minute)
		spread := func(mean time.Duration) time.Duration { return time.Duration(float64(mean) * s.rng.ExpFloat64()) }
		for time.Now().Before(end) {
			now := time.Now()
			if !next.After(now) {
				s.ask()
				next = now.Add(spread(soakEvery))
			}
			if troubles && !nextTrouble.After(now) {
				s.trouble()
				nextTrouble = now.Add(spread(soakTrouble))
			}
			if !nextHarvest.After(now) {
				s.harvest(false)
				nextHarvest = now.Add(time.Minute)
			}
			time.Sleep(time.Second)
		}
		s.slack.Heal()
		s.model.SetMode(llmsim.Up)
		time.Sleep(15 * time.Minute) // redeliveries, and whatever is still to be written
		s.harvest(true)
		return s.waits
	}
	calm = play(quiet, false)
	if d > 0 {
		rough = play(d, true)
	}
	return calm, rough
}

// soakResult is what is left of a bot after its soak.
type soakResult struct {
	calm, rough []time.Duration
	goroutines  int
	held        uint64 // bytes
}

// soakFor plays one bot, and measures what it holds when Slack, the model server and the database
// are gone.
func soakFor(t *testing.T, quiet, d time.Duration) (r soakResult) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		users := append(slacksim.DefaultUsers(), slacksim.User{ID: "U0MALLORY1", Name: "mallory", RealName: "Mallory M."})
		cfg := worldConfig{
			slack:    slacksim.Config{Users: users, Latency: 50 * time.Millisecond, Seed: *soakSeed, HoldEvents: 100},
			model:    llmsim.Config{Speed: 60, FirstToken: 200 * time.Millisecond, Script: soakScript},
			bot:      bot.Config{MaxAnswers: 16},
			lateAcks: true,
		}
		w := &world{t: t, slack: slacksim.New(cfg.slack), model: llmsim.New(cfg.model), log: &logBuffer{}, settling: make(chan struct{}, 1)}
		store := &releasedStore{}
		store.s.Store(turn.NewMem())
		cfg.store = func() turn.Store { return store }
		slackSide, modelSide := &released{}, &released{}
		slackSide.set(w.slack)
		modelSide.set(w.model)
		slackNet, modelNet := memnet.Serve(slackSide), memnet.Serve(modelSide)
		w.again = func() { w.start(cfg, slackNet, modelNet) }
		w.again()
		w.until("both sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2 })
		s := &soak{world: w, rng: rand.New(rand.NewPCG(*soakSeed, 5)), picture: bigPicture(t)}
		r.calm, r.rough = s.run(quiet, d)
		if len(s.lost) > 0 {
			t.Errorf("%d of %d questions were not answered: %v\n%s", len(s.lost), s.n, s.lost, w.log.tail(4000))
		}
		w.check(cfg)
		r.goroutines = runtime.NumGoroutine()
		w.slack.Close()
		slackSide.h.Store(nil)
		modelSide.h.Store(nil)
		_ = store.Close()
		w.log.reset()
		w.slack, w.model, *s = nil, nil, soak{}
		time.Sleep(time.Minute)
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		r.held = m.HeapAlloc
		w.stop()
		_ = slackNet.Close()
		_ = modelNet.Close()
	})
	return r
}

// TestSoak plays hours in which one person floods, drops bombs and never ends, Slack loses calls
// and sockets, and the model server fails. Everybody else has their answers within twice the quiet
// time, and the bot holds no more than before.
func TestSoak(t *testing.T) {
	if raceDetector {
		t.Skip("it plays what other tests play, for longer")
	}
	quiet := max(*soakTime/10, soakQuietLeast)
	before := soakFor(t, quiet, 0)
	after := soakFor(t, quiet, *soakTime)
	calm, rough := percentile(append(slices.Clone(before.calm), after.calm...), 95), percentile(after.rough, 95)
	t.Logf("%d questions; p50, p95, most: quiet %s %s %s, with troubles %s %s %s; goroutines %d, then %d; bytes held %d, then %d",
		len(before.calm)+len(after.calm)+len(after.rough), percentile(after.calm, 50), calm, percentile(after.calm, 100),
		percentile(after.rough, 50), rough, percentile(after.rough, 100), before.goroutines, after.goroutines, before.held, after.held)
	if rough > 2*calm {
		t.Errorf("others waited %s (p95), %s when it was quiet", rough, calm)
	}
	if after.goroutines > before.goroutines+10 {
		t.Errorf("%d goroutines, %d before", after.goroutines, before.goroutines)
	}
	if after.held > before.held+soakAllowance {
		t.Errorf("%d bytes are held, %d before", after.held, before.held)
	}
}

func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[min(len(d)-1, len(d)*p/100)]
}

// plain16 is a picture of one colour with 16 bits a channel, which takes no memory here.
type plain16 struct{ side int }

func (plain16) ColorModel() color.Model   { return color.RGBA64Model }
func (p plain16) Bounds() image.Rectangle { return image.Rect(0, 0, p.side, p.side) }
func (plain16) At(int, int) color.Color   { return color.RGBA64{A: 0xFFFF} }

// bigPicture is a small file that would take 128 MB when it is read.
func bigPicture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, plain16{4000}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
