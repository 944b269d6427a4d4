package slackmsg

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// anything returns the texts of something whose kind is not known, each on a line, in an order that
// is always the same: JSON objects have none. Every string is such a text, but for what only
// programs read.
func (r *reader) anything(o object, depth int) string {
	var out []string
	var walk func(name string, v any, depth int)
	walk = func(name string, v any, depth int) {
		if !r.look(depth) {
			return
		}
		switch v := v.(type) {
		case string:
			if !forPrograms(name, v) {
				out = append(out, r.mrkdwn(v))
			}
		case []any:
			for _, e := range v {
				walk(name, e, depth+1)
			}
		case map[string]any:
			o, before := object(v), len(out)
			if o.str("type") == "rich_text" {
				out = append(out, r.richText(o, depth+1).text)
				return
			}
			chosen := o["text"] != nil || o["action_id"] != nil // then its value is what a program gets
			for _, name := range readingOrder(o) {
				text, isText := o[name].(string)
				switch {
				case name == "value" && chosen, name == "fallback" && len(out) > before:
				case isText && (slices.Contains(spokenFirst(), name) || slices.Contains(spokenLast(), name)):
					out = append(out, r.text(map[string]any{"type": o.str("type"), "text": text}))
				case name == "value" && !isText && scalar(o[name]) != "":
					out = append(out, scalar(o[name]))
				default:
					walk(name, o[name], depth+1)
				}
			}
		}
	}
	walk("", map[string]any(o), depth)
	out = slices.DeleteFunc(slices.Compact(out), func(s string) bool { return strings.TrimSpace(s) == "" })
	return strings.Join(out, "\n")
}

// readingOrder returns the names of the fields that may hold what people read, in the order in
// which they read it: those whose sense is known first or last, and between them texts before what
// holds others.
func readingOrder(o object) []string {
	first, last := spokenFirst(), spokenLast()
	var texts, others, out []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch o[name].(type) {
		case []any, map[string]any:
			others = append(others, name)
		case string:
			texts = append(texts, name)
		case float64:
			if name == "value" {
				texts = append(texts, name)
			}
		}
	}
	known := func(name string) bool { return slices.Contains(first, name) || slices.Contains(last, name) }
	out = append(out, first...)
	out = append(out, slices.DeleteFunc(texts, known)...)
	out = append(out, last...)
	out = append(out, slices.DeleteFunc(others, known)...)
	return slices.DeleteFunc(out, func(name string) bool { return o[name] == nil })
}

// spokenFirst and spokenLast return the names of fields that are known to hold what people read.
func spokenFirst() []string {
	return []string{"title", "header", "label", "name", "subtitle", "caption", "text", "body", "description", "message", "content", "alt_text", "placeholder", "hint", "value_text"}
}

func spokenLast() []string {
	return []string{"fields", "elements", "items", "blocks", "accessory", "subtext", "footer", "fallback"}
}

// What programs use: names of fields, and values of ids and times of Slack's, and UUIDs. An
// incident's number (INC0012345) and a commit are for people.
var (
	machineName = regexp.MustCompile(`^(?:type|subtype|ids?|uuid|ts|ur[il]s?|href|src|style|colou?r|emoji|icon|unicode|mode|format|mime|mimetype|filetype|` +
		`lang|locale|align|alignment|size|width|height|variant|theme|token|hash|slug)$|_(?:ids?|ur[il]s?|ts|type|colou?r|style|token|hash|icon|size|width|height)$`)
	machineValue = regexp.MustCompile(`^(?:[A-Z][0-9][A-Z0-9]{6,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{9,11}\.[0-9]{6})$`)
)

// forPrograms reports whether the text of a field is none for people: a name or an id that programs
// use, or an address.
func forPrograms(name, text string) bool {
	return machineName.MatchString(name) || isAddress(text) && !strings.Contains(text, " ") || machineValue.MatchString(text)
}
