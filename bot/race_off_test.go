//go:build !race

package bot_test

const raceDetector = false

// apart is how much further apart the moments are that a test goes through.
const apart = 1
