package turn

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Store is all that is asked of a database. Package turntest has the suite that says what is meant; every store passes it.
//
// Keys are valid UTF-8 without NUL, at most 512 bytes, and not empty; Update refuses others with ErrKey (see CheckKey). Values are any bytes, usually a few hundred, up to 1 MB. Both are the
// caller's again when a call or a callback returns: a store keeps and hands out copies.
type Store interface {
	// Update is an atomic read-modify-write of one small record. fn is pure and may run again; ErrKeep leaves it as it is.
	//
	// old is nil if there is no record; a result of length 0 deletes it. Another error of fn leaves the record too and is returned
	// (possibly wrapped). fn is not running any more when Update returns. When Update returns nil the change is durable; when it returns an error, among them ctx's, the change
	// may have been made or not.
	Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error
	// Watch calls fn for all records under prefix now, then for changes. It may skip states and repeat, never miss the last one.
	//
	// A deleted record is told with a nil value. fn is called by one goroutine at a time, and not after Watch has returned; a slow fn
	// delays only its own Watch. Watch returns when ctx ends (with its error), when the store is closed, or when the
	// database fails for good in a way that watching anew may cure; the caller then calls it again.
	Watch(ctx context.Context, prefix string, fn func(key string, value []byte)) error
	// Close ends all watches and gives the database back. Later calls fail with ErrClosed, as do those under way.
	Close() error
}

var (
	// ErrKeep is returned by the fn of Store.Update to leave the record as it is; Update then returns nil.
	ErrKeep = errors.New("keep the record as it is")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrLost says that a claim must not write any more: another process has it, or it is over.
	ErrLost = errors.New("thread is answered elsewhere")
	// ErrLapsed says that a claim could not be renewed in time, so that nobody knows whether another process has it. It wraps
	// ErrLost. The claim comes back to life if a later renewal finds that nobody took it.
	ErrLapsed = fmt.Errorf("lease not renewed in time: %w", ErrLost)
	// ErrKey says that a key is none, however often it is tried: that is no outage of the store.
	ErrKey = errors.New("not a key")
	// ErrCorrupt says that a record is no JSON object of ours. It is never overwritten.
	ErrCorrupt = errors.New("unreadable thread record")
)

const (
	maxKey   = 512 // bytes
	shownKey = 40  // bytes of a bad one that its error shows
)

// CheckKey returns nil if a store takes key, else an ErrKey.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return fmt.Errorf("%w: %q of %d bytes", ErrKey, key[:min(len(key), shownKey)], len(key))
	}
	return nil
}

// TS is a Slack timestamp such as "1700000000.123456", compared as the number that it is: under synctest the year is 2000 and
// seconds have nine digits. The empty TS means never and is before all others. Any string has a place in the order.
type TS string

// Compare returns -1, 0 or +1, as a is before, the same as, or after b.
func (a TS) Compare(b TS) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	aWhole, aRest, _ := strings.Cut(string(a), ".")
	bWhole, bRest, _ := strings.Cut(string(b), ".")
	aWhole, bWhole = strings.TrimLeft(aWhole, "0"), strings.TrimLeft(bWhole, "0")
	return cmp.Or(
		cmp.Compare(len(aWhole), len(bWhole)),
		cmp.Compare(aWhole, bWhole),
		cmp.Compare(strings.TrimRight(aRest, "0"), strings.TrimRight(bRest, "0")),
	)
}

// After says whether a is later than b.
func (a TS) After(b TS) bool { return a.Compare(b) > 0 }

// Max returns the later of the two, a if they are the same.
func (a TS) Max(b TS) TS {
	if b.After(a) {
		return b
	}
	return a
}

// Record is what is kept of one thread. It is a level, not a log: whatever happened how often and in
// which order, the record says what is owed now. The zero Record is a thread of which nothing is known.
type Record struct {
	Asked     TS       // newest thing that wants an answer; only grows. An older version may have left a moment after it, with seven decimals
	Heard     TS       // newest message that came before anything was asked: it may want an answer once something is; only grows
	Answered  TS       // newest thing that has one; only grows
	Stop      TS       // newest stop; only grows. What was asked at or before it is not to be written further
	Changed   TS       // newest time at which a message of the thread was edited or deleted, as far as the owner was not told otherwise; only grows
	For       TS       // what the answer under way (For after Answered) or the last one (otherwise) answers
	Reply     []string // the messages of that answer, oldest first
	Owner     string   // the process that writes it; "" nobody
	Epoch     uint64   // counts owners; only grows
	Heartbeat uint64   // counts the writes of one owner in one Epoch
	Load      int      // threads that the owner was busy with at its last write, this one and those that it was being asked about too
	Look      bool     // an owner that was taken for dead may wake and write over the answer: it is to be looked at once more
	Blame     int      // owners that died in this answer since it last came on, one after the other, in parts of Death

	rest map[string]json.RawMessage // fields of a newer version, written back as they came
}

// Owed says whether the thread is owed an answer.
func (r Record) Owed() bool { return r.Asked.After(r.Answered) }

// Stopped says whether what is under way was told to stop.
func (r Record) Stopped() bool { return r.For != "" && r.Stop.Compare(r.For) >= 0 }

const (
	// BlameUnit is what Tries grows by when an owner dies that was busy with this thread alone. Of several threads any may have killed
	// it, so that each is suspected less.
	BlameUnit = 12
	// maxSuspects limits that: in a crowd too the thread that kills its owners is found, after maxSuspects times as many deaths.
	maxSuspects = 4
)

// blame is what the owner's death adds to Tries.
func (r Record) blame() int { return BlameUnit / min(max(1, r.Load), maxSuspects) }

// over ends the answer under way: what it was to answer beyond Answered, since it was stopped before, is for the next one.
func (r Record) over() Record {
	if r.For.After(r.Answered) {
		r.For, r.Reply, r.Blame = r.Answered, nil, 0
	}
	return r
}

// free leaves the thread without an owner.
func (r Record) free() Record {
	r.Owner, r.Load = "", 0
	return r
}

// claim makes owner the owner, which is then busy with so many threads. An answer that was under way goes on (same For, same Reply); otherwise everything asked so far
// is answered together, by a new answer.
func (r Record) claim(owner string, among int) Record {
	r.Owner, r.Epoch, r.Heartbeat, r.Load = owner, r.Epoch+1, 0, among
	return r.startNext()
}

// startNext moves For on if nothing is under way.
func (r Record) startNext() Record {
	if !r.For.After(r.Answered) {
		r.For, r.Reply, r.Blame = r.Asked, nil, 0
	}
	return r
}

// fields names the JSON fields and where they are.
func fields(r *Record) map[string]any {
	return map[string]any{
		"asked": &r.Asked, "heard": &r.Heard, "answered": &r.Answered, "stop": &r.Stop, "changed": &r.Changed, "for": &r.For, "reply": &r.Reply,
		"owner": &r.Owner, "epoch": &r.Epoch, "beat": &r.Heartbeat, "among": &r.Load, "blame": &r.Blame, "look": &r.Look,
	}
}

// Decode reads a record as a store returns it; nil is the zero Record. Fields that this version does not know are kept for
// Encode. An error wraps ErrCorrupt.
func Decode(b []byte) (Record, error) {
	var r Record
	if len(b) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(b, &r.rest); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if r.rest == nil { // JSON null
		return Record{}, fmt.Errorf("%w: null", ErrCorrupt)
	}
	for name, field := range fields(&r) {
		raw, ok := r.rest[name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, field); err != nil {
			return Record{}, fmt.Errorf("%w: field %s: %w", ErrCorrupt, name, err)
		}
		delete(r.rest, name)
	}
	if raw, ok := r.rest[oldTries]; ok {
		var whole int
		if err := json.Unmarshal(raw, &whole); err != nil {
			return Record{}, fmt.Errorf("%w: field %s: %w", ErrCorrupt, oldTries, err)
		}
		delete(r.rest, oldTries)
		r.Blame = max(r.Blame, min(max(whole, 0), mostOldTries)*BlameUnit)
	}
	return r, nil
}

const (
	// oldTries is the field of older versions, which counted whole deaths. They would take ours for more, so ours has another name.
	oldTries     = "tries"
	mostOldTries = 1000
)

// Encode is the inverse of Decode. Equal records give equal bytes; empty fields are left out.
func (r Record) Encode() ([]byte, error) {
	out := make(map[string]json.RawMessage, len(r.rest)+13)
	maps.Copy(out, r.rest)
	for name, field := range fields(&r) {
		raw, err := json.Marshal(field)
		if err != nil {
			return nil, fmt.Errorf("encode field %s: %w", name, err)
		}
		if s := string(raw); s != `""` && s != "0" && s != "null" && s != "[]" && s != "false" {
			out[name] = raw
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode thread record: %w", err)
	}
	return b, nil
}

// Equal says whether two records are the same, unknown fields included.
func (r Record) Equal(o Record) bool {
	return r.Asked == o.Asked && r.Heard == o.Heard && r.Answered == o.Answered && r.Stop == o.Stop && r.Changed == o.Changed && r.For == o.For && slices.Equal(r.Reply, o.Reply) &&
		r.Owner == o.Owner && r.Epoch == o.Epoch && r.Heartbeat == o.Heartbeat && r.Load == o.Load && r.Blame == o.Blame && r.Look == o.Look &&
		maps.EqualFunc(r.rest, o.rest, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
}
