package slacksim_test

import (
	"fmt"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// mdTable is a table of Markdown with a header and rows, each line with a prefix.
func mdTable(prefix string, columns, rows int) string {
	line := func(cell string) string { return prefix + "|" + strings.Repeat(cell+"|", columns) + "\n" }
	return line("h") + line("-") + strings.Repeat(line("c"), rows)
}

// Slack's tables have 20 columns and, with the header, 100 rows. What counts is what CommonMark
// takes for a table.
func TestTablesOfMarkdown(t *testing.T) {
	bubble(t, slacksim.Config{Limiter: slacksim.LimiterOff}, func(t *testing.T, s *space) {
		for name, c := range map[string]struct {
			text string
			want string
		}{
			"20 columns":              {mdTable("", 20, 3), ""},
			"21 columns":              {mdTable("", 21, 3), "invalid_blocks"},
			"30 columns, no body":     {mdTable("", 30, 0), "invalid_blocks"},
			"100 rows":                {mdTable("", 2, 99), ""},
			"101 rows":                {mdTable("", 2, 100), "invalid_blocks"},
			"101 rows of one column":  {mdTable("", 1, 100), "invalid_blocks"},
			"behind a paragraph":      {"text\n\n" + mdTable("", 21, 3), "invalid_blocks"},
			"in a quote":              {mdTable("> ", 21, 3), "invalid_blocks"},
			"in a list":               {"- x\n\n" + mdTable("  ", 21, 3), "invalid_blocks"},
			"without outer bars":      {strings.Repeat("h|", 20) + "h\n" + strings.Repeat("-|", 20) + "-\n" + strings.Repeat("c|", 20) + "c\n", "invalid_blocks"},
			"rows without bars":       {"|h|\n|-|\n" + strings.Repeat("c\n", 100), "invalid_blocks"},
			"two of 60 rows":          {mdTable("", 2, 60) + "\n" + mdTable("", 2, 60), ""},
			"in a fence":              {"```\n" + mdTable("", 30, 3) + "```\n", ""},
			"indented code":           {mdTable("    ", 30, 3), ""},
			"a row that is too long":  {"|a|b|\n|-|-|\n" + strings.Repeat("|c", 30) + "|\n", ""}, // what is over is dropped
			"escaped bars":            {"|a" + strings.Repeat(`\|x`, 30) + "|b|\n|-|-|\n", ""},
			"no table, but bars":      {strings.Repeat("a|", 30) + "\n", ""},
			"header and line differ":  {strings.Repeat("|a", 30) + "|\n" + strings.Repeat("|-", 29) + "|\n", ""},
			"10,001 characters of it": {"|" + strings.Repeat("x", 10_001) + "|y|\n|-|-|\n", ""},
		} {
			blocks := md(c.text)
			if got := s.call("chat.postMessage", "channel", s.ChannelID("general"), "text", "x", "blocks", blocks).err(); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			if got := s.call("chat.postMessage", "channel", s.ChannelID("general"), "markdown_text", c.text).err(); got != c.want {
				t.Errorf("%s as markdown_text: %q, want %q", name, got, c.want)
			}
			mine, _ := s.call("chat.postMessage", "channel", s.ChannelID("general"), "text", "x")["ts"].(string)
			if got := s.call("chat.update", "channel", s.ChannelID("general"), "ts", mine, "text", "x", "blocks", blocks).err(); got != c.want {
				t.Errorf("%s as an edit: %q, want %q", name, got, c.want)
			}
		}
		r := s.call("chat.postMessage", "channel", s.ChannelID("general"), "text", "x", "blocks", md(mdTable("", 21, 3)))
		if text := fmt.Sprint(r["errors"]); !strings.Contains(text, "no more than 20 items") || !strings.Contains(text, "[json-pointer:/blocks/0/text]") {
			t.Error(text)
		}
	})
}

// A stream grows into a table that is too wide: what would make it so is refused, and the rest
// stays.
func TestTablesOfStreams(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		general := s.ChannelID("general")
		ts := s.Say("alice", "general", "", "hi")
		r := s.call("chat.startStream", "channel", general, "thread_ts", ts, "recipient_user_id", "U0ALICE001", "recipient_team_id", "T0ACME0001", "markdown_text", strings.Repeat("|h", 21)+"|\n")
		mine, _ := r["ts"].(string)
		if e := s.call("chat.appendStream", "channel", general, "ts", mine, "markdown_text", strings.Repeat("|-", 21)+"|\n").err(); e != "invalid_blocks" {
			t.Error(e)
		}
		if e := s.call("chat.appendStream", "channel", general, "ts", mine, "markdown_text", "\nand more").err(); e != "" {
			t.Error(e)
		}
	})
}

func TestTableBlocks(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		for _, c := range []struct {
			columns, rows int
			want          string
		}{{20, 100, ""}, {21, 1, "invalid_blocks"}, {1, 101, "invalid_blocks"}} {
			row := "[" + strings.TrimSuffix(strings.Repeat(`{"type":"raw_text","text":"c"},`, c.columns), ",") + "]"
			blocks := `[{"type":"table","rows":[` + strings.TrimSuffix(strings.Repeat(row+",", c.rows), ",") + `]}]`
			if got := s.call("chat.postMessage", "channel", s.ChannelID("general"), "text", "x", "blocks", blocks).err(); got != c.want {
				t.Errorf("%d × %d: %q, want %q", c.columns, c.rows, got, c.want)
			}
		}
	})
}
