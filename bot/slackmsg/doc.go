// Package slackmsg reads one Slack message: it turns the JSON that Slack sends, in an event or in a
// page of history, into what a model is to read of it.
//
// # Promises
//
//   - [Decode] goes field by field. A field of an odd type costs only itself, a block that cannot
//     be read costs only itself, and only what is no JSON object, or has no ts, costs the message.
//   - [Message.Read] gives what Slack shows: text, blocks, attachments, forwards, previews, lists
//     and canvases, each once and in order. It takes the richer of text and blocks, and never less
//     than text.
//   - A message that has nothing but text reads as its text.
//   - Depth, elements, bytes and characters are bounded (bounds.go). What is left out is said, and
//     the beginning and the end of a long text stay.
//
// It is pure, and imports nothing of ours: the same JSON and the same names give the same bytes.
package slackmsg
