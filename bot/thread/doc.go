// Package thread is what a thread says: its messages, and later what they say is owed.
package thread
