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

// Store is all that the bot asks of a database. Package turntest has the suite that defines it;
// every store passes that suite.
//
// A key is valid UTF-8 of 1 to 512 bytes without NUL; Update refuses others with ErrKey (see
// CheckKey). Values are any bytes, usually a few hundred, up to 1 MB. Both are the caller's again
// when a call or a callback returns: a store keeps and hands out copies.
type Store interface {
	// Update does an atomic read-modify-write of one small record. fn is pure and may run again.
	//
	// old is nil if there is no record; a result of length 0 deletes the record. If fn returns
	// ErrKeep the record stays as it is, and Update returns nil. Another error of fn leaves the
	// record too, and Update returns it, possibly wrapped. fn is not running any more when Update
	// returns. A nil error means that the change is durable. After an error, among them ctx's, the
	// change may have been made or not.
	Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error
	// Watch calls fn for all records under prefix now, then once with an empty key, which says that
	// all were told, then for changes. It may skip states and repeat them, but never misses the last
	// one.
	//
	// The value of a deleted record is nil. One goroutine at a time calls fn, and none after Watch
	// has returned; a slow fn delays only its own Watch. Watch returns when ctx ends (with its
	// error), when the store is closed, or when the database fails in a way that another Watch may
	// cure; the caller then calls it again.
	Watch(ctx context.Context, prefix string, fn func(key string, value []byte)) error
	// Close ends all watches and releases the database. Later calls, and those under way, fail with
	// ErrClosed.
	Close() error
}

var (
	// ErrKeep is what the fn of Store.Update returns to leave the record as it is; Update returns
	// nil then.
	ErrKeep = errors.New("keep the record as it is")
	// ErrClosed reports that the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrLost reports that a lease must not write any more: another process has the thread, or the
	// lease is over.
	ErrLost = errors.New("thread is answered elsewhere")
	// ErrLapsed reports that a lease was not renewed in time, so that nobody knows whether another
	// process has the thread. It wraps ErrLost. The lease comes back to life if a later renewal
	// finds that nobody took the thread.
	ErrLapsed = fmt.Errorf("lease not renewed in time: %w", ErrLost)
	// ErrKey reports a key that no store takes, however often it is tried: that is no outage.
	ErrKey = errors.New("not a key")
	// ErrCorrupt reports a record that is no JSON object of ours. Nobody overwrites it.
	ErrCorrupt = errors.New("unreadable thread record")
)

const (
	maxKey   = 512 // bytes
	shownKey = 40  // bytes of a bad key that its error shows
)

// CheckKey returns nil if a store takes key, and an ErrKey otherwise.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return fmt.Errorf("%w: %q of %d bytes", ErrKey, key[:min(len(key), shownKey)], len(key))
	}
	return nil
}

// TS is a Slack timestamp such as "1700000000.123456". It is compared as a number, not as a string:
// under synctest the year is 2000, and seconds have nine digits. The empty TS means never and is
// before all others. Any string has a place in the order.
type TS string

// Compare returns -1 if a is before b, 0 if they are the same time, and +1 if a is after b.
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

// After reports whether a is later than b.
func (a TS) After(b TS) bool { return a.Compare(b) > 0 }

// Max returns the later of the two, and a if they are the same time.
func (a TS) Max(b TS) TS {
	if b.After(a) {
		return b
	}
	return a
}

// Record is what the store keeps of one thread. It is a level, not a log: whatever happened, how
// often and in which order, the record says what is owed now. The times are high-water marks: all
// but For only grow. The zero Record is a thread of which nothing is known.
type Record struct {
	// Asked is the time of the newest thing that wants an answer. Versions before decision 0023 may
	// have left a moment after it, with seven decimals.
	Asked TS
	// Heard is the time of the newest message that came before anything was asked: it may want an
	// answer once something is.
	Heard TS
	// Answered is the time of the newest thing that has its answer.
	Answered TS
	// Stop is the time of the newest stop. What was asked at or before it is not written further.
	Stop TS
	// Changed is the time of the newest edit or deletion of a message of the thread that the owner
	// may not have heard of otherwise.
	Changed TS
	// For is what the answer under way answers, if it is after Answered, and else what the last one
	// did.
	For TS

	Reply     []string // the messages of that answer, oldest first
	Owner     string   // the process that writes it; "" nobody
	Epoch     uint64   // the fencing token: counts owners, only grows
	Heartbeat uint64   // counts the writes of one owner in one Epoch
	Load      int      // threads that the owner was busy with at its last write, this one too
	Look      bool     // somebody has to look at the answer again: an owner may wake and overwrite it
	Hurry     bool     // with Look: at once, for its owner has left something to do, and is gone
	Tidier    string   // with Look: the process that tidies what it has answered; "" nobody
	Tidied    uint64   // counts the writes of one Tidier
	Blame     int      // owners that died in this answer since its last progress, in BlameUnits

	rest map[string]json.RawMessage // fields of a newer version, written back as they came
}

// Owed reports whether the thread is owed an answer.
func (r Record) Owed() bool { return r.Asked.After(r.Answered) }

// Stopped reports whether a stop covers all that the answer under way answers.
func (r Record) Stopped() bool { return r.For != "" && r.Stop.Compare(r.For) >= 0 }

const (
	// BlameUnit is how much Blame grows when an owner dies that was busy with this thread alone. Of
	// several threads any may have killed it, so that each is blamed for a part.
	BlameUnit = 12
	// maxSuspects bounds these parts, so that the thread that kills its owners is also found in a
	// crowd, after maxSuspects times as many deaths.
	maxSuspects = 4
)

// blame returns what the owner's death adds to Blame.
func (r Record) blame() int { return BlameUnit / min(max(1, r.Load), maxSuspects) }

// over returns r without the answer under way. What that was to answer beyond Answered, since it
// was stopped before, is for the next answer.
func (r Record) over() Record {
	if r.For.After(r.Answered) {
		r.For, r.Reply, r.Blame = r.Answered, nil, 0
	}
	return r
}

// free returns r without an owner.
func (r Record) free() Record {
	r.Owner, r.Load = "", 0
	return r
}

// claim returns r with an owner, which is busy with load threads, and the next epoch. An answer
// that was under way goes on, with the same For and Reply. Otherwise one new answer is for
// everything asked so far.
func (r Record) claim(owner string, load int) Record {
	r.Owner, r.Epoch, r.Heartbeat, r.Load = owner, r.Epoch+1, 0, load
	return r.startNext()
}

// startNext returns r with a new answer, to everything asked so far, unless one is under way.
func (r Record) startNext() Record {
	if !r.For.After(r.Answered) {
		r.For, r.Reply, r.Blame = r.Asked, nil, 0
	}
	return r
}

// fields returns the JSON fields by name. The names are those of the first version: records outlive
// programs.
func fields(r *Record) map[string]any {
	return map[string]any{
		"asked": &r.Asked, "heard": &r.Heard, "answered": &r.Answered, "stop": &r.Stop,
		"changed": &r.Changed, "for": &r.For, "reply": &r.Reply, "owner": &r.Owner, "epoch": &r.Epoch,
		"beat": &r.Heartbeat, "among": &r.Load, "blame": &r.Blame, "look": &r.Look, "hurry": &r.Hurry,
		"tidier": &r.Tidier, "tidied": &r.Tidied,
	}
}

// Decode returns the record of bytes that a store returned; nil gives the zero Record. It keeps
// fields that this version does not know for Encode. An error wraps ErrCorrupt.
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
	if raw, ok := r.rest[oldBlame]; ok {
		var whole int
		if err := json.Unmarshal(raw, &whole); err != nil {
			return Record{}, fmt.Errorf("%w: field %s: %w", ErrCorrupt, oldBlame, err)
		}
		delete(r.rest, oldBlame)
		r.Blame = max(r.Blame, min(max(whole, 0), maxOldDeaths)*BlameUnit)
	}
	return r, nil
}

const (
	// oldBlame is the field of older versions, which counted whole deaths. They would take our
	// number for more deaths, so ours has another name.
	oldBlame     = "tries"
	maxOldDeaths = 1000
)

// Encode returns the bytes of which Decode makes r. Equal records give equal bytes, without empty
// fields.
func (r Record) Encode() ([]byte, error) {
	out := make(map[string]json.RawMessage, len(r.rest)+16)
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

// Equal reports whether two records are the same, unknown fields included.
func (r Record) Equal(o Record) bool {
	return r.Asked == o.Asked && r.Heard == o.Heard && r.Answered == o.Answered &&
		r.Stop == o.Stop && r.Changed == o.Changed && r.For == o.For && slices.Equal(r.Reply, o.Reply) &&
		r.Owner == o.Owner && r.Epoch == o.Epoch && r.Heartbeat == o.Heartbeat &&
		r.Load == o.Load && r.Blame == o.Blame && r.Look == o.Look && r.Hurry == o.Hurry &&
		r.Tidier == o.Tidier && r.Tidied == o.Tidied &&
		maps.EqualFunc(r.rest, o.rest, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
}
