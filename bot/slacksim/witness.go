package slacksim

// Resolve returns what Slack would make live in a markdown block: each token, and whom it pings. It is for tests of who writes such
// blocks: a witness that shares no code with them.
func Resolve(markdown string) (tokens, pings []string) {
	block := []obj{{"type": "markdown", "text": markdown}}
	return token.FindAllString(markdown, -1), pingsIn("", block, false)
}

// ResolveText is Resolve for the text argument, as Slack reads it when names are parsed, too.
func ResolveText(text string) (tokens, pings []string) {
	return token.FindAllString(text, -1), pingsIn(text, nil, true)
}
