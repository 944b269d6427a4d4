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
	roleTTL    = time.Minute     // where a role decides what somebody may read
	missingTTL = 5 * time.Minute // for ids that Slack does not know or does not tell
	// maxPeople is how many entries a directory has. The one that nobody asked for the longest is
	// dropped.
	maxPeople = 20_000
)

// directory caches Slack's answers about ids, refusals too. It asks once for several callers that
// want the same id at the same time, so a hundred questions of a new person cost one look-up. If
// that fails, all who would have tried as long fail with it: one after the other they would wait a
// hundred times as long.
type directory[T any] struct {
	mu     sync.Mutex // guards all below
	known  *simplelru.LRU[string, known[T]]
	asking map[string]*asking // the look-ups under way
}

// asking is a look-up under way.
type asking struct {
	patience patience
	ended    chan struct{} // closed when it has ended
	// err is Slack's failure; set before ended is closed; nil: it tells nothing for others
	err error
}

// patience is how long a look-up is tried.
type patience int

const (
	tryOnce     patience = iota // it may be left out: see spared
	tryFewTimes                 // see lookUp
	tryLong                     // see decide
)

type known[T any] struct {
	value T
	no    error // Slack's refusal; nil: value is good
	asked time.Time
	until time.Time
}

// isFresh reports whether Slack told a value at most age ago, or refused it a short while ago.
func (k known[T]) isFresh(now time.Time, age time.Duration) bool {
	return now.Before(k.until) && (k.no != nil || now.Before(k.asked.Add(age)))
}

func newDirectory[T any]() *directory[T] {
	return &directory[T]{known: recent.New[string, known[T]](maxPeople), asking: map[string]*asking{}}
}

// get returns the cached value of id if it is fresh, else what ask returns. isMissing reports which
// errors of ask are cached. When ask fails, get returns an older value if there is one.
func (d *directory[T]) get(ctx context.Context, id string, p patience, ask func(context.Context) (T, error), isMissing func(error) bool) (T, error) {
	v, old, err := d.look(ctx, id, peopleTTL, p, ask, isMissing)
	if err != nil && old != nil {
		return *old, nil
	}
	return v, err
}

// fresh returns the value of id as Slack told it at most age ago, else what ask returns. When ask
// fails, it fails, whatever Slack told before.
func (d *directory[T]) fresh(ctx context.Context, id string, age time.Duration, ask func(context.Context) (T, error), isMissing func(error) bool) (T, error) {
	v, _, err := d.look(ctx, id, age, tryFewTimes, ask, isMissing)
	return v, err
}

// look returns a value that is at most age old. old is one that is older; nil: there is none.
func (d *directory[T]) look(
	ctx context.Context, id string, age time.Duration, p patience, ask func(context.Context) (T, error), isMissing func(error) bool,
) (v T, old *T, err error) {
	for {
		k, have, mine, other := d.begin(id, age, p)
		if have && k.isFresh(time.Now(), age) {
			return k.value, nil, k.no
		}
		if have && k.no == nil {
			old = &k.value
		}
		if mine != nil {
			v, err := d.ask(ctx, id, mine, ask, isMissing)
			return v, old, err
		}
		select {
		case <-other.ended:
			if other.err != nil && other.patience >= p {
				return v, old, other.err
			}
			// and look again
		case <-ctx.Done():
			return v, old, context.Cause(ctx)
		}
	}
}

// peek returns the cached value of id, however old.
func (d *directory[T]) peek(id string) (value T, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, have := d.known.Peek(id)
	return k.value, have && k.no == nil
}

// begin returns the cached value of id. If the value is too old, the caller has to ask with mine,
// or has to wait for other.
func (d *directory[T]) begin(id string, age time.Duration, p patience) (k known[T], have bool, mine, other *asking) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, have = d.known.Get(id)
	if have && k.isFresh(time.Now(), age) {
		return k, have, nil, nil
	}
	if under := d.asking[id]; under != nil {
		return k, have, nil, under
	}
	mine = &asking{patience: p, ended: make(chan struct{})}
	d.asking[id] = mine
	return k, have, mine, nil
}

func (d *directory[T]) ask(ctx context.Context, id string, mine *asking, ask func(context.Context) (T, error), isMissing func(error) bool) (T, error) {
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		close(mine.ended)
		delete(d.asking, id)
	}()
	keep := func(k known[T]) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.known.Add(id, k)
	}
	v, err := ask(ctx)
	switch now := time.Now(); {
	case err == nil:
		keep(known[T]{value: v, asked: now, until: now.Add(peopleTTL)})
	case isMissing(err):
		keep(known[T]{no: err, asked: now, until: now.Add(missingTTL)})
	case ctx.Err() == nil: // or else its caller has ended it
		mine.err = err
	}
	return v, err
}
