//go:build !race

package llm

// raceOn says that the race detector slows everything down.
const raceOn = false
