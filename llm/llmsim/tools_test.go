package llmsim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"llmbot/llm/llmsim"
)

const (
	clockTool  = `{"type":"function","function":{"name":"clock","description":"the time","parameters":{"type":"object","properties":{}}}}`
	searchTool = `{"type":"function","function":{"name":"wiki_search","parameters":{"type":"object","properties":{"q":{"type":"string"},"n":{"type":"integer"}},"required":["q","n"]}}}`
	twoTools   = `"tools":[` + searchTool + `,` + clockTool + `]`
)

// talk is the body of a request with these messages behind the question.
func talk(question string, messages, extra string) string {
	q, _ := json.Marshal(question) //nolint:errchkjson // a string
	if messages != "" {
		messages = "," + messages
	}
	return `{"model":"llmsim","messages":[{"role":"user","content":` + string(q) + `}` + messages + `],` + extra + `}`
}

const (
	calledClock = `{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"clock","arguments":"{}"}}]}`
	clockSays   = `{"role":"tool","tool_call_id":"a","content":"It is nine."}`
)

// whole reads an answer without streaming: text, finish reason, calls as name arguments.
func whole(t *testing.T, c *client, body string) (text, finish, calls string) {
	t.Helper()
	resp, raw, err := c.chat(body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %s", err, raw)
	}
	var a struct {
		Choices []struct {
			Message struct {
				Content string
				Calls   []struct {
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
			Finish string `json:"finish_reason"`
		}
	}
	if err := json.Unmarshal([]byte(raw), &a); err != nil || len(a.Choices) != 1 {
		t.Fatalf("%v %s", err, raw)
	}
	var all []string
	for _, call := range a.Choices[0].Message.Calls {
		all = append(all, call.Function.Name+" "+call.Function.Arguments)
	}
	return a.Choices[0].Message.Content, a.Choices[0].Finish, strings.Join(all, "; ")
}

// TestToolsByQuestion: a question says which tools are called, round by round.
func TestToolsByQuestion(t *testing.T) {
	for name, c := range map[string]struct{ body, text, finish, calls string }{
		"one":           {talk("Please call clock.", "", twoTools), "", "tool_calls", "clock {}"},
		"with JSON":     {talk(`call wiki_search {"q": "a } b"} now`, "", twoTools), "", "tool_calls", `wiki_search {"q": "a } b"}`},
		"two":           {talk(`call wiki_search {"q": "a"} and call clock`, "", twoTools), "", "tool_calls", `wiki_search {"q": "a"}; clock {}`},
		"first round":   {talk(`call clock, then call wiki_search {"q": "a"}`, "", twoTools), "", "tool_calls", "clock {}"},
		"second round":  {talk(`call clock, then call wiki_search {"q": "a"}`, calledClock+","+clockSays, twoTools), "", "tool_calls", `wiki_search {"q": "a"}`},
		"the answer":    {talk("call clock", calledClock+","+clockSays, twoTools), "The tool clock says: “It is nine.”", "stop", ""},
		"none":          {talk("call clock", "", twoTools+`,"tool_choice":"none"`), "You asked", "stop", ""},
		"none, results": {talk(`call clock, then call clock`, calledClock+","+clockSays, twoTools+`,"tool_choice":"none"`), "The tool clock says", "stop", ""},
		"required":      {talk("What is tea?", "", twoTools+`,"tool_choice":"required"`), "", "tool_calls", `wiki_search {"n":1,"q":"x"}`},
		"named":         {talk("What is tea?", "", twoTools+`,"tool_choice":{"type":"function","function":{"name":"clock"}}`), "", "tool_calls", "clock {}"},
		"auto":          {talk("What is tea?", "", twoTools+`,"tool_choice":"auto"`), "You asked", "stop", ""},
		"a person":      {talk("Should I call mother?", "", twoTools), "You asked", "stop", ""},
		"a foreign one": {talk("call delete_all {}", "", twoTools), "", "tool_calls", "delete_all {}"},
		"no JSON":       {talk("call clock {a", "", twoTools), "", "tool_calls", "clock {a"},
		"no tools":      {talk("call clock", "", `"top_k":5`), "You asked", "stop", ""},
		"limit":         {talk("call clock", "", twoTools+`,"max_tokens":2`), "", "length", "clock {}"},
	} {
		text, finish, calls := whole(t, serve(t, llmsim.Config{Speed: -1, Tools: true}), c.body)
		if !strings.HasPrefix(text, c.text) || finish != c.finish || name != "limit" && calls != c.calls {
			t.Errorf("%s: %q %s %s", name, text, finish, calls)
		}
	}
}

// TestRequestsWithToolsAreHeldToTheProtocol: what servers and templates refuse.
func TestRequestsWithToolsAreHeldToTheProtocol(t *testing.T) {
	bad := strings.NewReplacer(`"arguments":"{}"`, `"arguments":"{"`)
	for name, c := range map[string]struct{ body, want string }{
		"no tools":            {talk("x", "", `"tools":[]`), "`tools` must not be an empty array"},
		"a choice, no tools":  {talk("x", "", `"tool_choice":"required"`), "When using `tool_choice`, `tools` must be set."},
		"an odd choice":       {talk("x", "", twoTools+`,"tool_choice":"maybe"`), "Invalid value for `tool_choice`"},
		"a foreign name":      {talk("x", "", twoTools+`,"tool_choice":{"type":"function","function":{"name":"nope"}}`), "does not match any of the specified `tools`"},
		"no name":             {talk("x", "", `"tools":[{"type":"function","function":{}}]`), "body.tools.0.function.name"},
		"another type":        {talk("x", "", `"tools":[{"type":"web","function":{"name":"x"}}]`), "Input should be 'function'"},
		"parameters":          {talk("x", "", `"tools":[{"type":"function","function":{"name":"x","parameters":[]}}]`), "valid dictionary"},
		"a result of nothing": {talk("x", clockSays, twoTools), "must be a response to a preceding message with 'tool_calls'"},
		"a foreign result":    {talk("x", calledClock+`,{"role":"tool","tool_call_id":"b","content":"x"}`, twoTools), "must be a response"},
		"the same twice":      {talk("x", calledClock+","+clockSays+","+clockSays, twoTools), "must be a response"},
		"a call, no result":   {talk("x", calledClock, twoTools), "must be followed by tool messages"},
		"a question between":  {talk("x", calledClock+`,{"role":"user","content":"y"},`+clockSays, twoTools), "must be followed by tool messages"},
		"arguments":           {talk("x", bad.Replace(calledClock)+","+clockSays, twoTools), "Expecting value"},
		"no id":               {talk("x", strings.Replace(calledClock, `"id":"a",`, "", 1)+","+clockSays, twoTools), "Field required"},
		"a role":              {talk("x", `{"role":"wizard","content":"x"}`, twoTools), "Unexpected message role."},
	} {
		resp, body, err := serve(t, llmsim.Config{Speed: -1, Tools: true}).chat(c.body)
		if err != nil || resp.StatusCode != 400 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %v %s", name, err, body)
		}
	}
	// A template that wants user and assistant by turns knows calls and results.
	if _, _, calls := whole(t, serve(t, llmsim.Config{Speed: -1, Tools: true, Strict: true}), talk("call clock, then call clock", calledClock+","+clockSays, twoTools)); calls != "clock {}" {
		t.Errorf("%s", calls)
	}
}

// TestServersWithoutFlags: each refuses tools in its own words, or leaves calls in the text.
func TestServersWithoutFlags(t *testing.T) {
	for d, want := range map[llmsim.Dialect]string{
		llmsim.VLLM032: fixture(t, "real/http_400_tools_auto.json"), llmsim.Ollama: `{"error":{"message":"registry.ollama.ai/library/llmsim does not support tools","type":"api_error","param":null,"code":null}}`,
		llmsim.LlamaCPP: `{"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}`,
	} {
		if _, body, err := serve(t, llmsim.Config{Dialect: d}).chat(talk("x", "", twoTools)); err != nil || strings.TrimSpace(body) != strings.TrimSpace(want) {
			t.Errorf("%s: %v %s", d, err, body)
		}
	}
	if _, body, err := serve(t, llmsim.Config{}).chat(talk("x", "", twoTools+`,"tool_choice":"required"`)); err != nil || !strings.Contains(body, `"tool_choice=\"required\" requires --tool-call-parser to be set"`) {
		t.Errorf("%v %s", err, body)
	}
	for _, d := range []llmsim.Dialect{llmsim.SGLang, llmsim.LMStudio, llmsim.TGI} {
		text, finish, calls := whole(t, serve(t, llmsim.Config{Speed: -1, Dialect: d}), talk("call clock", "", twoTools))
		if text != "<tool_call>\n{\"name\": \"clock\", \"arguments\": {}}\n</tool_call>" || finish != "stop" || calls != "" {
			t.Errorf("%s: %q %s %s", d, text, finish, calls)
		}
	}
}

// TestScriptsOfTools: a script sees tools, results and rounds, and a tape calls tools.
func TestScriptsOfTools(t *testing.T) {
	c := serve(t, llmsim.Config{Speed: -1, Tools: true, Wire: llmsim.Wire{Calls: llmsim.CallsNoText}, Script: func(c *llmsim.Chat) llmsim.Tape {
		if r := c.Results(); len(r) > 0 {
			return llmsim.Tape{llmsim.Text("It was " + r[0].Content)}
		}
		if len(c.Tools) == 2 && c.Round() == 0 && c.Choice == llmsim.ChoiceAuto {
			return llmsim.Tape{llmsim.Text("I look."), llmsim.CallTools(llmsim.Call{ID: "mine", Name: "clock", Arguments: "{}"})}
		}
		return nil
	}})
	if text, finish, calls := whole(t, c, talk("x", "", twoTools)); text != "" || finish != "tool_calls" || calls != "clock {}" {
		t.Errorf("%q %s %s", text, finish, calls)
	}
	if text, _, _ := whole(t, c, talk("x", calledClock+","+clockSays, twoTools)); text != "It was It is nine." {
		t.Errorf("%q", text)
	}
	with, without := c.sim.Last().Prompt, 0
	if _, _, err := c.chat(talk("x", calledClock+","+clockSays, `"max_tokens":9`)); err != nil {
		t.Fatal(err)
	}
	if without = c.sim.Last().Prompt; with < without+20 {
		t.Errorf("tools count for nothing in the prompt: %d and %d tokens", with, without)
	}
}
