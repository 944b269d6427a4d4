package answer

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/prompt"
	"llmbot/bot/recent"
)

// textOnlyFor is how long we believe that a model takes no pictures: after a restart it may be
// another.
const textOnlyFor = 10 * time.Minute

// cannotSee tells a person that the model did not get their picture.
const cannotSee = "The model that I use reads text only: I did not see the picture."

// blind returns the turns without their pictures, for a model that takes none.
func blind(turns []prompt.Turn) []prompt.Turn {
	out := slices.Clone(turns)
	for i := range out {
		if len(out[i].Images) > 0 {
			out[i].Images = nil
			out[i].Files += "\n(You cannot see pictures. Say so if the question is about one.)"
		}
	}
	return out
}

// maxBlind is how many models are remembered to take no pictures.
const maxBlind = 100

// vision remembers which models refused pictures.
type vision struct {
	mu   sync.Mutex // guards none
	none *simplelru.LRU[string, time.Time]
}

func newVision() vision { return vision{none: recent.New[string, time.Time](maxBlind)} }

func (s *vision) refused(model string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.none.Add(model, time.Now())
}

func (s *vision) blind(model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.none.Get(model)
	return ok && time.Since(at) < textOnlyFor
}
