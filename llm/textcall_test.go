package llm

import (
	"errors"
	"strings"
	"testing"
)

// jsonText is a text as the inside of a JSON string.
func jsonText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

// TestCallsInTheText: a server without the right parser leaves calls in the text. They are calls if they are JSON and name a tool that was
// offered. Structural tokens never arrive as text, however the server cuts it.
func TestCallsInTheText(t *testing.T) {
	const q, both = `wiki_search {"q": "a"}`, `wiki_search {"q": "a"}; clock {}`
	for _, c := range []struct{ name, in, text, want, kind string }{
		{"Hermes", "<tool_call>\n{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}\n</tool_call>", "", q, "ok"},
		{"two", "<tool_call>{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}</tool_call>\n<tool_call>{\"name\": \"clock\"}</tool_call>", "", both, "ok"},
		{"behind text", "I look.\n\n<tool_call>\n{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}\n</tool_call>", "I look.\n\n", q, "ok"},
		{"text behind", "<tool_call>\n{\"name\": \"clock\", \"arguments\": {}}\n</tool_call>\nSo it is.", "So it is.", "clock {}", "ok"},
		{"no end token", "<tool_call>\n{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}", "", q, "ok"},
		{"no end", "<tool_call>\n{\"name\": \"wiki_search\", \"argum", "", "", "tool"},
		{"brackets in strings", "<tool_call>\n{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"} ] \\\"<|im_end|>\"}}\n</tool_call>", "", `wiki_search {"q": "} ] \"<|im_end|>"}`, "ok"},
		{"arguments as a string", "<tool_call>{\"name\": \"wiki_search\", \"arguments\": \"{\\\"q\\\": \\\"a\\\"}\"}</tool_call>", "", q, "ok"},
		{"Granite", "<|tool_call|>[{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}, {\"name\": \"clock\", \"arguments\": {}}]", "", both, "ok"},
		{"Mistral", "[TOOL_CALLS][{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}]", "", q, "ok"},
		{"Mistral, new", "[TOOL_CALLS]wiki_search[ARGS]{\"q\": \"a\"}[TOOL_CALLS]clock[ARGS]{}</s>", "", both, "ok"},
		{"Mistral, with ids", "[TOOL_CALLS]wiki_search[CALL_ID]a1b2c3d4e[ARGS]{\"q\": \"a\"}", "", q, "ok"},
		{"Harmony", "<|channel|>commentary to=functions.wiki_search <|constrain|>json<|message|>{\"q\": \"a\"}<|call|>", "", q, "ok"},
		{"Harmony, in the role", "<|start|>assistant to=functions.clock<|channel|>commentary json<|message|>{}<|call|>", "", "clock {}", "ok"},
		{"Harmony, thoughts before", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.clock<|message|>{}<|call|>", "", "clock {}", "ok"},
		{"Harmony, to nobody", "<|channel|>commentary<|message|>{\"path\":\"/\"}<|end|>", "", "", "tool"},
		{"Llama 3", "<|python_tag|>{\"name\": \"wiki_search\", \"parameters\": {\"q\": \"a\"}}<|eom_id|>", "", q, "ok"},
		{"Llama 3, two", "<|python_tag|>{\"name\": \"wiki_search\", \"parameters\": {\"q\": \"a\"}}; {\"name\": \"clock\", \"parameters\": {}}<|eom_id|>", "; {\"name\": \"clock\", \"parameters\": {}}", q, "ok"},
		{"Llama 3, code", "<|python_tag|>wiki_search.call(q=\"a\")<|eom_id|>", "", "", "tool"},
		{"Kimi K2", "<|tool_calls_section_begin|><|tool_call_begin|>functions.wiki_search:0<|tool_call_argument_begin|>{\"q\": \"a\"}<|tool_call_end|>" +
			"<|tool_call_begin|>functions.clock:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "", both, "ok"},
		{"DeepSeek V3", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>wiki_search\n```json\n{\"q\": \"a\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "", q, "ok"},
		{"InternLM", "<|action_start|><|plugin|>{\"name\": \"clock\", \"parameters\": {}}<|action_end|>", "", "clock {}", "ok"},
		{"Command A", "<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": \"wiki_search\", \"parameters\": {\"q\": \"a\"}}]<|END_ACTION|>", "", q, "ok"},
		{"Phi-4-mini", "functools[{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}]", "", q, "ok"},
		{"LM Studio", "[TOOL_REQUEST]\n{\"name\": \"clock\", \"arguments\": {}}\n[END_TOOL_REQUEST]", "", "clock {}", "ok"},
		{"GigaChat", "<|function_call|>{\"name\": \"wiki_search\", \"arguments\": {\"q\": \"a\"}}", "", q, "ok"},
		{"Harmony without its tokens", "analysisI need it.assistantcommentary to=functions.wiki_search json{\"q\": \"a\"}", "", q, "ok"},
		{"Harmony without them, and code", "commentary to=functions.clock code{}", "", "clock {}", "ok"},
		{"another's turn", "So.<|im_end|>\n<|im_start|>user\n{\"name\": \"clock\", \"arguments\": {}}<|im_end|>", "So.\n", "", "ok"},
		{"a result that it made up", "So.<|im_end|>\n<|im_start|>tool\n<tool_call>{\"name\": \"clock\"}</tool_call><|im_end|>", "So.\n", "", "ok"},
		{"in a function", "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"clock\", \"arguments\": {}}}</tool_call>", "", "clock {}", "ok"},
		{"an argument called name", "[TOOL_CALLS]wiki_search[ARGS]{\"name\": \"clock\"}", "", `wiki_search {"name": "clock"}`, "ok"},
		{"Qwen's XML", "<tool_call>\n<function=wiki_search>\n<parameter=q>\na\n</parameter>\n</function>\n</tool_call>", "", "", "tool"},
		{"XML with an object in it", "<tool_call>\n<function=wiki_search>\n<parameter=filter>\n{\"a\": 1}\n</parameter>\n</function>\n</tool_call>", "", "", "tool"},
		{"GLM's, with an object in it", "<tool_call>wiki_search\n<arg_key>q</arg_key>\n<arg_value>{\"a\": 1}</arg_value>\n</tool_call>", "", "", "tool"},
		{"a foreign tool", "<tool_call>{\"name\": \"delete_all\", \"arguments\": {}}</tool_call>", "", "", "tool"},
		{"a foreign one and a known one", "<tool_call>{\"name\": \"delete_all\", \"arguments\": {}}</tool_call><tool_call>{\"name\": \"clock\"}</tool_call>", "", "clock {}", "ok"},
		{"a name in capitals", "<tool_call>{\"name\": \"CLOCK\", \"arguments\": {}}</tool_call>", "", "", "tool"},
		{"in backticks", "It writes `<tool_call>{\"name\": \"clock\"}</tool_call>`.", "It writes `<tool_call>{\"name\": \"clock\"}</tool_call>`.", "", "ok"},
		{"in a fence", "```\n<tool_call>{\"name\": \"clock\"}</tool_call>\n```", "```\n<tool_call>{\"name\": \"clock\"}</tool_call>\n```", "", "ok"},
		{"bare JSON is a text", "{\"name\": \"clock\", \"arguments\": {}}", "{\"name\": \"clock\", \"arguments\": {}}", "", "ok"},
		{"in thoughts", "<think>I need it. <tool_call>{\"name\": \"clock\", \"arguments\": {}}</tool_call></think>", "", "clock {}", "ok"},
		{"in thoughts, and an answer", "<think>I could <tool_call>{\"name\": \"clock\"}</tool_call></think>No.", "No.", "", "ok"},
		{"in thoughts that the template opened", "I could <tool_call>{\"name\": \"clock\"}</tool_call>, but no.</think>No.", "No.", "", "ok"},
		{"in thoughts that go on", "<think>I could <tool_call>{\"name\": \"clock\"}</tool_call>, but no.</think>", "", "", "empty"},
	} {
		for _, size := range []int{1 << 20, 1, 3, 7} {
			var body strings.Builder
			for rest := c.in; rest != ""; {
				n := min(size, len(rest))
				for n < len(rest) && rest[n]&0xC0 == 0x80 {
					n++
				}
				body.WriteString(textEvent(jsonText(rest[:n])))
				rest = rest[n:]
			}
			got := ask(t.Context(), newClient(t, sse(body.String()+stopEvent+doneEvent)), toolRequest())
			if kindName(got.err) != c.kind || called(got.res.Calls) != c.want || strings.TrimSpace(got.text) != strings.TrimSpace(c.text) {
				t.Errorf("%s, %d: %q %s (%v)\nwant %q %s", c.name, size, got.text, called(got.res.Calls), got.err, c.text, c.want)
			}
			checkIDs(t, c.name, got.res.Calls)
			if e, ok := errors.AsType[*Error](got.err); ok && e.Kind == KindTool {
				checkSentence(t, e)
				if !strings.Contains(e.Hint(), "--tool-call-parser") {
					t.Errorf("%s: %s", c.name, e.Hint())
				}
			}
			// Without tools it is what it was: nothing is a call.
			if got := stream(t, body.String()+stopEvent+doneEvent); got.res.Calls != nil {
				t.Errorf("%s: %v", c.name, got.res.Calls)
			}
		}
	}
}

// TestCallsOfTheServerComeFirst: what a server gives as a call and leaves in the text as well is one call.
func TestCallsOfTheServerComeFirst(t *testing.T) {
	body := textEvent(jsonText(`<tool_call>{"name": "wiki_search", "arguments": {"q": "a"}}</tool_call>`)) + tools(whole) + finishEvent("tool_calls") + doneEvent
	if got := ask(t.Context(), newClient(t, sse(body)), toolRequest()); got.err != nil || called(got.res.Calls) != wiki || got.text != "" {
		t.Errorf("%q %s %v", got.text, called(got.res.Calls), got.err)
	}
}

// TestRequiredDoublesText: with a required choice some versions stream what the grammar made as text, too, or only as text (vLLM #24509).
func TestRequiredDoublesText(t *testing.T) {
	req := toolRequest()
	req.ToolChoice = ToolChoiceRequired
	list := jsonText(`[{"name": "wiki_search", "parameters": {"q": "a"}}]`)
	for name, c := range map[string]struct{ stream, text, want, kind string }{
		"both":         {textEvent(list[:10]) + tools(whole) + textEvent(list[10:]) + finishEvent("stop"), "", wiki, "ok"},
		"only as text": {textEvent(list) + finishEvent("stop"), "", wiki, "ok"},
		"one object":   {textEvent(jsonText(`{"name": "clock", "parameters": {}}`)) + finishEvent("stop"), "", "clock {}", "ok"},
		"other JSON":   {textEvent("[1, 2]") + finishEvent("stop"), "[1, 2]", "", "ok"},
		"prose":        {textEvent("I will ") + textEvent("not.") + finishEvent("stop"), "I will not.", "", "ok"},
		"prose, lost":  {textEvent("I will.") + finishEvent("tool_calls"), "I will.", "", "lost_call"},
		"text before":  {textEvent("Well. ") + tools(whole) + finishEvent("stop"), "Well. ", wiki, "ok"},
		"cut":          {textEvent("[{"), "[{", "", "cut"},
	} {
		got := ask(t.Context(), newClient(t, sse(c.stream+doneEvent)), req)
		if kindName(got.err) != c.kind || got.text != c.text || called(got.res.Calls) != c.want {
			t.Errorf("%s: %q %s %v", name, got.text, called(got.res.Calls), got.err)
		}
	}
}

// TestEndlessCallInTheText: it ends, whether its tool was offered or not; a long one that ends passes.
func TestEndlessCallInTheText(t *testing.T) {
	begin := textEvent(jsonText(`<tool_call>{"name": "wiki_search", "arguments": {"q": "`))
	end := textEvent(jsonText(`"}}</tool_call>`)) + stopEvent + doneEvent
	long := strings.Repeat(textEvent("ab"), mostArguments/2-10)
	got := ask(t.Context(), newClient(t, sse(begin+long+end)), toolRequest())
	if got.err != nil || len(got.res.Calls) != 1 || len(got.res.Calls[0].Arguments) < mostArguments-30 {
		t.Errorf("%d calls, %v", len(got.res.Calls), got.err)
	}
	got = ask(t.Context(), newClient(t, sse(begin+long+long+end)), toolRequest())
	if kindName(got.err) != "tool" || got.res.Calls != nil || got.text != "" {
		t.Errorf("%d calls, %v", len(got.res.Calls), got.err)
	}
}

// TestCallInTheReasoningField: with thinking switched off, some servers put the answer into the field of the reasoning. A call is found
// there, too; and Qwen 3 writes calls into its thoughts.
func TestCallInTheReasoningField(t *testing.T) {
	call := `{"reasoning":"` + jsonText(`<tool_call>{"name": "clock", "arguments": {}}</tool_call>`) + `"}`
	for _, off := range []bool{true, false} {
		req := toolRequest()
		if off {
			req.Extra = map[string]any{"chat_template_kwargs": map[string]any{"enable_thinking": false}}
		}
		got := ask(t.Context(), newClient(t, sse(deltaEvent(call)+stopEvent+doneEvent)), req)
		if got.err != nil || called(got.res.Calls) != "clock {}" {
			t.Errorf("off %v: %s %v", off, called(got.res.Calls), got.err)
		}
	}
}

// FuzzCallsInText: what comes of a text with calls does not depend on how it is cut.
func FuzzCallsInText(f *testing.F) {
	f.Add(`I look. <tool_call>{"name": "clock", "arguments": {"a": [1]}}</tool_call> x`, uint8(3))
	f.Add(`<|channel|>commentary to=functions.clock <|constrain|>json<|message|>{"q": 1}<|call|>`, uint8(1))
	f.Add(`[TOOL_CALLS]clock[ARGS]{"a": "]"}[TOOL_CALLS][{"name":"clock"}]`, uint8(2))
	f.Fuzz(func(t *testing.T, in string, size uint8) {
		req := toolRequest()
		run := func(n int) (string, []openCall) {
			s := newSplitter(false)
			s.keep = true
			var text strings.Builder
			for rest := in; rest != ""; {
				piece := rest[:min(n, len(rest))]
				text.WriteString(s.feed(piece).text)
				rest = rest[len(piece):]
			}
			text.WriteString(s.flush(true).text)
			return text.String(), textCalls(s.found, &req)
		}
		text, calls := run(len(in) + 1)
		text2, calls2 := run(1 + int(size%9))
		a, b := assembler{calls: calls}, assembler{calls: calls2}
		if one, two := called(a.complete(&req, false)), called(b.complete(&req, false)); one != two || text != text2 && !strings.Contains(in, "</think>") {
			t.Fatalf("%q %s\n%q %s", text, one, text2, two)
		}
	})
}
