package main

import "strings"

// examples returns what the help of a command shows at its end, ready to be copied; empty: none.
func examples(command string) string {
	name, _, _ := strings.Cut(command, " ")
	lines := map[string][]string{
		"serve": {
			"llmbot serve --env-file /etc/llmbot/env",
			"SLACK_APP_TOKEN=xapp-… SLACK_BOT_TOKEN=xoxb-… LLM_BASE_URL=http://gpu-host:8000/v1 llmbot",
		},
		"demo": {
			"llmbot demo",
			"llmbot demo --llm http://gpu-host:8000/v1",
			"llmbot demo --dir ~/llmbot-demo                      # what is said survives a restart",
			"llmbot demo --people 10 --speed 80                   # more to speak as, a faster simulated model",
			"llmbot demo --public                                 # for the network; there is no sign-in",
		},
		"chat": {
			"llmbot chat                                          # a conversation",
			`llmbot chat "what is a KV cache?"                    # one answer`,
			`git diff | llmbot chat "review this" > review.md     # the answer alone is on standard output`,
			"llmbot chat --tools tools.json                       # with MCP servers; docs/tools.md has the form of the file",
			"llmbot chat --url http://gpu-host:8000/v1 --model qwen3 hello",
		},
		"bench": {
			"llmbot bench                                         # one at a time, then ten at once",
			"llmbot bench -c 1,4,16,64 -o report.html             # a sweep, with charts",
			"llmbot bench -c 10 --vs http://other:8000/v1         # two servers in turns, with a verdict",
			"llmbot bench -c 10 --slo ttft=500ms,tpot=50ms        # how many requests meet both",
			"llmbot bench --count 6 --benchstat > new.txt; benchstat old.txt new.txt",
		},
		"check": {
			"llmbot check --env-file .env",
			"llmbot check --json | jq .findings",
		},
		"slacksim": {
			"llmbot slacksim                                      # prints the variables for your bot",
			"llmbot slacksim --manifest app.yaml --limiter off",
			"llmbot slacksim --scenario hello.yaml -- node app.js # for CI; docs/slacksim.md has the form of the file",
		},
		"manifest": {
			"llmbot manifest > manifest.yaml",
			"llmbot manifest --name helper --command /helper-status --open",
		},
		"completion": {"source <(llmbot completion bash)"},
		"version":    {"llmbot version --json"},
	}[name]
	if len(lines) == 0 {
		return ""
	}
	return "\nExamples:\n  " + strings.Join(lines, "\n  ") + "\n"
}
