// Package term is the terminal as a place to answer in: it shows growing answers, reads questions,
// and holds a conversation.
//
// # Promises
//
//   - What a model writes never reaches the terminal as a control sequence: package term drops all
//     control characters but newline and tab.
//   - An answer grows without flicker: only lines that changed are written again. The text of a
//     finished answer is whole, also when it is longer than the screen.
//   - Ctrl-C ends the answer and nothing else: what was written stays, and what was typed meanwhile
//     stands at the prompt. Line editing and history work as in a shell.
//   - When the output is no terminal, it is the model's text, byte for byte, and nothing else. It
//     is written when the stream has ended, because what a pipe got cannot be taken back
//     ([llm.Delta.Retract]).
//   - A call of a tool that needs leave is made only after a y or yes that was typed behind the
//     question for it. The result of a call is never shown.
//
// [Chat] is the loop of questions and answers, [Once] a single one. [Room] is where answers appear,
// a [Place]. How often a request is repeated is answer.Retry's decision, and how often tools may be
// called that of answer.Rounds.
package term
