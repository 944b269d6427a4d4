package figures

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"llmbot/llm"
)

// Footer returns the small print of a finished answer:
// `156 tokens in 4.2s = 37.1 tok/s · first token 0.31s · MODEL`.
//
// The tokens are the server's own count, reasoning included. The seconds run from sending the
// request to the last token. The speed is the one divided by the other: the interactive speed of
// one person, time to first token included. What the server did not say is left out.
//
// Where the first visible word came more than a second after the first token, as of a model that
// thinks, both stand there: `first token 0.3s, first word 12.4s`.
func Footer(r llm.Result) string {
	parts := make([]string, 0, 3)
	if speed := Speed(r.Usage.CompletionTokens, r.Elapsed); speed != "" && r.Usage.Known {
		parts = append(parts, speed)
	} else if r.Elapsed > 0 {
		parts = append(parts, Seconds(r.Elapsed, 1))
	}
	switch {
	case r.TTFT > 0 && r.FirstWord-r.TTFT > time.Second:
		parts = append(parts, "first token "+Seconds(r.TTFT, 1)+", first word "+Seconds(r.FirstWord, 1))
	case r.TTFT > 0:
		parts = append(parts, "first token "+Seconds(r.TTFT, 2))
	}
	if r.Model != "" {
		parts = append(parts, llm.Printable(r.Model, maxBrief))
	}
	return strings.Join(parts, " · ")
}

// maxBrief is how many characters are shown of what a server says of itself, such as the name of
// its model: Slack refuses a text object of more than 3,000 (facts/slack.md §3.2), and nobody reads
// them.
const maxBrief = 120

// Speed returns `156 tokens in 4.2s = 37.1 tok/s`, and nothing when there is nothing to divide.
func Speed(tokens int, d time.Duration) string {
	if tokens <= 0 || d <= 0 {
		return ""
	}
	return fmt.Sprintf("%s %s in %s = %s tok/s", Thousands(tokens), Plural(tokens, "token"), Seconds(d, 1), rate(tokens, d))
}

// Live returns the small print of an answer that is being written.
func Live(tokens int, d time.Duration) string {
	if tokens <= 0 || d < time.Second {
		return "writing…"
	}
	return fmt.Sprintf("writing… %s %s · %s tok/s", Thousands(tokens), Plural(tokens, "token"), rate(tokens, d))
}

func rate(tokens int, d time.Duration) string {
	return strconv.FormatFloat(float64(tokens)/d.Seconds(), 'f', 1, 64)
}

// Tools returns how many calls of tools an answer has made, and how long they took: `2 tools 1.4s`.
// Without any it is empty. A second of theirs is none of the model's: Speed does not count it.
func Tools(n int, d time.Duration) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s %s", Thousands(n), Plural(n, "tool"), Seconds(d, 1))
}

// Join returns two pieces of small print behind each other, or the only one that there is.
func Join(a, b string) string {
	if b == "" {
		return a
	}
	return a + " · " + b
}
