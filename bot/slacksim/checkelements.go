package slacksim

import (
	"regexp"
	"slices"
	"strings"
)

// The limits on elements (docs.slack.dev/reference/block-kit/block-elements and
// composition-objects; @slack/types 3.2 repeats them).
const (
	maxActionID     = 255
	maxButtonText   = 75
	maxButtonValue  = 2_000
	maxPlaceholder  = 150
	maxOptions      = 100
	maxChoices      = 10 // of checkboxes and radio buttons
	maxOverflow     = 5
	maxOptionText   = 75
	maxOptionValue  = 150
	maxConfirmTitle = 100
	maxConfirmText  = 300
	maxConfirmWord  = 30
	maxPlainInput   = 3_000
)

// place is where an element stands.
type place byte

const (
	inSection        place = 's'
	inActions        place = 'a'
	inInput          place = 'i'
	inContextActions place = 'c'
)

// elementPlaces are the elements, and where each may stand (@slack/types 3.2: ActionsBlockElement,
// SectionBlockAccessory, InputBlockElement, ContextActionsBlockElement).
func elementPlaces() map[string]string {
	return map[string]string{
		"button": "sa", "workflow_button": "sa", "overflow": "sa", "icon_button": "c", "feedback_buttons": "c", "image": "s",
		"checkboxes": "sai", "radio_buttons": "sai", "datepicker": "sai", "timepicker": "sai", "datetimepicker": "ai",
		"static_select": "sai", "external_select": "sai", "users_select": "sai", "conversations_select": "sai", "channels_select": "sai",
		"multi_static_select": "sai", "multi_external_select": "sai", "multi_users_select": "sai", "multi_conversations_select": "sai", "multi_channels_select": "sai",
		"plain_text_input": "i", "email_text_input": "i", "url_text_input": "i", "number_input": "i", "file_input": "i", "rich_text_input": "ai",
	}
}

// elements checks the elements of a block. No two have the same action_id.
func (p *problems) elements(v any, at string, most int, in place) {
	seen := map[string]bool{}
	p.each(v, at, 1, most, func(e obj, at string) {
		p.element(e, at, in)
		id := str(e["action_id"])
		if id != "" && seen[id] {
			p.addf("`action_id` already exists [json-pointer:%s/action_id]", at)
		}
		seen[id] = true
	})
}

// element checks one element.
func (p *problems) element(v any, at string, in place) {
	e, ok := v.(obj)
	if !ok {
		p.addf("missing required field: %s [json-pointer:%s]", at[strings.LastIndexByte(at, '/')+1:], at)
		return
	}
	typ := str(e["type"])
	if !strings.ContainsRune(elementPlaces()[typ], rune(in)) {
		p.addf("unsupported type: %s [json-pointer:%s/type]", typ, at)
		return
	}
	p.label(e["action_id"], at+"/action_id", maxActionID, true)
	p.confirm(e["confirm"], at+"/confirm")
	p.optional(e["placeholder"], at+"/placeholder", maxPlaceholder, "plain_text")
	p.people(e["visible_to_user_ids"], at+"/visible_to_user_ids")
	switch typ {
	case "button", "workflow_button", "icon_button", "feedback_buttons":
		p.button(e, at)
	case "image":
		p.image(e, at)
	case "overflow":
		p.options(e["options"], at+"/options", maxOverflow, "plain_text")
	case "checkboxes", "radio_buttons":
		p.options(e["options"], at+"/options", maxChoices, "mrkdwn", "plain_text")
	case "static_select", "multi_static_select":
		p.menu(e, at)
	case "datepicker":
		p.pattern(e["initial_date"], at+"/initial_date", isoDate)
	case "timepicker":
		p.pattern(e["initial_time"], at+"/initial_time", clockTime)
	case "datetimepicker":
		p.number(e["initial_date_time"], at+"/initial_date_time", 1e9, 9_999_999_999)
	case "number_input":
		if _, ok := e["is_decimal_allowed"].(bool); !ok {
			p.addf("missing required field: is_decimal_allowed [json-pointer:%s]", at)
		}
	case "plain_text_input":
		p.number(e["min_length"], at+"/min_length", 0, maxPlainInput)
		p.number(e["max_length"], at+"/max_length", 1, maxPlainInput)
	}
	if strings.HasPrefix(typ, "multi_") {
		p.number(e["max_selected_items"], at+"/max_selected_items", 1, 1e9)
	}
}

var (
	isoDate   = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)
	clockTime = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
)

// pattern checks a text that need not be there.
func (p *problems) pattern(v any, at string, want *regexp.Regexp) {
	if v != nil && !want.MatchString(str(v)) {
		p.addf("invalid format [json-pointer:%s]", at)
	}
}

// number checks a whole number that need not be there.
func (p *problems) number(v any, at string, least, most float64) {
	if n, ok := v.(float64); v != nil && (!ok || n < least || n > most || n != float64(int64(n))) {
		p.addf("must be %.0f to %.0f [json-pointer:%s]", least, most, at)
	}
}

// people checks a list of user ids that need not be there.
func (p *problems) people(v any, at string) {
	list, ok := v.([]any)
	if v != nil && (!ok || len(list) == 0 || slices.ContainsFunc(list, func(id any) bool { return str(id) == "" })) {
		p.addf("must be an array of user IDs [json-pointer:%s]", at)
	}
}

func (p *problems) button(e obj, at string) {
	if e["type"] == "feedback_buttons" {
		for _, k := range []string{"positive_button", "negative_button"} {
			b, _ := e[k].(obj)
			p.text(b["text"], at+"/"+k+"/text", maxButtonText, "plain_text")
			p.label(b["value"], at+"/"+k+"/value", maxButtonValue, false)
			p.label(b["accessibility_label"], at+"/"+k+"/accessibility_label", maxButtonText, true)
		}
		return
	}
	p.text(e["text"], at+"/text", maxButtonText, "plain_text")
	p.label(e["value"], at+"/value", maxButtonValue, true)
	p.label(e["accessibility_label"], at+"/accessibility_label", maxButtonText, true)
	p.one(e["style"], at+"/style", "primary", "danger")
	p.label(e["url"], at+"/url", maxURL, true)
	switch e["type"] {
	case "icon_button":
		p.label(e["icon"], at+"/icon", maxButtonText, false)
	case "workflow_button":
		if _, ok := e["workflow"].(obj); !ok {
			p.addf("missing required field: workflow [json-pointer:%s]", at)
		}
	}
}

// menu checks a select with its own options: options, or groups of them.
func (p *problems) menu(e obj, at string) {
	switch {
	case e["options"] != nil && e["option_groups"] != nil:
		p.addf("only one of options and option_groups allowed [json-pointer:%s]", at)
	case e["option_groups"] != nil:
		p.each(e["option_groups"], at+"/option_groups", 1, maxOptions, func(g obj, at string) {
			p.text(g["label"], at+"/label", maxOptionText, "plain_text")
			p.options(g["options"], at+"/options", maxOptions, "plain_text")
		})
	default:
		p.options(e["options"], at+"/options", maxOptions, "plain_text")
	}
}

func (p *problems) options(v any, at string, most int, types ...string) {
	p.each(v, at, 1, most, func(o obj, at string) {
		p.text(o["text"], at+"/text", maxOptionText, types...)
		p.label(o["value"], at+"/value", maxOptionValue, false)
		p.optional(o["description"], at+"/description", maxOptionText, types...)
		p.label(o["url"], at+"/url", maxURL, true)
	})
}

// confirm checks the dialog that asks before an element acts.
func (p *problems) confirm(v any, at string) {
	if v == nil {
		return
	}
	c, _ := v.(obj)
	p.text(c["title"], at+"/title", maxConfirmTitle, "plain_text")
	p.text(c["text"], at+"/text", maxConfirmText, "plain_text", "mrkdwn")
	p.text(c["confirm"], at+"/confirm", maxConfirmWord, "plain_text")
	p.text(c["deny"], at+"/deny", maxConfirmWord, "plain_text")
	p.one(c["style"], at+"/style", "primary", "danger")
}
