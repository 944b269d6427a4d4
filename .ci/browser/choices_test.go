package browser_test

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	choiceOptions = `"options":[{"text":{"type":"plain_text","text":"Low"},"value":"low"},{"text":{"type":"plain_text","text":"High"},"value":"high"}]`
	choiceBlocks  = `[{"type":"section","text":{"type":"mrkdwn","text":"*Deploy 2.14* waits for somebody"},"accessory":{"type":"overflow","action_id":"more",` + choiceOptions + `}},
{"type":"actions","elements":[{"type":"static_select","action_id":"risk","placeholder":{"type":"plain_text","text":"Risk"},` + choiceOptions + `},
{"type":"users_select","action_id":"who","placeholder":{"type":"plain_text","text":"Reviewer"}},{"type":"datepicker","action_id":"day","initial_date":"2026-12-01"},
{"type":"timepicker","action_id":"at","initial_time":"08:30"},{"type":"button","action_id":"go","style":"primary","text":{"type":"plain_text","text":"Deploy"}}]},
{"type":"actions","elements":[{"type":"checkboxes","action_id":"checks",` + choiceOptions + `},{"type":"radio_buttons","action_id":"one",` + choiceOptions + `},{"type":"multi_static_select","action_id":"many",` + choiceOptions + `}]},
{"type":"input","label":{"type":"plain_text","text":"Why"},"element":{"type":"plain_text_input","action_id":"why","placeholder":{"type":"plain_text","text":"A word for the log"}}},
{"type":"carousel","elements":[{"type":"card","title":{"type":"mrkdwn","text":"eu-1"},"body":{"type":"mrkdwn","text":"12 hosts"},"actions":[{"type":"button","action_id":"eu","text":{"type":"plain_text","text":"Open"}}]},{"type":"card","title":{"type":"mrkdwn","text":"us-1"},"body":{"type":"mrkdwn","text":"8 hosts"}}]}]`
	choiceAttachments = `[{"color":"#c0392b","title":"Disk is full","text":"host <https://example.org/a1|a1> has *3 %* left","fields":[{"title":"severity","value":"page"}],"footer":"alerts"},
{"color":"good","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"A block in an attachment"},"accessory":{"type":"button","action_id":"ack","text":{"type":"plain_text","text":"Ack"}}}]}]`
)

// TestChoicesOnThePage: menus, pickers, boxes and what an app attaches are drawn, have names for
// screen readers, and act.
func TestChoicesOnThePage(t *testing.T) {
	s := startSlack(t)
	s.post("api/chat.postMessage", botToken, map[string]any{"channel": "C0GENERAL1", "text": "x", "blocks": json.RawMessage(choiceBlocks)})
	s.post("api/chat.postMessage", botToken, map[string]any{"channel": "C0GENERAL1", "attachments": json.RawMessage(choiceAttachments)})
	v := visit(t, s.url+"?as=alice&channel=general")
	v.strict = false // nobody answers a press here, and the page says so
	v.until("all is drawn", `document.querySelectorAll('#list .msg').length === 2 && document.querySelectorAll('#list select').length === 4`)
	v.axe("choices")
	if got := get(v, chromedp.Evaluate[string](`[...document.querySelectorAll('#list .msg .body')].map((e) => [...e.querySelectorAll('select,input,textarea,.choices')].map((c) => (c.type || 'group') + ':' + (c.ariaLabel || c.closest('label')?.innerText.trim() || '')).join(' | ')).join(' // ')`)); got !=
		`select-one:More actions | select-one:Risk | select-one:Reviewer | date:Date | time:Time | group:Choose | checkbox:Low | checkbox:High | group:Choose | radio:Low | radio:High | select-multiple:Choose | text:A word for the log // ` {
		t.Error(got)
	}
	v.until("nothing is chosen of several", `document.querySelector('#list select[multiple]').selectedOptions.length === 0`)
	for _, act := range []string{
		`(() => { const s = document.querySelector('#list select[aria-label=Risk]'); s.value = 'high'; s.dispatchEvent(new Event('change')); })()`,
		`[...document.querySelectorAll('#list .attachment button')].at(-1).click()`,
	} {
		v.run(`document.querySelector('#toast').textContent = ''`)
		v.run(act)
		v.until("it was sent, and nobody is there to answer", `document.querySelector('#toast').textContent.includes('no bot is connected')`)
	}
	v.do(chromedp.EmulateViewport(390, 844))
	v.until("a phone is wide enough", `document.documentElement.scrollWidth <= innerWidth`)
	v.axe("choices-phone")
}
