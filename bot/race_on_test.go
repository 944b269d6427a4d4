//go:build race

package bot_test

const raceDetector = true

// apart is how much further apart the moments are that a test goes through: the detector needs ten
// times the time, and looks for orders, not for moments.
const apart = 3
