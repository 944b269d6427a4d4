package llm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"llmbot/llm/llmsim"
)

func itoa(n int) string { return strconv.Itoa(n) }

// simTools returns a client of a simulated server.
func simTools(t *testing.T, cfg llmsim.Config) (*Client, *llmsim.Server) {
	t.Helper()
	cfg.Speed = -1
	sim := llmsim.New(cfg)
	return recordedClient(t, sim, Config{}), sim
}

// TestRoundsInEveryDialect: a question, two calls, their results, and an answer from them, with each server in each form of calls.
func TestRoundsInEveryDialect(t *testing.T) {
	const question = `Please call wiki_search {"q": "a \"b\" 漢"} and call clock`
	const both = `wiki_search {"q": "a \"b\" 漢"}; clock {}`
	wires := []llmsim.Wire{{}, {EmptyDeltas: true, Ragged: true}, {ThinkTags: true, CRLF: true}}
	for i, d := range llmsim.Dialects() {
		for j, form := range llmsim.CallForms() {
			for _, wire := range wires[(i+j)%len(wires):][:1] {
				wire.Calls = form
				c, sim := simTools(t, llmsim.Config{Dialect: d, Tools: true, Wire: wire, Reasoning: true})
				req := toolRequest()
				req.Messages[0].Content = question
				got := ask(t.Context(), c, req)
				switch form {
				case llmsim.CallsLost:
					if kindName(got.err) != "lost_call" {
						t.Errorf("%s, %s: %v", d, form, got.err)
					}
					continue
				case llmsim.CallsXML:
					if kindName(got.err) != "tool" || got.text != "" {
						t.Errorf("%s, %s: %q %v", d, form, got.text, got.err)
					}
					continue
				case llmsim.CallsAlsoText: // only a required choice is known to do so
					got.text = ""
				}
				if got.err != nil || called(got.res.Calls) != both || strings.TrimSpace(got.text) != "" || got.reasoning == "" || got.res.Usage.CompletionTokens == 0 {
					t.Errorf("%s, %s: %q %q %s %v", d, form, got.text, got.reasoning, called(got.res.Calls), got.err)
					continue
				}
				checkIDs(t, string(form), got.res.Calls)
				req.Messages = append(req.Messages, Message{Role: RoleAssistant, Calls: got.res.Calls, Reasoning: got.reasoning})
				for _, call := range got.res.Calls {
					req.Messages = append(req.Messages, Message{Role: RoleTool, CallID: call.ID, Content: "result of " + call.Name})
				}
				got = ask(t.Context(), c, req)
				if want := "The tool wiki_search says: “result of wiki_search”\n\nThe tool clock says: “result of clock”"; got.err != nil || got.text != want {
					t.Errorf("%s, %s: %q %v", d, form, got.text, got.err)
				}
				if last := sim.Last().Chat.Messages; last[1].Reasoning != req.Messages[1].Reasoning || len(last[1].Calls) != 2 {
					t.Errorf("%s: %+v", d, last)
				}
			}
		}
	}
}

// TestChoices: none and required are honoured, with what a server needs for them.
func TestChoices(t *testing.T) {
	c, sim := simTools(t, llmsim.Config{Tools: true, Reasoning: true})
	req := toolRequest()
	req.Messages[0].Content = "call clock"
	req.ToolChoice = ToolChoiceNone
	if got := ask(t.Context(), c, req); got.err != nil || got.text == "" || got.res.Calls != nil || sim.Last().Chat.Choice != llmsim.ChoiceNone {
		t.Errorf("%+v", got)
	}
	req.Messages[0].Content = "What is tea?"
	req.ToolChoice = ToolChoiceRequired
	if got := ask(t.Context(), c, req); got.err != nil || called(got.res.Calls) != "wiki_search {}" {
		t.Errorf("%+v", got)
	}
	req.ToolChoice = ToolChoiceAuto
	if got := ask(t.Context(), c, req); got.err != nil || got.text == "" || got.res.Calls != nil {
		t.Errorf("%+v", got)
	}
	if _, set := sim.Last().Body["tool_choice"]; set {
		t.Error("an automatic choice is sent")
	}
}

// TestServersWithoutTheirFlags: each refusal is known as one, says what to start the server with, and is none without tools.
func TestServersWithoutTheirFlags(t *testing.T) {
	for d, flag := range map[llmsim.Dialect]string{
		llmsim.VLLM010: "--enable-auto-tool-choice", llmsim.VLLM032: "--tool-call-parser", llmsim.VLLM033: "--tool-call-parser", llmsim.Rust033: "--tool-call-parser",
		llmsim.GPTOSS: "--tool-call-parser", llmsim.VLLMRoute: "--tool-call-parser", llmsim.Ollama: "tag tools", llmsim.LlamaCPP: "--jinja",
	} {
		c, _ := simTools(t, llmsim.Config{Dialect: d})
		for _, err := range []error{c.TakesTools(t.Context(), ""), ask(t.Context(), c, toolRequest()).err} {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != KindNoTools || !strings.Contains(e.Hint(), flag) || e.Again() || e.Away() {
				t.Errorf("%s: %v", d, err)
				continue
			}
			checkSentence(t, e)
		}
		if got := ask(t.Context(), c, Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}}); got.err != nil {
			t.Errorf("%s: %v", d, got.err)
		}
	}
	for _, d := range llmsim.Dialects() {
		c, _ := simTools(t, llmsim.Config{Dialect: d, Tools: true, Reasoning: true})
		if err := c.TakesTools(t.Context(), ""); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
	// Those that ignore their flags leave calls in the text.
	for _, d := range []llmsim.Dialect{llmsim.SGLang, llmsim.LMStudio, llmsim.TGI} {
		c, _ := simTools(t, llmsim.Config{Dialect: d})
		req := toolRequest()
		req.Messages[0].Content = "call clock"
		if got := ask(t.Context(), c, req); got.err != nil || called(got.res.Calls) != "clock {}" || got.text != "" {
			t.Errorf("%s: %q %s %v", d, got.text, called(got.res.Calls), got.err)
		}
	}
}

// TestRefusalsOfTools: the words of servers and gateways, and words that only look like them.
func TestRefusalsOfTools(t *testing.T) {
	results := toolRequest()
	results.Messages = append(results.Messages, Message{Role: RoleAssistant, Calls: []ToolCall{{ID: "1", Name: "clock"}}}, Message{Role: RoleTool, CallID: "1"})
	for _, c := range []struct {
		status  int
		message string
		req     Request
		kind    string
	}{
		{400, `\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`, toolRequest(), "no_tools"},
		{400, `tool_choice=\"required\" requires --tool-call-parser to be set`, toolRequest(), "no_tools"},
		{400, "registry.ollama.ai/library/gemma3:4b does not support tools", toolRequest(), "no_tools"},
		{500, "tools param requires --jinja flag", toolRequest(), "no_tools"},
		{500, "Internal server error: Unsupported tool_call_parser: None", toolRequest(), "no_tools"},
		{404, "No endpoints found that support tool use. Try disabling \\\"browser\\\".", toolRequest(), "no_tools"},
		{400, "litellm.UnsupportedParamsError: ollama does not support parameters: ['tools'], for model=x", toolRequest(), "no_tools"},
		{400, "Function calling is not enabled for this model", toolRequest(), "no_tools"},
		{422, "Tool calling is not supported", toolRequest(), "no_tools"},
		{400, "Conversation roles must alternate user/assistant/user/assistant/...", results, "no_tools"},
		{400, "Only user and assistant roles are supported!", results, "no_tools"},
		{400, "Conversation roles must alternate user/assistant/user/assistant/...", toolRequest(), "bad_request"},
		{400, "This model's maximum context length is 512 tokens. However, your prompt and tools contain 600", toolRequest(), "context"},
		{400, "temperature must be in [0, 2]", toolRequest(), "bad_request"},
		{400, "does not support tools", Request{}, "bad_request"},
		{401, "no access to tools", toolRequest(), "unauthorized"},
		{503, "tools are loading", toolRequest(), "loading"},
		{500, "out of memory", toolRequest(), "server"},
	} {
		raw := status(itoa(c.status)+" X", `{"error":{"message":"`+c.message+`","code":`+itoa(c.status)+`}}`)
		got := ask(t.Context(), newClient(t, raw), c.req)
		if kindName(got.err) != c.kind {
			t.Errorf("%d %s: %v", c.status, c.message, got.err)
		}
		if e, ok := errors.AsType[*Error](got.err); ok {
			checkSentence(t, e)
		}
	}
	// In mid-stream the server has taken the tools: it failed, and may not do so again.
	got := ask(t.Context(), newClient(t, sse(textEvent("Hi")+`data: {"error":{"message":"Error in tool parser","code":500}}`+"\n\n")), toolRequest())
	if e, ok := errors.AsType[*Error](got.err); !ok || e.Kind != KindServer || !e.Again() {
		t.Errorf("%v", got.err)
	}
}

// TestTakesToolsTellsOtherFailures: a server that is away says nothing of tools.
func TestTakesToolsTellsOtherFailures(t *testing.T) {
	c, sim := simTools(t, llmsim.Config{Tools: true})
	sim.SetMode(llmsim.Loading)
	if err := c.TakesTools(t.Context(), "llmsim"); kindName(err) != "loading" {
		t.Errorf("%v", err)
	}
	sim.SetMode(llmsim.Up)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.TakesTools(ctx, "llmsim"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := c.TakesTools(t.Context(), "llmsim"); err != nil || sim.Last().Tokens > 1 {
		t.Errorf("%v, %d tokens", err, sim.Last().Tokens)
	}
}

// TestToolsInRequests: what a request with tools is on the wire, to the byte.
func TestToolsInRequests(t *testing.T) {
	req := Request{
		Model: "m",
		Tools: []Tool{
			{Name: "wiki_search", Description: "Looks <things> up", Schema: json.RawMessage(`{"type":"object","properties":{"q":{"type":"string","maxLength":9007199254740993}},"required":["q"]}`)},
			{Name: "clock"},
		},
		Messages: []Message{
			{Role: RoleUser, Content: "What?"},
			{Role: RoleAssistant, Content: "I look.", Reasoning: "Hm.", Calls: []ToolCall{{ID: "a", Name: "wiki_search", Arguments: `{"q": "x <b>"}`}, {ID: "b", Name: "clock", Arguments: "{}"}}},
			{Role: RoleTool, CallID: "a", Content: "found"},
			{Role: RoleTool, CallID: "b"},
			{Role: RoleAssistant, Calls: []ToolCall{{ID: "c", Name: "nope", Arguments: `{"q": `, Bad: "It does not end."}, {ID: "d", Name: "clock", Arguments: `[1]`}}},
			{Role: RoleTool, CallID: "c", Content: "no such tool"},
			{Role: RoleTool, CallID: "d", Content: "bad"},
		},
	}
	checkRecorded(t, "tools", sentBody(t, Config{}, req))
	req.ToolChoice = ToolChoiceNone
	checkRecorded(t, "tools_none", sentBody(t, Config{}, req))
	req.Tools = nil // after a refusal: what was called stays
	checkRecorded(t, "tools_gone", sentBody(t, Config{}, req))
	bad := Request{Model: "m", Tools: []Tool{{Name: "x", Schema: json.RawMessage(`[`)}}}
	if got := ask(t.Context(), recordedClient(t, http.NotFoundHandler(), Config{}), bad); got.err == nil || !strings.Contains(got.err.Error(), "the schema of the tool x") {
		t.Errorf("%v", got.err)
	}
}
