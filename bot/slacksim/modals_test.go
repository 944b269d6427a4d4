package slacksim_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

const form = `{"type":"modal","callback_id":"form","private_metadata":"m","title":{"type":"plain_text","text":"A form"},
"submit":{"type":"plain_text","text":"Send"},"notify_on_close":true,"blocks":[
{"type":"input","block_id":"b1","label":{"type":"plain_text","text":"Name"},"element":{"type":"plain_text_input","action_id":"name"}},
{"type":"input","block_id":"b2","optional":true,"label":{"type":"plain_text","text":"Kind"},"element":{"type":"static_select","action_id":"kind","options":[
 {"text":{"type":"plain_text","text":"One"},"value":"1"},{"text":{"type":"plain_text","text":"Two"},"value":"2"}]}},
{"type":"actions","elements":[{"type":"button","action_id":"more","text":{"type":"plain_text","text":"More"}}]}]}`

// opener answers commands by opening a modal, submissions with what next says.
type opener struct {
	*link
	trigger string
	next    any // the ack's payload of the next submission; nil: empty
	got     []map[string]any
}

func (s *space) opener() *opener {
	o := &opener{next: true}
	o.link = s.link(func(f map[string]any) any {
		p, _ := f["payload"].(map[string]any)
		if t, ok := p["trigger_id"].(string); ok {
			o.trigger = t
		}
		if f["type"] == "interactive" {
			o.got = append(o.got, p)
		}
		if p["type"] == "view_submission" {
			return o.next
		}
		return true
	})
	return o
}

// TestModals opens, pushes, changes, fills in and closes modals (docs.slack.dev/surfaces/modals;
// errors of views.open, views.push and views.update: slack-ruby/slack-api-ref; trigger_id 3 s:
// facts, slack.md §5.5).
func TestModals(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		o := s.opener()
		press := func() string {
			if _, err := s.Command(t.Context(), "alice", "general", "/llm-status", ""); err != nil {
				t.Fatal(err)
			}
			return o.trigger
		}
		first := press()
		if e := s.call("views.open", "trigger_id", "1.2.x", "view", form).err(); e != "invalid_trigger_id" {
			t.Error(e)
		}
		for name, bad := range map[string]string{
			"no title":    strings.Replace(form, "A form", "", 1),
			"long title":  strings.Replace(form, "A form", strings.Repeat("x", 25), 1),
			"no submit":   strings.Replace(form, `"submit"`, `"nothing"`, 1),
			"a home":      strings.Replace(form, `"modal"`, `"home"`, 1),
			"markdown":    strings.Replace(form, `"actions"`, `"markdown"`, 1),
			"long id":     strings.Replace(form, `"callback_id":"form"`, `"callback_id":"`+strings.Repeat("x", 256)+`"`, 1),
			"no JSON":     "x",
			"101 blocks":  strings.Replace(form, `"blocks":[`, `"blocks":[`+strings.Repeat(`{"type":"divider"},`, 98), 1),
			"not allowed": strings.Replace(form, `"actions"`, `"poem"`, 1),
		} {
			if e := s.call("views.open", "trigger_id", first, "view", bad).err(); e != "invalid_arguments" {
				t.Errorf("%s: %s", name, e)
			}
		}
		if e := s.call("views.open", "trigger_id", first, "view", `"`+strings.Repeat("x", 250_000)+`"`).err(); e != "view_too_large" {
			t.Error(e)
		}
		opened := s.call("views.open", "trigger_id", first, "view", form)
		if opened.err() != "" {
			t.Fatal(opened)
		}
		if e := s.call("views.open", "trigger_id", first, "view", form).err(); e != "exchanged_trigger_id" {
			t.Error(e)
		}
		v, ok := s.View("alice")
		if !ok || v.Title != "A form" || v.Callback != "form" || v.PrivateMetadata != "m" || v.Depth != 1 {
			t.Errorf("%+v", v)
		}
		if _, ok := s.View("bob"); ok {
			t.Error("Bob sees Alice's modal")
		}

		must(t, s.ClickView(t.Context(), "alice", "more", ""))
		if p := o.got[len(o.got)-1]; p["type"] != "block_actions" || p["container"].(map[string]any)["type"] != "view" {
			t.Errorf("%v", p)
		}
		deep := o.trigger
		for i, want := range []string{"", "", "push_limit_reached"} {
			if e := s.call("views.push", "trigger_id", deep, "view", form).err(); e != want {
				t.Errorf("push %d: %s", i, e)
			}
			must(t, s.ClickView(t.Context(), "alice", "more", ""))
			deep = o.trigger
		}
		top, _ := s.View("alice")
		if e := s.call("views.update", "view_id", top.ID, "hash", "1.2", "view", form).err(); e != "hash_conflict" {
			t.Error(e)
		}
		if e := s.call("views.update", "view_id", "V404", "view", form).err(); e != "not_found" {
			t.Error(e)
		}
		if e := s.call("views.update", "view_id", top.ID, "hash", top.Hash, "view", strings.Replace(form, "A form", "Changed", 1)).err(); e != "" {
			t.Error(e)
		}
		must(t, s.CloseView(t.Context(), "alice"))
		if p := o.got[len(o.got)-1]; p["type"] != "view_closed" {
			t.Errorf("%v", p["type"])
		}
		must(t, s.CloseView(t.Context(), "alice"))
		time.Sleep(4 * time.Second)
		if e := s.call("views.push", "trigger_id", deep, "view", form).err(); e != "expired_trigger_id" {
			t.Error(e)
		}

		if err := s.SubmitView(t.Context(), "alice", nil); !errors.Is(err, slacksim.ErrFieldRequired) {
			t.Error(err)
		}
		if err := s.SubmitView(t.Context(), "alice", map[string]string{"name": "x", "nome": "y"}); !errors.Is(err, slacksim.ErrFieldNotFound) {
			t.Error(err)
		}
		o.next = map[string]any{"response_action": "errors", "errors": map[string]string{"b1": "too short"}}
		var refused *slacksim.ViewError
		if err := s.SubmitView(t.Context(), "alice", map[string]string{"name": "x", "kind": "Two"}); !errors.As(err, &refused) || refused.Errors["b1"] != "too short" {
			t.Error(err)
		}
		view := o.got[len(o.got)-1]["view"].(map[string]any)
		values := view["state"].(map[string]any)["values"].(map[string]any)
		if keys := slices.Sorted(maps.Keys(values)); !slices.Equal(keys, []string{"b1", "b2"}) || values["b1"].(map[string]any)["name"].(map[string]any)["value"] != "x" {
			t.Errorf("%v", values)
		}
		o.next = map[string]any{"response_action": "push", "view": jsonOf(t, strings.Replace(form, "A form", "Next", 1))}
		must(t, s.SubmitView(t.Context(), "alice", map[string]string{"b1": "x"}))
		if v, _ := s.View("alice"); v.Title != "Next" || v.Depth != 2 {
			t.Errorf("%+v", v)
		}
		o.next = map[string]any{"response_action": "update", "view": jsonOf(t, strings.Replace(form, "A form", "Done", 1))}
		must(t, s.SubmitView(t.Context(), "alice", map[string]string{"b1": "x"}))
		if v, _ := s.View("alice"); v.Title != "Done" || v.Depth != 2 {
			t.Errorf("%+v", v)
		}
		o.next = map[string]any{"response_action": "push", "view": map[string]any{"type": "home"}}
		if err := s.SubmitView(t.Context(), "alice", map[string]string{"b1": "x"}); !errors.Is(err, slacksim.ErrDispatchFailed) {
			t.Error(err)
		}
		o.next = true
		must(t, s.SubmitView(t.Context(), "alice", map[string]string{"b1": "x"}))
		o.next = map[string]any{"response_action": "clear"}
		must(t, s.SubmitView(t.Context(), "alice", map[string]string{"b1": "x"}))
		if _, ok := s.View("alice"); ok {
			t.Error("a modal is left")
		}
	})
}
