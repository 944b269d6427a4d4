package slacksim_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/slacksim"
)

func view(blocks string) string { return `{"type":"home","blocks":` + blocks + `}` }

func section(text string) string {
	return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}`
}

func TestHome(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		alice := s.UserID("alice")
		if _, ok := s.Home("alice"); ok {
			t.Error("there is a view")
		}
		must(t, s.OpenHome("alice"))
		for _, err := range []error{s.OpenHome("erik"), s.OpenHome("deploybot")} {
			if !errors.Is(err, slacksim.ErrChannelNotFound) {
				t.Error(err)
			}
		}
		many := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(section("x")+",", n), ",") + "]" }
		for _, c := range []struct{ user, view, want string }{
			{"U404", view("[]"), "invalid_arguments"},
			{alice, "{", "invalid_arguments"},
			{alice, `{"type":"modal","blocks":[]}`, "invalid_arguments"},
			{alice, view(many(101)), "invalid_arguments"},
			{alice, view(md("x")), "invalid_arguments"},
			{alice, view(`[{"type":"alert"}]`), "invalid_arguments"},
			{alice, view(many(100)), ""},
		} {
			if e := s.call("views.publish", "user_id", c.user, "view", c.view).err(); e != c.want {
				t.Errorf("%.80s: %q, want %q", c.view, e, c.want)
			}
		}
		r := s.call("views.publish", "user_id", alice, "hash", "old", "view", view("[]"))
		if r.err() != "hash_conflict" {
			t.Error(r)
		}
		// A real client publishes, is told of the view when it is opened again, and gets the clicks.
		api := slack.New(s.BotToken(), slack.OptionAPIURL("http://slack/api/"), slack.OptionHTTPClient(s.http))
		chart := slack.NewDataVisualizationBlock("Speed", slack.NewDataVisualizationLineChart(slack.NewDataVisualizationAxisConfig("a", "b"),
			slack.NewDataVisualizationDataSeries("tok/s", slack.NewDataVisualizationDataPoint("a", 1.5), slack.NewDataVisualizationDataPoint("b", 20))))
		button := slack.NewButtonBlockElement("refresh", "now", slack.NewTextBlockObject("plain_text", "Refresh", false, false))
		res, err := api.PublishViewContext(t.Context(), slack.PublishViewContextRequest{UserID: alice, View: slack.HomeTabViewRequest{
			Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{chart, slack.NewActionBlock("", button)}},
		}})
		must(t, err)
		h, _ := s.Home("alice")
		if h.Plain != "Speed\ntok/s: 1.5 20" || len(h.Versions) != 2 || res.ID != h.ID || res.Hash != h.Hash || len(h.Blocks) != 2 {
			t.Errorf("%+v, %+v", h, res.View)
		}
		must(t, s.OpenHome("alice"))
		must(t, s.ClickHome(t.Context(), "alice", "refresh", ""))
		if err := s.ClickHome(t.Context(), "bob", "refresh", ""); !errors.Is(err, slacksim.ErrButtonNotFound) {
			t.Error(err)
		}
		synctest.Wait()
		var opened []map[string]any
		for _, e := range l.events() {
			if e["type"] == "app_home_opened" {
				opened = append(opened, e)
			}
		}
		if len(opened) != 2 || opened[0]["tab"] != "home" || opened[0]["channel"] != s.ChannelID("@alice") || opened[0]["view"] != nil || opened[1]["view"] == nil {
			t.Errorf("%v", opened)
		}
		cb := l.clicked(t)[0]
		if cb.Container.Type != "view" || cb.View.ID != h.ID || cb.ActionCallback.BlockActions[0].BlockID != "b2" || cb.User.ID != alice || cb.ResponseURL != "" {
			t.Errorf("%+v", cb)
		}
	})
}

func TestPageHome(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(func(f map[string]any) any {
			go s.call("views.publish", "user_id", s.UserID("alice"), "view", view("["+section("hello")+"]"))
			return true
		})
		for _, c := range []struct {
			path, body string
			want       int
		}{{"home", `{"user":"alice"}`, 200}, {"home", `{"user":"nobody"}`, 422}, {"click-home", `{"user":"alice","action_id":"x"}`, 422}, {"stop", `{"user":"alice","channel":"general"}`, 422}} {
			res := s.page("POST", "/page/"+c.path, c.body)
			_ = res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("%s %s: %d", c.path, c.body, res.StatusCode)
			}
		}
		must(t, s.Wait(t.Context(), func(sim *slacksim.Sim) bool { h, ok := sim.Home("alice"); return ok && h.Plain == "hello" }))
		synctest.Wait()
		if len(l.events()) != 1 {
			t.Errorf("%v", l.events())
		}
	})
}

func TestCharts(t *testing.T) {
	type point = map[string]any
	chart := func(title string, series, points, label int) string {
		var list []any
		var categories []string
		for i := range points {
			categories = append(categories, strings.Repeat("x", label-1)+string(rune('a'+i)))
		}
		for i := range series {
			var data []any
			for _, c := range categories {
				data = append(data, point{"label": c, "value": -1.5})
			}
			list = append(list, map[string]any{"name": string(rune('a' + i)), "data": data})
		}
		b, err := json.Marshal([]any{map[string]any{"type": "data_visualization", "title": title, "chart": map[string]any{
			"type": "line", "series": list, "axis_config": map[string]any{"categories": categories},
		}}})
		must(t, err)
		return string(b)
	}
	table := func(first string, rows int) string {
		return `[{"type":"data_table","caption":"c","rows":[[{"type":"` + first + `","text":"a"},{"type":"` + first + `","text":"b"}]` +
			strings.Repeat(`,[{"type":"raw_text","text":"x"},{"type":"raw_number","value":1.5}]`, rows) + `]}]`
	}
	for _, off := range []bool{false, true} {
		bubble(t, slacksim.Config{NoCharts: off}, func(t *testing.T, s *space) {
			for _, c := range []struct{ blocks, want string }{
				{chart("t", 6, 20, 20), ""},
				{chart(strings.Repeat("t", 51), 1, 1, 1), "invalid_blocks"},
				{chart("", 1, 1, 1), "invalid_blocks"},
				{chart("t", 7, 1, 1), "invalid_blocks"},
				{chart("t", 0, 1, 1), "invalid_blocks"},
				{chart("t", 1, 21, 1), "invalid_blocks"},
				{chart("t", 1, 1, 21), "invalid_blocks"},
				{strings.Replace(chart("t", 1, 2, 1), `"label":"a"`, `"label":"b"`, 1), "invalid_blocks"},
				{strings.Replace(chart("t", 1, 2, 1), `"value":-1.5`, `"value":"1"`, 1), "invalid_blocks"},
				{strings.Replace(chart("t", 1, 2, 1), `"line"`, `"radar"`, 1), "invalid_blocks"},
				{`[{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}]`, ""},
				{`[{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":0}]}}]`, "invalid_blocks"},
				{table("raw_text", 99), ""},
				{table("raw_text", 100), "invalid_blocks"},
				{table("raw_number", 1), "invalid_blocks"},
			} {
				if off {
					c.want = "invalid_blocks"
				}
				if e := s.call("chat.postMessage", "channel", s.ChannelID("general"), "text", "x", "blocks", c.blocks).err(); e != c.want {
					t.Errorf("%.120s: %q, want %q", c.blocks, e, c.want)
				}
				time.Sleep(time.Second)
			}
		})
	}
}
