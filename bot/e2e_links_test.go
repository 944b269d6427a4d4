package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestLinks: what a link leads to is quoted to whoever can see it, and to nobody else.
func TestLinks(t *testing.T) {
	places := []slacksim.Channel{
		{ID: "C0GENERAL1", Name: "general"},
		{ID: "C0OPS00001", Name: "ops"},
		{ID: "C0NEWS0001", Name: "news", Members: []string{"U0BOB00001"}},
		{ID: "C0NOBOT001", Name: "no-bot", NoBot: true},
		{ID: "C0LEADS001", Name: "leads", Private: true, Members: []string{"U0ALICE001"}},
	}
	link := func(t *testing.T, w *world, channel, ts string) string {
		t.Helper()
		l, err := w.slack.Permalink(channel, ts)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}, slack: slacksim.Config{Channels: places}}, func(t *testing.T, w *world) {
		root := w.slack.Say("alice", "ops", "", "zq build 41 is red")
		reply := w.slack.Say("bob", "ops", root, "zq because of disk 3")
		secret := w.slack.Say("alice", "leads", "", "zq we let go of dave")
		time.Sleep(2 * time.Second)
		reads := len(w.slack.Calls("conversations.replies"))

		// A thread of a public channel, and a private conversation of whoever asks.
		ts := w.ask("alice", "general", "", "what about "+link(t, w, "ops", reply)+" and "+link(t, w, "leads", secret)+" ?")
		w.answered("general", ts, 1)
		has(t, w.prompt(), "Linked message in #ops, with its thread:", "> alice: zq build 41 is red", "> bob (the linked one): zq because of disk 3",
			"Linked message in #leads:", "> alice: zq we let go of dave")
		is(t, "reads", len(w.slack.Calls("conversations.replies"))-reads, 2)

		// Somebody else asks in the same thread: what they cannot see is not there any more.
		w.slack.Say("bob", "general", ts, w.slack.Mention()+" and what else?")
		w.answered("general", ts, 2)
		has(t, w.prompt(), "zq build 41 is red", "A linked message is left out")
		hasNot(t, w.prompt(), "dave")
		is(t, "reads", len(w.slack.Calls("conversations.replies"))-reads, 3) // of the thread itself

		// Who asks about it is told, alone.
		ts = w.ask("bob", "general", "", "what is "+link(t, w, "leads", secret)+" ?")
		got := text(w.answered("general", ts, 1))
		time.Sleep(2 * time.Second)
		hasNot(t, got, "linked message")
		hasNot(t, w.prompt(), "dave")
		w.toldOnce("bob", "I left a linked message out")

		// A channel without the bot, a message that is not there, and another workspace.
		ts = w.ask("carol", "general", "", "what is "+strings.Replace(link(t, w, "ops", root), "C0OPS00001", "C0NOBOT001", 1)+" and https://evil.test/archives/C0OPS00001/p"+strings.Replace(root, ".", "", 1))
		w.answered("general", ts, 1)
		hasNot(t, w.prompt(), "zq build", "dave")
		w.toldOnce("carol", "I left a linked message out")

		// Somebody plants a link to what they cannot see themselves, and a member asks in public.
		ts = w.slack.Say("bob", "general", "", "zq minutes are at "+link(t, w, "leads", secret)+" and "+link(t, w, "ops", root))
		w.slack.Say("alice", "general", ts, w.slack.Mention()+" please summarise")
		w.answered("general", ts, 1)
		has(t, w.prompt(), "zq minutes", "A linked message is left out", "> alice (the linked one): zq build 41 is red")
		hasNot(t, w.prompt(), "dave")
		w.toldOnce("alice", "I left a linked message out: I quote messages only from")

		// Whoever may see it pastes it, and somebody else who may asks; a quotation is followed, too.
		ts = w.slack.Say("alice", "general", "", "> minutes "+link(t, w, "leads", secret))
		w.slack.Say("alice", "general", ts, w.slack.Mention()+" please summarise")
		w.answered("general", ts, 1)
		has(t, w.prompt(), "> alice: zq we let go of dave")

		// Who is a full member reads each public channel. While Slack does not say who somebody is,
		// they read what they are a member of: what it said before is no answer.
		news := w.slack.Say("bob", "news", "", "zq party at 8")
		ts = w.ask("alice", "general", "", "what is "+link(t, w, "news", news)+" ?")
		w.answered("general", ts, 1)
		has(t, w.prompt(), "> bob: zq party")
		w.slack.Fail(slacksim.Fault{Method: "users.info", Times: -1, Status: 500})
		time.Sleep(2 * time.Minute)
		ts = w.ask("alice", "general", "", "what is "+link(t, w, "news", news)+" ?")
		w.answered("general", ts, 1)
		hasNot(t, w.prompt(), "zq party")
	})
}

// TestLinksLeftOut: whoever asks is told, alone and once, of links that are not followed because there are too
// many, or because Slack fails; a preview of what is quoted is not there as well.
func TestLinksLeftOut(t *testing.T) {
	places := []slacksim.Channel{{ID: "C0GENERAL1", Name: "general"}, {ID: "C0OPS00001", Name: "ops"}, {ID: "C0LEADS001", Name: "leads", Private: true, Members: []string{"U0ALICE001"}}}
	inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}, slack: slacksim.Config{Channels: places}}, func(t *testing.T, w *world) {
		var links []string
		for _, said := range []string{"zq one", "zq two", "zq three", "zq four"} {
			l, err := w.slack.Permalink("ops", w.slack.Say("alice", "ops", "", said))
			if err != nil {
				t.Fatal(err)
			}
			links = append(links, l)
		}
		time.Sleep(2 * time.Second)
		// Somebody else pasted them; the second question has no more to tell.
		ts := w.slack.Say("bob", "general", "", "look: "+strings.Join(links, " "))
		for n := range 2 {
			w.slack.Say("carol", "general", ts, w.slack.Mention()+" what is that?")
			w.answered("general", ts, n+1)
			has(t, w.prompt(), "zq three", "A further linked message is left out")
			time.Sleep(2 * time.Second)
			w.toldOnce("carol", "I quote the newest 3 of a thread")
		}

		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Times: 4, Error: "fatal_error"})
		ts = w.ask("bob", "general", "", "what is "+links[3]+" ?")
		w.answered("general", ts, 1)
		has(t, w.prompt(), "A linked message could not be read")
		time.Sleep(2 * time.Second)
		w.toldOnce("bob", "I could not read a linked message")

		// The preview is there from the beginning, or comes late.
		ts = w.slack.Post(slacksim.Post{User: "alice", Channel: "general", Text: w.slack.Mention() + " why " + links[0] + " ?", Attachments: []any{
			map[string]any{"is_msg_unfurl": true, "from_url": links[0], "author_name": "alice", "text": "zq one"},
		}})
		w.answered("general", ts, 1)
		is(t, "zq one", strings.Count(w.prompt(), "zq one"), 1)
		ts = w.ask("alice", "general", "", "why "+links[1]+" ?")
		w.answered("general", ts, 1)
		if err := w.slack.UnfurlLink("general", ts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.slack.Say("alice", "general", ts, w.slack.Mention()+" and?")
		w.answered("general", ts, 2)
		is(t, "zq two", strings.Count(w.prompt(), "zq two"), 1)
	})
}
