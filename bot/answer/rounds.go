package answer

import (
	"bytes"
	"cmp"
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
	// roundsShare is the part of the prompt's budget that all rounds may take: the question and its
	// thread have the rest.
	roundsShare = 2
	// definitionsShare is the part of the prompt's budget that the definitions of tools may take: a
	// server with large ones would leave no place for the question (the project's own figure).
	definitionsShare = 2
	// leastResult is what is left of an older result when newer ones need its place, in bytes.
	leastResult = 512
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

	Asked  time.Time     `json:",omitzero"`  // when a person was first asked for leave; zero: never
	Begun  bool          `json:",omitempty"` // noted, and perhaps made; only of tools that may change something
	Over   bool          `json:",omitempty"` // Result is there
	Ran    bool          `json:",omitempty"` // the tool was called
	Failed bool          `json:",omitempty"` // it brought nothing, for whatever reason
	Result string        `json:",omitempty"` // for the model, bounded
	Took   time.Duration `json:",omitempty"`
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

// same returns how many calls of the same tool with the same arguments were made before c.
func same(rounds []Round, c *Call) (n int) {
	for _, r := range rounds {
		for _, other := range r.Calls {
			if other.Over && other.Ran && other.Name == c.Name && compact(other.Arguments) == compact(c.Arguments) {
				n++
			}
		}
	}
	return n
}

// compact returns JSON without the space between its parts.
func compact(raw string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(raw)) != nil {
		return raw
	}
	return b.String()
}

// Rounds are the tools of one answer: what is offered, what was done, and so what may still be
// done. It belongs to one goroutine.
//
//	Request ─► the model ─► Add ─► Run ─► Request …, until Add reports that nothing is to be done
type Rounds struct {
	offered []tools.Tool
	box     Toolbox
	all     []Round
	ran     []Ran // that earlier answers to the question have begun
	room    int   // bytes that all results together may take in the prompt; 0: no limit known
	result  int   // bytes that one may take
	ended   bool
}

// NewRounds returns the rounds of an answer: what is offered, who does the calls, what was done of it
// before, and what earlier answers to its question have begun. Results have no limit but MostResult
// before Bound says one.
func NewRounds(offered []tools.Tool, box Toolbox, made []Round, ran []Ran) *Rounds {
	offered = slices.Clone(offered)
	for i := range offered { // their servers wrote them
		offered[i].Description = prompt.Unmarked(offered[i].Description)
		offered[i].Schema = json.RawMessage(prompt.Unmarked(string(offered[i].Schema)))
	}
	ran = Newest(slices.Clone(ran), MostRan, func(newer, older Ran) bool { return newer.Name == older.Name })
	return &Rounds{offered: offered, box: box, all: made, ran: ran[max(0, len(ran)-MostRan):], result: MostResult}
}

// Head returns what the rounds have brought together. Its text, if there is any, ends with a blank
// line.
func (r *Rounds) Head() Partial { return headOf(r.all) }

// Whole returns the result of all requests of the answer: res, which is that of the last one, and
// what the rounds before it took.
func (r *Rounds) Whole(res llm.Result) llm.Result { return r.Head().before(res) }

// Used returns how much tools were used.
func (r *Rounds) Used() Used { return used(r.all) }

// Size returns how many bytes the definitions of the tools take in a request.
func (r *Rounds) Size() (n int) {
	for _, t := range r.offered {
		n += sizeOf(t)
	}
	return n
}

func sizeOf(t tools.Tool) int { return len(t.Name) + len(t.Description) + len(t.Schema) }

// leaveOut leaves out the largest tools until the definitions have at most so many bytes.
func (r *Rounds) leaveOut(most int) {
	for size := r.Size(); size > most; {
		largest := slices.MaxFunc(r.offered, func(a, b tools.Tool) int { return cmp.Compare(sizeOf(a), sizeOf(b)) })
		size -= sizeOf(largest)
		r.offered = slices.DeleteFunc(r.offered, func(t tools.Tool) bool { return t.Name == largest.Name })
	}
}

// Bound sets how much results may take in a prompt of so many tokens; 0: not known. ratio is how
// many bytes a token has; 0: not known.
func (r *Rounds) Bound(budget int, ratio float64) {
	r.result, r.room = MostResult, 0
	if ratio <= 0 {
		ratio = prompt.BytesPerToken
	}
	if budget > 0 {
		r.result = max(min(MostResult, int(float64(budget)*ratio/resultShare)), leastResult)
		r.room = max(int(float64(budget)*ratio/roundsShare), leastResult)
	}
}

// Fit bounds what results may take in a prompt of so many tokens, see Bound, and leaves out the
// largest tools of too many. It returns how many tokens are left for the conversation; 0: not known.
func (r *Rounds) Fit(budget int, ratio float64) int {
	if budget <= 0 {
		r.Bound(0, 0)
		return 0
	}
	r.Bound(budget, ratio)
	if ratio <= 0 {
		ratio = prompt.BytesPerToken
	}
	r.leaveOut(int(float64(budget) * ratio / definitionsShare))
	return max(budget-prompt.EstimateSize(r.Size()+textOf(r.messages())+len(r.before()), ratio), budget/resultShare)
}

// Squeeze halves what results may take, after the server refused the prompt for its length. It
// reports false if they take too little for that to help.
func (r *Rounds) Squeeze() bool {
	size := textOf(r.messages())
	if size <= 2*leastResult {
		return false
	}
	r.room = size / 2
	return true
}

// Over reports whether no further call may be made.
func (r *Rounds) Over() bool {
	return r.ended || len(r.all) >= mostRounds || failuresInRow(r.all) >= mostFailures
}

// End ends tools for the answer: what the model wrote for a call is none that anybody can read.
func (r *Rounds) End() { r.ended = true }

// Request returns a request with the tools, and with what was done so far.
func (r *Rounds) Request(req llm.Request) llm.Request {
	req.Tools = make([]llm.Tool, len(r.offered))
	for i, t := range r.offered {
		req.Tools[i] = t.Tool
	}
	if r.Over() {
		req.ToolChoice = llm.ToolChoiceNone
	}
	req.Messages = append(slices.Clip(behindQuestion(req.Messages, r.before())), r.messages()...)
	return req
}

// before returns what the model reads of the calls of earlier answers; empty: there were none.
func (r *Rounds) before() string {
	if len(r.ran) == 0 {
		return ""
	}
	calls := make([]string, len(r.ran))
	for i, c := range r.ran {
		calls[i] = strings.TrimSpace(c.Name+" "+c.Arguments) + "\n" + c.Outcome.said()
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

// messages returns what the model reads of the rounds. Of too much it gets less of the oldest
// results.
func (r *Rounds) messages() (out []llm.Message) {
	over := 0
	if r.room > 0 {
		over = textOf(r.render(nil)) - r.room
	}
	cuts := map[[2]int]int{}
	for i, round := range r.all {
		for j, c := range round.Calls {
			if gain := len(c.Result) - leastResult; over > 0 && gain > 0 {
				cuts[[2]int{i, j}] = max(len(c.Result)-over, leastResult)
				over -= gain
			}
		}
	}
	return r.render(cuts)
}

// render returns the messages, with these results cut to so many bytes.
func (r *Rounds) render(cuts map[[2]int]int) (out []llm.Message) {
	for i, round := range r.all {
		out = append(out, llm.Message{Role: llm.RoleAssistant, Content: strings.TrimSpace(round.Text), Reasoning: round.Reasoning, Calls: calls(round)})
		for j, c := range round.Calls {
			result := c.Result
			if most, cut := cuts[[2]int{i, j}]; cut {
				result = tools.Cut(result, most)
			}
			text := prompt.Result(c.Name, result, c.Failed)
			if i == len(r.all)-1 && j == len(round.Calls)-1 && r.Over() {
				text += "\n\n" + noMoreCalls
			}
			out = append(out, llm.Message{Role: llm.RoleTool, CallID: c.ID, Content: text})
		}
	}
	return out
}

// noMoreCalls tells the model that it has to answer now.
const noMoreCalls = "(No further calls of tools are possible for this answer. Answer now in words, with what you know, and say what is missing.)"

// calls returns the calls of a round as servers take them back: templates read the arguments as an
// object.
func calls(round Round) []llm.ToolCall {
	out := make([]llm.ToolCall, len(round.Calls))
	for i, c := range round.Calls {
		out[i] = c.ToolCall
		if c.Bad != "" {
			out[i].Arguments, out[i].Bad = "{}", ""
		}
	}
	return out
}

// textOf returns the size of messages in bytes, with their calls and reasoning.
func textOf(msgs []llm.Message) (n int) {
	for _, m := range msgs {
		n += len(m.Content) + len(m.Reasoning)
		for _, c := range m.Calls {
			n += len(c.Name) + len(c.Arguments)
		}
	}
	return n
}

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
