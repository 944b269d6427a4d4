package llmsim

import (
	"fmt"
	"strings"
)

// CallForm is how a server streams the calls of tools: as its dialect does, or with a bug that some
// version of it had (facts: tools.md §2).
type CallForm string

// The forms.
const (
	CallsOwn       CallForm = ""          // the dialect's own
	CallsPieces    CallForm = "pieces"    // OpenAI: id, name and empty arguments; then the arguments
	CallsBareHead  CallForm = "bare head" // vLLM 0.32: the same, without arguments in the first piece
	CallsWhole     CallForm = "whole"     // Ollama: one piece
	CallsNoIndex   CallForm = "no index"  // Ollama before 0.5: one piece without an index (#7881)
	CallsNoID      CallForm = "no id"     // neither id nor index
	CallsObject    CallForm = "object"    // TGI 2: an object, no list
	CallsFunction  CallForm = "function"  // function_call, of before there were tools
	CallsCounted   CallForm = "counted"   // SGLang: ids are "0", "1", in each piece
	CallsNewIDs    CallForm = "new ids"   // a new id in each piece
	CallsIndexZero CallForm = "index 0"   // all at index 0, with their ids (lmdeploy #3412)
	CallsTogether  CallForm = "together"  // all calls in one event, whole (vLLM #47907)
	CallsTwice     CallForm = "twice"     // the arguments once more at the end (vLLM #51697)
	CallsEmptied   CallForm = "emptied"   // {} before the arguments
	CallsEncoded   CallForm = "encoded"   // arguments that are a JSON string of JSON
	CallsToken     CallForm = "token"     // a control token in the name (vLLM #32587)
	CallsAlsoText  CallForm = "also text" // the text has them, too (vLLM #24509)
	CallsStop      CallForm = "stop"      // the finish reason is stop (vLLM PR #9209)
	CallsLost      CallForm = "lost"      // finish reason tool_calls, and no call (vLLM #53255)
	CallsNoText    CallForm = "no text"   // the text before them is lost (vLLM PR #42213)
)

// The forms of a server without a parser, or with the wrong one: calls stay in the text, as the
// model writes them.
const (
	CallsHermes  CallForm = "hermes"
	CallsMistral CallForm = "mistral"
	CallsHarmony CallForm = "harmony"
	CallsLlama   CallForm = "llama"
	CallsXML     CallForm = "xml" // Qwen3-Coder's
)

// CallForms returns all forms.
func CallForms() []CallForm {
	return []CallForm{
		CallsOwn, CallsPieces, CallsBareHead, CallsWhole, CallsNoIndex, CallsNoID, CallsObject, CallsFunction, CallsCounted, CallsNewIDs, CallsIndexZero, CallsTogether,
		CallsTwice, CallsEmptied, CallsEncoded, CallsToken, CallsAlsoText, CallsStop, CallsLost, CallsNoText, CallsHermes, CallsMistral, CallsHarmony, CallsLlama, CallsXML,
	}
}

// InText reports whether a form leaves calls in the text.
func (f CallForm) InText() bool {
	switch f {
	case CallsHermes, CallsMistral, CallsHarmony, CallsLlama, CallsXML:
		return true
	}
	return false
}

// CallTools has the model call tools, in the form of [Wire.Calls]. A tape that ends with it ends
// with the finish reason of calls.
func CallTools(calls ...Call) Step { return Step{op: opCalls, calls: calls} }

// callForm returns the form of this answer's calls.
func (c *call) callForm() CallForm {
	switch {
	case c.wire.Calls != CallsOwn:
		return c.wire.Calls
	case c.enc.family == familyOpenAI && !c.s.cfg.Tools:
		return CallsHermes
	}
	return c.enc.calls
}

// ends returns the finish reason of an answer that ended by itself.
func (c *call) ends() string {
	form := c.callForm()
	switch {
	case len(c.called) == 0, form == CallsStop, form.InText():
		return "stop"
	case form == CallsFunction:
		return "function_call"
	}
	return "tool_calls"
}

// callTools streams calls.
func (c *call) callTools(calls []Call) error {
	form := c.callForm()
	if err := c.prefill(); err != nil {
		return err
	}
	if !form.InText() { // they stay in the last text otherwise
		if err := c.flushPend(); err != nil {
			return err
		}
	}
	for _, one := range calls {
		if one.ID == "" {
			one.ID = c.enc.callID(form, c.enc.id, len(c.called))
		}
		c.called = append(c.called, one)
	}
	made := c.called[len(c.called)-len(calls):]
	switch {
	case form.InText():
		return c.stream(textOfCalls(form, made), false)
	case form == CallsLost:
		for range Tokens(textOfCalls(CallsHermes, made)) {
			if err := c.await(); err != nil {
				return err
			}
			c.count(1, false)
		}
		return nil
	case form == CallsTogether:
		var all []string
		for i, one := range made {
			all = append(all, c.wholeCall(form, len(c.called)-len(made)+i, one))
		}
		return c.callDelta(Tokens(textOfCalls(CallsHermes, made)), `{"tool_calls":[`+strings.Join(all, ",")+`]}`)
	case form == CallsAlsoText:
		if err := c.stream(textOfCalls(CallsAlsoText, made), false); err != nil {
			return err
		}
		if err := c.flushPend(); err != nil {
			return err
		}
	}
	for i, one := range made {
		if err := c.callTool(form, len(c.called)-len(made)+i, one); err != nil || c.finished {
			return err
		}
	}
	return nil
}

// callTool streams one call, the nth of its answer.
func (c *call) callTool(form CallForm, n int, one Call) error {
	head := Tokens(`<tool_call>{"name": "` + one.Name + `", "arguments": `)
	switch form {
	case CallsWhole, CallsNoIndex, CallsNoID, CallsEncoded:
		return c.callDelta(append(head, Tokens(one.Arguments)...), `{"tool_calls":[`+c.wholeCall(form, n, one)+`]}`)
	}
	if err := c.callDelta(head, c.piece(form, n, one, true, "")); err != nil || c.finished {
		return err
	}
	if form == CallsEmptied {
		if err := c.callDelta(nil, c.piece(form, n, one, false, "{}")); err != nil {
			return err
		}
	}
	for _, tok := range Tokens(one.Arguments) {
		if err := c.callDelta([]string{tok}, c.piece(form, n, one, false, tok)); err != nil || c.finished {
			return err
		}
	}
	if form == CallsTwice {
		return c.callDelta(nil, c.piece(form, n, one, false, one.Arguments))
	}
	return nil
}

// callDelta generates tokens, and sends one delta for them. The limit may end the answer.
func (c *call) callDelta(tokens []string, delta string) error {
	for range tokens {
		if err := c.await(); err != nil {
			return err
		}
		c.count(1, false)
		if c.enc.tokens >= c.limit {
			return c.finish("length", "")
		}
	}
	return c.send(piece{kind: pieceText, delta: delta})
}

// piece returns the delta of a piece of a call: its head, or some of its arguments.
func (c *call) piece(form CallForm, n int, one Call, first bool, args string) string {
	id, index := "", fmt.Sprintf(`"index":%d,`, n)
	name := one.Name
	switch form {
	case CallsIndexZero:
		index = `"index":0,`
	case CallsToken:
		name += "<|channel|>commentary"
	}
	switch {
	case form == CallsNewIDs:
		id = fmt.Sprintf(`"id":"%s-%d",`, one.ID, c.enc.tokens)
	case first || form == CallsCounted:
		id = `"id":` + string(appendString(nil, one.ID)) + `,`
	}
	f := `{"arguments":` + string(appendString(nil, args)) + `}`
	switch {
	case first && form == CallsBareHead:
		f = `{"name":` + string(appendString(nil, name)) + `}`
	case first:
		f = `{"name":` + string(appendString(nil, name)) + `,"arguments":""}`
	}
	if form == CallsFunction {
		return `{"function_call":` + f + `}`
	}
	kind := ""
	if first {
		kind = `"type":"function",`
	}
	p := `{` + id + kind + index + `"function":` + f + `}`
	if form == CallsObject {
		return `{"tool_calls":` + p + `}`
	}
	return `{"tool_calls":[` + p + `]}`
}

// wholeCall returns a call in one piece.
func (c *call) wholeCall(form CallForm, n int, one Call) string {
	head := fmt.Sprintf(`"id":%s,"index":%d,`, appendString(nil, one.ID), n)
	args := one.Arguments
	switch form {
	case CallsNoIndex:
		head = fmt.Sprintf(`"id":%s,`, appendString(nil, one.ID))
	case CallsNoID:
		head = ""
	case CallsEncoded:
		args = string(appendString(nil, args))
	}
	return `{` + head + `"type":"function","function":{"name":` + string(appendString(nil, one.Name)) + `,"arguments":` + string(appendString(nil, args)) + `}}`
}

// textOfCalls returns calls as models write them.
func textOfCalls(form CallForm, calls []Call) string {
	var parts []string
	for _, one := range calls {
		name := string(appendString(nil, one.Name))
		object := `{"name": ` + name + `, "arguments": ` + one.Arguments + `}`
		switch form {
		case CallsMistral:
			parts = append(parts, `[TOOL_CALLS]`+one.Name+`[ARGS]`+one.Arguments)
		case CallsHarmony:
			parts = append(parts, `<|channel|>commentary to=functions.`+one.Name+` <|constrain|>json<|message|>`+one.Arguments+`<|call|>`)
		case CallsLlama:
			parts = append(parts, `<|python_tag|>{"name": `+name+`, "parameters": `+one.Arguments+`}<|eom_id|>`)
		case CallsXML:
			parts = append(parts, "<tool_call>\n<function="+one.Name+">\n<parameter=q>\n"+one.Arguments+"\n</parameter>\n</function>\n</tool_call>")
		case CallsAlsoText:
			parts = append(parts, `{"name": `+name+`, "parameters": `+one.Arguments+`}`)
		default:
			parts = append(parts, "<tool_call>\n"+object+"\n</tool_call>")
		}
	}
	if form == CallsAlsoText {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return strings.Join(parts, "\n")
}

// callID makes the id of the nth call of an answer.
func (sh shape) callID(form CallForm, answer string, n int) string {
	x := (uint64(hash(answer))<<8 + uint64(n)) * 0xbf58476d1ce4e5b9
	switch {
	case form == CallsCounted:
		return fmt.Sprint(n)
	case sh.family == familyVLLM:
		return fmt.Sprintf("chatcmpl-tool-%016x", x)
	case sh.family == familyLlama:
		return fmt.Sprintf("%032x", x)
	}
	return fmt.Sprintf("call_%08x", uint32(x))
}

// wholeCalls returns the calls of an answer without streaming.
func (c *call) wholeCalls() string {
	form := c.callForm()
	if len(c.called) == 0 || form.InText() || form == CallsLost {
		return ""
	}
	var all []string
	for _, one := range c.called {
		all = append(all, c.wholeCall(CallsNoIndex, 0, one))
	}
	return `,"tool_calls":[` + strings.Join(all, ",") + `]`
}
