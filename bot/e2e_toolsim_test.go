package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestToolsOverTheWire: the same with the real client and a model server of each dialect.
func TestToolsOverTheWire(t *testing.T) {
	for name, cfg := range map[string]llmsim.Config{
		"vLLM": {Tools: true}, "Ollama": {Tools: true, Dialect: llmsim.Ollama}, "llama.cpp": {Tools: true, Dialect: llmsim.LlamaCPP}, "vLLM that thinks": {Tools: true, Reasoning: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shed{}
			inWorld(t, worldConfig{model: cfg, tools: s.in, slack: slacksim.Config{Limiter: slacksim.LimiterOff}}, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", `call shed_look {"q": "x"} and call shed_post, then call shed_drop {"table": "users"}`)
				w.press("alice", w.leaveAsked("alice", 1), true)
				got := text(w.answered("general", ts, 1))
				has(t, got, "3 tools 3.0s")
				for _, tool := range []string{"look", "post", "drop"} {
					is(t, tool, s.count(tool), 1)
				}
			})
		})
	}
}

// TestAServerThatTakesNoTools: the answer is given without, and the operator is told once.
func TestAServerThatTakesNoTools(t *testing.T) {
	s := &shed{}
	inWorld(t, worldConfig{tools: s.in, slack: slacksim.Config{Limiter: slacksim.LimiterOff}}, func(t *testing.T, w *world) {
		for range 2 {
			ts := w.ask("alice", "general", "", "write 20 tokens")
			w.answered("general", ts, 1)
			time.Sleep(time.Second)
		}
		is(t, "calls", s.count(""), 0)
		w.logged("model_takes_no_tools", "--enable-auto-tool-choice")
		n := 0
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "model_takes_no_tools") && !strings.Contains(line, "level=DEBUG") {
				n++
			}
		}
		is(t, "lines", n, 1)
	})
}
