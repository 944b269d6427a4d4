package bot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"llmbot/bot/answer"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// endless is a model that never stops: 1 MB a second, for so long.
func endless(piece string, d time.Duration) llmsim.Tape {
	const pause = 10 * time.Millisecond
	n := 10_000/len(piece) + 1
	var tape llmsim.Tape
	for i := range int(d / pause) {
		chunk := varied(piece, n, i*n)
		tape = append(tape, llmsim.Chunk(chunk, len(chunk)/4), llmsim.Wait(pause))
	}
	return tape
}

// varied is a piece n times, from a number on, with something else in between so often that it is no loop.
func varied(piece string, n, from int) string {
	every := max(2, 1000/len(piece)&^1)
	var b strings.Builder
	for i := from; i < from+n; i++ {
		switch {
		case i%every != 0:
			b.WriteString(piece)
		case strings.Contains(piece, "again and again"): // as long as all others
			b.WriteString(strings.Replace(piece, "again and again", fmt.Sprintf("the %07d one", i%10_000_000), 1))
		case strings.Contains(piece, "\n"):
			fmt.Fprintf(&b, "\n\nNumber %d.\n\n%s", i, piece)
		default:
			fmt.Fprintf(&b, "%d %s", i, piece)
		}
	}
	return b.String()
}

// foxes are 75 characters.
const foxes = "The quick brown fox jumps over the lazy dog. It does so again and again.\n\n"

// uploads is a workspace that lets the app upload files.
func uploads() slacksim.Config {
	return slacksim.Config{Latency: 100 * time.Millisecond, Scopes: append(slacksim.DefaultScopes(), "files:write")}
}

// slowly is such a workspace in which an answer of some messages takes some seconds to be shown.
func slowly() slacksim.Config {
	cfg := uploads()
	cfg.Latency = 800 * time.Millisecond
	return cfg
}

// filed are the messages with files; the others are what shows an answer.
func filed(messages []slacksim.Message) (files, answers []slacksim.Message) {
	for _, m := range messages {
		if len(m.Files) > 0 {
			files = append(files, m)
		} else {
			answers = append(answers, m)
		}
	}
	return files, answers
}

func shownFoxes(messages []slacksim.Message) int { return strings.Count(text(messages), "brown fox") }

// TestEndlessAnswer: a model that never stops fills no thread, and neither memory nor store; its
// request ends by itself, and its answer has ended, for later processes too.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]string{
		"paragraphs": foxes,
		"one line":   "word word, ",
		"one word":   "ab",
		"headings":   "# a\n",
		"rules":      "x\n\n---\n\n",
		"ampersands": "&&&&&&&& <<<<\n",
		"cjk":        "漢字かな交じり文。\n\n",
		"emoji":      "😀😀😀😀\n",
		"a fence":    "```\ncode\n\n",
		"a table":    "| a | b |\n|---|---|\n| c | d |\n\n",
		"a list":     "- item\n",
	} {
		for _, channel := range []string{"general", "@alice"} {
			t.Run(name+" in "+channel, func(t *testing.T) {
				cfg := durable()
				cfg.model = llmsim.Config{}
				inWorld(t, cfg, func(t *testing.T, w *world) {
					w.model.NextTape(endless(piece, 30*time.Second))
					ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" write without end")
					time.Sleep(2 * time.Second)
					is(t, "requests that run after 2 MB", w.model.Running(), 0)
					w.until("the answer has ended", 5*time.Minute, func() bool { return footers(w.answers(channel, ts)) == 1 })
					time.Sleep(2 * time.Minute)
					got := w.answers(channel, ts)
					all := text(got)
					if len(got) > 31 {
						t.Errorf("%d messages", len(got))
					}
					if n := utf8.RuneCountInString(all); n > answer.DefaultMaxChars+len(got)*300 && name != "headings" && name != "a table" && name != "rules" {
						t.Errorf("%d characters", n)
					}
					has(t, all, "I have stopped the model", "the rest of it is left out")
					hasNot(t, all, "file")
					if b := got[len(got)-1].Buttons(); fmt.Sprint(b) != "[llmbot_regenerate llmbot_up llmbot_down]" {
						t.Errorf("buttons %v", b)
					}
					streamedOrEdited(t, got)
					w.stop()
					w.again()
					time.Sleep(time.Minute)
					w.requests(1, "it has ended")
					is(t, "messages after a restart", len(w.answers(channel, ts)), len(got))
					w.logged("answer_not_offered", "files:write")
				})
			})
		}
	}
}

// streamedOrEdited fails if a stream was left open.
func streamedOrEdited(t *testing.T, messages []slacksim.Message) {
	t.Helper()
	for i, m := range messages {
		if m.Stream == slacksim.StreamLive || m.Stream == slacksim.StreamBroken {
			t.Errorf("message %d of %d is %s", i+1, len(messages), m.Stream)
		}
	}
}

// TestLongAnswerIsOffered: where the app may upload files, all that came is in the thread as a file, below the answer; and it is no part of a later prompt.
func TestLongAnswerIsOffered(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"ends by itself": 2_000, "never ends": 1_000_000} {
		for _, channel := range []string{"general", "@alice"} {
			t.Run(name+" in "+channel, func(t *testing.T) {
				inWorld(t, worldConfig{slack: uploads(), model: llmsim.Config{MaxModelLen: 1_000_000}}, func(t *testing.T, w *world) {
					whole := varied(foxes, min(n, 4*answer.DefaultMaxChars/len(foxes)+1), 0)
					tape := endless(foxes, 30*time.Second)
					if n < 10_000 {
						tape = llmsim.Tape{llmsim.Chunk(whole[:len(whole)/2], 1000), llmsim.Wait(time.Second), llmsim.Chunk(whole[len(whole)/2:], 1000)}
					}
					w.model.NextTape(tape)
					ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" write a lot")
					w.until("the file is there", 5*time.Minute, func() bool { f, _ := filed(w.answers(channel, ts)); return len(f) == 1 })
					time.Sleep(time.Minute)
					files, got := filed(w.answers(channel, ts))
					size(t, "files", files, 1)
					if files[0].TS < got[len(got)-1].TS {
						t.Error("the file stands before the end of the answer")
					}
					atMost(t, "messages", len(got), 8)
					is(t, "size of the file", files[0].Files[0]["size"], any(min(len(whole), 4*answer.DefaultMaxChars)))
					is(t, "name of the file", files[0].Files[0]["name"], "answer.md")
					if s := shownFoxes(got); s > answer.DefaultMaxChars/len(foxes) || s < 58_000/len(foxes) {
						t.Errorf("%d foxes", s)
					}
					all := text(got)
					has(t, all, "all of it follows as a file")
					is(t, "it says that the model was stopped", strings.Contains(all, "I have stopped"), n >= 10_000)
					w.slack.Say("alice", channel, ts, w.slack.Mention()+" and again?")
					w.answered(channel, ts, 2)
					messages := w.model.Last().Chat.Messages
					size(t, "messages in the next prompt", messages, 4)
					atMost(t, "bytes of the answer in the next prompt", len(messages[2].Content), answer.DefaultMaxChars)
					atMost(t, "least of them", 58_000, len(messages[2].Content))
					hasNot(t, fmt.Sprint(messages[3]), "answer.md")
				})
			})
		}
	}
}

// TestUploadFails: what keeps the file away is said instead, in the end also what comes to light late.
func TestUploadFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults []slacksim.Fault
		offers bool
	}{
		"the scope, without a word before": {[]slacksim.Fault{{Method: "files.getUploadURLExternal", Error: "missing_scope", Times: -1}}, false},
		"the workspace":                    {[]slacksim.Fault{{Method: "files.getUploadURLExternal", Error: "file_uploads_disabled", Times: -1}}, false},
		"the upload, once":                 {[]slacksim.Fault{{Method: "upload", Status: 503}}, true},
		"the upload":                       {[]slacksim.Fault{{Method: "upload", Status: 503, Times: -1}}, false},
		"429":                              {[]slacksim.Fault{{Method: "files.getUploadURLExternal", Status: 429, RetryAfter: 3}, {Method: "files.completeUploadExternal", Status: 429, RetryAfter: 3}}, true},
		"the answer of the share is lost":  {[]slacksim.Fault{{Method: "files.completeUploadExternal", Status: 503, Carry: true}}, true},
		"the share hangs":                  {[]slacksim.Fault{{Method: "files.completeUploadExternal", Hang: true, Carry: true}}, true},
		"the share, for good":              {[]slacksim.Fault{{Method: "files.completeUploadExternal", Error: "restricted_action", Times: -1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{slack: uploads()}, func(t *testing.T, w *world) {
				for _, f := range tt.faults {
					w.slack.Fail(f)
				}
				w.model.NextTape(endless(foxes, 30*time.Second))
				ts := w.ask("alice", "general", "", "write without end")
				w.answered("general", ts, 1)
				time.Sleep(time.Minute)
				files, got := filed(w.answers("general", ts))
				all := text(got)
				is(t, "a file is there", len(files) == 1, tt.offers)
				is(t, "a file is promised", strings.Contains(all, "follows as a file"), tt.offers)
				is(t, "the rest is said to be left out", strings.Contains(all, "left out"), !tt.offers)
				is(t, "footers", footers(got), 1)
			})
		})
	}
}

// TestKilledWithAFile kills the process at every step of a long answer's end, and has another one go on: there is one file, and one answer, in the end.
func TestKilledWithAFile(t *testing.T) {
	t.Parallel()
	for at := time.Duration(0); at < 9*time.Second; at += apart * 200 * time.Millisecond {
		t.Run(at.String(), func(t *testing.T) {
			cfg := durable()
			cfg.slack, cfg.model = uploads(), llmsim.Config{}
			cfg.bot.MaxChars, cfg.lateAcks = 25_000, true
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.model.NextTape(endless(foxes, 30*time.Second), endless(foxes, 30*time.Second))
				ts := w.ask("alice", "general", "", "write without end")
				time.Sleep(at)
				w.kill()
				w.again()
				w.until("the file is there", 5*time.Minute, func() bool { f, _ := filed(w.answers("general", ts)); return len(f) > 0 })
				time.Sleep(time.Minute)
				files, got := filed(w.answers("general", ts))
				size(t, "files", files, 1)
				atMost(t, "messages", len(got), 4)
				is(t, "footers", footers(got), 1)
				has(t, text(got), "follows as a file")
				atMost(t, "requests to the model", w.model.Total(), 2)
			})
		})
	}
}

// TestStopLeavesNoBacklog stops a fast answer at various moments: what is visible stays, and at most the message that was being written comes to it.
func TestStopLeavesNoBacklog(t *testing.T) {
	t.Parallel()
	for _, channel := range []string{"general", "@alice"} {
		for at := 2500 * time.Millisecond; at < 6*time.Second; at += apart * 150 * time.Millisecond {
			t.Run(fmt.Sprint(channel, " after ", at), func(t *testing.T) {
				inWorld(t, worldConfig{slack: slowly()}, func(t *testing.T, w *world) {
					w.model.NextTape(endless(foxes, 30*time.Second))
					ts := w.slack.Say("alice", channel, "", w.slack.Mention()+" write without end")
					time.Sleep(at)
					before := len(w.answers(channel, ts))
					if before == 0 || before > 5 {
						t.Fatalf("%d messages before the stop", before)
					}
					w.slack.Say("alice", channel, ts, "stop")
					time.Sleep(2 * time.Minute)
					files, got := filed(w.answers(channel, ts))
					if len(files) > 0 || len(got) > before+1 {
						t.Errorf("%d messages before, %d after, %d files", before, len(got), len(files))
					}
					all := text(got)
					times(t, all, "stopped · ", 1)
					hasNot(t, all, "writing…", "file")
					streamedOrEdited(t, got)
					for _, c := range w.slack.Calls("chat.delete") {
						t.Errorf("%+v", c)
					}
					w.slack.Say("alice", channel, ts, w.slack.Mention()+" and again?")
					w.answered(channel, ts, 2)
					messages := w.model.Last().Chat.Messages
					if n := strings.Count(messages[2].Content, "brown fox"); n != shownFoxes(got) {
						t.Errorf("the model is told of %d foxes, people saw %d", n, shownFoxes(got))
					}
				})
			})
		}
	}
}

// TestDeletedWhileItEnds: nothing more is posted of an answer whose question goes while its end is shown, and what there was goes, too.
func TestDeletedWhileItEnds(t *testing.T) {
	inWorld(t, worldConfig{slack: slowly()}, func(t *testing.T, w *world) {
		w.model.NextTape(endless(foxes, 30*time.Second))
		root := w.slack.Say("bob", "general", "", "a thread")
		ts := w.ask("alice", "general", root, "write without end")
		time.Sleep(2500 * time.Millisecond)
		before := len(w.slack.Calls("chat.postMessage"))
		w.delete("alice", "general", ts)
		time.Sleep(2 * time.Minute)
		if n := len(w.slack.Calls("chat.postMessage")); n > before+1 || len(w.answers("general", root)) != 0 {
			t.Errorf("%d posts before, %d after, %d messages stay", before, n, len(w.answers("general", root)))
		}
	})
}

// TestHugeCheckpoint: 4 MB of an answer in progress, by a version that had no bound.
func TestHugeCheckpoint(t *testing.T) {
	for name, piece := range map[string]string{"lines": foxes, "cjk": "漢字かな交じり文。\n\n"} {
		t.Run(name, func(t *testing.T) {
			cfg := durable()
			cfg.slack, cfg.model = uploads(), llmsim.Config{}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.model.NextTape(llmsim.Tape{llmsim.Chunk(foxes, 20), llmsim.Stall()})
				ts := w.ask("alice", "general", "", "write without end")
				time.Sleep(5 * time.Second)
				w.kill()
				enlarge(t, cfg.store(), "checkpoint/"+w.slack.ChannelID("general")+"/"+ts, strings.Repeat(piece, 4<<20/len(piece)))
				began := time.Now()
				w.again()
				w.until("the file is there", time.Minute, func() bool { f, _ := filed(w.answers("general", ts)); return len(f) == 1 })
				t.Logf("after %s", time.Since(began))
				files, got := filed(w.answers("general", ts))
				n, _ := files[0].Files[0]["size"].(int)
				atMost(t, "size of the file", n, 4*4*answer.DefaultMaxChars)
				atMost(t, "messages", len(got), 26)
				atMost(t, "footers", footers(got), 1)
				w.requests(1, "it has ended")
			})
		})
	}
}

// enlarge replaces the text of a checkpoint.
func enlarge(t *testing.T, store turn.Store, key, text string) {
	t.Helper()
	err := store.Update(context.WithoutCancel(t.Context()), key, func(old []byte) ([]byte, error) {
		var c map[string]any
		if err := json.Unmarshal(old, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		c["text"] = text
		return json.Marshal(c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSIGTERMInABomb: the bot ends within the drain time and its grace, whatever the model writes.
func TestSIGTERMInABomb(t *testing.T) {
	for _, at := range []time.Duration{50 * time.Millisecond, time.Second, 4 * time.Second} {
		t.Run(at.String(), func(t *testing.T) {
			cfg := durable()
			cfg.slack, cfg.model = uploads(), llmsim.Config{}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				w.model.NextTape(endless(foxes, 30*time.Second), endless(foxes, 30*time.Second))
				ts := w.ask("alice", "general", "", "write without end")
				time.Sleep(at)
				began := time.Now()
				w.stop()
				if d := time.Since(began); d > cfg.bot.DrainTimeout+5*time.Second+4*time.Second { // slackio tidies up after that
					t.Errorf("ended after %s", d)
				}
				w.again()
				w.until("the file is there", 5*time.Minute, func() bool { f, _ := filed(w.answers("general", ts)); return len(f) == 1 })
				time.Sleep(time.Minute)
				files, got := filed(w.answers("general", ts))
				size(t, "files", files, 1)
				atMost(t, "messages", len(got), 8)
				is(t, "footers", footers(got), 1)
			})
		})
	}
}

// TestThinkingWithoutEnd and white space without end are ended, too.
func TestThinkingWithoutEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		step func(i int) llmsim.Step
		says string
	}{
		"reasoning":   {func(i int) llmsim.Step { return llmsim.Thought(varied("hm, ", 2500, i*2500), 2500) }, "it went on thinking without end"},
		"white space": {func(int) llmsim.Step { return llmsim.Chunk(strings.Repeat(" \n", 5000), 5000) }, "nothing but white space"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Reasoning: true}}, func(t *testing.T, w *world) {
				var tape llmsim.Tape
				for i := range 1000 {
					tape = append(tape, tt.step(i), llmsim.Wait(10*time.Millisecond))
				}
				w.model.NextTape(tape, slices.Clone(tape))
				ts := w.ask("alice", "general", "", "think")
				w.says("general", ts, tt.says, time.Minute)
				is(t, "requests", w.model.Total(), 1)
			})
		})
	}
}
