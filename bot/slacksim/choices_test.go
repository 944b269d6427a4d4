package slacksim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

func choiceOf(values ...string) string {
	var list []string
	for _, v := range values {
		list = append(list, `{"text":{"type":"plain_text","text":"Text of `+v+`"},"value":"`+v+`"}`)
	}
	return `"options":[` + strings.Join(list, ",") + `]`
}

// ask are two actions blocks with one of each element that people choose with, an accessory, an
// input block of either kind, and a button.
func chooseBlocks() string {
	e := func(typ, more string) string { return `{"type":"` + typ + `","action_id":"` + typ + `"` + more + `}` }
	return `[{"type":"section","block_id":"s","text":` + plainX + `,"accessory":` + e("overflow", ","+choiceOf("edit", "drop")) + `},
{"type":"actions","block_id":"a","elements":[` + strings.Join([]string{
		e("static_select", `,"placeholder":`+plainX+`,"initial_option":{"text":{"type":"plain_text","text":"Text of 1"},"value":"1"},`+choiceOf("1", "2")), e("radio_buttons", ","+choiceOf("r", "s")), e("checkboxes", ","+choiceOf("x", "y", "y,z")),
		e("datepicker", ""), e("timepicker", ""), e("datetimepicker", ""), e("users_select", ""), e("channels_select", ""), e("conversations_select", ""), e("external_select", ""),
		e("multi_static_select", `,"option_groups":[{"label":`+plainX+`,`+choiceOf("m")+`},{"label":`+plainX+`,`+choiceOf("n")+`}]`), e("multi_users_select", ""),
	}, ",") + `]},
{"type":"container","title":` + plainX + `,"child_blocks":[{"type":"actions","block_id":"c","elements":[` + buttonX + `]}]},
{"type":"input","block_id":"i","label":` + plainX + `,"element":` + e("plain_text_input", "") + `},
{"type":"input","block_id":"j","dispatch_action":true,"label":` + plainX + `,"element":` + e("email_text_input", "") + `}]`
}

// TestChoices: who chooses something in a message sends it as Slack does: what was chosen, and not
// what there was to choose; and all that was chosen before is in the state.
func TestChoices(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts, e := s.post("text", "x", "blocks", chooseBlocks())
		want(t, "error", e, "")
		option := func(v string) string {
			return `{"text":{"text":"Text of ` + v + `","type":"plain_text"},"value":"` + v + `"}`
		}
		n := 0
		for _, tt := range []struct{ id, value, key, want string }{
			{"overflow", "drop", "selected_option", option("drop")},
			{"static_select", "2", "selected_option", option("2")},
			{"static_select", "Text of 1", "selected_option", option("1")},
			{"radio_buttons", "s", "selected_option", option("s")},
			{"checkboxes", "x,y", "selected_options", "[" + option("x") + "," + option("y") + "]"},
			{"checkboxes", "y,z", "selected_options", "[" + option("y,z") + "]"},
			{"checkboxes", "", "selected_options", "[]"},
			{"datepicker", "2026-12-24", "selected_date", `"2026-12-24"`},
			{"timepicker", "08:30", "selected_time", `"08:30"`},
			{"datetimepicker", "1796000000", "selected_date_time", "1796000000"},
			{"users_select", "bob", "selected_user", `"` + s.UserID("bob") + `"`},
			{"users_select", s.UserID("bob"), "selected_user", `"` + s.UserID("bob") + `"`},
			{"channels_select", "general", "selected_channel", `"` + s.ChannelID("general") + `"`},
			{"conversations_select", s.ChannelID("general"), "selected_conversation", `"` + s.ChannelID("general") + `"`},
			{"multi_static_select", "m,n", "selected_options", "[" + option("m") + "," + option("n") + "]"},
			{"multi_users_select", "alice, bob", "selected_users", `["` + s.UserID("alice") + `","` + s.UserID("bob") + `"]`},
			{"email_text_input", "a@b.c", "value", `"a@b.c"`},
		} {
			must(t, s.ClickValue(t.Context(), "alice", "general", ts, tt.id, tt.value))
			n++
			frames := l.got()
			payload, _ := frames[len(frames)-1]["payload"].(map[string]any)
			list, _ := payload["actions"].([]any)
			action, _ := list[0].(map[string]any)
			got, err := json.Marshal(action[tt.key])
			must(t, err)
			want(t, tt.id, string(got), tt.want)
			if action["options"] != nil || action["option_groups"] != nil || action["type"] != tt.id || action["block_id"] == nil || action["action_ts"] == nil {
				t.Errorf("%s: %v", tt.id, action)
			}
		}
		must(t, s.ClickValue(t.Context(), "alice", "general", ts, "plain_text_input", "words")) // it tells the app nothing
		must(t, s.Click(t.Context(), "alice", "general", ts, "a"))
		must(t, s.Click(t.Context(), "bob", "general", ts, "a"))
		got := l.clicked(t)
		if len(got) != n+2 {
			t.Fatalf("%d, want %d", len(got), n+2)
		}
		mine, his := got[n].BlockActionState.Values, got[n+1].BlockActionState.Values
		want(t, "the date", mine["a"]["datepicker"].SelectedDate, "2026-12-24")
		want(t, "the words", mine["i"]["plain_text_input"].Value, "words")
		want(t, "the option", mine["a"]["static_select"].SelectedOption.Value, "1")
		want(t, "the users", fmt.Sprint(mine["a"]["multi_users_select"].SelectedUsers), fmt.Sprint([]string{s.UserID("alice"), s.UserID("bob")}))
		want(t, "another's date", his["a"]["datepicker"].SelectedDate, "")
		want(t, "another's option", his["a"]["static_select"].SelectedOption.Value, "1")
		want(t, "block of the button", got[n].ActionCallback.BlockActions[0].BlockID, "c")
	})
}

// TestChoicesThatAreNone: what is not there to choose is refused, and nothing is sent.
func TestChoicesThatAreNone(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		ts, _ := s.post("text", "x", "blocks", chooseBlocks())
		for id, value := range map[string]string{
			"static_select": "3", "overflow": "", "radio_buttons": "x", "checkboxes": "x,q", "datepicker": "tomorrow", "timepicker": "25:00", "datetimepicker": "soon",
			"users_select": "nobody", "channels_select": "nowhere", "external_select": "x", "multi_users_select": "alice,nobody",
		} {
			if err := s.ClickValue(t.Context(), "alice", "general", ts, id, value); !errors.Is(err, slacksim.ErrFieldNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if n := len(l.clicked(t)); n > 0 {
			t.Errorf("%d were sent", n)
		}
	})
}

// TestChoicesInViews: the Home tab and modals have them too, and a form is sent with them.
func TestChoicesInViews(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		want(t, "error", s.call("views.publish", "user_id", s.UserID("alice"), "view", `{"type":"home","blocks":`+chooseBlocks()+`}`).err(), "")
		must(t, s.ClickHome(t.Context(), "alice", "datepicker", "2026-12-24"))
		must(t, s.ClickHome(t.Context(), "alice", "static_select", "2"))
		must(t, s.ClickHome(t.Context(), "alice", "a", ""))
		got := l.clicked(t)
		values := got[2].View.State.Values
		want(t, "date", values["a"]["datepicker"].SelectedDate, "2026-12-24")
		want(t, "option", values["a"]["static_select"].SelectedOption.Value, "2")

		modal := `{"type":"modal","title":` + plainX + `,"submit":` + plainX + `,"blocks":` + chooseBlocks() + `}`
		want(t, "error", s.call("views.open", "trigger_id", got[2].TriggerID, "view", modal).err(), "")
		must(t, s.ClickView(t.Context(), "alice", "datepicker", "2027-01-01"))
		must(t, s.SubmitView(t.Context(), "alice", map[string]string{"plain_text_input": "words", "email_text_input": "a@b.c"}))
		got = l.clicked(t)
		values = got[len(got)-1].View.State.Values
		want(t, "type", string(got[len(got)-1].Type), "view_submission")
		want(t, "date", values["a"]["datepicker"].SelectedDate, "2027-01-01")
		want(t, "words", values["i"]["plain_text_input"].Value, "words")
	})
}

// TestChoicesAfterAChange: where an app edits a message, what a person chose stays in elements
// whose block_id and action_id stay the same, and nowhere else (docs.slack.dev, views.update,
// Preserving input entry).
func TestChoicesAfterAChange(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		blocks := func(id, action string, options ...string) string {
			return `[{"type":"actions","block_id":"` + id + `","elements":[{"type":"static_select","action_id":"` + action + `",` + choiceOf(options...) + `}]},
{"type":"actions","elements":[{"type":"datepicker","action_id":"day"}]},{"type":"actions","block_id":"b","elements":[` + buttonX + `]}]`
		}
		for name, c := range map[string]struct{ edit, id, action, want string }{
			"the same":          {blocks("m", "kind", "1", "2"), "m", "kind", "2"},
			"more options":      {blocks("m", "kind", "1", "2", "3"), "m", "kind", "2"},
			"other options":     {blocks("m", "kind", "1", "3"), "m", "kind", ""},
			"another block_id":  {blocks("n", "kind", "1", "2"), "n", "kind", ""},
			"another action_id": {blocks("m", "sort", "1", "2"), "m", "sort", ""},
		} {
			ts, _ := s.post("text", "x", "blocks", blocks("m", "kind", "1", "2"))
			must(t, s.ClickValue(t.Context(), "alice", "general", ts, "kind", "2"))
			must(t, s.ClickValue(t.Context(), "alice", "general", ts, "day", "2026-12-24"))
			want(t, name, s.call("chat.update", "channel", s.ChannelID("general"), "ts", ts, "text", "x", "blocks", c.edit).err(), "")
			must(t, s.Click(t.Context(), "alice", "general", ts, "a"))
			got := l.clicked(t)
			values := got[len(got)-1].BlockActionState.Values
			want(t, name, values[c.id][c.action].SelectedOption.Value, c.want)
			for block, of := range values {
				if day := of["day"].SelectedDate; day != "" {
					t.Errorf("%s: in a block without an id, now %s, the day is still %s", name, block, day)
				}
			}
		}
	})
}

// TestFormsAfterAChange: the same in modals and in the Home tab, whichever way they are changed.
// What the app refuses stays in the form.
func TestFormsAfterAChange(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		o := s.opener()
		open := func() string {
			if _, err := s.Command(t.Context(), "alice", "general", "/llm-status", ""); err != nil {
				t.Fatal(err)
			}
			return s.call("views.open", "trigger_id", o.trigger, "view", form).err()
		}
		entered := func() string {
			view, _ := o.got[len(o.got)-1]["view"].(map[string]any)
			return fmt.Sprint(view["state"])
		}
		begun := strings.Replace(form, `"action_id":"name"`, `"action_id":"name","initial_value":"from the app"`, 1)
		for name, c := range map[string]struct{ next, want string }{
			"the same":                     {form, "Ada"},
			"with another beginning":       {begun, "Ada"},
			"another block_id":             {strings.Replace(begun, `"b1"`, `"b9"`, 1), "from the app"},
			"another action_id":            {strings.Replace(begun, `"name"`, `"title"`, 1), "from the app"},
			"another kind of field of old": {strings.Replace(begun, "plain_text_input", "url_text_input", 1), "from the app"},
		} {
			want(t, name, open(), "")
			must(t, s.ClickView(t.Context(), "alice", "name", "Ada"))
			v, _ := s.View("alice")
			want(t, name, s.call("views.update", "view_id", v.ID, "view", c.next).err(), "")
			o.next = true
			must(t, s.SubmitView(t.Context(), "alice", nil))
			if got := entered(); !strings.Contains(got, c.want) {
				t.Errorf("%s: %s", name, got)
			}
		}

		want(t, "error", open(), "")
		o.next = map[string]any{"response_action": "errors", "errors": map[string]string{"b1": "too short"}}
		if err := s.SubmitView(t.Context(), "alice", map[string]string{"name": "Grace"}); err == nil {
			t.Error("the app takes it")
		}
		o.next = map[string]any{"response_action": "update", "view": jsonOf(t, begun)}
		must(t, s.SubmitView(t.Context(), "alice", nil))
		o.next = true
		must(t, s.SubmitView(t.Context(), "alice", nil))
		if got := entered(); !strings.Contains(got, "Grace") {
			t.Error(got)
		}

		home := func(id string) string {
			return `{"type":"home","blocks":[{"type":"actions","block_id":"` + id + `","elements":[{"type":"datepicker","action_id":"day"},` + buttonX + `]}]}`
		}
		for id, want := range map[string]string{"h": "2026-12-24", "g": "<nil>"} {
			s.call("views.publish", "user_id", s.UserID("alice"), "view", home("h"))
			must(t, s.ClickHome(t.Context(), "alice", "day", "2026-12-24"))
			s.call("views.publish", "user_id", s.UserID("alice"), "view", home(id))
			must(t, s.ClickHome(t.Context(), "alice", "a", ""))
			if got := entered(); !strings.Contains(got, "selected_date:"+want) {
				t.Errorf("%s: %s", id, got)
			}
		}
	})
}
