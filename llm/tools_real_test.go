package llm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestRealToolCalls replays what a real vLLM sent (testdata/tools/README.txt).
func TestRealToolCalls(t *testing.T) {
	const cut = "The answer reached its length limit before the call was complete."
	rows := map[string]struct{ kind, text, calls, usage string }{
		"stream_required.http":                     {"ok", "", "wiki_search BAD " + cut, "39/64"},
		"stream_required_length.http":              {"empty", "", "", "39/9"},
		"stream_required_strict.http":              {"ok", "", "wiki_search {\n    \"query\": \"https://www.wikihow.com/\"\n    }", "39/59"},
		"stream_auto_text.http":                    {"ok", "The wiki provides a comprehensive guide on various topics, including de", "", "39/12"},
		"stream_auto_call.http":                    {"ok", "", `wiki_search {"query": "deploys"}`, "39/51"},
		"stream_auto_two_calls.http":               {"ok", "I look. ", `wiki_search {"query": "wiki"}; clock {}`, "39/111"},
		"stream_auto_two_cut.http":                 {"ok", "I look. ", `wiki_search {"query": "wiki"}`, "39/64"},
		"stream_none_answer.http":                  {"ok", "Deploys is a product of the Tuesdays.", "", "58/12"},
		"nonstream_required.http":                  {"tool", "", "", "39/64"},
		"http_400_tools_auto.http":                 {"no_tools", "", "", ""},
		"http_400_tools_required.http":             {"no_tools", "", "", ""},
		"http_400_tools_named.http":                {"no_tools", "", "", ""},
		"http_400_tools_noname.http":               {"no_tools", "", "", ""},
		"http_400_tools_choice_required_only.http": {"no_tools", "", "", ""},
	}
	files, err := filepath.Glob("testdata/tools/*.http")
	if err != nil || len(files) != len(rows) {
		t.Fatalf("%d captures, %d rows, %v", len(files), len(rows), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		want := rows[name]
		for _, piece := range []int{1 << 20, 7} {
			c, err := New(Config{BaseURL: "http://model.test/v1", Model: "smollm2", HTTP: rawClient(t, raw, piece)})
			if err != nil {
				t.Fatal(err)
			}
			req := toolRequest()
			if name == "stream_none_answer.http" {
				req.ToolChoice = ToolChoiceNone
			}
			got := ask(t.Context(), c, req)
			if kindName(got.err) != want.kind || got.text != want.text || called(got.res.Calls) != want.calls {
				t.Errorf("%s: %q %s %v", name, got.text, called(got.res.Calls), got.err)
			}
			if u := got.res.Usage; want.usage != "" && want.usage != itoa(u.PromptTokens)+"/"+itoa(u.CompletionTokens) {
				t.Errorf("%s: %+v", name, u)
			}
			if e, ok := errors.AsType[*Error](got.err); ok {
				checkSentence(t, e)
			}
			checkIDs(t, name, got.res.Calls)
		}
	}
}
