package slackio

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"llmbot/bot/answer"
	"llmbot/bot/render"
	"llmbot/bot/slacksim"
)

// FuzzBlocks builds the messages of an answer from any text, and has the emulator say what is live in them.
func FuzzBlocks(f *testing.F) {
	for _, s := range []string{"", "a <!channel> @here", "```\n<\r!channel>\n```", "[https://bank.test](https://evil.test)", "`<@U0BOB00001>`", "&lt;!here> &#60;!here&#62;", "\xff\x00\u202e", strings.Repeat("<", 3_000)} {
		f.Add(s, s, s, uint8(len(s)), true)
		f.Add(s+s, "", "156 tokens", uint8(7), false)
	}
	f.Fuzz(func(t *testing.T, text, notice, small string, flags uint8, final bool) {
		phase := answer.Writing
		if final {
			phase = answer.Done
		}
		links := render.Links{Defang: flags&1 != 0}
		a := answer.Snapshot{Text: text, Notice: notice, Small: small, Phase: phase, Controls: answer.Controls(flags >> 3)}
		pages := render.New(render.MessageLimits(), render.WithLinks(links)).Set(text, final)
		for _, c := range contents(pages, a, flags&2 != 0, flags&4 != 0) {
			_, values, err := slack.UnsafeApplyMsgOptions("", "C1", "", c.options(links)...)
			if err != nil {
				t.Fatal(err)
			}
			main := values.Get("text")
			if tokens, pings := slacksim.ResolveText(main); len(tokens)+len(pings) > 0 || !utf8.ValidString(main) {
				t.Errorf("text %q: %q, %q", main, tokens, pings)
			}
			if !c.plain && len(main) > 3_800 {
				t.Errorf("%d bytes of text", len(main))
			}
			if c.plain {
				continue
			}
			encoded, err := json.Marshal(c.blocks())
			if err != nil {
				t.Fatal(err)
			}
			var blocks []any
			if err := json.Unmarshal(encoded, &blocks); err != nil || len(blocks) > 5 {
				t.Fatalf("blocks %s: %v", encoded, err)
			}
			for _, b := range blocks {
				checkTexts(t, b)
			}
		}
	})
}

// checkTexts looks at all texts in a block.
func checkTexts(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		text, is := v["text"].(string)
		tokens, pings := slacksim.Resolve(text)
		switch {
		case !is:
		case v["type"] == "mrkdwn":
			tokens, pings = slacksim.ResolveText(text)
			if v["verbatim"] != true || utf8.RuneCountInString(text) > 3_000 {
				t.Errorf("verbatim %v, %d characters: %q", v["verbatim"], utf8.RuneCountInString(text), text)
			}
		}
		if len(tokens)+len(pings) > 0 {
			t.Errorf("%q: %q, %q", text, tokens, pings)
		}
		for _, child := range v {
			checkTexts(t, child)
		}
	case []any:
		for _, child := range v {
			checkTexts(t, child)
		}
	}
}
