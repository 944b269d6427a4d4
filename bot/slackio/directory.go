package slackio

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
)

const (
	peopleTTL  = time.Hour       // names and roles change rarely
	missingTTL = 5 * time.Minute // for what Slack does not know, or does not tell
	maxPeople  = 20_000          // entries of each directory; those that were not asked for the longest go first
)

// directory remembers what Slack says of ids, also that it says nothing. Of those who ask for the same at the same time one asks Slack: a
// hundred questions of a new person cost one look-up.
type directory[T any] struct {
	mu     sync.Mutex // guards all below
	known  *simplelru.LRU[string, known[T]]
	asking map[string]chan struct{} // closed when the look-up that is under way has ended
}

type known[T any] struct {
	value T
	no    error // Slack has none of this id; nil: it has
	until time.Time
}

func newDirectory[T any]() *directory[T] {
	return &directory[T]{known: recent.New[string, known[T]](maxPeople), asking: map[string]chan struct{}{}}
}

// get is what is known of id, as of an hour ago at most; else what ask says. isMissing tells which of its errors are remembered. When it fails,
// something older beats nothing.
func (d *directory[T]) get(ctx context.Context, id string, ask func(context.Context) (T, error), isMissing func(error) bool) (T, error) {
	for {
		k, have, wait := d.begin(id)
		switch {
		case have && time.Now().Before(k.until):
			return k.value, k.no
		case wait == nil:
			return d.ask(ctx, id, k, have, ask, isMissing)
		}
		select {
		case <-wait: // and look again
		case <-ctx.Done():
			if have && k.no == nil {
				return k.value, nil
			}
			var none T
			return none, context.Cause(ctx)
		}
	}
}

// begin says what is known of id; if that is too old and wait is nil, the caller has to ask.
func (d *directory[T]) begin(id string) (k known[T], have bool, wait <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, have = d.known.Get(id)
	if have && time.Now().Before(k.until) {
		return k, have, nil
	}
	if under := d.asking[id]; under != nil {
		return k, have, under
	}
	d.asking[id] = make(chan struct{})
	return k, have, nil
}

func (d *directory[T]) ask(ctx context.Context, id string, old known[T], have bool, ask func(context.Context) (T, error), isMissing func(error) bool) (T, error) {
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		close(d.asking[id])
		delete(d.asking, id)
	}()
	keep := func(k known[T]) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.known.Add(id, k)
	}
	v, err := ask(ctx)
	switch {
	case err == nil:
		keep(known[T]{value: v, until: time.Now().Add(peopleTTL)})
	case isMissing(err):
		keep(known[T]{no: err, until: time.Now().Add(missingTTL)})
	}
	if err != nil && have && old.no == nil {
		return old.value, nil
	}
	return v, err
}
