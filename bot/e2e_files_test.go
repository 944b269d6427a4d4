package bot_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

func drawing(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, side, side/2))
	for x := range side {
		for y := range side / 2 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) upload(user, channel, threadTS, text string, files ...slacksim.Upload) string {
	return w.slack.Upload(user, channel, threadTS, w.slack.Mention()+" "+text, files...)
}

func TestTextFiles(t *testing.T) {
	for name, order := range map[string]slacksim.Order{"mention first": slacksim.OrderMentionFirst, "message first": slacksim.OrderMessageFirst} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}}, func(t *testing.T, w *world) {
				w.slack.SetOrder(order)
				ts := w.upload("alice", "general", "", "what is in it?",
					slacksim.Upload{Name: "notes.txt", Data: []byte("zq the first line\n```\nzq the second\n")}, slacksim.Upload{Name: "x.pdf", Data: []byte("%PDF-1.4\x00")})
				got := w.answered("general", ts, 1)
				_, all := conversation(w.model.Last().Chat)
				has(t, all, "File notes.txt:\n  ````\n  zq the first line\n  ```\n  zq the second\n  ````", "attached file x.pdf, which you cannot read")
				has(t, text(got), "I can't read x.pdf")
				hasNot(t, text(got), "notes.txt")
				is(t, "reads", len(w.slack.Calls("conversations.replies")), 0)
				w.slack.Say("alice", "general", ts, "and again?")
				w.answered("general", ts, 2)
				has(t, w.prompt(), "zq the second")
				is(t, "downloads", len(w.slack.Calls("url_private")), 1)
			})
		})
	}
	t.Run("the message event never comes", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}}, func(t *testing.T, w *world) {
			w.slack.FailEvent(slacksim.EventFault{Type: "message", Drop: true})
			ts := w.upload("alice", "general", "", "", slacksim.Upload{Name: "notes.md", Data: []byte("zq what I thought")})
			w.answered("general", ts, 1)
			has(t, w.prompt(), "zq what I thought")
		})
	})
	t.Run("too long", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, MaxModelLen: 8000}}, func(t *testing.T, w *world) {
			ts := w.upload("alice", "general", "", "what is in it?", slacksim.Upload{Name: "log.txt", Data: []byte(strings.Repeat("zq über alles ", 10_000))})
			got := w.answered("general", ts, 1)
			has(t, text(got), "Of log.txt I read the first 9,000 of 140,000 characters.")
			if _, all := conversation(w.model.Last().Chat); !strings.Contains(all, "File log.txt (the first 9,000 of 140,000 characters):") || w.model.Total() != 1 {
				t.Errorf("%d requests, prompt %.300s", w.model.Total(), all)
			}
		})
	})
	t.Run("sign-in page", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}, slack: slacksim.Config{Scopes: without(slacksim.DefaultScopes(), "files:read")}}, func(t *testing.T, w *world) {
			ts := w.upload("alice", "general", "", "what is in it?", slacksim.Upload{Name: "notes.txt", Data: []byte("zq secret")})
			got := w.answered("general", ts, 1)
			_, all := conversation(w.model.Last().Chat)
			hasNot(t, all, "Sign in", "zq")
			has(t, text(got), "I could not get notes.txt from Slack.")
		})
	})
	t.Run("nothing but what cannot be read", func(t *testing.T) {
		inWorld(t, worldConfig{}, func(t *testing.T, w *world) {
			w.slack.SetOrder(slacksim.OrderMessageFirst)
			w.upload("alice", "general", "", "", slacksim.Upload{Name: "x.zip", Data: []byte("PK\x03\x04")})
			time.Sleep(5 * time.Second)
			w.toldOnce("alice", "can't read this kind")
			is(t, "requests to the model", w.model.Total(), 0)
		})
	})
}

// TestDocumentsInThreads: a table and a Word file are text for the model; a broken file is a note, and the answer comes.
func TestDocumentsInThreads(t *testing.T) {
	var docx bytes.Buffer
	z := zip.NewWriter(&docx)
	part, err := z.Create("word/document.xml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(`<w:document><w:body><w:p><w:r><w:t>zq the plan</w:t></w:r></w:p></w:body></w:document>`))
	_ = z.Close()
	inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}}, func(t *testing.T, w *world) {
		ts := w.upload("alice", "general", "", "what is in them?", slacksim.Upload{Name: "days.csv", Data: []byte("Job;Days\na|b;9\n")},
			slacksim.Upload{Name: "plan.docx", Data: docx.Bytes()}, slacksim.Upload{Name: "broken.docx", Data: docx.Bytes()[:40]}, slacksim.Upload{Name: "page.php", Data: []byte("<!DOCTYPE html>\n<?php zq ?>")})
		got := w.answered("general", ts, 1)
		_, all := conversation(w.model.Last().Chat)
		has(t, all, "File days.csv:\n  ```\n  | Job | Days |\n  | --- | --- |\n  | a\\|b | 9 |\n  ```", "File plan.docx:\n  ```\n  zq the plan\n  ```", "attached file broken.docx, which you cannot read: it is damaged", "<?php zq ?>")
		if !strings.Contains(text(got), "I can't read broken.docx: it is damaged") || strings.Contains(text(got), "plan.docx") {
			t.Errorf("%s", text(got))
		}
		w.slack.Say("alice", "general", ts, "and again?")
		w.answered("general", ts, 2)
		if n := len(w.slack.Calls("url_private")); n != 4 {
			t.Errorf("downloads: %d, want 4", n)
		}
	})
}

func without(list []string, word string) []string {
	var out []string
	for _, w := range list {
		if w != word {
			out = append(out, w)
		}
	}
	return out
}

func TestPictures(t *testing.T) {
	t.Parallel()
	t.Run("a model that sees", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, Vision: true}}, func(t *testing.T, w *world) {
			var animated bytes.Buffer
			if err := gif.Encode(&animated, image.NewPaletted(image.Rect(0, 0, 40, 40), color.Palette{color.White, color.Black}), nil); err != nil {
				t.Fatal(err)
			}
			ts := w.upload("alice", "general", "", "what is it?", slacksim.Upload{Name: "small.png", Data: drawing(t, 100)},
				slacksim.Upload{Name: "large.png", Data: drawing(t, 4000)}, slacksim.Upload{Name: "a.gif", Data: animated.Bytes()})
			got := w.answered("general", ts, 1)
			m := w.model.Last().Chat.Messages
			last := m[len(m)-1]
			size(t, "pictures", last.Images, 3)
			has(t, last.Content, "what is it?")
			for i, want := range []int{100, 1536, 40} {
				cfg, _, err := image.DecodeConfig(bytes.NewReader(last.Images[i].Data))
				if err != nil || cfg.Width != want {
					t.Errorf("picture %d: %+v, %v", i, cfg, err)
				}
			}
			hasNot(t, text(got), "picture")
		})
	})
	t.Run("a model that does not", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}}, func(t *testing.T, w *world) {
			picture := slacksim.Upload{Name: "small.png", Data: drawing(t, 100)}
			ts := w.upload("alice", "general", "", "what is it?", picture)
			got := w.answered("general", ts, 1)
			has(t, text(got), "I did not see the picture")
			is(t, "requests to the model", w.model.Total(), 2)
			has(t, w.prompt(), "You cannot see pictures")
			w.answered("general", w.upload("bob", "general", "", "and this?", picture), 1)
			is(t, "requests: it was learnt", w.model.Total(), 3)
		})
	})
	for name, dialect := range map[string]llmsim.Dialect{"in one prompt": "", "in one request": llmsim.VLLM010} {
		t.Run("a server that takes one, "+name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, Vision: true, MaxImages: 1, Dialect: dialect}}, func(t *testing.T, w *world) {
				picture := slacksim.Upload{Name: "small.png", Data: drawing(t, 100)}
				ts := w.upload("alice", "general", "", "what is it?", picture)
				hasNot(t, text(w.answered("general", ts, 1)), "picture")
				newer := slacksim.Upload{Name: "newer.png", Data: drawing(t, 60)}
				w.upload("alice", "general", ts, "and this?", newer)
				has(t, text(w.answered("general", ts, 2)), "takes one picture at a time: I looked at the newest one")
				m := w.model.Last().Chat.Messages
				size(t, "pictures", m[len(m)-1].Images, 1)
				has(t, w.prompt(), "only newer ones")
				is(t, "requests to the model", w.model.Total(), 3)
				w.slack.Say("alice", "general", ts, "and what was before?")
				is(t, "times that it is said", strings.Count(text(w.answered("general", ts, 3)), "one picture at a time"), 1)
				is(t, "requests to the model: it was learnt", w.model.Total(), 4)
				w.upload("alice", "general", ts, "and these?", picture, newer)
				is(t, "times that it is said", strings.Count(text(w.answered("general", ts, 4)), "one picture at a time"), 2)
				has(t, w.prompt(), "you see the last 1 only")
				is(t, "requests to the model", w.model.Total(), 5)
			})
		})
	}
	t.Run("damaged", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, Vision: true}}, func(t *testing.T, w *world) {
			ts := w.upload("alice", "general", "", "what is it?", slacksim.Upload{Name: "small.png", Data: []byte("no picture")})
			if got := w.answered("general", ts, 1); !strings.Contains(text(got), "can't read the picture small.png") {
				t.Errorf("%s", text(got))
			}
		})
	})
}

// TestBombs: what a picture may take is bounded before it is decoded, however many there are, and
// people are told.
func TestBombs(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, Vision: true}}, func(t *testing.T, w *world) {
		deep := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x1b\x58\x00\x00\x1b\x58\x10\x06\x00\x00\x00\x45\xd8\x3f\x45") // 16 bits, 7,000 by 7,000
		binary.BigEndian.PutUint32(deep[29:], crc32.ChecksumIEEE(deep[12:29]))
		scans := append([]byte("\xff\xd8\xff\xc2\x00\x0b\x08\x1b\x58\x1b\x58\x01\x01\x11\x00"), bytes.Repeat([]byte("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"), 300)...)
		ts := w.upload("alice", "general", "", "what is it?", slacksim.Upload{Name: "deep.png", Data: deep}, slacksim.Upload{Name: "scans.jpg", Data: scans},
			slacksim.Upload{Name: "small.png", Data: drawing(t, 100)})
		got := text(w.answered("general", ts, 1))
		has(t, got, "I did not look at deep.png: it has too many pixels. Please send a smaller copy.", "I did not look at scans.jpg: it is a progressive JPEG with too many passes.")
		if m := w.model.Last().Chat.Messages; len(m[len(m)-1].Images) != 1 {
			t.Errorf("%d pictures", len(m[len(m)-1].Images))
		}
		var many []slacksim.Upload
		for range 6 {
			many = append(many, slacksim.Upload{Name: "deep.png", Data: deep})
		}
		before := len(w.slack.Calls("url_private"))
		ts = w.upload("bob", "general", "", "and these?", many...)
		has(t, text(w.answered("general", ts, 1)), "newest 4 pictures of a thread, and left the others out")
		is(t, "downloads", len(w.slack.Calls("url_private"))-before, 4)
	})
}

// TestOddTexts: texts that were refused, or damaged, or grew on the way to the model.
func TestOddTexts(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}}, func(t *testing.T, w *world) {
		ts := w.upload("alice", "general", "", "what is in it?", slacksim.Upload{Name: "page.txt", Data: []byte("<!doctype html>zq the page")},
			slacksim.Upload{Name: "old.txt", Data: []byte("zq gr\xfcn")}, slacksim.Upload{Name: "ticks.txt", Data: bytes.Repeat([]byte("`"), 100_000)})
		got := text(w.answered("general", ts, 1))
		_, all := conversation(w.model.Last().Chat)
		if !strings.Contains(all, "<!doctype html>zq the page") || !strings.Contains(all, "zq grün") || len(all) > 2000 {
			t.Errorf("prompt of %d: %.2000s", len(all), all)
		}
		has(t, got, "In ticks.txt longer rows of backticks are cut to 31")
		hasNot(t, got, "could not get")
	})
	t.Run("more than are read", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200}}, func(t *testing.T, w *world) {
			var many []slacksim.Upload
			for range 25 {
				many = append(many, slacksim.Upload{Name: "a.txt", Data: []byte("zq")})
			}
			ts := w.upload("alice", "general", "", "what is in them?", many...)
			has(t, text(w.answered("general", ts, 1)), "I read the newest 20 files of a thread, and left the others out.")
			is(t, "downloads", len(w.slack.Calls("url_private")), 20)
		})
	})
}

func TestStatusWhileItThinks(t *testing.T) {
	t.Run("elapsed and reasoning", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Speed: 2, FirstToken: 15 * time.Second}}, func(t *testing.T, w *world) {
			w.model.NextTape(llmsim.Tape{llmsim.Reason(strings.Repeat("hm ", 60)), llmsim.Text("Yes.")})
			ts := w.ask("alice", "general", "", "well?")
			time.Sleep(2 * time.Second)
			is(t, "status", w.slack.Status("general", ts), "is thinking…")
			time.Sleep(10 * time.Second)
			is(t, "status", w.slack.Status("general", ts), "is thinking… (10s)")
			time.Sleep(12 * time.Second)
			if s := w.slack.Status("general", ts); !strings.HasPrefix(s, "is thinking… (20s, reasoning for ") {
				t.Errorf("%q", s)
			}
			w.answered("general", ts, 1)
			is(t, "status", w.slack.Status("general", ts), "")
			atMost(t, "calls", len(w.slack.Calls("assistant.threads.setStatus")), 8)
		})
	})
	t.Run("refused", func(t *testing.T) {
		inWorld(t, worldConfig{model: llmsim.Config{Speed: 20, FirstToken: 8 * time.Second}}, func(t *testing.T, w *world) {
			w.slack.Fail(slacksim.Fault{Method: "assistant.threads.setStatus", Error: "unknown_method", Times: -1})
			ts := w.ask("alice", "general", "", "well?")
			time.Sleep(2 * time.Second)
			is(t, "messages too early", len(w.answers("general", ts)), 0)
			time.Sleep(2 * time.Second)
			got := w.answers("general", ts)
			size(t, "messages", got, 1)
			has(t, text(got), "Thinking…")
			got = w.answered("general", ts, 1)
			size(t, "messages", got, 1)
			hasNot(t, text(got), "Thinking…")
			quick := w.ask("bob", "general", "", "and?")
			w.model.SetSpeed(200)
			got = w.answered("general", quick, 1)
			oneFooter(t, got)
		})
	})
}

func yes(*llmsim.Chat) string { return "Yes." }
