package bot_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/llm"
)

// What a reader sees, measured on the whole bot; the definitions are those of package pace's
// simulation: the reader reads 5.3 tokens a second, and text counts as existing 0.11 s after its
// token (Slack's latency is free) where a stall is measured.
const (
	readsPerSecond = 5.3
	grace          = 0.11
	// ack is what the definitions count on top of the moment in which the emulated Slack changes a
	// message: it does so halfway through the call, and a call shows its text when it is over.
	ack = 50 * time.Millisecond
)

// timeline is one answer: when each token came, and when how much was visible. Times are in seconds
// since the first of all tokens was asked for.
type timeline struct {
	born  []float64 // of each token
	chars []int     // characters of the answer once that token was there
	seen  []visible
	calls int
}

type visible struct {
	at     float64
	tokens int
}

// recorder notes when each token of each answer came. It is an answer.Model.
type recorder struct {
	model answer.Model
	start time.Time

	mu   sync.Mutex // guards all below
	byID map[string]*timeline
}

func (r *recorder) Stream(ctx context.Context, req llm.Request, on func(llm.Delta) error) (llm.Result, error) {
	tl := &timeline{}
	r.mu.Lock()
	r.byID[req.ID] = tl
	r.mu.Unlock()
	chars := 0
	return r.model.Stream(ctx, req, func(d llm.Delta) error {
		chars += len([]rune(d.Text))
		r.mu.Lock()
		tl.born = append(tl.born, time.Since(r.start).Seconds())
		tl.chars = append(tl.chars, chars)
		r.mu.Unlock()
		return on(d)
	})
}

// of returns the answer to the message ts, which is over; nil: there is none.
func (r *recorder) of(ts string) *timeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID["llmbot-"+strings.ReplaceAll(ts, ".", "-")]
}

// look adds what was visible when, from the messages of the answer.
func (tl *timeline) look(messages []slacksim.Message, start time.Time) {
	type change struct {
		at   time.Time
		of   int
		size int
	}
	var changes []change
	for i, m := range messages {
		tl.calls += len(m.Versions)
		for _, v := range m.Versions {
			size := 0
			for _, b := range v.Blocks {
				if b["type"] == "markdown" {
					size += len([]rune(strings.TrimRight(fmt.Sprint(b["text"]), " \n")))
				}
			}
			changes = append(changes, change{v.At.Add(ack), i, size})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	sizes := make([]int, len(messages))
	best := 0
	for _, c := range changes {
		sizes[c.of] = c.size
		sum := 0
		for _, n := range sizes {
			sum += n
		}
		tokens, _ := slices.BinarySearchFunc(tl.chars, sum+1, cmp.Compare[int]) // tokens whose text is visible in full
		if sum >= tl.chars[len(tl.chars)-1]-2*len(messages) {
			tokens = len(tl.born) // a space at a page's end belongs to neither page
		}
		if tokens > best {
			best = tokens
			tl.seen = append(tl.seen, visible{c.at.Sub(start).Seconds(), tokens})
		}
	}
}

// figures are those of a run, over all its answers.
type figures struct {
	n, incomplete, refused, continued int
	first, stale, stall, lag, lagMax  float64
	calls                             float64
}

func (f *figures) add(tl *timeline) {
	f.n++
	n := len(tl.born)
	begins, ends := tl.born[0], tl.born[n-1]
	end := ends + 60
	if k := len(tl.seen); k > 0 && tl.seen[k-1].tokens == n {
		end = tl.seen[k-1].at
	} else {
		f.incomplete++
	}
	first := end - begins
	if len(tl.seen) > 0 {
		first = tl.seen[0].at - begins
	}
	from, k, read, stale, stall := begins, 0, begins, 0.0, 0.0
	for i := range len(tl.seen) + 1 {
		to := end
		if i < len(tl.seen) {
			to = tl.seen[i].at
		}
		if k < n {
			if lo, hi := max(from, tl.born[k]), min(to, ends); hi > lo {
				stale += (hi - lo) * ((lo+hi)/2 - tl.born[k])
			}
			stall += max(0, to-max(from, read, tl.born[k]+grace))
		}
		if i < len(tl.seen) {
			read = max(read, to) + float64(tl.seen[i].tokens-k)/readsPerSecond
			from, k = to, tl.seen[i].tokens
		}
	}
	f.first += first
	f.stale += stale / max(ends-begins, 0.02)
	f.stall += stall
	f.lag += max(end-ends, 0)
	f.lagMax = max(f.lagMax, end-ends)
	f.calls += float64(tl.calls)
}

func (f *figures) mean() *figures {
	m, n := new(*f), float64(max(f.n, 1))
	m.first, m.stale, m.stall, m.lag, m.calls = f.first/n, f.stale/n, f.stall/n, f.lag/n, f.calls/n
	return m
}

func (f *figures) String() string {
	return fmt.Sprintf("first %.2f  staleness %.3f  stall %.2f  end lag %.2f/%.2f  calls %.1f  429s %d  continued %d  incomplete %d of %d",
		f.first, f.stale, f.stall, f.lag, f.lagMax, f.calls, f.refused, f.continued, f.incomplete, f.n)
}
