package slackio

import (
	"cmp"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/render"
)

// content is what one message of an answer shows, as values that can be compared.
type content struct {
	markdown string // the page; empty: only a notice
	notice   string
	small    string
	plain    bool // without blocks, for Slack refused them
	controls answer.Controls
	ending   answer.Ending
	value    string // of its buttons
}

// contents returns the messages that show an answer: its pages, with notice, small print and
// buttons under the last one. more means that messages before them show some of the answer. It is
// pure.
func contents(pages []render.Page, a answer.Snapshot, more, plain bool) []content {
	if a.Phase == answer.Removed {
		return nil
	}
	var out []content
	for _, p := range pages {
		out = append(out, content{markdown: p.Markdown, plain: plain})
	}
	if len(out) == 0 {
		if a.Notice == "" && !a.Phase.Final() {
			return nil
		}
		out = append(out, content{plain: plain})
	}
	last := &out[len(out)-1]
	last.notice, last.small = fit(a.Notice, maxNotice), fit(a.Small, maxSmall)
	if more && *last == (content{plain: plain}) {
		return nil
	}
	if last.markdown == "" && last.notice == "" && !more && (last.small == "" || a.Phase == answer.Stopped) {
		last.notice = "There is no answer: it was stopped before it began."
	}
	last.controls, last.ending = a.Controls, a.Ending
	return out
}

// fallback returns the text argument, which a notification shows, and which remains when blocks are
// refused.
func (c content) fallback(links render.Links) string {
	text := c.markdown
	return render.Fallback(cmp.Or(text, c.notice, c.small), render.WithLinks(links))
}

// options returns the message's arguments. links decides what becomes of addresses in its plain
// text.
func (c content) options(links render.Links) []slack.MsgOption {
	if c.plain {
		// The page's own &lt; would be escaped a second time.
		var text strings.Builder
		text.WriteString(strings.Join(render.Plain(strings.ReplaceAll(c.markdown, "&lt;", "<"), render.WithLinks(links)), "\n\n"))
		for _, more := range []string{c.notice, c.small} {
			if more != "" {
				text.WriteString("\n\n_" + render.Mrkdwn(more) + "_")
			}
		}
		// An empty list removes the blocks of an earlier version (facts/slack.md §3.3).
		return []slack.MsgOption{slack.MsgOptionText(strings.TrimSpace(text.String()), false), slack.MsgOptionBlocks()}
	}
	return []slack.MsgOption{slack.MsgOptionText(c.fallback(links), false), slack.MsgOptionBlocks(c.blocks()...)}
}

// blocks returns the page and what stands under it.
func (c content) blocks() []slack.Block {
	var blocks []slack.Block
	if c.markdown != "" {
		blocks = append(blocks, slack.NewMarkdownBlock("", c.markdown))
	}
	return append(blocks, c.under()...)
}

// under returns the blocks under the page.
func (c content) under() []slack.Block {
	var blocks []slack.Block
	if c.notice != "" {
		if c.markdown == "" {
			blocks = append(blocks, slack.NewSectionBlock(mrkdwn(c.notice), nil, nil))
		} else {
			blocks = append(blocks, slack.NewContextBlock("", mrkdwn("⚠️ "+c.notice)))
		}
	}
	if c.small != "" {
		blocks = append(blocks, slack.NewContextBlock("", mrkdwn(c.small)))
	}
	if c.controls != 0 {
		blocks = append(blocks, c.buttons())
	}
	return blocks
}

// buttons returns a row of plain buttons. Some workspaces refuse Slack's own feedback_buttons, and
// one refused block costs the whole layout.
func (c content) buttons() slack.Block {
	var row []slack.BlockElement
	add := func(has answer.Controls, press bot.Press, text string, style slack.Style) {
		if c.controls&has != 0 {
			row = append(row, slack.NewButtonBlockElement(actionPrefix+string(press), c.value, slack.NewTextBlockObject(slack.PlainTextType, text, true, false)).
				WithStyle(style))
		}
	}
	add(answer.CanStop, bot.PressStop, "Stop", slack.StyleDefault)
	add(answer.CanContinue, bot.PressContinue, "Continue", slack.StylePrimary)
	add(answer.CanRegenerate, bot.PressRegenerate, "Regenerate", slack.StyleDefault)
	add(answer.CanRate, bot.PressUp, "👍", slack.StyleDefault)
	add(answer.CanRate, bot.PressDown, "👎", slack.StyleDefault)
	return slack.NewActionBlock("", row...)
}

// mrkdwn returns a text object in which nothing is live: it is escaped, and verbatim so that Slack
// does not look for names in it. It is cut at maxSection.
func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, render.Mrkdwn(fit(s, maxSection)), false, true)
}

// maxNotice and maxSmall bound what stands under a page, in characters after escaping. With both of
// them and a page of the smallest size, a message without blocks fits.
const (
	maxNotice = 1_000
	maxSmall  = 400
)

// fit returns s, or as much of its beginning, with an ellipsis, as has at most so many characters
// after escaping.
func fit(s string, most int) string {
	if len(s) <= most/longestEscape || utf8.RuneCountInString(render.Mrkdwn(s)) <= most {
		return s
	}
	const mark = "…"
	ends := make([]int, 0, most) // offsets of the characters that may fit
	for i := range s {
		if len(ends) == most {
			break
		}
		ends = append(ends, i)
	}
	n := sort.Search(len(ends), func(i int) bool { return utf8.RuneCountInString(render.Mrkdwn(s[:ends[i]]))+1 > most })
	return s[:ends[max(n-1, 0)]] + mark
}

// longestEscape is the most characters that escaping makes of one: & becomes &amp;.
const longestEscape = 5
