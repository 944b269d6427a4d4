// Package fair hands out what is bounded and shared round by person: places to read a file, the
// memory for it, places to read history, the calls that Slack allows in a minute, the slots of
// answers.
//
// # Why
//
// Whatever is handed out in the order of arrival belongs to whoever comes with the most. Sixty
// messages of one member were sixty reads before the one of everybody else. So each piece of work
// says whose it is: the person travels in the context of its calls (see With), for most of what is
// bounded lies far below the code that knows who asked.
//
// # Promises
//
// Those who wait are served in turn, one piece of work of each person, and each person's own in the
// order in which they came. Nobody waits for a person who has had their share. Work that is
// nobody's (a catch-up, a repair) takes its turn as that of one more person, whose name is empty.
package fair
