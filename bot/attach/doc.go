// Package attach decides which files of a thread the model gets and in which form, and what the
// person is told of those that it does not get. Package document reads what is no plain text.
//
// # Promises
//
// The model and the person are told what was not read, or not whole. A file ends no fence but its
// own, and costs the prompt hardly more than itself. However large and however many files there
// are, only a few are in memory at a time. However many files one person sends, those of others do
// not wait for them. The same file gives the same text in each turn of its thread.
package attach
