package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"unicode"
)

const (
	// fileSuffix is what the name of a variable has more if it names a file with the value. Images of
	// databases and of Docker's own library have made it a custom.
	fileSuffix = "_FILE"
	mostSecret = 64 << 10 // bytes of a file with one secret
)

// secretNames returns the variables that may come from a file: each secret, and the addresses that
// may hold a password.
func secretNames() []string {
	var out []string
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Type == reflect.TypeFor[secret]() || f.Tag.Get("file") != "" {
			out = append(out, f.Tag.Get("env"))
		}
	}
	return out
}

// setHere reports whether vars has a variable, or the one that gives the same value in the other
// way: by a file, or without.
func setHere(vars map[string]string, name string) bool {
	other, isFile := strings.CutSuffix(name, fileSuffix)
	if !isFile {
		other += fileSuffix
	}
	_, set := vars[name]
	_, setOther := vars[other]
	return set || setOther
}

// readSecrets sets each variable in vars for which another one names a file. It returns problems
// with files that cannot be read, and with variables that are set in both ways.
func readSecrets(vars map[string]string) []problem {
	var bad []problem
	for _, name := range secretNames() {
		from := name + fileSuffix
		path := strings.TrimSpace(vars[from])
		if path == "" {
			continue
		}
		if vars[name] != "" {
			bad = append(bad, problem{fmt.Sprintf("%s and %s are both set", name, from), "Set one of them."})
			continue
		}
		b, err := readFile(path, mostSecret)
		value := strings.TrimSpace(string(b))
		switch {
		case err != nil:
			what := err.Error()
			if p, ok := errors.AsType[*fs.PathError](err); ok && !strings.ContainsRune(path, os.PathSeparator) {
				what = p.Err.Error() // who takes it for the secret's own variable finds no secret in the log
			}
			bad = append(bad, problem{from + " cannot be read: " + what, "Give the path of a file with the value alone in it, and check the rights."})
		case value == "":
			bad = append(bad, problem{from + " names a file that is empty: " + path, "Write the value into it, or set " + name + "."})
		}
		vars[name] = value
	}
	return bad
}

// tidy takes from the values in vars what people did not mean to write: white space and line ends
// around them, and in tokens, keys and addresses, which have none, also in the middle. It returns
// a word about each that had some in the middle.
//
// A Kubernetes secret that was made with echo ends with a line end, and a token that a terminal has
// wrapped has one in its middle.
func tidy(vars map[string]string) []problem {
	var doubts []problem
	for f := range reflect.TypeFor[Config]().Fields() {
		name := f.Tag.Get("env")
		value := vars[name]
		if value == "" || name == "LLM_SYSTEM_PROMPT" { // prose
			continue
		}
		vars[name] = strings.TrimFunc(value, invisible)
		if f.Type == reflect.TypeFor[secret]() || f.Tag.Get("kind") == "address" {
			doubts = append(doubts, unwrap(vars, name)...)
		}
		if f.Type != reflect.TypeFor[secret]() && f.Tag.Get("kind") != "address" || !strings.ContainsFunc(vars[name], invisible) {
			continue
		}
		vars[name] = strings.Map(func(r rune) rune {
			if invisible(r) {
				return -1
			}
			return r
		}, vars[name])
		doubts = append(doubts, problem{source(vars, name) + " has white space or characters that cannot be seen in its middle, which are taken out", "Was it wrapped, or is there more in it than the value? Write it in one piece."})
	}
	return doubts
}

// source returns the name of the variable that a value comes from: name, or that of its file.
func source(vars map[string]string, name string) string {
	if vars[name+fileSuffix] != "" {
		return name + fileSuffix
	}
	return name
}

// unwrap takes from a token, a key or an address what people copy with it: quotes around it, which
// docker's --env-file keeps, also typographic ones, and HTTP's word before a key. It returns a word
// about each.
func unwrap(vars map[string]string, name string) (doubts []problem) {
	runes := []rune(vars[name])
	if n := len(runes); n > 2 && strings.ContainsRune("\"'`“„‟‘‚«»", runes[0]) && strings.ContainsRune("\"'`”“‟’‘»«", runes[n-1]) {
		vars[name] = strings.TrimFunc(string(runes[1:n-1]), invisible)
		doubts = append(doubts, problem{source(vars, name) + " has quotes around it, which are taken out", "Write it without: docker's --env-file, for example, keeps them."})
	}
	const word = "bearer "
	if v := vars[name]; strings.HasSuffix(name, "_KEY") && len(v) > len(word) && strings.EqualFold(v[:len(word)], word) {
		vars[name] = strings.TrimFunc(v[len(word):], invisible)
		doubts = append(doubts, problem{source(vars, name) + " has HTTP's word for a token before the key, which is taken out", "Write the key alone: the word is added to each request."})
	}
	return doubts
}

// tellDoubts tells the person at the terminal what the configuration may mean otherwise. serve has
// a log for that.
func (p process) tellDoubts(cfg Config) {
	for _, d := range cfg.doubts {
		fmt.Fprintf(p.err, "llmbot: %s\n  → %s\n", d.what, d.hint)
	}
}

// invisible reports whether no token, key or address has such a character: white space, control
// characters, and those that join or separate others without a width.
func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}
