package bot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// offering is a world in which an answer of more than 3,000 characters is offered as a file.
func offering() worldConfig {
	cfg := durable()
	cfg.slack, cfg.model = uploads(), llmsim.Config{Speed: 20_000, Answer: func(*llmsim.Chat) string { return varied(foxes, 100, 0) }}
	cfg.bot.MaxChars = 3_000
	return cfg
}

// offered waits until an answer has its file, and returns the file's id.
func (w *world) offered(channel, ts string) (id string) {
	w.t.Helper()
	w.until("the file is there", time.Minute, func() bool {
		files, _ := filed(w.answers(channel, ts))
		for _, f := range files {
			id, _ = f.Files[0]["id"].(string)
		}
		return id != ""
	})
	time.Sleep(5 * time.Second)
	return id
}

// whole counts what a thread still has of answers: messages, and files that can be read.
func (w *world) whole(channel, ts string) (messages, files int) {
	w.t.Helper()
	for _, m := range w.answers(channel, ts) {
		messages++
		for _, f := range m.Files {
			if f["mode"] != "tombstone" {
				files++
			}
		}
	}
	return messages, files
}

// forgetFile takes the files out of the records of a thread's answers: an older version kept none.
func (w *world) forgetFile(store turn.Store, channel, ts string) {
	w.t.Helper()
	err := store.Update(context.WithoutCancel(w.t.Context()), "answers/"+w.slack.ChannelID(channel)+"/"+ts, func(old []byte) ([]byte, error) {
		var list []map[string]any
		if err := json.Unmarshal(old, &list); err != nil {
			return nil, fmt.Errorf("answers of %s: %w", ts, err)
		}
		for _, e := range list {
			delete(e, "file")
		}
		return json.Marshal(list)
	})
	if err != nil {
		w.t.Error(err)
	}
}

// TestRemovedFile: the file with the whole of an answer goes with it, whoever wants that, and also if
// the store does not know of it, or if it is shown only after that.
func TestRemovedFile(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(w *world, cfg worldConfig, channel, ts string){
		"deleted": func(w *world, cfg worldConfig, channel, ts string) { w.delete("alice", channel, ts) },
		"!remove": func(w *world, cfg worldConfig, channel, ts string) { w.slack.Say("alice", channel, ts, "!remove") },
		"after a restart": func(w *world, cfg worldConfig, channel, ts string) {
			w.stop()
			w.again()
			w.until("both sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2 })
			w.slack.Say("alice", channel, ts, "!remove")
		},
		"an older version": func(w *world, cfg worldConfig, channel, ts string) {
			w.forgetFile(cfg.store(), channel, ts)
			w.slack.Say("alice", channel, ts, "!remove")
		},
	} {
		for _, channel := range []string{"general", "@alice"} {
			t.Run(name+" in "+channel, func(t *testing.T) {
				cfg := offering()
				inWorld(t, cfg, func(t *testing.T, w *world) {
					ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" write a lot")
					id := w.offered(channel, ts)
					take(w, cfg, channel, ts)
					time.Sleep(30 * time.Second)
					messages, files := w.whole(channel, ts)
					is(t, "messages", messages, 0)
					is(t, "files", files, 0)
					calls := w.slack.Calls("files.delete")
					size(t, "deletions", calls, 1)
					is(t, "what is deleted", calls[0].Args["file"], id)
					w.logged("answer_removed")
				})
			})
		}
	}
	t.Run("of one of two answers", func(t *testing.T) {
		cfg := offering()
		inWorld(t, cfg, func(t *testing.T, w *world) {
			ts := w.ask("alice", "general", "", "write a lot")
			first := w.offered("general", ts)
			next := w.slack.Say("alice", "general", ts, "and again")
			w.until("another file is there", time.Minute, func() bool { _, n := w.whole("general", ts); return n == 2 })
			w.forgetFile(cfg.store(), "general", ts)
			w.delete("alice", "general", next)
			time.Sleep(30 * time.Second)
			_, files := w.whole("general", ts)
			is(t, "files", files, 1)
			is(t, "the file that stays", w.offered("general", ts), first)
		})
	})
}

// TestFileThatStays: if Slack keeps a file, whoever asked is told, and the answer stays as long as
// another try may help.
func TestFileThatStays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault    slacksim.Fault
		messages int // that stay
		told     string
	}{
		"not now":  {slacksim.Fault{Method: "files.delete", Times: -1, Status: 503}, 2, "could not remove my answer"},
		"not ever": {slacksim.Fault{Method: "files.delete", Times: -1, Error: "file_deleting_disabled"}, 0, "its file"},
		"once":     {slacksim.Fault{Method: "files.delete", Times: 1, Status: 503}, 0, ""},
		"carried":  {slacksim.Fault{Method: "files.delete", Times: 1, Status: 503, Carry: true}, 0, ""},
	} {
		for _, by := range []string{"deleted", "!remove"} {
			t.Run(name+", "+by, func(t *testing.T) {
				inWorld(t, offering(), func(t *testing.T, w *world) {
					root := w.slack.Say("bob", "general", "", "a thread")
					ts := w.ask("alice", "general", root, "write a lot")
					w.offered("general", root)
					w.slack.Fail(tt.fault)
					if by == "deleted" {
						w.delete("alice", "general", ts)
					} else {
						w.slack.Say("alice", "general", root, "!remove")
					}
					time.Sleep(2 * time.Minute)
					messages, _ := w.whole("general", root)
					is(t, "messages", messages, tt.messages)
					if tt.told == "" {
						is(t, "words to alice", w.whispers("alice"), "")
						return
					}
					has(t, w.whispers("alice"), tt.told)
					w.logged("file_not_deleted")
					if tt.messages > 0 { // once more, when it can be done
						w.slack.Heal()
						w.slack.Say("alice", "general", root, "!remove")
						time.Sleep(30 * time.Second)
						messages, files := w.whole("general", root)
						is(t, "messages", messages, 0)
						is(t, "files", files, 0)
					}
				})
			})
		}
	}
}

// TestRewrittenFile: an answer that is written again does not leave the file of the one before.
func TestRewrittenFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		again func(w *world, ts string)
		long  bool
	}{
		"regenerated": {func(w *world, ts string) {
			_, shown := filed(w.answers("general", ts))
			w.click("alice", "general", shown[0].TS, bot.PressRegenerate)
		}, true},
		"edited": {func(w *world, ts string) {
			w.edit("alice", "general", ts, w.slack.Mention()+" write less")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, offering(), func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "write a lot")
				first := w.offered("general", ts)
				if !tt.long {
					w.model.NextTape(llmsim.Tape{llmsim.Text("A little.")})
				}
				tt.again(w, ts)
				w.until("the file of before is gone", time.Minute, func() bool { return len(w.slack.Calls("files.delete")) > 0 })
				time.Sleep(10 * time.Second)
				messages, files := w.whole("general", ts)
				is(t, "files", files == 1, tt.long)
				is(t, "messages", messages, 1+files)
				if tt.long && w.offered("general", ts) == first {
					t.Error("the file is that of before")
				}
				is(t, "words to alice", w.whispers("alice"), "")
			})
		})
	}
}
