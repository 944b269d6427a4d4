package slacksim_test

import (
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// TestWordsInBlocks: what stands in a block in a block, or is a mere string, is read, pings and
// leads to links like all else.
func TestWordsInBlocks(t *testing.T) {
	section := func(text string) string { return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}` }
	rich := strings.ReplaceAll(richX, `"text":"x"`, `"text":"zq done"`)
	for name, c := range map[string]struct {
		blocks  string
		want    []string
		pings   int
		unfurls int
	}{
		"container": {`[{"type":"container","title":{"type":"plain_text","text":"A box"},"child_blocks":[` + section("zq <!here> https://a.test/x") + `]}]`, []string{"A box", "zq"}, 1, 1},
		"layout":    {`[{"type":"layout","label":"side by side","rows":[{"items":[{"block":` + section("zq <!here>") + `}]}]}]`, []string{"side by side", "zq"}, 1, 0},
		"carousel":  {`[{"type":"carousel","elements":[{"type":"card","title":{"type":"mrkdwn","text":"zq one"}},{"type":"card","title":{"type":"mrkdwn","text":"zq two"}}]}]`, []string{"zq one\nzq two"}, 0, 0},
		"plan":      {`[{"type":"plan","title":"The plan","tasks":[{"task_id":"1","title":"zq first","status":"complete","output":` + rich + `}]}]`, []string{"The plan", "zq first", "zq done"}, 0, 0},
		"task":      {`[{"type":"task_card","task_id":"1","title":"zq <!here>","status":"complete","details":` + rich + `}]`, []string{"zq <!here>", "zq done"}, 0, 0},
		"buttons":   {`[{"type":"container","title":{"type":"plain_text","text":"A box"},"child_blocks":[{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"Press"}}]}]}]`, []string{"A box"}, 0, 0},
	} {
		bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
			ts, e := s.post("text", "fallback", "blocks", c.blocks)
			want(t, name, e, "")
			m, _ := s.Message("general", ts)
			for _, words := range c.want {
				if !strings.Contains(m.Plain, words) {
					t.Errorf("%s: no %q in %q", name, words, m.Plain)
				}
			}
			if strings.Contains(m.Plain, "Press") {
				t.Errorf("%s: what can be pressed is read: %q", name, m.Plain)
			}
			want(t, name+": pings", len(s.Notified()), c.pings)
			want(t, name+": unfurls", len(s.Unfurled()), c.unfurls)
		})
	}
}
