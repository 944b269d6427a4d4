package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"llmbot/bot/attach"
	"llmbot/llm"
)

// transcriber returns the client of the server that writes down voice clips; nil: there is none.
func transcriber(cfg Config, log *slog.Logger) (attach.Transcriber, error) {
	if cfg.TranscribeURL == "" {
		return nil, nil //nolint:nilnil // none is configured
	}
	client, err := llm.New(cfg.transcribeConfig(log))
	if err != nil {
		return nil, fmt.Errorf("set up the client for voice clips: %w", err)
	}
	return client, nil
}

// transcribeConfig returns what the client of LLM_TRANSCRIBE_URL needs. It goes out as the client
// of the model server does.
func (c *Config) transcribeConfig(log *slog.Logger) llm.Config {
	out := c.modelConfig(log)
	out.BaseURL, out.Model, out.APIKey, out.Extra = c.TranscribeURL, c.TranscribeModel, string(c.TranscribeKey), nil
	out.Variables = llm.Variables{Address: "LLM_TRANSCRIBE_URL", Key: "LLM_TRANSCRIBE_API_KEY", Model: "LLM_TRANSCRIBE_MODEL"}
	if out.APIKey == "" && sameServer(c.BaseURL, c.TranscribeURL) {
		out.APIKey = string(c.APIKey)
	}
	return out
}

// sameServer reports whether what is a secret of the first address may go to the second one: it is
// the same host, and the way there is not less safe.
func sameServer(first, second string) bool {
	a, errA := url.Parse(first)
	b, errB := url.Parse(second)
	return errA == nil && errB == nil && a.Hostname() != "" && strings.EqualFold(a.Hostname(), b.Hostname()) && (a.Scheme != "https" || b.Scheme == "https")
}

// clipCheck is how long the server may take for a second of silence.
const clipCheck = 20 * time.Second

// clips looks whether voice clips are written down.
func (c *checker) clips(ctx context.Context) {
	const check = "voice clips"
	if c.cfg.TranscribeURL == "" {
		return
	}
	set := c.cfg.transcribeConfig(nil)
	set.HTTP = c.http
	client, err := llm.New(set)
	if err != nil {
		c.failed(check, err, "Correct LLM_TRANSCRIBE_URL and LLM_TRANSCRIBE_API_KEY.")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clipCheck)
	defer cancel()
	if _, err := client.Transcribe(ctx, "silence.wav", "audio/wav", silence(time.Second)); err != nil {
		c.fail(check, fmt.Sprintf("%s does not write them down: %s", shownAddress(c.cfg.TranscribeURL), oneLine(err.Error())),
			"Set LLM_TRANSCRIBE_URL to a server with /audio/transcriptions (vLLM with its audio extra that serves Whisper: vllm serve openai/whisper-large-v3), "+
				"and LLM_TRANSCRIBE_MODEL and LLM_TRANSCRIBE_API_KEY to what it wants.")
		return
	}
	c.ok(check, "%s writes them down, with %s", shownAddress(c.cfg.TranscribeURL), cmp.Or(c.cfg.TranscribeModel, "the first model that it serves"))
}

// silence returns a WAV file in which nobody speaks.
func silence(d time.Duration) []byte {
	const rate, bits = 16_000, 16 // what Whisper works on
	size := uint32(d.Seconds() * rate * bits / 8)
	var b bytes.Buffer
	le := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes all
		}
	}
	b.WriteString("RIFF")
	le(36 + size)
	b.WriteString("WAVEfmt ")
	le(uint32(16), uint16(1), uint16(1), uint32(rate), uint32(rate*bits/8), uint16(bits/8), uint16(bits))
	b.WriteString("data")
	le(size)
	b.Write(make([]byte, size))
	return b.Bytes()
}
