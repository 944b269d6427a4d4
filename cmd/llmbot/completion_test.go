package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestFlagsAreWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		if c.summary == "" {
			continue
		}
		_, out, errs := call(t, c.name, "--help")
		for line := range strings.Lines(out + errs) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, "-") && (len(name) > 2) != strings.HasPrefix(name, "--") {
				t.Errorf("%s: %q", c.name, line)
			}
		}
	}
	for args, want := range map[string]string{
		"bench --frob":          "not defined: --frob\n",
		"chat --mode x hello":   "not defined: --mode. Is --model meant?",
		"bench -n x":            "for flag -n: parse error",
		"bench --vs":            "needs an argument: --vs",
		"check --json=perhaps":  "for --json: parse error",
		"slacksim --latency x":  "for flag --latency: parse error",
		"slacksim --host a:1":   "for flag --host: it is \"a:1\"",
		"bench --eos never":     "--eos is \"never\"",
		"completion":            "bash|zsh|fish",
		"completion powershell": "bash|zsh|fish",
		"completion bash zsh":   "bash|zsh|fish",
	} {
		code, out, errs := call(t, strings.Fields(args)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q %q, want %q", args, code, out, errs, want)
		}
	}
}

// Each shell that is here loads its script, and offers what is right. Those that are not here are
// skipped.
func TestCompletion(t *testing.T) {
	t.Parallel()
	complete := map[string]func(words []string) string{
		"bash": func(words []string) string {
			return "source /dev/stdin\nCOMP_WORDS=(" + quotedAll(words) + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_llmbot\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
		},
		"fish": func(words []string) string {
			return "source -\ncomplete -C " + quotedWord(strings.Join(words, " ")) + "\n"
		},
	}
	for _, c := range []struct {
		line           string
		offers, hasNot []string
	}{
		{"llmbot ", []string{"serve", "chat", "completion", "version"}, []string{"--model"}},
		{"llmbot ch", []string{"chat", "check"}, []string{"serve"}},
		{"llmbot chat --m", []string{"--model", "--max-tokens"}, []string{"--url", "--vs"}},
		{"llmbot bench --eos ", []string{"auto", "ignore", "obey"}, []string{"--model"}},
		{"llmbot slacksim --limiter b", []string{"bucket"}, []string{"window"}},
		{"llmbot completion ", []string{"bash", "fish", "zsh"}, []string{"serve"}},
		{"llmbot chat --env-file completion_t", []string{"completion_test.go"}, []string{"--model"}},
		{"llmbot manifest --name x", nil, []string{"--json", "serve"}},
	} {
		for shell, ask := range complete {
			if _, err := exec.LookPath(shell); err != nil {
				continue
			}
			code, script, errs := call(t, "completion", shell)
			if code != exitOK || errs != "" {
				t.Fatalf("%s: %d %s", shell, code, errs)
			}
			words := strings.Split(c.line, " ")
			body, run, _ := strings.Cut(ask(words), "\n")
			cmd := exec.CommandContext(t.Context(), shell, "-c", strings.Replace(body, "/dev/stdin", "<(cat)", 1)+"\n"+run)
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.CombinedOutput()
			var got []string
			for line := range strings.Lines(string(out)) {
				word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
				got = append(got, word)
			}
			if err != nil {
				t.Errorf("%s, %q: %v\n%s", shell, c.line, err, out)
			}
			for _, w := range c.offers {
				if !slices.Contains(got, w) {
					t.Errorf("%s, %q: %q is not in %q", shell, c.line, w, got)
				}
			}
			for _, w := range c.hasNot {
				if slices.Contains(got, w) {
					t.Errorf("%s, %q: %q is in %q", shell, c.line, w, got)
				}
			}
		}
	}
}

func quotedAll(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, "'"+w+"'")
	}
	return strings.Join(all, " ")
}
