package slacksim

import (
	"bytes"
	"image"
	"image/jpeg"
	"strings"
	"unicode/utf8"
)

// thumbName is the last part of the address of a thumbnail.
const thumbName = "thumb_1024.jpg"

// kind returns an upload with the kind that its name says, and with a thumbnail if Slack would make
// one.
func (u Upload) kind() Upload {
	low := strings.ToLower(u.Name)
	switch {
	case u.Kind != KindFile:
	case strings.HasSuffix(low, ".canvas"):
		u.Kind = KindCanvas
	case strings.HasSuffix(low, ".slacklist"):
		u.Kind = KindList
	case strings.HasPrefix(low, "audio_message"):
		u.Kind = KindVoice
	}
	heic := u.Type == "image/heic" || strings.HasSuffix(low, ".heic") || strings.HasSuffix(low, ".heif")
	if heic && u.Thumb == nil { // we cannot read HEIC: a grey square stands for it
		var b bytes.Buffer
		if jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 64)), nil) == nil {
			u.Thumb = b.Bytes()
		}
	}
	return u
}

// special changes a file object into what Slack says of clips, canvases, lists, files on other
// hosts and pictures that browsers cannot show (facts: reports.md A6, A7, A9, A11; the shape of a
// transcription is not confirmed).
func (f *file) special(o obj, root string) {
	switch f.up.Kind {
	case KindVoice:
		o["subtype"], o["filetype"], o["mode"] = "slack_audio", "mp4", "hosted"
		o["duration_ms"], o["media_display_type"], o["aac"] = 4200, "audio", root+"/clip.mp4"
		o["transcription"] = obj{"status": "none"}
		if words := f.up.Transcript; words != "" {
			const most = 120
			o["transcription"] = obj{"status": "complete", "locale": "en-US", "preview": obj{"content": cutRunes(words, most), "has_more": utf8.RuneCountInString(words) > most}}
		}
	case KindCanvas:
		o["filetype"], o["mode"], o["pretty_type"], o["editable"] = "quip", "quip", "Canvas", true
	case KindList:
		o["filetype"], o["mode"], o["pretty_type"], o["size"] = "list", "list", "List", 0
		delete(o, "url_private_download")
		o["list_metadata"] = obj{"schema": []any{}}
	case KindExternal:
		o["mode"], o["is_external"], o["external_type"], o["size"], o["url_private"] = "external", true, "dropbox", 0, f.up.At
		delete(o, "url_private_download")
	case KindFile:
	}
	if len(f.up.Thumb) > 0 {
		for _, size := range []string{"64", "80", "160", "360", "480", "720", "800", "960", "1024"} {
			o["thumb_"+size] = root + "/" + thumbName
		}
	}
}
