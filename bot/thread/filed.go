package thread

import "slices"

// Filed returns the ids of the files with the whole of the answers whose messages are ids, and the
// messages that show these files. known has the file of each answer, by what that answers, as far
// as somebody knows it. A file that nobody knows belongs to the answer after which we shared it. An
// answer of which messages stay keeps its file. It is pure.
func Filed(thread []Message, ids []string, known map[string]string) (files, messages []string) {
	goes := map[string]bool{}
	for _, m := range thread {
		if m.Self && m.For != "" {
			was, seen := goes[m.For]
			goes[m.For] = (was || !seen) && slices.Contains(ids, m.TS)
		}
	}
	owners := map[string]string{}
	for what, id := range known {
		if owners[id] = what; id != "" && goes[what] {
			files = append(files, id)
		}
	}
	after := "" // the answer that was written last
	for _, m := range thread {
		if !m.Self {
			continue
		}
		if m.For != "" {
			after = m.For
		}
		for _, f := range m.Files {
			owner, sure := owners[f.ID]
			if !sure && known[after] == "" {
				owner = after
			}
			if goes[owner] {
				files, messages = append(files, f.ID), append(messages, m.TS)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files), messages
}
