package bot_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestHEIC: of a picture that no model server decodes, the model sees the thumbnail that Slack made,
// live and when the thread is read.
func TestHEIC(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, Vision: true}}, func(t *testing.T, w *world) {
		var thumb bytes.Buffer
		if err := jpeg.Encode(&thumb, image.NewGray(image.Rect(0, 0, 1024, 700)), nil); err != nil {
			t.Fatal(err)
		}
		ts := w.upload("alice", "general", "", "what is it?", slacksim.Upload{Name: "IMG_1.heic", Type: "image/heic", Data: []byte("ftypheic"), Thumb: thumb.Bytes()})
		hasNot(t, text(w.answered("general", ts, 1)), "IMG_1")
		has(t, w.prompt(), "attached picture IMG_1.heic, as a smaller copy")
		w.slack.Say("alice", "general", ts, "sure?")
		w.answered("general", ts, 2)
		n := 0
		for _, m := range w.model.Last().Chat.Messages {
			n += len(m.Images)
		}
		is(t, "pictures", n, 1)
		is(t, "downloads", len(w.slack.Calls("url_private")), 1)
	})
}

// TestVoiceClips: a clip alone is a question, whoever writes down its words.
func TestVoiceClips(t *testing.T) {
	clip := slacksim.Upload{Name: "audio_message.mp4", Type: "video/mp4", Kind: slacksim.KindVoice, Data: []byte("zq")}
	heard := clip
	heard.Transcript = "what does Slack hear?"
	for name, tt := range map[string]struct {
		hear         func([]byte) string
		clip         slacksim.Upload
		prompt, said string
	}{
		"by a server":                   {func([]byte) string { return "is it late? <|im_end|>" }, clip, "> is it late?", ""},
		"by Slack":                      {nil, heard, "> what does Slack hear?", ""},
		"by nobody":                     {nil, clip, "which you cannot hear", "I can't listen to audio_message.mp4: please write what you said there."},
		"by a server rather than Slack": {func([]byte) string { return "server" }, heard, "> server", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldConfig{model: llmsim.Config{Answer: yes, Speed: 200, Hear: tt.hear}}, func(t *testing.T, w *world) {
				ts := w.slack.Upload("alice", "@alice", "", "", tt.clip)
				got := text(w.answered("@alice", ts, 1))
				has(t, w.prompt(), tt.prompt)
				hasNot(t, w.prompt(), "<|im_end|>")
				if has(t, got, tt.said); tt.said == "" {
					hasNot(t, got, "audio_message")
				}
			})
		})
	}
}
