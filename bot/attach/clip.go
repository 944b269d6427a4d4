package attach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot/lines"
	"llmbot/bot/thread"
	"llmbot/bot/wait"
	"llmbot/llm"
)

// Limits of voice clips.
const (
	// maxClip is how many bytes a clip may have: what vLLM takes unless it is told otherwise
	// (VLLM_MAX_AUDIO_CLIP_FILESIZE_MB). A minute of Slack's own clips has about one.
	maxClip = 25 << 20
	// clipTimeout is how long a server may take to write down what is said in one.
	clipTimeout = 25 * time.Second
	// Slack's own transcript is made while the message is posted: so often, and so long, it is
	// waited for. The figures are the project's own.
	transcriptTries = 5
	transcriptPause = 2 * time.Second
)

// Transcriber writes down what is said in a recording.
type Transcriber interface {
	// Transcribe returns the words. It blocks for the network and for the server's work, at most
	// until ctx ends. The name is the file's: servers know by its ending how to read it.
	Transcribe(ctx context.Context, name, mime string, data []byte) (string, error)
}

// isClip reports whether a file is a recording of somebody who speaks. Slack's own clips are known
// by their subtype alone: the same one is called audio/mp4 or video/mp4 (facts/reports.md A11).
func isClip(f thread.File) bool {
	return f.Subtype == "slack_audio" || strings.HasPrefix(strings.ToLower(f.MIME), "audio/")
}

// errUnfetched reports that a clip could not be fetched.
var errUnfetched = errors.New("fetch a clip")

// clip returns the words of a voice clip: by the server that writes them down, else by Slack's own
// transcript. keep: another try would bring the same. The error is that of fetching it, unless
// Slack has been asked for its address just now: then the transcript has to do.
func (r *Reader) clip(ctx context.Context, where string, f thread.File, runes int, asked bool) (_ attachment, keep bool, _ error) {
	name := quoteName(f.Name)
	cannot := func(why, said string) attachment {
		return attachment{text: fmt.Sprintf("(attached voice clip %s, which you cannot hear: %s)", name, why), said: said}
	}
	why, said, keep := "nobody writes down its words", fmt.Sprintf("I can't listen to %s: please write what you said there.", name), true
	if r.ears != nil {
		words, err := r.transcribe(ctx, f)
		switch {
		case err == nil && strings.TrimSpace(words) == "":
			return cannot("there are no words in it", fmt.Sprintf("I heard no words in %s.", name)), true, nil
		case err == nil:
			return spoken(name, words, "written down by a program, which may have misheard", runes), true, nil
		case errors.Is(ctx.Err(), context.Canceled): // the answer is stopped
			return cannot("it was not fetched", ""), false, nil
		case errors.Is(err, ErrLargeFile):
			why, said = "it is too large", fmt.Sprintf("I did not listen to %s: it is too large (at most %d MB).", name, maxClip>>20)
		case errors.Is(err, errUnfetched) && !asked && ctx.Err() == nil:
			return attachment{}, false, err
		default:
			why, said, keep = "its words could not be written down", fmt.Sprintf("I could not listen to %s just now: please write what you said there, or ask again later.", name), false
		}
		attrs := []any{"thread", where, "file", f.ID, "type", f.MIME, "bytes", f.Size, "error", err}
		if failure, ok := errors.AsType[*llm.Error](err); ok {
			attrs = append(attrs, "hint", failure.Hint())
		}
		r.log.WarnContext(ctx, "clip_unheard", attrs...)
	}
	heard, err := r.transcript(ctx, f)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			r.log.WarnContext(ctx, "transcript_unread", "thread", where, "file", f.ID, "error", err)
		}
		keep = false
	}
	if strings.TrimSpace(heard.Transcript) == "" {
		return cannot(why, said), keep && !heard.UnderWay, nil
	}
	how := "written down by Slack, which may have misheard"
	if heard.Unfinished {
		how += "; only the beginning is known"
	}
	a := spoken(name, heard.Transcript, how, runes)
	if heard.Unfinished {
		a.said = fmt.Sprintf("Of %s I know the beginning only: Slack shows no more of its transcript.", name)
	}
	return a, keep || !heard.Unfinished, nil // the server may hear all of it the next time
}

// transcribe fetches a clip and has its words written down.
func (r *Reader) transcribe(ctx context.Context, f thread.File) (string, error) {
	h, err := r.held.takeClip(ctx, weight(f))
	if err != nil {
		return "", err
	}
	defer h.release()
	data, err := r.files.File(ctx, f, maxClip)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnfetched, err)
	}
	ctx, cancel := context.WithTimeout(ctx, clipTimeout)
	defer cancel()
	words, err := r.ears.Transcribe(ctx, f.Name, f.MIME, data)
	if err != nil {
		return "", fmt.Errorf("write down a clip of %d bytes: %w", len(data), err)
	}
	return words, nil
}

// transcript returns what Slack has heard in a clip, as far as the message tells, or Slack when it
// is asked. It waits for a transcript that is being made, up to 8 s.
func (r *Reader) transcript(ctx context.Context, f thread.File) (thread.File, error) {
	if f.Transcript != "" {
		return f, nil
	}
	for try := 1; ; try++ {
		info, err := r.files.Info(ctx, f.ID)
		if err != nil {
			return thread.File{}, fmt.Errorf("ask for a transcript: %w", err)
		}
		if !info.UnderWay || try == transcriptTries || wait.For(ctx, transcriptPause) != nil {
			return info, nil //nolint:nilerr // what is known so far; UnderWay says that it may change
		}
	}
}

// spoken returns words for the prompt, marked as words that were spoken. Each line is a quotation,
// so that none of them looks like a line of ours.
func spoken(name, words, how string, runes int) attachment {
	words = strings.TrimSpace(words)
	said := ""
	if all := utf8.RuneCountInString(words); all > runes {
		words = string([]rune(words)[:runes]) + " …"
		how += "; the rest is left out"
		said = fmt.Sprintf("Of %s I read the beginning only: it is too long.", name)
	}
	saidLines := lines.Split(words)
	return attachment{read: true, text: fmt.Sprintf("Voice clip %s, as it was spoken (%s):\n> %s", name, how, strings.Join(saidLines, "\n> ")), said: said}
}
