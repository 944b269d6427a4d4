package bot_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/thread"
	"llmbot/llm/llmsim"
)

// TestSettingsOfChannels: channels have settings of their own, which may change at any time.
func TestSettingsOfChannels(t *testing.T) {
	cold := 0.0
	var prompt atomic.Value
	prompt.Store("Speak like a pirate.")
	cfg := worldConfig{model: llmsim.Config{Speed: 200, Aliases: []string{"big"}}, bot: bot.Config{Settings: bot.Settings{System: "Be brief."}}}
	cfg.bot.Channel = func(_ string, name func() string, base bot.Settings) bot.Settings {
		if name() == "random" {
			base.System, base.Model, base.Temperature, base.Effort, base.FollowUps = prompt.Load().(string), "big", &cold, "low", thread.FollowMention
		}
		return base
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.answered("general", ts, 1)
		last := w.model.Last()
		is(t, "temperature", last.Body["temperature"], nil)
		is(t, "model", last.Chat.Model, "llmsim")
		has(t, last.Chat.Messages[0].Content, "Be brief.")
		ts = w.ask("alice", "random", "", "hello")
		got := w.answered("random", ts, 1)
		last = w.model.Last()
		is(t, "temperature", last.Body["temperature"], any(0.0))
		is(t, "model", last.Chat.Model, "big")
		is(t, "effort", last.Body["reasoning_effort"], "low")
		has(t, last.Chat.Messages[0].Content, prompt.Load().(string))
		has(t, got[0].Plain, "· big")
		w.slack.Say("alice", "random", ts, "and?")
		w.requests(2, "only mentions there")
		prompt.Store("Speak like a poet.")
		w.ask("alice", "random", ts, "and?")
		w.answered("random", ts, 2)
		if m := w.model.Last().Chat.Messages; !strings.HasPrefix(m[0].Content, prompt.Load().(string)) {
			t.Errorf("%q", m[0].Content)
		}
		time.Sleep(time.Second)
	})
}
