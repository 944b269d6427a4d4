package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// laughs is an alias of aliases of aliases: 469 bytes that stand for a billion.
func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [lol]\n")
	for n := 1; n < 10; n++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", n, n, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", n-1), 9), ","))
	}
	return b.String() + "channels: {general: {prompt: *a9}}\n"
}

// Files that were made to cost as much as they can are refused, or read, in a moment. What they
// cost grows linearly, but for the escapes.
func TestHostileYAML(t *testing.T) {
	const size = 200_000
	fill := func(part string) string { return strings.Repeat(part, size/len(part)) }
	var maps strings.Builder
	maps.WriteString("channels:\n  c0: &c0 {prompt: x}\n")
	for n := 1; n < 12; n++ {
		fmt.Fprintf(&maps, "  c%d: &c%d {%s}\n", n, n, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("? *c%d : *c%d,", n-1, n-1), 9), ","))
	}
	for name, text := range map[string]string{
		"a billion laughs":      laughs(),
		"a billion keys":        maps.String(),
		"merged keys":           "a: &a {prompt: x}\n" + strings.Repeat("b: &a {<<: *a}\n", 900) + "channels: {g: *a}\n",
		"an alias of itself":    "channels: &a {general: *a}\n",
		"long text, many times": "p: &p " + strings.Repeat("x", size/2) + "\nchannels:\n" + strings.Repeat("  c: {prompt: *p}\n", 1000),
		"brackets":              fill("["),
		"braces":                fill("{a: "),
		"closed brackets":       strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"entries":               fill("- ") + "x\n",
		"entries in brackets":   "[" + fill("- ") + "x]\n",
		"keys":                  fill("? ") + "x\n",
		"keys in lines":         "[" + fill("?\n"),
		"values":                fill("a: ") + "x\n",
		"anchors":               "a: " + fill("&a ") + "x\n",
		"anchors in lines":      fill("&a\n") + "x\n",
		"tags":                  "a: " + fill("!!str ") + "x\n",
		"escapes":               "channels:\n  a:\n    prompt: \"" + strings.Repeat("\\n", mostEscapes) + "\"\n",
		"quotes":                "channels:\n  a:\n    prompt: '" + fill("''") + "'\n",
		"lines in quotes":       "channels:\n  a:\n    prompt: \"" + fill("a\n") + "\"\n",
		"a long line":           "channels:\n  a:\n    prompt: " + fill("word ") + "\n",
		"a long block":          "channels:\n  a:\n    prompt: |\n" + fill("      word\n"),
		"a folded block":        "channels:\n  a:\n    prompt: >\n" + fill("      word\n\n"),
		"comments":              fill("# comment\n"),
		"comments behind":       fill("a: b # comment\n"),
		"documents":             fill("---\n"),
		"directives":            fill("%YAML 1.2\n"),
		"commas":                "a: [" + fill("a,") + "]\n",
		"empty keys":            fill(": \n"),
		"NUL":                   fill("\x00"),
		"tabs":                  fill("\t"),
		"spaces":                fill(" "),
		"lines":                 fill("\n"),
		"no UTF-8":              fill("\xff"),
		"channels":              "channels:\n" + fill("  abc: {prompt: xxxxxxxxx}\n"),
		"pipes":                 fill("|\n"),
		"quote marks":           fill("\"\n"),
		"ladder": func() string {
			var b strings.Builder
			for n := 0; b.Len() < size; n++ {
				b.WriteString(strings.Repeat(" ", n) + "a:\n")
			}
			return b.String()
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := parseChannels([]byte(text))
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			mb := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%d bytes: %v, %d MB allocated, %.200v", len(text), took, mb, err)
			if took > 10*time.Second || mb > 200 {
				t.Errorf("it took %v and %d MB", took, mb)
			}
			if err != nil && len(err.Error()) > mostYAMLError+100 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// What honest files have is read: anchors and aliases, merged keys, long prompts.
func TestHonestYAML(t *testing.T) {
	t.Parallel()
	f, err := parseChannels([]byte("channels:\n  general: &base\n    prompt: &p |\n      " + strings.Repeat("Be kind. ", 5000) + "\n    temperature: 0.2\n" +
		"  random: *base\n  help: {prompt: *p, model: \"m\\n\"}\n"))
	if err != nil || len(f.Channels) != 3 || *f.Channels["random"].Temperature != 0.2 || *f.Channels["help"].Prompt != *f.Channels["general"].Prompt {
		t.Errorf("%+v %v", f, err)
	}
	var many strings.Builder
	many.WriteString("channels:\n")
	for n := range 1000 {
		fmt.Fprintf(&many, "  channel-%d:\n    prompt: |\n      %s\n    model: m\n", n, strings.Repeat("Be kind. ", 45))
	}
	if f, err := parseChannels([]byte(many.String())); err != nil || len(f.Channels) != 1000 {
		t.Errorf("%d channels, %v", len(f.Channels), err)
	}
}

// A file that is too large, or has no end, is refused with what it is for.
func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("# comment\n", mostEnvFile/10+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{big, "/dev/zero"} {
		if _, err := loadConfig(nil, path); err == nil || !strings.Contains(err.Error(), "more than 1024 kB") || !strings.Contains(err.Error(), "--env-file") {
			t.Errorf("an env file: %v", err)
		}
		if _, err := loadConfig([]string{"LLM_SYSTEM_PROMPT_FILE=" + path}, ""); err == nil || !strings.Contains(err.Error(), "LLM_SYSTEM_PROMPT_FILE") {
			t.Errorf("a prompt: %v", err)
		}
		if _, err := openChannels(path, nil); err == nil || !strings.Contains(err.Error(), "BOT_CHANNELS_FILE cannot be used") {
			t.Errorf("channels: %v", err)
		}
		if _, err := readManifest(path); err == nil {
			t.Error("a manifest without end")
		}
	}
}
