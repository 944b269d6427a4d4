package llm

// fastChunk reads the usual shape of a chunk without reflection. It reports false for everything else; then c is void.
func fastChunk(raw []byte, c *chunk, id, model string) bool { return false }
