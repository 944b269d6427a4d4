package bot

// Hooks tell of what happens, for metrics. Each may be nil; they must not block, and are called from any goroutine.
type Hooks struct {
	// Rated: somebody liked an answer, or did not.
	Rated func(good bool)
}
