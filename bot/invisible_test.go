package bot

import (
	"testing"
	"unicode"

	"llmbot/bot/render"
	"llmbot/llm"
)

// TestInvisibleAlike: what a name must not have because nobody sees it, an answer must not have either.
func TestInvisibleAlike(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		text := "a" + string(r) + "b"
		if r >= 0xd800 && r < 0xe000 || llm.Printable(text, 10) != "ab" || render.Mrkdwn(text) == "ab" {
			continue
		}
		switch {
		case unicode.In(r, unicode.Co, unicode.Zl, unicode.Zp): // a box, and ends of lines
		case unicode.Is(unicode.Prepended_Concatenation_Mark, r), r == 0x70f, r >= 0x13430 && r <= 0x1343f: // they are seen around digits, letters and hieroglyphs
		default:
			t.Errorf("U+%04X stays in an answer", r)
		}
	}
}
