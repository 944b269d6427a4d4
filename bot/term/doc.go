// Package term is the terminal as a place to answer in: it shows growing answers, reads questions, and holds a conversation.
//
// It promises:
//   - What a model writes never reaches the terminal as a control sequence: all control characters but newline and tab are dropped.
//   - An answer grows without flicker: only lines that changed are written again, and the text of a finished answer is whole, also
//     when it is longer than the screen.
//   - Ctrl-C ends the answer and nothing else; what was written stays. Line editing and history work as in a shell.
//   - When the output is no terminal, it is the model's text, byte for byte, and nothing else. It is written when the stream has
//     ended, because what a pipe got cannot be taken back ([llm.Delta.Retract]).
//
// [Chat] is the loop of questions and answers, [Once] a single one. [Room] is where answers appear, a [Place].
package term
