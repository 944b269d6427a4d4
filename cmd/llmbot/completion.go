package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// shells returns the scripts of the shells that are known.
func shells() map[string]func([]commandFlags) string {
	return map[string]func([]commandFlags) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
}

// completionHelp says where each shell looks for its script.
const completionHelp = `prints what a shell needs to complete llmbot's commands and flags

  bash: llmbot completion bash > ~/.local/share/bash-completion/completions/llmbot
        (without the package bash-completion: echo 'source <(llmbot completion bash)' >> ~/.bashrc)
  zsh:  llmbot completion zsh > ~/.zfunc/_llmbot
        (~/.zshrc needs, before compinit: fpath+=~/.zfunc; or after it: source <(llmbot completion zsh))
  fish: llmbot completion fish > ~/.config/fish/completions/llmbot.fish`

func runCompletion(ctx context.Context, p process, args []string) error {
	f := flags(p, "completion bash|zsh|fish", completionHelp)
	words, err := parseFlags(p, f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || shells()[words[0]] == nil {
		if len(words) > 0 {
			fmt.Fprintf(p.err, "llmbot: there is no completion for %q: it is one of bash, zsh, fish.\n\n", strings.Join(words, " "))
		}
		f.Usage()
		return errUsage
	}
	_, err = io.WriteString(p.out, shells()[words[0]](allFlags(ctx)))
	return err
}

// commandFlags is a command with what may stand behind it.
type commandFlags struct {
	name, summary string
	words         []string // in place of flags
	flags         []flagWords
}

// flagWords is a flag as a shell completes it.
type flagWords struct {
	dashed, about string
	takes         bool     // a value
	file          bool     // which is a file
	values        []string // which is one of these; nil: anything
}

// allFlags asks each command for its flags: the flag sets themselves are the list.
func allFlags(ctx context.Context) []commandFlags {
	var all []commandFlags
	for _, c := range commands() {
		if c.summary == "" { // for ourselves alone
			continue
		}
		one := commandFlags{name: c.name, summary: c.summary}
		p := process{out: io.Discard, err: io.Discard, asked: func(f *flag.FlagSet) {
			f.VisitAll(func(fl *flag.Flag) {
				value, usage := flag.UnquoteUsage(fl)
				words := flagWords{dashed: dashed(fl.Name), about: firstSentence(usage), takes: value != "", file: value == "FILE" || value == "FOLDER"}
				if strings.Contains(value, "|") {
					words.values = strings.Split(value, "|")
				}
				one.flags = append(one.flags, words)
			})
		}}
		_ = c.run(ctx, p, []string{"-h"}) // flag.ErrHelp
		if c.name == "completion" {
			for name := range shells() {
				one.words = append(one.words, name)
			}
			slices.Sort(one.words)
		}
		one.flags = append(one.flags, flagWords{dashed: "--help", about: "the flags of this command"})
		all = append(all, one)
	}
	return all
}

// firstSentence returns what fits beside a flag in a list.
func firstSentence(usage string) string {
	s, _, _ := strings.Cut(usage, "; ")
	return strings.TrimSpace(s)
}

// quotedWord returns a word as bash, zsh and fish take it for itself.
func quotedWord(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`).Replace(strings.ReplaceAll(s, "'", "’")) + "'"
}

func bashCompletion(all []commandFlags) string {
	var names []string
	var b strings.Builder
	b.WriteString(`# bash completion for llmbot; made by: llmbot completion bash
_llmbot() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= files= values=
    # bash parts --flag=value into three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = && COMP_CWORD -ge 2 ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    COMPREPLY=()
    local command=serve
    if [[ COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]]; then
        command=${COMP_WORDS[1]}
    fi
    case $command in
`)
	for _, c := range all {
		names = append(names, c.name)
		words := slices.Clone(c.words)
		var files, free []string
		values := map[string][]string{}
		for _, f := range c.flags {
			words = append(words, f.dashed)
			switch {
			case f.values != nil:
				values[f.dashed] = f.values
			case f.file:
				files = append(files, f.dashed)
			case f.takes:
				free = append(free, f.dashed)
			}
		}
		fmt.Fprintf(&b, "    %s)\n        words=%s\n        case $prev in\n", c.name, quotedWord(strings.Join(words, " ")))
		for _, f := range c.flags {
			if v := values[f.dashed]; v != nil {
				fmt.Fprintf(&b, "        %s) values=%s ;;\n", f.dashed, quotedWord(strings.Join(v, " ")))
			}
		}
		if len(files) > 0 {
			fmt.Fprintf(&b, "        %s) files=yes ;;\n", strings.Join(files, "|"))
		}
		if len(free) > 0 {
			fmt.Fprintf(&b, "        %s) return ;;\n", strings.Join(free, "|"))
		}
		b.WriteString("        esac\n        ;;\n")
	}
	fmt.Fprintf(&b, `    esac
    if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        local IFS=$'\n'
        COMPREPLY=($(compgen -f -- "$cur"))
        return
    fi
    if [[ $values ]]; then
        words=$values
    elif [[ COMP_CWORD -eq 1 && $cur != -* ]]; then
        words=%s
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _llmbot llmbot
`, quotedWord(strings.Join(names, " ")))
	return b.String()
}

func zshCompletion(all []commandFlags) string {
	var b strings.Builder
	b.WriteString(`#compdef llmbot
# zsh completion for llmbot; made by: llmbot completion zsh
_llmbot() {
    local -a commands
    commands=(
`)
	plain := strings.NewReplacer(":", `\:`, "[", "(", "]", ")")
	for _, c := range all {
		fmt.Fprintf(&b, "        %s\n", quotedWord(c.name+":"+c.summary))
	}
	b.WriteString(`    )
    if (( CURRENT == 2 )) && [[ ${words[2]} != -* ]]; then
        _describe command commands
        return
    fi
    local command=serve
    if [[ ${words[2]} != -* ]]; then
        command=${words[2]}
        shift words
        (( CURRENT-- ))
    fi
    case $command in
`)
	for _, c := range all {
		fmt.Fprintf(&b, "    %s)\n        _arguments", c.name)
		for _, f := range c.flags {
			name := f.dashed
			if f.takes && strings.HasPrefix(name, "--") {
				name += "="
			}
			action := ""
			switch {
			case f.values != nil:
				action = ":value:(" + strings.Join(f.values, " ") + ")"
			case f.file:
				action = ":file:_files"
			case f.takes:
				action = ":value: "
			}
			fmt.Fprintf(&b, " \\\n            %s", zshQuoted(name+"["+plain.Replace(f.about)+"]"+action))
		}
		if c.words != nil {
			fmt.Fprintf(&b, " \\\n            %s", zshQuoted("1:shell:("+strings.Join(c.words, " ")+")"))
		}
		b.WriteString("\n        ;;\n")
	}
	b.WriteString(`    esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _llmbot "$@"
else
    compdef _llmbot llmbot
fi
`)
	return b.String()
}

// zshQuoted returns a word in single quotes; backslashes stay, for they are _arguments' own.
func zshQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "’") + "'" }

func fishCompletion(all []commandFlags) string {
	var b strings.Builder
	b.WriteString("# fish completion for llmbot; made by: llmbot completion fish\ncomplete -c llmbot -f\n")
	for _, c := range all {
		fmt.Fprintf(&b, "complete -c llmbot -n __fish_use_subcommand -a %s -d %s\n", c.name, quotedWord(c.summary))
		when := "'__fish_seen_subcommand_from " + c.name + "'"
		for _, w := range c.words {
			fmt.Fprintf(&b, "complete -c llmbot -n %s -a %s\n", when, w)
		}
		for _, f := range c.flags {
			kind := "-l "
			name := strings.TrimLeft(f.dashed, "-")
			if len(name) == 1 {
				kind = "-s "
			}
			fmt.Fprintf(&b, "complete -c llmbot -n %s %s%s", when, kind, name)
			switch {
			case f.values != nil:
				fmt.Fprintf(&b, " -x -a %s", quotedWord(strings.Join(f.values, " ")))
			case f.file:
				b.WriteString(" -r -F")
			case f.takes:
				b.WriteString(" -x")
			}
			fmt.Fprintf(&b, " -d %s\n", quotedWord(f.about))
		}
	}
	return b.String()
}
