package slacksim

// Resolve returns what Slack would make live in a markdown block: each token, and whom it pings. It
// serves tests of code that writes such blocks, as a witness that shares no code with them.
func Resolve(markdown string) (tokens, pings []string) {
	block := []obj{{"type": "markdown", "text": markdown}}
	return token.FindAllString(markdown, -1), pingsIn("", block, false)
}

// ResolveText is like Resolve, for the text argument, in which Slack also parses names.
func ResolveText(text string) (tokens, pings []string) {
	return token.FindAllString(text, -1), pingsIn(text, nil, true)
}
