// Package thread derives from what a thread says what is owed in it: which of its messages are
// addressed to the bot, which of them have their answer, and which messages of ours go on, stay, or
// go.
//
// # Promises
//
// It is pure: messages and a [View] in, a [Due] out. [Owed] needs nothing else, so that every
// process comes to the same result, also one that has not heard of the thread before (decision
// 0011).
//
// # The time axis
//
// Everything that can make a thread owed has a Slack ts: a message, its edit, a press of a button.
// Such times are compared with each other and with nothing else. A question counts from when it
// became what it is, see [Question.Since].
package thread
