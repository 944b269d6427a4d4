package llm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// toolRequest offers two tools.
func toolRequest() Request {
	return Request{
		Messages: []Message{{Role: RoleUser, Content: "hi"}},
		Tools:    []Tool{{Name: "wiki_search"}, {Name: "clock"}},
	}
}

// called writes calls for a comparison: name arguments; a bad one has its reason.
func called(calls []ToolCall) string {
	var all []string
	for _, c := range calls {
		s := c.Name + " " + c.Arguments
		if c.Bad != "" {
			s = c.Name + " BAD " + c.Bad
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

// tools is the delta of pieces of calls.
func tools(pieces string) string { return deltaEvent(`{"tool_calls":[` + pieces + `]}`) }

// finishEvent ends a choice.
func finishEvent(reason string) string {
	return `data: {"id":"chatcmpl-1","model":"tiny","choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}` + "\n\n"
}

const (
	head  = `{"id":"chatcmpl-tool-1","type":"function","index":0,"function":{"name":"wiki_search","arguments":""}}`
	frag1 = `{"index":0,"function":{"arguments":"{\"q\":"}}`
	frag2 = `{"index":0,"function":{"arguments":" \"a\"}"}}`
	whole = `{"id":"chatcmpl-tool-1","type":"function","index":0,"function":{"name":"wiki_search","arguments":"{\"q\": \"a\"}"}}`
	wiki  = `wiki_search {"q": "a"}`
)

// TestRulesOfCalls: the eight rules by which calls are put together (calls.go), and the bugs of servers that they are for.
func TestRulesOfCalls(t *testing.T) {
	for _, c := range []struct{ name, stream, want string }{
		{"1 the index names the call", tools(head) + tools(`{"id":"x","index":1,"function":{"name":"clock","arguments":""}}`) + tools(frag1) +
			tools(`{"index":1,"function":{"arguments":"{}"}}`) + tools(frag2), wiki + "; clock {}"},
		{"1 a new id at a used index", tools(head) + tools(frag1) + tools(frag2) + tools(`{"id":"y","index":0,"function":{"name":"wiki_search","arguments":""}}`) +
			tools(frag1) + tools(frag2), wiki + "; " + wiki},
		{"1 both calls at index 0, whole", tools(whole + `,{"id":"y","index":0,"function":{"name":"clock","arguments":"{}"}}`), wiki + "; clock {}"},
		{"1 both at index 0, without ids", tools(`{"index":0,"function":{"name":"wiki_search","arguments":"{\"q\": \"a\"}"}}`) +
			tools(`{"index":0,"function":{"name":"wiki_search","arguments":"{\"q\": \"b\"}"}}`), wiki + `; wiki_search {"q": "b"}`},
		{"1 an old id at another index", tools(head) + tools(`{"id":"y","index":0,"function":{"name":"clock","arguments":""}}`) +
			tools(`{"id":"chatcmpl-tool-1","index":0,"function":{"arguments":"{\"q\": \"a\"}"}}`), wiki + "; clock {}"},
		{"1 a new id in each piece", tools(head) + tools(`{"id":"n1","index":0,"function":{"arguments":"{\"q\":"}}`) +
			tools(`{"id":"n2","index":0,"function":{"arguments":" \"a\"}"}}`), wiki},
		{"1 the head in each piece", tools(head) + tools(`{"id":"chatcmpl-tool-1","index":0,"function":{"name":"wiki_search","arguments":"{\"q\":"}}`) +
			tools(`{"id":"chatcmpl-tool-1","index":0,"function":{"name":"wiki_search","arguments":" \"a\"}"}}`), wiki},
		{"1 SGLang counts ids, and repeats them", tools(`{"id":"0","index":0,"function":{"name":"wiki_search","arguments":""}}`) +
			tools(`{"id":"0","index":0,"function":{"arguments":"{\"q\": \"a\"}"}}`) + tools(`{"id":"1","index":0,"function":{"name":"clock","arguments":""}}`) +
			tools(`{"id":"1","index":0,"function":{"arguments":"{}"}}`), wiki + "; clock {}"},
		{
			"1 one id for all", tools(`{"id":"call_0","index":0,"function":{"name":"wiki_search","arguments":"{\"q\": \"a\"}"}},{"id":"call_0","index":1,"function":{"name":"clock","arguments":"{}"}}`),
			wiki + "; clock {}",
		},
		{"1 one id for all, at one index", tools(whole) + tools(`{"id":"chatcmpl-tool-1","index":0,"function":{"name":"clock","arguments":"{}"}}`), wiki + "; clock {}"},
		{"1 one id, one index, one tool", tools(whole) + tools(strings.Replace(whole, `\"a\"`, `\"b\"`, 1)), wiki + `; wiki_search {"q": "b"}`},
		{"1 the head once more, at the end", tools(whole) + tools(head), wiki},
		{"1 two of one tool in pieces, no ids", tools(`{"index":0,"function":{"name":"wiki_search","arguments":""}}`) + tools(frag1) + tools(frag2) +
			tools(`{"index":0,"function":{"name":"wiki_search","arguments":""}}`) + tools(`{"index":0,"function":{"arguments":"{\"q\": 2}"}}`), wiki + `; wiki_search {"q": 2}`},
		{"2 no id, no index", tools(head) + tools(`{"function":{"arguments":"{\"q\":"}}`) + tools(`{"function":{"arguments":" \"a\"}"}}`), wiki},
		{"2 whole calls without an index", tools(`{"id":"a","function":{"name":"wiki_search","arguments":"{\"q\": \"a\"}"}}`) +
			tools(`{"id":"b","function":{"name":"clock","arguments":"{}"}}`), wiki + "; clock {}"},
		{"2 a list without index and ids", tools(`{"function":{"name":"clock","arguments":"{}"}},{"function":{"name":"clock","arguments":"{}"}}`), "clock {}; clock {}"},
		{"2 whole calls, no index, no ids", tools(`{"function":{"name":"wiki_search","arguments":{"q": "a"}}}`) + tools(`{"function":{"name":"clock","arguments":{}}}`), wiki + "; clock {}"},
		{"3 a control token in the name", tools(strings.Replace(whole, "wiki_search", "wiki_search<|channel|>commentary", 1)), wiki},
		{"3 Harmony's and Kimi's names", tools(strings.Replace(whole, "wiki_search", "functions.wiki_search:0", 1)), wiki},
		{"3 no arguments in the head (vLLM 0.32)", tools(strings.Replace(head, `,"arguments":""`, "", 1)) + tools(frag1) + tools(frag2), wiki},
		{"3 a foreign name stays", tools(strings.Replace(whole, "wiki_search", "rm -rf <b>", 1)), `rm -rf <b> {"q": "a"}`},
		{"3 a name of null", tools(`{"index":0,"id":"x","function":{"name":null,"arguments":null}}`) + tools(whole), wiki},
		{"4 text behind calls", tools(head) + tools(frag1) + textEvent("So ") + tools(frag2), wiki},
		{"7 no arguments", tools(`{"id":"x","index":0,"function":{"name":"clock"}}`), "clock {}"},
		{"7 null", tools(`{"id":"x","index":0,"function":{"name":"clock","arguments":"null"}}`), "clock {}"},
		{"7 an object, no string", tools(`{"id":"x","index":0,"function":{"name":"wiki_search","arguments":{"q":"a"}}}`), `wiki_search {"q":"a"}`},
		{"7 encoded twice", tools(`{"id":"x","index":0,"function":{"name":"wiki_search","arguments":"\"{\\\"q\\\": \\\"a\\\"}\""}}`), wiki},
		{"7 repeated at the end (xlam)", tools(head) + tools(frag1) + tools(frag2) + tools(`{"index":0,"function":{"arguments":"{\"q\": \"a\"}"}}`), wiki},
		{"7 some, and then all", tools(head) + tools(frag1) + tools(`{"index":0,"function":{"arguments":"{\"q\": \"a\"}"}}`), wiki},
		{"7 the call repeated at the end", tools(whole) + tools(strings.Replace(whole, `"id":"chatcmpl-tool-1",`, "", 1)), wiki},
		{"7 {} before", tools(head) + tools(`{"index":0,"function":{"arguments":"{}"}}`) + tools(`{"index":0,"function":{"arguments":"{\"q\": \"a\"}"}}`), wiki},
		{"7 {}{}", tools(`{"id":"x","index":0,"function":{"name":"clock","arguments":"{}{}"}}`), "clock {}"},
		{"7 a token behind", tools(strings.Replace(whole, `\"a\"}`, `\"a\"}<|im_end|>`, 1)), wiki},
		{"7 a bracket too many", tools(strings.Replace(whole, `\"a\"}`, `\"a\"}}`, 1)), wiki},
		{"7 two different ones", tools(strings.Replace(whole, `\"a\"}`, `\"a\"}{\"q\": 2}`, 1)), "wiki_search BAD The arguments must be one JSON object, and there are 2."},
		{"7 cut", tools(head) + tools(frag1), "wiki_search BAD The arguments are no JSON object: it does not end."},
		{"7 a list", tools(strings.Replace(whole, `{\"q\": \"a\"}`, `[1]`, 1)), "wiki_search BAD The arguments are no JSON object: it does not begin with {."},
		{"7 half a character", tools(head) + tools(`{"index":0,"function":{"arguments":"{\"q\": \"\ud83d"}}`) + tools(`{"index":0,"function":{"arguments":"\ude00\"}"}}`), `wiki_search {"q": "😀"}`},
		{"8 no id", tools(strings.Replace(whole, `"id":"chatcmpl-tool-1",`, "", 1)), wiki},
		{"8 no name", tools(strings.Replace(whole, `"name":"wiki_search",`, "", 1)), " BAD The call does not name a tool."},
		{"function_call", deltaEvent(`{"function_call":{"name":"wiki_search","arguments":""}}`) + deltaEvent(`{"function_call":{"arguments":"{\"q\":"}}`) +
			deltaEvent(`{"function_call":{"arguments":" \"a\"}"}}`), wiki},
		{"both fields", deltaEvent(`{"tool_calls":[` + whole + `],"function_call":{"name":"wiki_search","arguments":"{\"q\": \"a\"}"}}`), wiki},
		{"one object, no list (TGI 2)", deltaEvent(`{"tool_calls":{"index":0,"id":"","function":{"name":null,"arguments":"{\"function\": {\"_name\": \"wiki_search\","}}}`) +
			deltaEvent(`{"tool_calls":{"index":0,"id":"","function":{"name":null,"arguments":" \"q\": \"a\"}}"}}}`), `wiki_search {"q":"a"}`},
		{"name and arguments beside the id", tools(`{"index":0,"id":"x","name":"wiki_search","arguments":"{\"q\": \"a\"}"}`), wiki},
		{"a null among them", tools(`null,` + whole), wiki},
		{"null in each delta", deltaEvent(`{"content":"","tool_calls":null,"function_call":null}`) + tools(whole), wiki},
	} {
		for _, finish := range []string{"tool_calls", "stop", "function_call", "tool_use", "eos_token", "odd"} { // rule 5
			got := ask(t.Context(), newClient(t, sse(c.stream+finishEvent(finish)+doneEvent)), toolRequest())
			if got.err != nil || called(got.res.Calls) != c.want {
				t.Errorf("%s, %s:\n got %s (%v)\nwant %s", c.name, finish, called(got.res.Calls), got.err, c.want)
			}
			checkIDs(t, c.name, got.res.Calls)
		}
		// Nobody offered them: as ever.
		if got := stream(t, c.stream+finishEvent("tool_calls")+doneEvent); kindName(got.err) != "tool" || got.res.Calls != nil {
			t.Errorf("%s, not offered: %v %v", c.name, got.res.Calls, got.err)
		}
		none := toolRequest()
		none.ToolChoice = ToolChoiceNone
		if got := ask(t.Context(), newClient(t, sse(c.stream+finishEvent("stop")+doneEvent)), none); kindName(got.err) != "tool" || got.res.Calls != nil {
			t.Errorf("%s, not wanted: %v %v", c.name, got.res.Calls, got.err)
		}
		// Rule 4: without a finish reason nothing is complete.
		if got := ask(t.Context(), newClient(t, sse(c.stream)), toolRequest()); kindName(got.err) != "cut" || got.res.Calls != nil {
			t.Errorf("%s, cut: %v %v", c.name, got.res.Calls, got.err)
		}
	}
}

func checkIDs(t *testing.T, name string, calls []ToolCall) {
	t.Helper()
	seen := map[string]bool{"": true}
	for _, c := range calls {
		if seen[c.ID] {
			t.Errorf("%s: the id %q twice, or none", name, c.ID)
		}
		seen[c.ID] = true
	}
}

// TestEndsOfRounds: what an answer with tools is in the end.
func TestEndsOfRounds(t *testing.T) {
	for _, c := range []struct{ name, stream, kind, text, want string }{
		{"6 lost", finishEvent("tool_calls"), "lost_call", "", ""},
		{"6 lost, an empty list", deltaEvent(`{"tool_calls":[]}`) + finishEvent("tool_calls"), "lost_call", "", ""},
		{"6 lost, empty pieces", tools(`{"index":0,"function":{"arguments":""}}`) + finishEvent("stop"), "lost_call", "", ""},
		{"6 lost behind text", textEvent("Let me see.") + finishEvent("tool_calls"), "lost_call", "Let me see.", ""},
		{"an empty piece and an answer", tools(`{"index":0}`) + textEvent("Hi") + finishEvent("stop"), "ok", "Hi", ""},
		{"no call", textEvent("Hi") + finishEvent("stop"), "ok", "Hi", ""},
		{"text before", textEvent("Let me see.") + tools(whole) + finishEvent("tool_calls"), "ok", "Let me see.", wiki},
		{"at the length limit", tools(head) + tools(frag1) + finishEvent("length"), "ok", "", "wiki_search BAD The answer reached its length limit before the call was complete."},
		{
			"one of two at the limit", tools(whole) + tools(`{"id":"y","index":1,"function":{"name":"clock","arguments":"{\"a"}}`) + finishEvent("length"), "ok", "",
			wiki + "; clock BAD The answer reached its length limit before the call was complete.",
		},
		{"aborted", tools(whole) + finishEvent("abort"), "aborted", "", ""},
		{"an error", tools(whole) + finishEvent("error"), "server", "", ""},
		{"a filter", tools(whole) + finishEvent("content_filter"), "filtered", "", ""},
		{"Harmony fails", tools(head) + `data: {"error": {"message": "Unexpected token 200002 while expecting start token 200006", "type": "InternalServerError", "param": null, "code": 500}}` + "\n\n", "server", "", ""},
	} {
		got := ask(t.Context(), newClient(t, sse(c.stream+doneEvent)), toolRequest())
		if kindName(got.err) != c.kind || got.text != c.text || called(got.res.Calls) != c.want {
			t.Errorf("%s: %q %s %v", c.name, got.text, called(got.res.Calls), got.err)
		}
		if e, ok := errors.AsType[*Error](got.err); ok {
			checkSentence(t, e)
			if again := c.kind != "filtered"; e.Again() != again {
				t.Errorf("%s: again %v", c.name, e.Again())
			}
		}
	}
}

// TestBoundsOfCalls: a legal call in tiny pieces passes, one without an end does not, and neither do too many.
func TestBoundsOfCalls(t *testing.T) {
	deltas := 0
	run := func(events ...string) (Result, error) {
		deltas = 0
		return newClient(t, sse(strings.Join(events, "")+doneEvent)).Stream(t.Context(), toolRequest(), func(d Delta) error {
			if deltas++; !d.Call {
				t.Fatalf("%+v", d)
			}
			return nil
		})
	}
	one := tools(`{"index":0,"function":{"arguments":"a"}}`)
	args := strings.Repeat(one, mostArguments-len(`{"q": ""}`))
	res, err := run(tools(head), tools(`{"index":0,"function":{"arguments":"{\"q\": \""}}`), args, tools(`{"index":0,"function":{"arguments":"\"}"}}`), finishEvent("tool_calls"))
	if err != nil || len(res.Calls) != 1 || len(res.Calls[0].Arguments) != mostArguments || res.Calls[0].Bad != "" || deltas < mostArguments-20 {
		t.Errorf("%d calls, %d deltas, %v", len(res.Calls), deltas, err)
	}
	for name, events := range map[string]string{
		"one more byte":        tools(head) + tools(`{"index":0,"function":{"arguments":"{\"q\": \""}}`) + args + one + tools(`{"index":0,"function":{"arguments":"\"}"}}`),
		"at once":              tools(strings.Replace(whole, `\"a\"`, `\"`+fill(mostArguments)+`\"`, 1)),
		"many large calls":     strings.Repeat(tools(`{"index":0,"id":"ID","function":{"name":"clock","arguments":"{\"q\": \"`+fill(mostArguments/2)+`\"}"}}`), 0),
		"white space for ever": tools(head) + strings.Repeat(tools(`{"index":0,"function":{"arguments":"\n "}}`), mostArguments/2+1),
		"nothing for ever":     tools(head) + strings.Repeat(tools(`{"index":0,"function":{"arguments":""}}`), mostMute+2),
		"calls for ever":       manyCalls(mostCalls + mostMute + 2),
	} {
		if name == "many large calls" {
			for i := range 10 {
				events += tools(fmt.Sprintf(`{"index":%d,"id":"i%[1]d","function":{"name":"clock","arguments":"{\"q\": \"%s\"}"}}`, i, fill(mostArguments/2)))
			}
		}
		res, err := run(events, finishEvent("tool_calls"))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != KindTool || res.Calls != nil || e.Again() {
			t.Errorf("%s: %d calls, %v", name, len(res.Calls), err)
			continue
		}
		checkSentence(t, e)
	}
	if res, err := run(manyCalls(mostCalls+5), finishEvent("tool_calls")); err != nil || len(res.Calls) != mostCalls {
		t.Errorf("%d calls, %v", len(res.Calls), err)
	}
	late := manyCalls(mostCalls) + tools(`{"function":{"name":"wiki_search","arguments":""}}`) + tools(`{"function":{"arguments":"{\"q\": 1}"}}`)
	if res, err := run(late, finishEvent("tool_calls")); err != nil || strings.Contains(called(res.Calls), "q") || len(res.Calls) != mostCalls {
		t.Errorf("the arguments of a call that is left out go to another: %s %v", called(res.Calls), err)
	}
	if res, err := run(tools(strings.Replace(whole, "wiki_search", fill(500), 1)), finishEvent("tool_calls")); err != nil || len(res.Calls[0].Name) > mostToolName+len("…") {
		t.Errorf("%v, %v", res.Calls, err)
	}
}

// TestArgumentsAreCheap: what a look at arguments costs does not grow with the square of their length. One of these took 13 s.
func TestArgumentsAreCheap(t *testing.T) {
	req := toolRequest()
	start := time.Now()
	for _, unit := range []string{"{", "{}", `{"a":`, "}", "{} <|im_end|>", "[", `{"a":1}`, `{}"`, `{"":{`, `"`, "{}<|x", "{}[", "clock{", "clock{}", "clock[1]"} {
		s := strings.Repeat(unit, mostArguments/len(unit))
		arguments(s)
		textCall{body: s}.calls(&req)
		bareCalls(s, &req)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("%v", took)
	}
}

func manyCalls(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(tools(fmt.Sprintf(`{"index":%d,"id":"i%[1]d","function":{"name":"clock","arguments":"{}"}}`, i)))
	}
	return b.String()
}

// TestIDsOfAConversation: SGLang counts from 0 in each answer, and a result is matched by its id.
func TestIDsOfAConversation(t *testing.T) {
	req := toolRequest()
	req.Messages = append(req.Messages, Message{Role: RoleAssistant, Calls: []ToolCall{{ID: "0", Name: "clock", Arguments: "{}"}}}, Message{Role: RoleTool, CallID: "0"})
	got := ask(t.Context(), newClient(t, sse(tools(`{"id":"0","index":0,"function":{"name":"clock","arguments":"{}"}},{"id":"1","index":1,"function":{"name":"clock"}}`)+stopEvent+doneEvent)), req)
	if got.err != nil || len(got.res.Calls) != 2 || got.res.Calls[0].ID == "0" || len(got.res.Calls[0].ID) != idLength || got.res.Calls[1].ID != "1" {
		t.Errorf("%+v %v", got.res.Calls, got.err)
	}
}

// FuzzCalls: the calls do not depend on how the arguments are cut, never break a bound, and are one JSON object or say why they are not.
func FuzzCalls(f *testing.F) {
	for _, s := range []string{`{"q": "a"}`, `{}{}`, `{"a":1}{"a":1}`, ``, `null`, `"{\"a\":1}"`, `{"a":1}}`, `{"a":{"a":1}`, `{"q":{"q": 1}`, `[{"name":"clock"}]`, `{"function":{"_name":"clock"}}`} {
		f.Add(s, "clock", uint64(1))
		f.Add(s, "functions.clock:1<|channel|>", uint64(2))
	}
	f.Fuzz(func(t *testing.T, args, name string, seed uint64) {
		req := toolRequest()
		var one, cut assembler
		one.add([]callPiece{{index: 0, id: "x", name: name, args: args}})
		r := rand.New(rand.NewPCG(seed, 16))
		cut.add([]callPiece{{index: 0, id: "x", name: name}})
		for rest := args; rest != ""; {
			n := 1 + r.IntN(min(len(rest), 5))
			cut.add([]callPiece{{index: r.IntN(2) - 1, args: rest[:n]}}) // with its index, or without
			rest = rest[n:]
		}
		if one.over != cut.over {
			t.Fatal("a bound depends on the cuts")
		}
		if one.over {
			return
		}
		a, b := one.complete(&req, false), cut.complete(&req, false)
		if called(a) != called(b) {
			t.Fatalf("%s\n%s", called(a), called(b))
		}
		for _, c := range append(a, b...) {
			if c.ID == "" || utf8.RuneCountInString(c.Name) > mostToolName+1 || len(c.Arguments) > 6*mostArguments || (c.Bad == "") != isObject([]byte(c.Arguments)) && c.Name != "" {
				t.Fatalf("%+v", c)
			}
		}
	})
}

// FuzzToolStream: whatever comes as pieces of calls, nothing panics, and what comes out keeps to the bounds.
func FuzzToolStream(f *testing.F) {
	f.Add(head + "," + frag1 + "," + frag2)
	f.Add(`{"function":{"name":"clock","arguments":{}}},null,7,"x",[],{"index":-5},{"index":1e99,"id":7}`)
	f.Fuzz(func(t *testing.T, pieces string) {
		if strings.ContainsAny(pieces, "\r\n") || len(pieces) > 1<<12 {
			return
		}
		var halves string
		var a assembler
		for range 3 {
			a.add(callPieces([]byte("["+pieces+"]"), &halves))
			a.add(callPieces([]byte(pieces), &halves))
		}
		req := toolRequest()
		calls := a.complete(&req, false)
		checkIDs(t, pieces, calls)
		if len(calls) > mostCalls {
			t.Errorf("%d calls", len(calls))
		}
	})
}
