package slacksim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

const (
	plainX  = `{"type":"plain_text","text":"x"}`
	imageX  = `"image_url":"https://example.org/x.png","alt_text":"x"`
	optionX = `{"text":` + plainX + `,"value":"1"}`
	buttonX = `{"type":"button","action_id":"a","text":` + plainX + `}`
	lineX   = `{"type":"rich_text_section","elements":[{"type":"text","text":"x","style":{"bold":true}},{"type":"link","url":"https://example.org"},{"type":"user","user_id":"U1"},{"type":"emoji","name":"tada"},{"type":"date","timestamp":1,"format":"{date}"}]}`
	richX   = `{"type":"rich_text","elements":[` + lineX + `,{"type":"rich_text_list","style":"bullet","elements":[` + lineX + `]},{"type":"rich_text_quote","elements":[]},{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x"}]}]}`
)

// goodElements are one of each element, as small as they may be, beside type and action_id.
func goodElements() map[string]string {
	options := `"options":[` + optionX + `]`
	return map[string]string{
		"button": `"text":` + plainX, "workflow_button": `"workflow":{"trigger":{}},"text":` + plainX, "overflow": options, "checkboxes": options, "radio_buttons": options,
		"icon_button": `"icon":"trash","text":` + plainX, "image": imageX,
		"feedback_buttons": `"positive_button":{"text":` + plainX + `,"value":"1"},"negative_button":{"text":` + plainX + `,"value":"0"}`,
		"static_select":    options, "multi_static_select": `"option_groups":[{"label":` + plainX + `,` + options + `}]`,
		"external_select": "", "users_select": "", "conversations_select": "", "channels_select": "",
		"multi_external_select": `"max_selected_items":1`, "multi_users_select": "", "multi_conversations_select": "", "multi_channels_select": "",
		"datepicker": `"initial_date":"2026-11-30"`, "timepicker": `"initial_time":"09:05"`, "datetimepicker": `"initial_date_time":1796000000`,
		"plain_text_input": `"max_length":3000`, "email_text_input": "", "url_text_input": "", "number_input": `"is_decimal_allowed":false`, "file_input": "", "rich_text_input": "",
	}
}

func element(typ, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"type":"` + typ + `","action_id":"a"` + more + `}`
}

func inBlock(kind, element string) string {
	return map[string]string{
		"section": `{"type":"section","text":` + plainX + `,"accessory":` + element + `}`, "actions": `{"type":"actions","elements":[` + element + `]}`,
		"input": `{"type":"input","label":` + plainX + `,"element":` + element + `}`, "context_actions": `{"type":"context_actions","elements":[` + element + `]}`,
		"context": `{"type":"context","elements":[` + element + `]}`,
	}[kind]
}

// TestElementPlaces: each element may stand where @slack/types 3.2 says, and nowhere else.
func TestElementPlaces(t *testing.T) {
	places := map[string]string{
		"section":         "button checkboxes datepicker image multi_channels_select multi_conversations_select multi_external_select multi_static_select multi_users_select overflow radio_buttons channels_select conversations_select external_select static_select users_select timepicker workflow_button",
		"actions":         "button checkboxes datepicker datetimepicker multi_channels_select multi_conversations_select multi_external_select multi_static_select multi_users_select overflow radio_buttons channels_select conversations_select external_select static_select users_select timepicker workflow_button rich_text_input",
		"input":           "checkboxes datepicker datetimepicker email_text_input file_input multi_channels_select multi_conversations_select multi_external_select multi_static_select multi_users_select number_input plain_text_input radio_buttons rich_text_input channels_select conversations_select external_select static_select users_select timepicker url_text_input",
		"context_actions": "feedback_buttons icon_button",
		"context":         "image",
	}
	bubble(t, slacksim.Config{Limiter: slacksim.LimiterOff}, func(t *testing.T, s *space) {
		for kind, list := range places {
			for typ, more := range goodElements() {
				e := "invalid_blocks"
				if slices.Contains(strings.Fields(list), typ) {
					e = ""
				}
				want(t, typ+" in "+kind, s.blocks(inBlock(kind, element(typ, more))), e)
			}
			want(t, "an unknown one in "+kind, s.blocks(inBlock(kind, element("poem", ""))), "invalid_blocks")
			want(t, "null in "+kind, s.blocks(inBlock(kind, "null")), map[bool]string{true: "", false: "invalid_blocks"}[kind == "section"])
			want(t, "a text in "+kind, s.blocks(inBlock(kind, `"x"`)), "invalid_blocks")
		}
	})
}

// changed returns a JSON object with one field changed, or without it (null).
func changed(t *testing.T, object, field, value string) string {
	t.Helper()
	var o map[string]json.RawMessage
	must(t, json.Unmarshal([]byte(object), &o))
	if value == "" {
		delete(o, field)
	} else {
		o[field] = json.RawMessage(value)
	}
	b, err := json.Marshal(o)
	must(t, err)
	return string(b)
}

func long(n int) string { return `"` + strings.Repeat("x", n) + `"` }

func plainOf(n int) string { return `{"type":"plain_text","text":` + long(n) + `}` }

func times(n int, one string) string { return `[` + one + strings.Repeat(","+one, n-1) + `]` }

// TestBlockFields: a block or element without what it needs, or with more than it may have, is
// refused, and one with as much as it may have is taken.
func TestBlockFields(t *testing.T) {
	blocks := map[string]string{
		"section": `{"type":"section","text":` + plainX + `,"fields":[` + plainX + `]}`, "header": `{"type":"header","text":` + plainX + `}`,
		"context": `{"type":"context","elements":[{"type":"mrkdwn","text":"x"}]}`, "actions": `{"type":"actions","elements":[` + buttonX + `]}`,
		"image": `{"type":"image",` + imageX + `}`, "file": `{"type":"file","external_id":"x","source":"remote"}`,
		"video": `{"type":"video","title":` + plainX + `,"alt_text":"x","video_url":"https://example.org/v","thumbnail_url":"https://example.org/t"}`,
		"input": inBlock("input", element("plain_text_input", "")), "rich_text": richX, "task_card": `{"type":"task_card","task_id":"1","title":"t","status":"complete","details":` + richX + `}`,
		"plan": `{"type":"plan","title":"p","tasks":[{"task_id":"1","title":"t"}]}`, "card": `{"type":"card","hero_image":{"type":"image",` + imageX + `},"actions":[` + buttonX + `]}`,
		"carousel":  `{"type":"carousel","elements":[{"type":"card","title":` + plainX + `}]}`,
		"container": `{"type":"container","title":` + plainX + `,"child_blocks":[{"type":"divider"}]}`, "table": `{"type":"table","rows":[[{"type":"raw_text","text":"x"}]]}`,
		"layout": `{"type":"layout","label":"l","rows":[{"items":[{"block":{"type":"divider"}}]}]}`, "divider": `{"type":"divider"}`,
	}
	elements := goodElements()
	for typ, more := range elements {
		elements[typ] = element(typ, more)
	}
	in := map[string]string{}
	for typ := range elements {
		in[typ] = "actions"
		switch {
		case typ == "image" || typ == "overflow":
			in[typ] = "section"
		case typ == "feedback_buttons" || typ == "icon_button":
			in[typ] = "context_actions"
		case strings.HasSuffix(typ, "_input"):
			in[typ] = "input"
		}
	}
	rows := []struct{ what, field, good, bad string }{
		{"section", "text", "", `{"type":"plain_text"}`},
		{"section", "text", plainOf(3000), plainOf(3001)},
		{"section", "text", `{"type":"mrkdwn","text":"x"}`, `"x"`},
		{"section", "text", plainX, `{"type":"text","text":"x"}`},
		{"section", "fields", times(10, plainX), times(11, plainX)},
		{"section", "fields", "", `[` + plainX + `,null]`},
		{"section", "fields", "", `"x"`},
		{"section", "fields", `[` + plainOf(2000) + `]`, `[` + plainOf(2001) + `]`},
		{"section", "accessory", buttonX, `{"type":"button","action_id":"a"}`},
		{"section", "block_id", long(255), long(256)},
		{"section", "block_id", "", "7"},
		{"header", "text", plainOf(150), plainOf(151)},
		{"header", "text", plainX, `{"type":"mrkdwn","text":"x"}`},
		{"header", "text", plainX, ""},
		{"context", "elements", times(10, plainX), times(11, plainX)},
		{"context", "elements", `[` + plainX + `]`, `[` + plainX + `,null]`},
		{"context", "elements", `[{"type":"image",` + imageX + `}]`, `[{"type":"image"}]`},
		{"context", "elements", `[` + plainX + `]`, `{}`},
		{"actions", "elements", `[` + buttonX + `]`, `[]`},
		{"actions", "elements", `[` + buttonX + `]`, `[` + buttonX + `,` + buttonX + `]`},
		{"actions", "elements", `[` + buttonX + `]`, ""},
		{"image", "alt_text", long(2000), ""},
		{"image", "alt_text", long(1), long(2001)},
		{"image", "image_url", `"https://x.org"`, ""},
		{"image", "image_url", `"http://x.org"`, `"x"`},
		{"image", "slack_file", "", `{"id":"F1"}`},
		{"image", "title", plainOf(2000), plainOf(2001)},
		{"file", "external_id", `"x"`, ""},
		{"file", "source", `"remote"`, `"local"`},
		{"video", "title", plainOf(199), plainOf(200)},
		{"video", "video_url", `"https://x.org"`, ""},
		{"video", "thumbnail_url", `"https://x.org"`, ""},
		{"video", "alt_text", `"x"`, ""},
		{"video", "author_name", long(49), long(50)},
		{"input", "label", plainOf(2000), plainOf(2001)},
		{"input", "label", plainX, ""},
		{"input", "element", element("file_input", ""), ""},
		{"input", "hint", plainX, `"x"`},
		{"rich_text", "elements", `[` + lineX + `]`, `"x"`},
		{"rich_text", "elements", `[` + lineX + `]`, `[{"type":"poem"}]`},
		{"rich_text", "elements", `[` + lineX + `]`, `[{"type":"rich_text_section","elements":"x"}]`},
		{"rich_text", "elements", `[` + lineX + `]`, `[{"type":"rich_text_section","elements":[null]}]`},
		{"rich_text", "elements", `[` + lineX + `]`, `[{"type":"rich_text_section","elements":[{"type":"text"}]}]`},
		{"rich_text", "elements", `[` + lineX + `]`, `[{"type":"rich_text_section","elements":[{"type":"poem","text":"x"}]}]`},
		{"rich_text", "elements", `[` + lineX + `]`, `[{"type":"rich_text_list","style":"bullet","elements":[{"type":"text","text":"x"}]}]`},
		{"task_card", "task_id", `"1"`, ""},
		{"task_card", "title", long(256), long(257)},
		{"task_card", "status", `"error"`, `"completed"`},
		{"task_card", "details", richX, `"x"`},
		{"task_card", "details", "", `{"type":"rich_text","elements":"x"}`},
		{"task_card", "sources", `[{"type":"url","url":"https://x.org","text":"x"}]`, `[null]`},
		{"plan", "title", `"p"`, ""},
		{"plan", "tasks", "", `[{"task_id":"1"}]`},
		{"plan", "tasks", "", `[null]`},
		{"card", "title", plainOf(150), plainOf(151)},
		{"card", "subtitle", plainOf(150), plainOf(151)},
		{"card", "body", plainOf(200), plainOf(201)},
		{"card", "actions", `[` + buttonX + `]`, `[` + element("datepicker", "") + `]`},
		{"card", "hero_image", "", `{"type":"image"}`},
		{"card", "icon", "", `"x"`},
		{"carousel", "elements", times(10, `{"type":"card","title":`+plainX+`}`), times(11, `{"type":"card","title":`+plainX+`}`)},
		{"carousel", "elements", `[{"type":"card","title":` + plainX + `}]`, `[{"type":"divider"}]`},
		{"carousel", "elements", `[{"type":"card","body":` + plainX + `}]`, `[]`},
		{"container", "title", plainOf(150), plainOf(151)},
		{"container", "title", plainX, ""},
		{"container", "child_blocks", times(10, `{"type":"divider"}`), times(11, `{"type":"divider"}`)},
		{"container", "child_blocks", `[` + richX + `]`, `[{"type":"markdown","text":"x"}]`},
		{"container", "child_blocks", `[` + richX + `]`, `[{"type":"section"}]`},
		{"table", "rows", `[[{"type":"raw_text","text":"x"}]]`, `["x"]`},
		{"table", "rows", `[[` + richX + `]]`, `[[null]]`},
		{"table", "rows", `[[{"type":"raw_number","value":1}]]`, `[[{"type":"raw_text"}]]`},
		{"layout", "rows", `[{"items":[{"block":{"type":"divider"}}]}]`, `[{"items":[null]}]`},
		{"layout", "fallback", `[{"type":"divider"}]`, `[null]`},
		{"divider", "block_id", "", long(256)},

		{"button", "text", plainOf(75), plainOf(76)},
		{"button", "text", plainX, ""},
		{"button", "value", long(2000), long(2001)},
		{"button", "action_id", long(255), long(256)},
		{"button", "style", `"danger"`, `"loud"`},
		{"button", "url", long(3000), long(3001)},
		{"button", "confirm", `{"title":` + plainOf(100) + `,"text":` + plainOf(300) + `,"confirm":` + plainOf(30) + `,"deny":` + plainX + `}`, `{"title":` + plainOf(101) + `,"text":` + plainX + `,"confirm":` + plainX + `,"deny":` + plainX + `}`},
		{"button", "confirm", "", `{}`},
		{"button", "visible_to_user_ids", `["U1"]`, `"U1"`},
		{"workflow_button", "workflow", `{}`, ""},
		{"icon_button", "icon", `"trash"`, ""},
		{"icon_button", "text", plainX, ""},
		{"feedback_buttons", "negative_button", `{"text":` + plainX + `,"value":"0"}`, ""},
		{"overflow", "options", times(5, optionX), times(6, optionX)},
		{"overflow", "options", times(1, optionX), ""},
		{"checkboxes", "options", times(10, optionX), times(11, optionX)},
		{"radio_buttons", "options", times(10, optionX), `[]`},
		{"static_select", "options", times(100, optionX), times(101, optionX)},
		{"static_select", "options", times(1, optionX), ""},
		{"static_select", "options", times(1, optionX), `[{"text":` + plainX + `}]`},
		{"static_select", "options", times(1, optionX), `[null]`},
		{"static_select", "options", `[{"text":` + plainOf(75) + `,"value":` + long(150) + `}]`, `[{"text":` + plainOf(76) + `,"value":"1"}]`},
		{"static_select", "options", times(1, optionX), `[{"text":` + plainX + `,"value":` + long(151) + `}]`},
		{"static_select", "options", times(1, optionX), `[{"text":{"type":"mrkdwn","text":"x"},"value":"1"}]`},
		{"static_select", "placeholder", plainOf(150), plainOf(151)},
		{"multi_static_select", "option_groups", `[{"label":` + plainX + `,"options":` + times(1, optionX) + `}]`, ""},
		{"multi_static_select", "option_groups", `[{"label":` + plainX + `,"options":` + times(1, optionX) + `}]`, `[{"options":` + times(1, optionX) + `}]`},
		{"multi_static_select", "options", "", times(1, optionX)},
		{"multi_users_select", "max_selected_items", "1", "0"},
		{"datepicker", "initial_date", `"2026-02-28"`, `"28.2.2026"`},
		{"timepicker", "initial_time", `"23:59"`, `"24:00"`},
		{"datetimepicker", "initial_date_time", "1796000000", `"x"`},
		{"number_input", "is_decimal_allowed", "true", ""},
		{"plain_text_input", "max_length", "3000", "3001"},
		{"image", "alt_text", `"x"`, `""`},
	}
	tried := map[string]bool{}
	bubble(t, slacksim.Config{Limiter: slacksim.LimiterOff}, func(t *testing.T, s *space) {
		for typ, b := range blocks {
			want(t, typ, s.blocks(b), "")
		}
		for _, r := range rows {
			tried[r.what] = true
			place := func(value string) string {
				if b, ok := blocks[r.what]; ok {
					return changed(t, b, r.field, value)
				}
				return inBlock(in[r.what], changed(t, elements[r.what], r.field, value))
			}
			what := fmt.Sprintf("%s.%s ", r.what, r.field)
			if r.good != "" {
				want(t, what+fmt.Sprintf("%.60s", r.good), s.blocks(place(r.good)), "")
			}
			want(t, what+fmt.Sprintf("%.60s", r.bad), s.blocks(place(r.bad)), "invalid_blocks")
		}
		want(t, "three levels", s.blocks(strings.Replace(blocks["layout"], `{"type":"divider"}`, strings.Replace(blocks["container"], `{"type":"divider"}`, blocks["layout"], 1), 1)), "invalid_blocks")
		want(t, "two levels", s.blocks(strings.Replace(blocks["container"], `{"type":"divider"}`, blocks["layout"], 1)), "")
	})
	for typ := range maps.Keys(blocks) {
		if !tried[typ] {
			t.Errorf("%s has no row", typ)
		}
	}
}

// TestViewsTakeObjects: what is no block in a view is told as in a message.
func TestViewsTakeObjects(t *testing.T) {
	bubble(t, slacksim.Config{Limiter: slacksim.LimiterOff}, func(t *testing.T, s *space) {
		for _, b := range []string{`[null]`, `["x"]`, `{}`, `[{"type":"divider"},7]`, `[{"type":"card"}]`} {
			want(t, b, s.call("views.publish", "user_id", s.UserID("alice"), "view", `{"type":"home","blocks":`+b+`}`).err(), "invalid_arguments")
		}
	})
}
