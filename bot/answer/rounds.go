package answer

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"llmbot/bot/prompt"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// Bounds on what one answer does with tools.
const (
	// mostRounds is how many requests of an answer may end in calls; the next one may not (issue 16).
	mostRounds = 10
	// mostSame is how many calls of one tool with the same arguments are made (issue 16: the third is
	// refused).
	mostSame = 2
	// mostFailures is how many calls in a row may bring nothing before tools end for the answer (issue
	// 16).
	mostFailures = 3
	// mostCalls is how many calls of one round are made: calls run one after the other, and a person
	// waits. A model that asks for more reads so (the project's own figure).
	mostCalls = 16
	// MostResult is how many bytes of one result the model gets (issue 16).
	MostResult = 32 << 10
	// resultShare is the part of the window that one result may take (issue 16).
	resultShare = 4
	// mostArguments is how many bytes of arguments one call may have, and mostReasoning how much of
	// what a model thought in a round it gets back: both are kept in the store, too.
	mostArguments = 32 << 10
	mostReasoning = 32 << 10
	// MostRan is how many calls of earlier answers to a question the model is told of, see Newest,
	// and mostRanArguments how many bytes of the arguments of each.
	MostRan          = 8
	mostRanArguments = 500
)

// Round is one request to the model that ended in calls of tools. It is kept in the store, for
// whoever goes on with the answer.
type Round struct {
	Text      string `json:",omitempty"` // that came before the calls
	Reasoning string `json:",omitempty"` // goes back to the model until the answer ends
	Calls     []Call

	// What the request took:
	Tokens    int           `json:",omitempty"`
	Elapsed   time.Duration `json:",omitempty"`
	TTFT      time.Duration `json:",omitempty"`
	FirstWord time.Duration `json:",omitempty"`
}

// Call is one call of a tool, and what became of it.
type Call struct {
	llm.ToolCall

	Asked   time.Time     `json:",omitzero"`  // when a person was first asked for leave; zero: never
	Begun   bool          `json:",omitempty"` // noted, and perhaps made; only of tools that may change something
	Over    bool          `json:",omitempty"` // Result is there
	Ran     bool          `json:",omitempty"` // the tool was called
	Refused bool          `json:",omitempty"` // nobody allowed it
	Failed  bool          `json:",omitempty"` // it brought nothing, for whatever reason
	Result  string        `json:",omitempty"` // for the model, bounded
	Took    time.Duration `json:",omitempty"`
}

// Ran is a call that may have changed something, and that an earlier answer to the same question
// has begun: the answer was called off, stopped, or is written anew.
type Ran struct {
	Name      string // of the tool, as the model knows it
	Arguments string // bounded, for the model
	Outcome   Outcomes
}

// Outcomes is how a call of an earlier answer has ended, as far as that is known.
type Outcomes string

// The outcomes.
const (
	RanWell    Outcomes = "well"
	RanBadly   Outcomes = "failed"
	RanUnknown Outcomes = "" // perhaps it was not even made
)

// RanOf returns the calls of rounds that may have changed something.
func RanOf(rounds []Round) (out []Ran) {
	for _, r := range rounds {
		for _, c := range r.Calls {
			if !c.Begun {
				continue
			}
			ran := Ran{Name: c.Name, Arguments: tools.Cut(c.Arguments, mostRanArguments)}
			switch {
			case !c.Over || !c.Ran:
			case c.Failed:
				ran.Outcome = RanBadly
			default:
				ran.Outcome = RanWell
			}
			out = append(out, ran)
		}
	}
	return out
}

// Newest drops the oldest calls for which a newer one stands, until at most so many are left. It
// returns the others, in their order. It changes all.
func Newest[T any](all []T, most int, stands func(newer, older T) bool) []T {
	for i := 0; i < len(all) && len(all) > most; {
		if slices.ContainsFunc(all[i+1:], func(newer T) bool { return stands(newer, all[i]) }) {
			all = slices.Delete(all, i, i+1)
		} else {
			i++
		}
	}
	return all
}

// Current returns the first call of the last round that is not over, and its place: the round and
// the call in it. It returns nil if there is none.
func Current(rounds []Round) (c *Call, round, call int) {
	if len(rounds) == 0 {
		return nil, 0, 0
	}
	last := &rounds[len(rounds)-1]
	for i := range last.Calls {
		if !last.Calls[i].Over {
			return &last.Calls[i], len(rounds) - 1, i
		}
	}
	return nil, 0, 0
}

// between stands between the texts of two rounds: each begins a paragraph.
const between = "\n\n"

// headOf returns what rounds have brought together. Its text ends with a blank line.
func headOf(rounds []Round) (p Partial) {
	var text strings.Builder
	for _, r := range rounds {
		if strings.TrimSpace(r.Text) != "" {
			text.WriteString(r.Text + between)
		}
		p.Tokens, p.Elapsed = p.Tokens+r.Tokens, p.Elapsed+r.Elapsed
		if p.TTFT == 0 {
			p.TTFT, p.FirstWord = r.TTFT, r.FirstWord
		}
	}
	p.Text = text.String()
	return p
}

// used returns how many calls were made, and how long they took.
func used(rounds []Round) (u Used) {
	for _, r := range rounds {
		for _, c := range r.Calls {
			if c.Ran {
				u.Calls, u.Took = u.Calls+1, u.Took+c.Took
			}
		}
	}
	return u
}

// Used is how much an answer has used tools.
type Used struct {
	Calls int
	Took  time.Duration // all of them together
}

// failuresInRow returns how many of the newest calls, one after the other, have brought nothing.
func failuresInRow(rounds []Round) (n int) {
	for _, r := range rounds {
		for _, c := range r.Calls {
			switch {
			case !c.Over:
			case c.Failed:
				n++
			default:
				n = 0
			}
		}
	}
	return n
}

// Rounds are the tools of one answer: what is offered, what was done, and so what may still be
// done. It belongs to one goroutine.
//
//	Request ─► the model ─► Add ─► Run ─► Request …, until Add reports that nothing is to be done
type Rounds struct {
	offered []tools.Tool
	box     Toolbox
	all     []Round
	ran     []Ran   // that earlier answers to the question have begun
	ratio   float64 // bytes of prose in a token
	room    int     // size of all that the rounds may put into the prompt, see sizer; 0: no limit known
	result  int     // bytes that one result may have
	ended   bool
	last    struct { // what laid has returned last
		key    laidKey
		behind string
		msgs   []llm.Message
	}
	sames map[string]string // arguments of calls, as canonical returns them
	flat  bool              // the server cannot read calls and results: they stand in the question, as data
}

// NewRounds returns the rounds of an answer: what is offered, who does the calls, what was done of it
// before, and what earlier answers to its question have begun. Results have no limit but MostResult
// before Fit says one.
func NewRounds(offered []tools.Tool, box Toolbox, made []Round, ran []Ran) *Rounds {
	offered = slices.Clone(offered)
	for i := range offered { // their servers wrote them
		offered[i].Description = prompt.Unmarked(offered[i].Description)
		offered[i].Schema = json.RawMessage(prompt.Unmarked(string(offered[i].Schema)))
	}
	ran = Newest(slices.Clone(ran), MostRan, func(newer, older Ran) bool { return newer.Name == older.Name })
	return &Rounds{offered: offered, box: box, all: made, ran: ran[max(0, len(ran)-MostRan):], ratio: prompt.BytesPerToken, result: MostResult}
}

// Head returns what the rounds have brought together. Its text, if there is any, ends with a blank
// line.
func (r *Rounds) Head() Partial { return headOf(r.all) }

// Whole returns the result of all requests of the answer: res, which is that of the last one, and
// what the rounds before it took.
func (r *Rounds) Whole(res llm.Result) llm.Result { return r.Head().before(res) }

// Used returns how much tools were used.
func (r *Rounds) Used() Used { return used(r.all) }

// Over reports whether no further call may be made.
func (r *Rounds) Over() bool {
	return r.ended || r.bare() || len(r.all) >= mostRounds || failuresInRow(r.all) >= mostFailures
}

// bare reports whether a request has no tools in it: there are none, or the server takes none.
func (r *Rounds) bare() bool { return r.flat || len(r.offered) == 0 }

// Flatten has the next requests made without tools, for a server that cannot read calls and results
// back: what was done stands in the question, as data, and the model has to answer. It reports false
// if that is so already: the next request would be the same again.
func (r *Rounds) Flatten() bool {
	was := r.bare()
	r.flat = true
	return !was
}

// End ends tools for the answer: what the model wrote for a call is none that anybody can read.
func (r *Rounds) End() { r.ended = true }

// Request returns a request with the tools, and with what was done so far.
func (r *Rounds) Request(req llm.Request) llm.Request {
	behind, msgs := r.laid()
	req.Messages = append(slices.Clip(behindQuestion(req.Messages, behind)), msgs...)
	if r.bare() {
		return req
	}
	req.Tools = make([]llm.Tool, len(r.offered))
	for i, t := range r.offered {
		req.Tools[i] = t.Tool
	}
	if r.Over() {
		req.ToolChoice = llm.ToolChoiceNone
	}
	return req
}

// before returns what the model reads of the calls of earlier answers; empty: there were none.
func (r *Rounds) before() string {
	if len(r.ran) == 0 {
		return ""
	}
	most := mostRanArguments
	if r.room > 0 {
		most = min(most, r.room/ranShare/len(r.ran))
	}
	calls := make([]string, len(r.ran))
	for i, c := range r.ran {
		calls[i] = strings.TrimSpace(c.Name+" "+r.cut(c.Arguments, most)) + "\n" + c.Outcome.said()
	}
	return prompt.Ran(calls)
}

// said returns an outcome in words for the model.
func (o Outcomes) said() string {
	switch o {
	case RanWell:
		return "It was carried out."
	case RanBadly:
		return "It failed; perhaps a part of it was carried out."
	case RanUnknown:
	}
	return "It is not known whether it was carried out."
}

// saysRan returns what people are told of the calls of earlier answers; empty: there were none.
func (r *Rounds) saysRan() string {
	var all []string
	for _, c := range r.ran {
		tool, _ := r.tool(c.Name)
		title, what := titleOf(tool), "was run"
		if c.Outcome == RanUnknown {
			what = "perhaps was run"
		}
		if says := "“" + title + "” " + what; !slices.Contains(all, says) {
			all = append(all, says)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, ", ") + " for this question before: I ask before I run it again."
}

// noMoreCalls tells the model that it has to answer now.
const noMoreCalls = "(No further calls of tools are possible for this answer. Answer now in words, with what you know, and say what is missing.)"

// Add begins a round with the calls that a request ended in. It reports false, and does nothing, if
// there are none, or none may be made any more: the answer is there. text is what the request wrote
// before its calls.
func (r *Rounds) Add(text, reasoning string, res llm.Result) bool {
	if len(res.Calls) == 0 || r.Over() {
		return false
	}
	round := Round{
		Text: text, Tokens: res.Usage.CompletionTokens, Elapsed: res.Elapsed, TTFT: res.TTFT, FirstWord: res.FirstWord,
		Calls: make([]Call, len(res.Calls)),
	}
	if len(reasoning) <= mostReasoning {
		round.Reasoning = reasoning
	}
	for i, c := range res.Calls {
		if !isName(c.Name) {
			c.Name = unknownName
		}
		if len(c.Arguments) > mostArguments {
			c.Arguments, c.Bad = "{}", "The arguments of this call were too long, so it was not made."
		}
		round.Calls[i] = Call{ToolCall: c}
	}
	r.all = append(r.all, round)
	return true
}

// unknownName stands for a name that no tool can have: servers refuse a prompt with such a one.
const unknownName = "unknown_tool"

// isName reports whether servers take a name as that of a tool.
func isName(s string) bool {
	const longest = 64
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= longest
}
