package answer

import (
	"strings"
	"time"

	"llmbot/bot/tools"
	"llmbot/llm"
)

// Task is one answer that is to be written.
type Task struct {
	Thread     string // its key: the window is remembered by thread
	Draft      Draft
	ID         string // of the request, for the server's log too
	Model      string // empty: the client's
	Person     string // whose slot it takes
	MinVisible int    // characters that a killed process left visible; 0: none. Fewer are not shown

	Fallback Snapshot // what there was of the answer: it stays if nothing comes
	Kept     bool     // it had ended

	// Note takes the newest text, for whoever goes on with the answer should this process die; nil:
	// nobody does. It does not block.
	Note     func(text string, tokens int, elapsed, ttft time.Duration)
	Progress func() // reports that this process has not died of the answer so far
	// Spent takes what each request cost, before the slot is given back. It may block for the store, a
	// second at most.
	Spent func(tokens int)

	// Tools are what the model is offered, the same ones as long as the answer lasts; none, and no
	// Rounds or Ran: requests are as if there were no tools. Toolbox does their calls, and Rounds are those that an earlier
	// owner of the answer has begun. Ran are the calls of earlier answers to the same question.
	Tools   []tools.Tool
	Toolbox Toolbox
	Rounds  []Round
	Ran     []Ran

	// Does takes what the Writer does now, when that changes; nil: nobody wants to know. It is called
	// by the Writer's goroutine and does not block.
	Does func(Activity)
}

// Activity is what a Writer does at a moment. It is for debug pages and metrics, and has nothing to
// do with what people are shown meanwhile.
type Activity string

// The activities, in their usual order.
const (
	ActivityNone      Activity = ""          // it has not begun
	ActivityQueued    Activity = "queued"    // it waits for a slot
	ActivityThinking  Activity = "thinking"  // the model was asked, and has not begun
	ActivityReasoning Activity = "reasoning" // the model thinks before it answers
	ActivityWriting   Activity = "writing"   // the answer comes
	ActivityAway      Activity = "away"      // it waits for a server that is away, until a token comes
	ActivityCalling   Activity = "calling"   // a tool runs
	ActivityAsking    Activity = "asking"    // it waits for a person's leave to run one
)

// is records what the Writer does now, and tells whoever wants to know.
func (w *Writer) is(a Activity) {
	if a != w.activity && w.task.Does != nil {
		w.task.Does(a)
	}
	w.activity = a
}

// Writer asks the model for one answer and shows what it writes. It belongs to one goroutine.
type Writer struct {
	shared *Shared
	task   Task
	draft  Draft
	id     string   // of the request
	model  string   // empty: the client's
	base   Snapshot // what is shown beside the finished text: notices about what the model did not get

	activity   Activity        // what it does now
	inside     bool            // it has a slot
	queued     bool            // it had to wait for it
	shown      string          // the longest text shown so far: it stays until a new try has overtaken it
	minVisible int             // see Task
	rounds     *Rounds         // of tools; nil: none are offered
	steps      []Step          // what people see of them
	head       Partial         // what the rounds before this one have brought; zero: this is the first
	from       Partial         // what the current try goes on from, head first; head alone: it begins its round
	room       int             // tokens of it that the model gets, the newest; 0: all
	wanted     bool            // a person has asked for more: what repeats is wanted
	before     int             // see Partial.Before
	fallback   Snapshot        // see Task
	kept       bool            // see Task
	grown      bool            // something has come
	noResume   bool            // the server does not continue answers
	reasoning  strings.Builder // of the current try, as far as a round gets it back
	came       bool            // something of the current try, if only a thought
	text       string          // of the current try, with what it goes on from
	bound      bound           // what of it is shown
	tokens     int             // the server's running count, with what it goes on from
	sent       time.Time
	began      time.Time // when the bot began to think
	thinking   time.Time // when the model began to reason; zero: it has not
}

// Writer returns the Writer of one answer.
func (s *Shared) Writer(t Task) *Writer {
	w := &Writer{
		shared: s, task: t, draft: t.Draft, id: t.ID, model: t.Model, minVisible: min(t.MinVisible, s.cfg.MaxChars),
		fallback: t.Fallback, kept: t.Kept, bound: bound{max: s.cfg.MaxChars},
	}
	w.fallback.Text = w.bound.shown(w.fallback.Text, true)
	if len(t.Tools) > 0 || len(t.Rounds) > 0 || len(t.Ran) > 0 {
		w.rounds = NewRounds(t.Tools, t.Toolbox, t.Rounds, t.Ran)
		if says := w.rounds.saysRan(); says != "" {
			w.Say(says)
		}
		w.head = headOf(t.Rounds)
	}
	return w
}

// Fallback returns what there was of the answer, as far as it is shown, and whether it had ended.
func (w *Writer) Fallback() (_ Snapshot, kept bool) { return w.fallback, w.kept }

// Tools reports whether the prompt has tools, or what they brought.
func (w *Writer) Tools() bool { return w.rounds != nil }

// Queued reports whether the answer had to wait for its slot.
func (w *Writer) Queued() bool { return w.queued }

// Say adds a sentence to what is said beside the finished text.
func (w *Writer) Say(sentence string) { w.base.Notice = Say(w.base.Notice, sentence) }

// Outcome is the result of writing an answer.
type Outcome struct {
	Answer Snapshot // in its final phase
	Result llm.Result
	Err    error // why it is not complete; nil if it is
	Kept   bool  // the answer is the one from before

	Used Used // of tools

	All  string // the whole text, of which the answer shows the beginning; empty: it shows all
	File string // id of the file that has all of it; empty: there is none
}

// WasCut reports whether an answer shows less than the model wrote.
func (o Outcome) WasCut() bool { return o.All != "" || o.Result.Finish == FinishCut }
