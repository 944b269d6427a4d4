package slacksim_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// TestPageComesBack: a page that names the change up to which it knows a workspace is told what it
// missed, also what was deleted. Of another workspace, or of a change that was not, it is told all.
func TestPageComesBack(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		first := func(query string) (out struct {
			Boot     string
			Rev      uint64
			Messages []struct {
				Text    string
				Deleted bool
			}
		},
		) {
			res := s.page("GET", "/page/events?user=alice"+query, "")
			defer res.Body.Close()
			line, err := bufio.NewReader(res.Body).ReadString('\n')
			must(t, err)
			must(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &out))
			return out
		}
		s.Say("alice", "general", "", "one")
		gone := s.Say("alice", "general", "", "two")
		known := first("")
		want(t, "all", len(known.Messages), 2)
		again := fmt.Sprintf("&since=%d&boot=%s", known.Rev, known.Boot)
		want(t, "nothing", len(first(again).Messages), 0)
		s.Say("bob", "general", "", "three")
		must(t, s.Delete("alice", "general", gone))
		got := first(again).Messages
		if len(got) != 2 || got[0].Text != "three" || !got[1].Deleted {
			t.Errorf("%+v", got)
		}
		for _, query := range []string{fmt.Sprintf("&since=%d&boot=other", known.Rev), fmt.Sprintf("&since=%d&boot=%s", known.Rev+1000, known.Boot), "&since=-1&boot=" + known.Boot, "&since=x"} {
			if n := len(first(query).Messages); n < 2 {
				t.Errorf("%s: %d messages", query, n)
			}
		}
	})
}
