package slackmsg

import (
	"cmp"
	"strings"
	"testing"
	"time"
)

// TestPlainRow reads a row of marks that open nothing: each is looked at once, not once for each
// that follows.
func TestPlainRow(t *testing.T) {
	id := func(id string) string { return id }
	for _, unit := range []string{"<", "<@", "<@U1 "} {
		for _, end := range []string{"", ">"} {
			text := strings.Repeat(unit, 1_000_000/len(unit))
			began := time.Now()
			Plain(text+end, "U0", id, id)
			if took := time.Since(began); took > 10*time.Second { // before: a minute
				t.Errorf("%q and %q: %v", unit, end, took)
			}
		}
	}
}

func TestPlain(t *testing.T) {
	names := func(id string) string { return map[string]string{"U1": "alice", "W2": "bob"}[id] }
	tests := map[string]string{
		"<@U0> hello":                            "hello",
		"<@U0|llm> hello <@U1>":                  "hello @alice",
		"ask <@W2|bobby> in <#C1|general>":       "ask @bobby in #general",
		"in <#C1> and <#C2|>":                    "in #general and #C2",
		"<!here> <!channel> <!everyone>":         "@here @channel @everyone",
		"<!subteam^S1|@devs> <!subteam^S1>":      "@devs @group S1",
		"<!date^1392734382^{date}|Feb 18>":       "Feb 18",
		"a &lt; b &amp;&amp; c &gt; d":           "a < b && c > d",
		"&amp;lt;":                               "&lt;",
		"<https://x.io/a?b=1&amp;c=2>":           "https://x.io/a?b=1&c=2",
		"<https://x.io|docs>":                    "docs (https://x.io)",
		"<http://x.io|x.io>":                     "x.io",
		"<mailto:a@x.io|a@x.io>":                 "a@x.io",
		"<mailto:a@x.io|mail>":                   "mail (mailto:a@x.io)",
		"a < b and <@U1":                         "a < b and <@U1",
		"<\n>":                                   "<\n>",
		"<<@U1>>":                                "<@alice>",
		"":                                       "",
		"  <@U0>\n":                              "",
		"<@U0>, <@U0> x":                         ",  x",
		"<>":                                     "<>",
		"<!subteam^S1|devs> <!here|here>":        "@devs @here",
		"use Map<String,Integer> if a<b and c>d": "use Map<String,Integer> if a<b and c>d",
		"vector<std::string> <div> <a|b>":        "vector<std::string> <div> <a|b>",
		"<!-- x --> <!DOCTYPE html> <@Nullable> <#ifdef>": "<!-- x --> <!DOCTYPE html> <@Nullable> <#ifdef>",
		"<tel:+491> <slack://x|app>":                      "tel:+491 app (slack://x)",
	}
	for in, want := range tests {
		if got := Plain(in, "U0", names, func(id string) string { return cmp.Or(map[string]string{"C1": "general"}[id], id) }); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("<@U0> a &lt;b&gt; <https://x|y> &amp;amp; <!here>")
	f.Fuzz(func(t *testing.T, text string) {
		self := func(id string) string { return id }
		got := Plain(text, "U0", self, self)
		if strings.Contains(got, "<@U0>") && !strings.Contains(text, "&") && !strings.Contains(text, "<<") && !strings.Contains(text, "|") {
			t.Fatalf("%q: %q", text, got)
		}
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
		if back := Plain(escaped, "U0", self, self); back != strings.TrimSpace(text) {
			t.Fatalf("%q came back as %q", text, back)
		}
	})
}
