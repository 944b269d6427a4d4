// Package attach decides which files of a thread the model gets and in which form, and what the
// person is told of those that it does not get.
//
// # Promises
//
// What is not read, or not whole, is said, to the model and to the person. A file ends no fence but
// its own, and costs the prompt hardly more than itself. However large and however many they are, a
// few files are in memory at a time. The same file gives the same text in each turn of its thread.
package attach
