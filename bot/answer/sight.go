package answer

import (
	"slices"
	"sync"
	"time"

	"llmbot/bot/prompt"
)

// textOnlyFor is how long it is believed that a model takes no pictures: it may be another one
// after a restart.
const textOnlyFor = 10 * time.Minute

// cannotSee is what a person is told whose picture was not shown to the model.
const cannotSee = "The model that I use reads text only: I did not see the picture."

// blind returns turns for a model that takes no pictures.
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

// sight remembers which models refused pictures. The zero value is ready.
type sight struct {
	mu   sync.Mutex // guards none
	none map[string]time.Time
}

func (s *sight) refused(model string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.none == nil {
		s.none = map[string]time.Time{}
	}
	s.none[model] = time.Now()
}

func (s *sight) blind(model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.none[model]
	return ok && time.Since(at) < textOnlyFor
}
