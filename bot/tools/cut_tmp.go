package tools

// Cut is a stand-in until the room for tools has its own.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most/2] + "\n[… cut …]\n" + text[len(text)-most/3:]
}
