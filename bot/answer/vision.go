package answer

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/prompt"
	"llmbot/bot/recent"
	"llmbot/llm"
)

// visionFor is how long we believe how many pictures a model takes: after a restart it may be
// another, or take more.
const visionFor = 10 * time.Minute

// cannotSee tells a person that the model did not get their picture.
const cannotSee = "The model that I use reads text only: I did not see the picture."

// seesNewest tells a person that the model got the newest pictures only.
func seesNewest(most int) string {
	if most == 1 {
		return "The model server takes one picture at a time: I looked at the newest one of this thread only."
	}
	return fmt.Sprintf("The model server takes %d pictures at a time: I looked at the newest %[1]d of this thread only.", most)
}

// sighted returns the turns with the newest pictures, at most most. It tells the model what it does
// not see.
func sighted(turns []prompt.Turn, most int) []prompt.Turn {
	out := slices.Clone(turns)
	left := most
	for i, t := range slices.Backward(out) {
		n := min(len(t.Images), left)
		left -= n
		if n == len(t.Images) {
			continue
		}
		out[i].Images = t.Images[len(t.Images)-n:]
		switch {
		case most == 0:
			out[i].Files += "\n(You cannot see pictures. Say so if the question is about one.)"
		case n == 0:
			out[i].Files += "\n(You cannot see the pictures of this message, only newer ones. Say so if the question is about one of these.)"
		default:
			out[i].Files += fmt.Sprintf("\n(Of the pictures of this message you see the last %d only. Say so if the question is about another.)", n)
		}
	}
	return out
}

// pictures returns how many pictures the turns have.
func pictures(turns []prompt.Turn) int {
	n := 0
	for _, t := range turns {
		n += len(t.Images)
	}
	return n
}

// refusedPictures returns how many pictures a model takes after all, if a request was refused
// because of those that it had.
func refusedPictures(failure *llm.Error, had int) (most int, ok bool) {
	if had > 0 && failure.NoImages() {
		return 0, true
	}
	most, ok = failure.MaxImages()
	return most, ok && had > most
}

// maxVision is how many models are remembered to take no pictures, or few.
const maxVision = 100

// vision remembers which models refused pictures, and how many they take.
type vision struct {
	mu    sync.Mutex // guards known
	known *simplelru.LRU[string, sight]
}

type sight struct {
	most int
	at   time.Time
}

func newVision() vision { return vision{known: recent.New[string, sight](maxVision)} }

// learn records that a model takes at most most pictures in one request; 0: none.
func (s *vision) learn(model string, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Add(model, sight{most, time.Now()})
}

// most returns how many pictures a model takes. It reports false if no limit is known.
func (s *vision) most(model string) (most int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known.Get(model)
	return known.most, ok && time.Since(known.at) < visionFor
}

// see leaves the newest pictures in the prompt, at most most. It tells the person what the model
// did not get, if there is a picture that came after the last answer.
func (w *Writer) see(in *prompt.Input, most int) {
	if pictures(in.Turns) <= most {
		return
	}
	latest := 0
	for i, t := range in.Turns {
		if t.Who == prompt.Self {
			latest = i
		}
	}
	switch {
	case pictures(in.Turns[latest:]) == 0:
	case most == 0:
		w.Say(cannotSee)
	default:
		w.Say(seesNewest(most))
	}
	in.Turns = sighted(in.Turns, most)
}
