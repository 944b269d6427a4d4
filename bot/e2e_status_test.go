package bot_test

import (
	"strings"
	"testing"

	"llmbot/bot"
	"llmbot/llm/llmsim"
)

// The command tells members how the server is, and those who may not ask that they may not.
func TestStatusForWhomItMayConcern(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{MaxModelLen: 131_072}, bot: bot.Config{Policy: bot.Policy{Deny: []string{"U0BOB00001"}}}}, func(t *testing.T, w *world) {
		for user, want := range map[string]string{
			"alice": "Context length: 131,072 tokens (128k)",
			"gina":  "I don't answer guests",
			"bob":   "I may not answer you",
		} {
			m, err := w.slack.Command(t.Context(), user, "general", "/llm-status", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(m.Plain, "&#39;", "'"); !strings.Contains(got, want) {
				t.Errorf("%s reads %q", user, got)
			}
		}
	})
}
