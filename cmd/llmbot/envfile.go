package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unicode"
)

// mostLines is how many lines of an env file are named that are wrong: a file with more is none.
const mostLines = 20

// Next steps for a line.
const (
	lineHint  = "A line has NAME=value, or begins with #."
	quoteHint = `Close the quotes in that line: a value has one line; in double quotes \n is a line end.`
	nameHint  = "Type the name anew."
)

// readEnvFile reads NAME=value lines. It allows # comments, an export in front, and quotes around
// the value. It expands nothing: $ stays $. It returns what is wrong with lines beside the others.
func readEnvFile(path string) (vars map[string]string, bad []problem, err error) {
	b, err := readFile(path, mostEnvFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read the env file: %w", err)
	}
	vars = map[string]string{}
	n, more := 0, 0
	open, told := 0, false // the line of quotes that were not closed, and whether that was told
	wrong := func(hint, format string, args ...any) {
		if len(bad) == mostLines {
			more++
			return
		}
		bad = append(bad, problem{fmt.Sprintf("%s, line %d: ", path, n) + fmt.Sprintf(format, args...), hint})
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(b))
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if rest, exported := strings.CutPrefix(key, "export"); exported && strings.TrimLeft(rest, " \t") != rest {
			key = rest
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch none := !ok || key == "" || strings.ContainsAny(key, " \t"); {
		case none && open > 0: // one value over many lines is one problem
			if !told {
				wrong(quoteHint, "it is not NAME=value, and the quotes of line %d are not closed there", open)
			}
			told = true
			if strings.HasSuffix(line, `"`) || strings.HasSuffix(line, "'") {
				open = 0
			}
			continue
		case none:
			wrong(lineHint, "it is not NAME=value")
			continue
		case strings.ContainsFunc(key, func(r rune) bool {
			return r > unicode.MaxASCII || !unicode.IsPrint(r) || strings.ContainsRune("$:'\"(){}<>;&|\\`", r)
		}):
			wrong(nameHint, "the name has characters that no variable has, perhaps invisible ones: %+q", key)
			continue
		}
		open, told = 0, false
		if quote := value[:min(1, len(value))]; (quote == `"` || quote == "'") && !strings.Contains(value[1:], quote) {
			open = n
		}
		vars[key] = unquoted(value)
	}
	if more > 0 {
		bad = append(bad, problem{fmt.Sprintf("%s: %d more lines are wrong", path, more), "Is it the right file? " + lineHint})
	}
	return vars, bad, nil
}

// openToOthers returns a problem with an env file that has secrets and that others may read.
func openToOthers(path string, vars map[string]string) []problem {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	for _, name := range secretNames() {
		v := vars[name]
		if strings.Contains(v, "://") && !strings.Contains(v, "@") || v == "memory:" {
			continue // an address without a password
		}
		if v != "" && v != appTokenBegins && v != botTokenBegins {
			return []problem{{fmt.Sprintf("others may read %s, which has %s (%s)", path, name, info.Mode().Perm()), "chmod 600 " + path}}
		}
	}
	return nil
}

// unquoted returns the value without its quotes and without the comment behind it. Single quotes
// keep what is in them; in double quotes \n, \r, \t, \", \\ and \$ are escapes. A value whose first
// quote has no partner at its end is taken as it stands.
func unquoted(value string) string {
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		inside, rest, closed := quoted(value)
		if rest = strings.TrimSpace(rest); closed && (rest == "" || rest[0] == '#') {
			return inside
		}
	}
	if strings.HasPrefix(value, "#") {
		return ""
	}
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && (value[i-1] == ' ' || value[i-1] == '\t') {
			return strings.TrimSpace(value[:i])
		}
	}
	return value
}

// quoted splits a value that begins with a quote: what the quotes hold, and what follows them.
// closed reports whether the second quote is there.
func quoted(value string) (inside, rest string, closed bool) {
	quote, value := value[0], value[1:]
	if quote == '\'' {
		return strings.Cut(value, "'")
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == quote:
			return b.String(), value[i+1:], true
		case c == '\\' && i+1 < len(value):
			i++
			if at := strings.IndexByte(`nrt"\$`, value[i]); at >= 0 {
				b.WriteByte("\n\r\t\"\\$"[at])
				continue
			}
			b.WriteByte(c) // no escape
			b.WriteByte(value[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
