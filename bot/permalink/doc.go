// Package permalink quotes the Slack messages to which a question has links.
//
// # Promises
//
//   - Only what everybody who asks in the turn, and who pasted the link, can see is quoted:
//     messages of public channels that the bot is in, and of conversations of which they all are
//     members. A guest, or somebody of another organisation or another workspace, sees only what
//     they are a member of. What cannot be found out counts as not visible.
//   - Who may see what is asked anew in every turn, for people leave and channels become private.
//     Only the messages themselves are remembered, in memory, for 10 minutes.
//   - A turn quotes 3 links, makes 3 reads of history, and takes 20 messages from each thread.
//   - No line of a quotation looks like a line of somebody else: all of them begin with a mark (>),
//     and only we begin one with a name behind it. Every further line of a message has a margin,
//     and a name is shown as in the prompt: with an id if somebody else in the thread has it too.
//
// Nothing is kept in the store (decision 0029).
package permalink
