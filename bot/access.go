package bot

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot/recent"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
)

const (
	// refusalEvery is how often somebody is told the same refusal at most (issue 12).
	refusalEvery = time.Hour
	// soonTimeout is how long the look at a person may take who waits for an ack.
	soonTimeout = 500 * time.Millisecond
	// maxTold is how many things that people were told, or shown, are remembered.
	maxTold = 10_000
)

// notKnown is said to whoever may do what they want only if Slack says who they are, while it does
// not.
const notKnown = "I could not find out whether you may do that. Please try again in a moment."

// access decides who may use the bot, and tells whoever may not.
type access struct {
	policy   Policy
	room     Room
	records  transcript.Records
	notifier *notifier
	log      *slog.Logger
}

// mayAsk asks the policy about a command; where it is called does not matter, for only one person
// sees the answer. It reports sure when it is known who they are.
func (p *access) mayAsk(ctx context.Context, c Command) (_ Refusal, sure bool) {
	if refusal := p.policy.Quick(c.Channel, thread.Question{User: c.User, Direct: true}); refusal != "" {
		return refusal, true
	}
	if !p.policy.asks() {
		return "", true
	}
	ctx, cancel := context.WithTimeout(ctx, soonTimeout)
	defer cancel()
	who, err := p.room.Person(ctx, c.User)
	if err != nil {
		p.log.WarnContext(ctx, "person_unknown", "user", c.User, "error", err)
		return "", false // figures about the server are no secret worth a refusal to everybody
	}
	return p.policy.Check(who), true
}

// allowed reports whether somebody may use the bot in a channel, and whether that is sure. If not, it
// tells them, there. While Slack does not say who they are, they may if what they want concerns
// nobody else, as theirs tells; nil: it does not.
func (p *access) allowed(ctx context.Context, where thread.ID, user string, theirs func() bool) (ok, sure bool) {
	refusal, sure := p.mayAsk(ctx, Command{User: user, Channel: where.Channel})
	switch {
	case !sure && theirs != nil && !theirs():
		p.notifier.tell(where, user, notKnown)
		return false, sure
	case refusal != "":
		if p.mayTell(ctx, where.Channel, user, refusal) {
			p.notifier.tell(where, user, string(refusal))
		}
		return false, sure
	}
	return true, sure
}

// mayTell reports whether somebody is to be told a refusal: the same one at most once an hour,
// however often they ask, and whichever process of the bot they reach. For a refusal of channels,
// each channel counts for itself.
func (p *access) mayTell(ctx context.Context, channel, user string, refusal Refusal) bool {
	if refusal.kind() == "" { // who they are may be known in a moment
		return true
	}
	key := user + "/" + refusal.kind()
	if refusal == refuseChannel {
		key += "/" + channel
	}
	if !p.notifier.due("refused/"+key, refusalEvery) {
		return false
	}
	due, err := p.records.Tell(ctx, key, time.Now(), refusalEvery)
	if err != nil { // it is told again when the store is back, at worst
		p.log.WarnContext(ctx, "refusal_not_noted", "user", user, "error", err)
		return true
	}
	return due
}

// notifier tells people what only they see. Its methods are safe for concurrent use.
type notifier struct {
	room Room
	log  *slog.Logger
	jobs pool // short ones, that nobody waits for

	mu    sync.Mutex // guards until
	until *simplelru.LRU[string, time.Time]
}

func newNotifier(room Room, log *slog.Logger) *notifier {
	return &notifier{room: room, log: log, jobs: newPool(log, 8, 10*time.Second), until: recent.New[string, time.Time](maxTold)}
}

// tell shows a word to one person in the background.
func (n *notifier) tell(t thread.ID, user, text string) {
	n.jobs.add("tell", func(ctx context.Context) { n.whisper(ctx, t, user, text) })
}

// whisper shows a word to one person, and blocks for the network. A failure is logged.
func (n *notifier) whisper(ctx context.Context, t thread.ID, user, text string) {
	if err := n.room.Whisper(ctx, t, user, text); err != nil {
		n.log.WarnContext(ctx, "whisper_failed", "thread", t.String(), "user", user, "error", err)
	}
}

// due reports whether what key names is to be told now, and then remembers for a time that it need
// not be told again.
func (n *notifier) due(key string, rest time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if until, ok := n.until.Get(key); ok && until.After(now) {
		return false
	}
	n.until.Add(key, now.Add(rest))
	return true
}

// whisperPlace returns where a word to who asked is seen: in the thread, if there is one yet.
func whisperPlace(ev thread.Question) thread.ID {
	t := ev.Thread
	if ev.Opens() {
		t.TS = ""
	}
	return t
}
