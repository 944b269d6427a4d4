package term

import (
	"strings"
	"testing"
	"time"

	"llmbot/llm/llmsim"
)

// What is pasted during an answer is one question that waits for Enter, however it comes in pieces, also after a Ctrl-C.
func TestPasteInAnAnswerIsOneQuestion(t *testing.T) {
	const pasted = "review this:\nfunc a()\n\tquit\x03\nend"
	for name, pieces := range map[string][]string{
		"at once":         {"\x1b[200~" + pasted + "\x1b[201~"},
		"Ctrl-C behind":   {"\x1b[200~" + pasted + "\x1b[201~\x03"},
		"Ctrl-C apart":    {"\x1b[200~" + pasted + "\x1b[201~", "\x03"},
		"markers in two":  {"\x1b[2", "00~" + pasted + "\x1b[20", "1~"},
		"in many":         strings.SplitAfter("\x1b[200~"+pasted+"\x1b[201~", "\n"),
		"without a mark":  {strings.ReplaceAll(strings.ReplaceAll(pasted, "\x03", ""), "\n", "\r") + "\r", "\x03"},
		"answer is ready": {"\x1b[200~" + pasted, "", "\x1b[201~"}, // the empty piece waits for its end
	} {
		atDesk(t, llmsim.Config{Speed: 10}, Settings{}, func(d *desk) {
			d.model.NextTape(llmsim.Tape{llmsim.Text(strings.Repeat("word ", 100))})
			d.typed("Go on\r")
			d.after(time.Second)
			if !d.vt.brackets() {
				t.Errorf("%s: the terminal does not mark what is pasted", name)
			}
			for _, p := range pieces {
				if p == "" {
					d.after(30 * time.Second)
					continue
				}
				d.typed(p)
			}
			want := strings.ReplaceAll(pasted, "\x03", "")
			if name == "without a mark" {
				want = strings.ReplaceAll(want, "\t", "")
			}
			d.has(30*time.Second, "> "+strings.ReplaceAll(strings.ReplaceAll(want, "\n", "\n  "), "\t", "    "))
			if n := len(d.model.Requests()); n != 1 {
				t.Errorf("%s: %d requests before Enter", name, n)
			}
			d.typed("\r")
			d.after(30 * time.Second)
			if msgs := d.model.Last().Chat.Messages; msgs[len(msgs)-1].Content != want {
				t.Errorf("%s: asked %q, want %q", name, msgs[len(msgs)-1].Content, want)
			}
			d.typed("quit\r")
			if err := d.left(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// A paste of more than is kept ends all the same: Enter asks behind it.
func TestLongPasteInAnAnswerEnds(t *testing.T) {
	kb := &keyboard{}
	kb.keep([]byte("\x1b[200~"))
	for range mostTyped/1000 + 5 {
		kb.keep([]byte(strings.Repeat("line\n", 200)))
	}
	kb.keep([]byte("\x1b[2"))
	kb.keep([]byte("01~"))
	kb.keep([]byte("more"))
	if !kb.lost || len(kb.ahead) > mostTyped+2*len(pasteEnds) || !strings.HasSuffix(string(kb.ahead), "\nlin\x1b[201~") && !strings.HasSuffix(string(kb.ahead), pasteEnds) {
		t.Errorf("lost %v, %d bytes, the end is %q", kb.lost, len(kb.ahead), kb.ahead[len(kb.ahead)-20:])
	}
}
