package answer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmbot/bot/prompt"
	"llmbot/bot/tools"
	"llmbot/llm"
)

// How the budget of a prompt is divided. All parts together are the whole: the conversation has at
// least a quarter, definitions half at most, and the rounds what is left of three quarters, half at
// most. The figures are the project's own.
const (
	// definitionsShare is the part that the definitions of tools may take: a server with large ones
	// would leave no place for the question.
	definitionsShare = 2
	// threadShare is the part that the question and its thread always have.
	threadShare = 4
	// roundsShare is the part that all rounds may take.
	roundsShare = 2

	// ranShare is the part of the rounds' room that the arguments of earlier calls may take, and
	// madeShare that of older rounds which stand in the question.
	ranShare  = 4
	madeShare = 4

	// leastResult is what is left of an older result, text or argument when newer ones need its place;
	// in a small window not more than leastShare of the rounds' room, so that ten have a place.
	leastResult = 512
	leastShare  = 16
	// leastMade is the least that is shown of a call in the question; of less it is only counted.
	leastMade = 100
	// leastRounds is what rounds take that are not made smaller after a refusal: that would not help.
	leastRounds = 1024
)

// sizer measures text by what it takes of a window, in bytes of prose. Prose has some bytes in a token,
// as the server has taught. Digits and rare characters have none to spare: a tokenizer may need a token
// for each of their bytes (Qwen takes digits one by one, byte fallback takes what no word list has). Of
// punctuation, as in JSON, two bytes count as one token.
type sizer float64

func (s sizer) of(text string) int {
	plain, marks, dense := 0, 0, 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			switch {
			case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == ' ' || c == '\n':
				plain++
			case c >= '0' && c <= '9':
				dense++
			default:
				marks++
			}
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(text[i:])
		if i += n; common(c) {
			plain += n
		} else {
			dense += n
		}
	}
	whole := max(float64(s), 1)
	return plain + int(float64(dense)*whole+float64(marks)*max(whole/2, 1))
}

// common reports whether a character is a letter of a script that tokenizers have words of.
func common(r rune) bool {
	return r < 0xE000 && unicode.IsLetter(r) && unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Han,
		unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Arabic, unicode.Hebrew, unicode.Devanagari, unicode.Thai)
}

// ofAll measures messages, with their calls and reasoning.
func (s sizer) ofAll(msgs []llm.Message) (n int) {
	for _, m := range msgs {
		n += s.of(m.Content) + s.of(m.Reasoning)
		for _, c := range m.Calls {
			n += s.of(c.Name) + s.of(c.Arguments)
		}
	}
	return n
}

// of returns what a text takes of the window.
func (r *Rounds) of(text string) int { return sizer(r.ratio).of(text) }

// cut returns a text, or less of it, that takes so much of the window at most.
func (r *Rounds) cut(text string, most int) string {
	out := tools.Cut(text, max(most, 0)) // a byte takes one at least
	for size := r.of(out); size > most && out != ""; size = r.of(out) {
		out = tools.Cut(text, max(0, len(out)*max(most, 0)/size-len(out)/64-1)) // converges in a few steps
	}
	return out
}

// sizeOf returns what a tool's definition takes of the window.
func (r *Rounds) sizeOf(t tools.Tool) int {
	return r.of(t.Name) + r.of(t.Description) + r.of(string(t.Schema))
}

// leaveOut leaves out the largest tools until the definitions take so much of the window at most. It
// returns what they take.
func (r *Rounds) leaveOut(most int) int {
	if r.flat {
		return 0
	}
	sizes, size := map[string]int{}, 0
	for _, t := range r.offered {
		sizes[t.Name] = r.sizeOf(t)
		size += sizes[t.Name]
	}
	for size > most {
		largest := slices.MaxFunc(r.offered, func(a, b tools.Tool) int { return cmp.Compare(sizes[a.Name], sizes[b.Name]) })
		size -= sizes[largest.Name]
		r.offered = slices.DeleteFunc(r.offered, func(t tools.Tool) bool { return t.Name == largest.Name })
	}
	return size
}

// Fit divides a prompt of so many tokens, see the shares, and leaves out the largest tools of too
// many; ratio is how many bytes a token has, 0: not known. It returns how many tokens are left for the
// conversation; 0: not known.
func (r *Rounds) Fit(budget int, ratio float64) int {
	r.ratio = ratio
	if ratio <= 0 {
		r.ratio = prompt.BytesPerToken
	}
	r.result, r.room = MostResult, 0
	if budget <= 0 {
		return 0
	}
	all := int(float64(budget) * r.ratio)
	defined := r.leaveOut(all / definitionsShare)
	r.result = max(min(MostResult, all/resultShare), leastResult)
	r.room = max(min(all/roundsShare, all-all/threadShare-defined), 1)
	return max(budget-int(math.Ceil(float64(defined+r.taken())/r.ratio)), budget/threadShare)
}

// taken returns what the rounds take of the window.
func (r *Rounds) taken() int {
	behind, msgs := r.laid()
	return r.of(behind) + sizer(r.ratio).ofAll(msgs)
}

// Squeeze halves what the rounds may take, after the server refused the prompt for its length. It
// reports whether that made the prompt smaller.
func (r *Rounds) Squeeze() bool {
	size, room := r.taken(), r.room
	if size <= leastRounds {
		return false
	}
	if r.room = size / 2; r.taken() < size {
		return true
	}
	r.room = room
	return false
}

// laid returns what the model reads of the rounds: a paragraph behind its question, and the messages
// that follow it. Of too much it gets less of the oldest. What has no place as messages even so stands
// in the paragraph.
func (r *Rounds) laid() (behind string, msgs []llm.Message) {
	key := laidKey{len(r.all), 0, r.room, r.ratio, r.bare(), r.Over()}
	for i := range r.all {
		for j := range r.all[i].Calls {
			if r.all[i].Calls[j].Over {
				key.over++
			}
		}
	}
	if key != r.last.key {
		r.last.key = key
		r.last.behind, r.last.msgs = r.lay()
	}
	return r.last.behind, r.last.msgs
}

// laidKey is what laid depends on: a call that is over does not change any more.
type laidKey struct {
	rounds, over, room int
	ratio              float64
	bare, ended        bool
}

// lay does the work of laid.
func (r *Rounds) lay() (behind string, msgs []llm.Message) {
	ran, most := r.before(), math.MaxInt
	if r.room > 0 {
		most = r.room - r.of(ran)
	}
	for first := r.begins(most); first < len(r.all); first++ {
		made := r.made(r.all[:first], most/madeShare)
		room := most - r.of(made)
		for over := 0; over < room; { // what stands around a text may grow when less of it is left
			fitted, size := r.fitted(r.all[first:], room-over)
			more := size - room
			if more <= 0 {
				return paragraphs(ran, made), fitted
			}
			if over += more; over > 3*more+leastResult {
				break
			}
		}
	}
	end := ""
	if len(r.all) > 0 && r.Over() {
		end = noMoreCalls
	}
	return paragraphs(ran, r.made(r.all, most-r.of(end)), end), nil
}

// begins returns the first of the rounds that have a place as messages, if as little is left of them as
// may be, and all of them take so much at most.
func (r *Rounds) begins(most int) int {
	first, least := len(r.all), 0
	for ; first > 0 && !r.bare(); first-- {
		_, size := r.fitted(r.all[first-1:first], 0)
		least += size
		if older := most / madeShare; least > most || first > 1 && least > most-older {
			return first
		}
	}
	return first
}

// paragraphs joins texts of which some may be empty.
func paragraphs(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "\n\n")
}

// fitted returns rounds as messages, and what those take of the window. Where that is more than
// most, there is less in them: of all but the last their thoughts go first, then, the oldest first,
// most of results, arguments and text.
func (r *Rounds) fitted(all []Round, most int) (msgs []llm.Message, size int) {
	msgs = r.render(all)
	size = sizer(r.ratio).ofAll(msgs)
	over := size - most
	if over <= 0 {
		return msgs, size
	}
	all = slices.Clone(all)
	think := func(i int) {
		over -= r.of(all[i].Reasoning)
		all[i].Reasoning = ""
	}
	least := leastResult
	if r.room > 0 {
		least = min(least, r.room/leastShare)
	}
	cut := func(text string) string {
		size := r.of(text)
		if over <= 0 || size <= least {
			return text
		}
		text = r.cut(text, max(size-over, least))
		over -= size - r.of(text)
		return text
	}
	for i := 0; i < len(all)-1 && over > 0; i++ {
		think(i)
	}
	for i := 0; i < len(all) && over > 0; i++ {
		round := &all[i]
		if round.Reasoning != "" {
			think(i)
		}
		round.Calls = slices.Clone(round.Calls)
		for j := range round.Calls {
			c := &round.Calls[j]
			c.Result = cut(c.Result)
			if size := r.of(c.Arguments); over > 0 && size > least {
				c.Arguments = fmt.Sprintf(`{"left_out":"%d bytes"}`, len(c.Arguments))
				over -= size - r.of(c.Arguments)
			}
		}
		round.Text = cut(round.Text)
	}
	msgs = r.render(all)
	return msgs, sizer(r.ratio).ofAll(msgs)
}

// render returns rounds as messages.
func (r *Rounds) render(all []Round) (out []llm.Message) {
	for i, round := range all {
		out = append(out, llm.Message{Role: llm.RoleAssistant, Content: strings.TrimSpace(round.Text), Reasoning: round.Reasoning, Calls: calls(round)})
		for j, c := range round.Calls {
			text := prompt.Result(c.Name, c.Result, c.Failed)
			if i == len(all)-1 && j == len(round.Calls)-1 && r.Over() {
				text += "\n\n" + noMoreCalls
			}
			out = append(out, llm.Message{Role: llm.RoleTool, CallID: c.ID, Content: text})
		}
	}
	return out
}

// made returns rounds as a paragraph behind the question, with the newest of them whole if there is
// room; empty: there were none.
func (r *Rounds) made(all []Round, most int) string {
	var said []string
	for _, round := range all {
		if text := strings.TrimSpace(round.Text); text != "" {
			said = append(said, "You wrote: "+text)
		}
		for _, c := range round.Calls {
			outcome := "It brought: "
			if c.Failed {
				outcome = "It brought nothing: "
			}
			said = append(said, strings.TrimSpace(c.Name+" "+tools.Cut(c.Arguments, mostRanArguments))+"\n"+outcome+c.Result)
		}
	}
	if len(said) == 0 {
		return ""
	}
	var shown []string
	left, dropped := most-r.of(prompt.Made(nil, len(said))), 0
	for i, text := range said { // the oldest first: what it leaves of its share is there for newer ones
		share := left / (len(said) - i)
		text = tools.Cut(text, max(share, 0))
		if part := prompt.Made([]string{text}, 0); r.of(part) > share {
			text = r.cut(text, share*r.of(text)/r.of(part)-leastMade/2)
		}
		if share < leastMade || text == "" {
			dropped++
			continue
		}
		shown = append(shown, text)
		left -= r.of(prompt.Made([]string{text}, 0)) - r.of(prompt.Made(nil, 0))
	}
	return prompt.Made(shown, dropped)
}

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
