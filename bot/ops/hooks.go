package ops

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"llmbot/bot"
	"llmbot/bot/attach"
	"llmbot/bot/pace"
	"llmbot/bot/quota"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// What a write to the store is for.
const (
	opAsk   = "ask"
	opRenew = "renew"
)

// Bot returns the hooks of package bot and of its coordinator.
func (m *Metrics) Bot() bot.Hooks {
	return bot.Hooks{
		Rated: m.Rated, Answered: m.Answered, Visible: m.Visible, Waited: m.Waited, Streamed: m.Streamed, Away: m.Away, OverQuota: m.OverQuota, Linked: m.Linked, File: m.File,
		Called: m.Called, Decided: m.Decided,
		Turn: turn.Hooks{Renewed: m.Renewed, Took: m.Took, Lost: m.Lost, Store: m.Store, Asked: m.Asked},
	}
}

// Pace returns the hooks of package pace. A scrape asks for the edits that are left: the number at
// the last call would be out of date.
func (m *Metrics) Pace() pace.Hooks {
	return pace.Hooks{Call: m.Call, Refused: m.Refused, EndLag: m.EndLag, Staleness: m.Staleness}
}

// Linked counts the links to messages of one turn. It is the bot's hook.
func (m *Metrics) Linked(shown, hidden, failed int) {
	for outcome, n := range map[string]int{"quoted": shown, "hidden": hidden, "failed": failed} {
		m.links.WithLabelValues(outcome).Add(float64(n))
	}
}

// mostServers is how many servers of tools have a label of their own; the others share one. The
// tools file names them, so they are few.
const mostServers = 32

// Called records a call of a tool. It is bot's hook.
func (m *Metrics) Called(server string, took time.Duration, failed bool) {
	outcome := "ok"
	if failed {
		outcome = "failed"
	}
	m.toolCalls.WithLabelValues(m.server(server), outcome).Observe(took.Seconds())
}

// server returns the label of a server of tools.
func (m *Metrics) server(name string) string {
	m.serversMu.Lock()
	defer m.serversMu.Unlock()
	switch {
	case slices.Contains(m.servers, name):
	case len(m.servers) >= mostServers:
		return labelOther
	default:
		m.servers = append(m.servers, name)
	}
	return name
}

// Decided records what became of a question for leave, and how long the answer waited for it. It is
// bot's hook.
func (m *Metrics) Decided(d transcript.Decision, waited time.Duration) {
	m.leaves.WithLabelValues(known(string(d), decisions())).Observe(waited.Seconds())
}

func decisions() []string {
	return []string{string(transcript.Allowed), string(transcript.Refused), string(transcript.Expired), string(transcript.Dropped)}
}

// File counts a file that was to be read, and records how long that took. It is the bot's hook.
func (m *Metrics) File(kind attach.Kind, outcome attach.Outcome, took time.Duration) {
	m.files.WithLabelValues(string(kind), string(outcome)).Inc()
	m.fileTime.WithLabelValues(string(kind)).Observe(took.Seconds())
}

// Event counts an event of Slack by its kind and outcome; again: it was delivered before. It is
// slackio's hook.
func (m *Metrics) Event(kind, outcome string, again bool) {
	m.events.WithLabelValues(kind, outcome).Inc()
	if again {
		m.redeliveries.WithLabelValues(kind).Inc()
	}
}

// Acked records how long an ack took. It is slackio's hook.
func (m *Metrics) Acked(kind string, took time.Duration) {
	m.ack.WithLabelValues(kind).Observe(took.Seconds())
}

// Socket counts that socket n opened or closed. It is slackio's hook.
func (m *Metrics) Socket(n int, open bool) {
	if open {
		m.socketOpens.WithLabelValues(strconv.Itoa(n)).Inc()
		return
	}
	m.socketCloses.WithLabelValues(strconv.Itoa(n)).Inc()
}

// Gap records how long no socket was open. It is slackio's hook.
func (m *Metrics) Gap(d time.Duration) { m.gap.Observe(d.Seconds()) }

// Unread counts messages that could not be read. It is slackio's hook.
func (m *Metrics) Unread(n int) { m.unread.Add(float64(n)) }

// Answered counts an answer by how it ended, and records how long it took. It is bot's hook.
func (m *Metrics) Answered(end bot.End, took time.Duration) {
	m.answers.WithLabelValues(string(end)).Inc()
	m.answer.Observe(took.Seconds())
}

// Visible records how long after its first question the first message of an answer could be seen.
// It is bot's hook.
func (m *Metrics) Visible(d time.Duration) { m.visible.Observe(d.Seconds()) }

// Waited records how long an answer waited for its slot. It is bot's hook.
func (m *Metrics) Waited(d time.Duration) { m.queueWait.Observe(d.Seconds()) }

// Away adds a time for which an answer waited for the model server. It is bot's hook.
func (m *Metrics) Away(d time.Duration) { m.away.Add(d.Seconds()) }

// Rated counts a rating. It is bot's hook.
func (m *Metrics) Rated(good bool) {
	rating := "bad"
	if good {
		rating = "good"
	}
	m.ratings.WithLabelValues(rating).Inc()
}

// OverQuota counts a question that was refused because of a quota. It is bot's hook.
func (m *Metrics) OverQuota(over quota.Over) {
	m.overQuota.WithLabelValues(string(over.Account.Of), string(over.Limit)).Inc()
}

// Streamed records a request to the model. It counts the tokens of one that failed, too. It is
// bot's hook.
func (m *Metrics) Streamed(r llm.Result, err error) {
	outcome, kind := "ok", ""
	if e, ok := errors.AsType[*llm.Error](err); ok {
		outcome, kind = "error", known(e.Kind.String(), m.kinds)
	} else if errors.Is(err, context.Canceled) {
		outcome = "cancelled"
	} else if err != nil {
		outcome, kind = "error", labelOther
	}
	if kind != "" {
		m.modelErrors.WithLabelValues(kind).Inc()
	}
	m.requests.WithLabelValues(outcome).Inc()
	if r.TTFT > 0 {
		m.firstToken.Observe(r.TTFT.Seconds())
	}
	if !r.Usage.Known {
		return
	}
	m.prompt.Add(float64(r.Usage.PromptTokens))
	m.cached.Add(float64(r.Usage.CachedTokens))
	m.completion.Add(float64(r.Usage.CompletionTokens))
	m.reasoning.Add(float64(r.Usage.ReasoningTokens))
	if err == nil && r.Usage.CompletionTokens > 0 && r.Elapsed > 0 {
		m.speed.Observe(float64(r.Usage.CompletionTokens) / r.Elapsed.Seconds())
	}
}

// Call counts a call of Slack's API by its reason. It is pace's hook.
func (m *Metrics) Call(method pace.Method, reason string) {
	m.calls.WithLabelValues(string(method), reason).Inc()
}

// Refused counts a call that Slack refused for its rate, and for how long. It is pace's hook.
func (m *Metrics) Refused(method pace.Method, retryAfter time.Duration) {
	m.refusals.WithLabelValues(string(method)).Inc()
	m.refusedFor.WithLabelValues(string(method)).Add(retryAfter.Seconds())
}

// EndLag records how long the end of an answer took to be visible. It is pace's hook.
func (m *Metrics) EndLag(d time.Duration) { m.endLag.Observe(d.Seconds()) }

// Staleness records how old the oldest text was that a call made visible. It is pace's hook.
func (m *Metrics) Staleness(d time.Duration) { m.staleness.Observe(d.Seconds()) }

// Renewed counts the renewal of a lease, and records its write. It is turn's hook.
func (m *Metrics) Renewed(took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.renewals.WithLabelValues(outcome).Inc()
	if errors.Is(err, turn.ErrLost) && !errors.Is(err, turn.ErrLapsed) {
		err = nil // the store has answered: the claim is another's
	}
	m.wrote(opRenew, took, err)
}

// Asked records the write for a question. It is turn's hook.
func (m *Metrics) Asked(took time.Duration, _ bool, err error) { m.wrote(opAsk, took, err) }

func (m *Metrics) wrote(op string, took time.Duration, err error) {
	if errors.Is(err, turn.ErrKey) {
		return // the store was not asked
	}
	m.store.WithLabelValues(op).Observe(took.Seconds())
	if err != nil {
		m.storeErrors.WithLabelValues(op).Inc()
	}
}

// Took counts a takeover, by whether the earlier owner had died. It is turn's hook.
func (m *Metrics) Took(_ string, _ turn.Record, dead bool) {
	from := "released"
	if dead {
		from = "dead"
	}
	m.takeovers.WithLabelValues(from).Inc()
}

// Lost counts a lease that another process has. It is turn's hook.
func (m *Metrics) Lost(string, uint64) { m.claimsLost.Inc() }

// Store records whether the store answers, and for how long it was silent before. It is turn's
// hook.
func (m *Metrics) Store(answers bool, silent time.Duration) {
	if !answers {
		m.storeUp.Set(0)
		return
	}
	m.storeUp.Set(1)
	m.storeOutage.Add(silent.Seconds())
}
