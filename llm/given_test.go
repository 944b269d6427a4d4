package llm

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"llmbot/llm/llmsim"
)

var everyCut = flag.Bool("given.all", false, "TestTwoPieces cuts every stream at every byte, not only short ones")

// answers is what a caller ends with for each of llmsim.Given.
func answers() map[string]answered {
	const asks = "The user asks…"
	out := map[string]answered{
		"harmony whole":      {text: "It is 4.", reasoning: "The user asks."},
		"harmony preamble":   {text: "Let me see. It is 4."},
		"call and answer":    {text: "It is 4."},
		"end token":          {text: "Hi"},
		"end tokens":         {text: "Hi\n\n"},
		"end token and role": {text: "Hi\nthere"},
		"llama heads":        {text: "Hi"},
		"gemma turn":         {text: "Hi\n"},
		"sentence end":       {text: "Hi"},
		"half a token":       {text: "Hi"},
		"in a fence":         {text: "The template:\n\n```\n<|im_start|>user\nHi<|im_end|>\n```\n\nDone."},
		"in backticks":       {text: "It ends with `<|im_end|>` or ``</s>``, and calls with `<tool_call>{}</tool_call>`."},
		"one backtick":       {text: "Press the ` key."},
		"open fence":         {text: "```\nx = 1\n"},
		"tool call behind":   {text: "I will look.\n\n"},
		"granite":            {text: "4", reasoning: " " + asks + " "},
		"hunyuan":            {text: "4\n", reasoning: "\n" + asks + "\n"},
		"gemma thoughts":     {text: "4", reasoning: "\n" + asks + "\n"},
		"think":              {text: "4", reasoning: "\n" + asks + "\n"},
		"second thoughts":    {text: "Part one.\nPart two.", reasoning: "OneTwo"},
		"lone end":           {text: "Part one.\n\nPart two.", reasoning: "One"},
		"content filter":     {text: "The first step is"},
		"odd finish":         {text: "The first step is"},
		"loop":               {text: strings.Repeat("I am done. ", 5000)},
		"loop of thoughts":   {reasoning: strings.Repeat("I am done. ", 5000)},
		"loop of lines":      {text: "Well.\n" + strings.Repeat("\n", 8000)},
		"loop behind text":   {text: "First, look at the log.\n\n" + strings.Repeat("Then restart it and look again.\n", 400)},
		"half surrogates":    {text: "Yes 😀!"},
		"half thoughts":      {text: "4", reasoning: "Yes 😀!"},
		// The request of the test switches thinking off.
		"answer in reasoning": {text: "Canberra.", reasoning: "Canberra."},
	}
	out["medgemma"] = answered{text: "4", reasoning: "\n" + asks + "\n"}
	out["bare harmony"] = answered{text: "It is 4.", reasoning: "The user asks."}
	out["open webui"] = answered{text: "4", reasoning: " done=\"true\">\n<summary>Thought</summary>\n"}
	out["another turn"] = answered{text: "4\n\n"}
	out["bare call"] = answered{reasoning: "The user asks."}
	out["bare end"] = answered{text: "It is 4.", reasoning: "The user asks."}
	out["bare preamble"] = answered{text: "I look. It is 4.", reasoning: "The user asks."}
	out["marks in a table"] = answered{text: "Tags:\n\n| Tag | Model |\n|---|---|\n| <think> | Qwen |\n| [THINK] | Magistral |\n\nDone."}
	out["marks in a document"] = answered{text: "The form:\n\n<order>\n<reason>none</reason>\n<reason code=\"1\">none</reason>\n  <thought>none</thought>\n</order>\n\nDone."}
	out["marks in a margin"] = answered{text: "So:\n\n    <think>\n    Hm.\n    </think>\n    4<|im_end|>\n\nDone."}
	out["a sentence on calls"] = answered{text: "Hermes marks a call with <tool_call>.\n\nThen it writes JSON (a name and its arguments)."}
	out["faces"] = answered{text: "A cat: <|o_o|>, or <|^_^|>."}
	out["a bomb of ends"] = answered{text: "Hi" + strings.Repeat("</s>", 20_000)}
	for name, text := range map[string]string{
		"span over lines": "It ends with `a\n<|im_end|>` there.\n\n> Or `b\n> <think>`.",
		"span of an item": "1. Press `\n2. Then press ` once more.",
		"struck out":      "<s>5</s> 4, and <s>3</s>",
		"arrays":          "In F#: let all = [|user|] and [|system; tool|].",
		"begin":           "Hi there.\nAnd <s>you</s> too.", "gmask": "你好", "exaone": "Hi\n\nYes", "internlm": "Hi\n\n",
		"end in a string": "It is 4.", "claude's call": "I look.\n\n", "loud finish": "It is 4.", "lost token": "It is 4.",
		"begin and end": "Hi", "bos": "Hi", "begin of text": "Hi", "begin deepseek": "Hi", "kimi": "Hi", "step": "Hi", "baichuan": "Hi", "jamba": "Hi",
	} {
		out[name] = answered{text: text}
	}
	out["lost start"] = answered{text: "It is 4.", reasoning: "The user asks."}
	out["apriel"] = answered{text: "4\n", reasoning: asks + "\n"}
	for _, plain := range []string{"seed", "magistral", "kimi vl", "kimi k3", "command"} {
		out[plain] = answered{text: "4", reasoning: asks}
	}
	return out
}

// kinds are the errors of those that end with one; all others whose answer has no text tried to use a tool.
func kinds() map[string]string {
	return map[string]string{
		"content filter": "filtered", "odd finish": "ended", "loop of thoughts": "empty", "tool call behind": "tool", "claude's call": "tool", "begin alone": "empty",
	}
}

// requestFor is the request that a stream answers.
func requestFor(name string) Request {
	r := Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}}
	if name == "answer in reasoning" {
		r.Extra = map[string]any{"chat_template_kwargs": map[string]any{"enable_thinking": false}}
	}
	return r
}

// cuts are where a stream of this size is cut. With -given.all these are all bytes; but of a stream
// that repeats itself for long the middle is cut at 200 of them.
func cuts(size int) iter.Seq[int] {
	const all, each = 200_000, 30 // bytes that are read for a stream, and cuts of a short one
	const end, middle = 1 << 10, 200
	return func(yield func(int) bool) {
		for at := 0; at <= size; {
			if !yield(at) {
				return
			}
			switch {
			case !*everyCut:
				at += max(1, size/each, size*size/all)
			case size > 8*end && at >= end && at < size-end:
				at += (size-2*end)/middle + 1
			default:
				at++
			}
		}
	}
}

// TestGiven has each of the given streams sent by a server in each form in which it may cut them.
func TestGiven(t *testing.T) {
	for wire, w := range map[string]llmsim.Wire{"tokens": {}, "ragged": {Ragged: true}, "twenty tokens": {Interval: 20}, "text in the finish": {TextInFinish: true}} {
		for name, tape := range llmsim.Given() {
			t.Run(wire+"/"+name, func(t *testing.T) {
				t.Parallel()
				sim := llmsim.New(llmsim.Config{Speed: -1, Wire: w, Reasoning: true})
				sim.NextTape(tape)
				c, err := New(Config{BaseURL: "http://m.test", Model: "llmsim", HTTP: serve(t, sim)})
				if err != nil {
					t.Fatal(err)
				}
				checkGiven(t, name, ask(t.Context(), c, requestFor(name)))
			})
		}
	}
}

func checkGiven(t *testing.T, name string, got answered) {
	t.Helper()
	want := answers()[name]
	kind, bad := kinds()[name]
	if !bad {
		kind = "ok"
		if want.text == "" {
			kind = "tool"
		}
	}
	if got.text != want.text || got.reasoning != want.reasoning || kindName(got.err) != kind {
		t.Errorf("%s:\n got %q, thoughts %q, %v\nwant %q, thoughts %q, %s", name, short(got.text), short(got.reasoning), got.err, short(want.text), short(want.reasoning), kind)
	}
}

func short(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%s… (%d bytes)", s[:300], len(s))
	}
	return s
}

// twoReads answers a request with a body that comes in two reads.
type twoReads struct {
	body []byte
	cut  int
}

func (b twoReads) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.MultiReader(bytes.NewReader(b.body[:b.cut]), bytes.NewReader(b.body[b.cut:]))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
}

func streamOf(t *testing.T, name string, rt http.RoundTripper) answered {
	t.Helper()
	c, err := New(Config{BaseURL: "http://m.test", Model: "m", HTTP: &http.Client{Transport: rt}})
	if err != nil {
		t.Fatal(err)
	}
	return ask(t.Context(), c, requestFor(name))
}

// bodies are the bytes of all streams that we have: the given ones, the captures, and what was written from sources.
func bodies(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"testdata/made/*.sse", "testdata/real/*.sse"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if all[file], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tape := range llmsim.Given() {
		sim := llmsim.New(llmsim.Config{Speed: -1, Wire: llmsim.Wire{Interval: 3}})
		sim.NextTape(tape)
		resp, err := serve(t, sim).Post("http://m.test/v1/chat/completions", "application/json", strings.NewReader(`{"messages":[{"role":"user","content":"x"}],"stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	return all
}

// TestTwoPieces delivers every stream in two pieces, cut at every byte: neither the answer nor its error changes.
func TestTwoPieces(t *testing.T) {
	var deliveries atomic.Int64
	t.Run("streams", func(t *testing.T) {
		for name, body := range bodies(t) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				whole := streamOf(t, name, twoReads{body, len(body)})
				for cut := range cuts(len(body)) {
					got := streamOf(t, name, twoReads{body, cut})
					if got.text != whole.text || got.reasoning != whole.reasoning || fmt.Sprint(got.err) != fmt.Sprint(whole.err) || got.res.Finish != whole.res.Finish {
						t.Fatalf("cut at %d: %q %v, want %q %v", cut, short(got.text), got.err, short(whole.text), whole.err)
					}
					deliveries.Add(1)
				}
			})
		}
	})
	t.Logf("%d deliveries", deliveries.Load())
}

// TestTwoDeltas delivers the text of every stream in two deltas, cut at every character: nothing that matters is lost at a cut.
func TestTwoDeltas(t *testing.T) {
	for name, body := range bodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := contentOf(body)
			want := cutContent(content, 0)
			for cut := range cuts(len(content)) {
				if cut < len(content) && !utf8.RuneStart(content[cut]) {
					continue
				}
				if got := cutContent(content, cut); got != want {
					t.Fatalf("cut at %d (%q):\n got %+v\nwant %+v", cut, content[max(0, cut-10):min(len(content), cut+10)], got, want)
				}
			}
			if got := byteByByte(content); got != want {
				t.Fatalf("byte by byte:\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

// ending is what is left of a content at its end.
type ending struct {
	text, reasoning string
	called          bool
}

func cutContent(content string, cut int) ending {
	s := newSplitter(false)
	text, reasoning, _ := splitAll(s, []string{content[:cut], content[cut:]}, true)
	return ending{text, reasoning, s.called}
}

func byteByByte(content string) ending {
	s := newSplitter(false)
	text, reasoning, _ := splitAll(s, strings.Split(content, ""), true)
	return ending{text, reasoning, s.called}
}

// contentOf is the text of all deltas of a stream, read with nothing of ours.
func contentOf(body []byte) string {
	var all strings.Builder
	for line := range bytes.Lines(body) {
		var event struct {
			Choices []struct {
				Delta struct{ Content string }
			}
		}
		payload, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data:"))
		if ok && json.Unmarshal(payload, &event) == nil && len(event.Choices) > 0 {
			all.WriteString(event.Choices[0].Delta.Content)
		}
	}
	return all.String()
}
