package slacksim_test

import (
	"testing"

	"llmbot/bot/slacksim"
)

// TestNamesOfAChannelShareItsLimit: whichever name a post uses, it is a post into that channel.
func TestNamesOfAChannelShareItsLimit(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		for _, names := range [][]string{{s.ChannelID("general"), "#general"}, {s.ChannelID("@alice"), s.UserID("alice")}} {
			for i := range 60 {
				want(t, names[i%2], s.call("chat.postMessage", "channel", names[i%2], "text", "x").err(), "")
			}
			for _, name := range names {
				want(t, name, s.call("chat.postMessage", "channel", name, "text", "x").err(), "ratelimited")
			}
		}
	})
}
