package llmsim

import "strings"

// Given returns what servers really streamed, by a name for each: inputs from public reports of
// other projects, written anew. Each stands for a kind. The pieces are cut as tokens are; a test
// cuts them anywhere.
func Given() map[string]Tape {
	const turnEnd = "<｜end▁of▁sentence｜>"
	given := map[string]Tape{
		// vllm #32587, #46224, #51701; TensorRT-LLM #9256
		"harmony call":       {Text(`<|channel|>commentary<|message|>{"path":"/"}<|end|>`)},
		"harmony call to":    {Text(`<|channel|>commentary to=functions.list <|constrain|>json<|message|>{"path":"/"}<|call|>`)},
		"harmony whole":      {Text("<|channel|>analysis<|message|>The user asks.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>")},
		"harmony preamble":   {Text("<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|> It is 4.<|return|>")},
		"call and answer":    {Text("<|channel|>commentary to=functions.x<|message|>{}<|call|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>")},
		"end token":          {Text("Hi" + turnEnd)},
		"end tokens":         {Text("Hi<|im_end|>\n<|endoftext|>\n")},
		"end token and role": {Text("Hi<|im_end|>\n<|im_start|>assistant\nthere")},
		"llama heads":        {Text("<|start_header_id|>assistant<|end_header_id|>\n\nHi<|eot_id|>")},
		"gemma turn":         {Text("Hi<end_of_turn>\n"), Text("<eos>")},
		"sentence end":       {Text("Hi</s>")},
		"half a token":       {Text("Hi<|im_e"), Finish("length")},
		"in a fence":         {Text("The template:\n\n```\n<|im_start|>user\nHi<|im_end|>\n```\n\nDone.<|im_end|>")},
		"in backticks":       {Text("It ends with `<|im_end|>` or ``</s>``, and calls with `<tool_call>{}</tool_call>`.<|im_end|>")},
		"one backtick":       {Text("Press the ` key.<|im_end|>")},
		"open fence":         {Text("```\nx = 1\n<|im_end|>")},
		"tool call":          {Text("<tool_call>\n{\"name\": \"search\", \"arguments\": {\"q\": \"a } b\"}}\n</tool_call>")},
		"tool call behind":   {Text("I will look.\n\n<tool_call>\n{\"name\": \"search\"}\n</tool_call>")},
		"tool call xml":      {Text("<tool_call>\n<function=search>\n<parameter=q>\nx\n</parameter>\n</function>\n</tool_call>")},
		"tool call glm":      {Text("<tool_call>search\n<arg_key>q</arg_key>\n<arg_value>x</arg_value>\n</tool_call>")},
		"mistral call":       {Text(`[TOOL_CALLS][{"name": "search", "arguments": {"q": "x]"}}]`)},
		"mistral call new":   {Text(`[TOOL_CALLS]search[ARGS]{"q": "x"}</s>`)},
		"deepseek call":      {Text("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n{\"q\":1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>" + turnEnd)},
		"dsml call":          {Text("<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"search\">\n<｜DSML｜parameter name=\"q\" string=\"true\">x</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>")},
		"kimi call":          {Text("<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>{\"q\":1}<|tool_call_end|><|tool_calls_section_end|>")},
		"gemma call":         {Text("<|tool_call>call:search{q:<|\"|>x<|\"|>}<tool_call|>")},
		"python tag":         {Text("<|python_tag|>search.call(q=\"x\")<|eom_id|>")},
		"open call":          {Text("<tool_call>\n{\"name\": \"search\", \"argum"), Finish("length")},
		"end of a call":      {Text("[TOOL_REQUEST]\n{\"name\": \"search\"}\n[END_TOOL_REQUEST]")}, // LM Studio's own form
		"phi call":           {Text(`functools[{"name": "search", "arguments": {"q": "a ] b"}}]`)},
		"function gemma":     {Text("<start_function_call>call:search{q:x}<end_function_call>")},
		// NousResearch/hermes-agent PR #84231
		"bare call":      {Text(`analysisThe user asks.assistantcommentary to=functions.search json{"q": "}"}`)},
		"call on a line": {Text("to=functions.search\n{\"q\": 1}")},
		// thinking-machines-lab/tinker-cookbook #239
		"bare harmony":  {Text("analysisThe user asks.assistantfinalIt is 4.")},
		"bare end":      {Text("The user asks.assistantfinalIt is 4.")},
		"bare preamble": {Text("analysisThe user asks.assistantcommentaryI look. assistantfinalIt is 4.")},
		"medgemma":      {Text("<unused94>thought\nThe user asks…\n<unused95>4")},
		// open-webui #24635; vllm #13952
		"open webui":   {Text("<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\n</details>\n4")},
		"another turn": {Text("4<|im_end|>\n<|im_start|>user\nAnd 5?<|im_end|>\n")},
		// What only looks like marks: an answer may be about them, or be a document.
		"marks in a table":    {Text("Tags:\n\n| Tag | Model |\n|---|---|\n| <think> | Qwen |\n| [THINK] | Magistral |\n\nDone.")},
		"marks in a document": {Text("The form:\n\n<order>\n<reason>none</reason>\n<reason code=\"1\">none</reason>\n  <thought>none</thought>\n</order>\n\nDone.")},
		"marks in a margin":   {Text("So:\n\n    <think>\n    Hm.\n    </think>\n    4<|im_end|>\n\nDone.")},
		"a sentence on calls": {Text("Hermes marks a call with <tool_call>.\n\nThen it writes JSON (a name and its arguments).")},
		"faces":               {Text("A cat: <|o_o|>, or <|^_^|>.")},
		"span over lines":     {Text("It ends with `a\n<|im_end|>` there.\n\n> Or `b\n> <think>`.<|im_end|>")},
		"span of an item":     {Text("1. Press `\n2. Then <|im_end|>press ` once more.")},
		"struck out":          {Text("<s>5</s> 4, and <s>3</s>")},
		"arrays":              {Text("In F#: let all = [|user|] and [|system; tool|].")},
		// vllm #558; what begins a text, in the forms of SentencePiece, Gemma, GLM, Llama 3, DeepSeek
		"begin":          {Text("<s> Hi there.\nAnd <s>you</s> too.")},
		"begin and end":  {Text("<s>Hi</s>")},
		"bos":            {Text("<bos><start_of_turn>model\nHi<end_of_turn>")},
		"gmask":          {Text("[gMASK]<sop>你好")},
		"begin of text":  {Text("<|begin_of_text|>Hi")},
		"begin deepseek": {Text("<｜begin▁of▁sentence｜><｜Assistant｜>Hi")},
		"begin alone":    {Text("<s>"), Finish("length")},
		// Other families: EXAONE 3, InternLM 2, Kimi K2 (Blaizzy/mlx-vlm #1932), Step, Baichuan 2, Jamba
		"exaone":   {Text("[|assistant|]Hi[|endofturn|]\n[|user|]And?[|endofturn|]\n[|assistant|]Yes")},
		"internlm": {Text("Hi[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]user\nAnd?[UNUSED_TOKEN_145]\n")},
		"kimi":     {Text("<|im_assistant|>assistant<|im_middle|>Hi<|im_end|><|im_user|>user<|im_middle|>And?<|im_end|>")},
		"step":     {Text("<|BOT|>assistant\nHi<|EOT|>")},
		"baichuan": {Text("Hi<reserved_106>")},
		"jamba":    {Text("<|bom|><|assistant|> Hi<|eom|>")},
		"apriel":   {Text("The user asks…\n[BEGIN FINAL RESPONSE]\n4\n[END FINAL RESPONSE]")},
		// The first token of Harmony's head is lost (vllm #32587).
		"lost token": {Text("final<|message|>It is 4.<|return|>")},
		"lost start": {Text("assistant<|channel|>analysis<|message|>The user asks.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.")},
		// An argument has what ends the call.
		"end in a string": {Text("<tool_call>\n{\"name\": \"search\", \"arguments\": {\"q\": \"a </tool_call> b\"}}\n</tool_call>\nIt is 4.")},
		"claude's call":   {Text("I look.\n\n<function_calls>\n<invoke name=\"search\">\n</invoke>\n</function_calls>")},
		"loud finish":     {Text("It is 4."), Finish("STOP")},
		// A look at each of them took the square of their number; and of a call that does not end nobody
		// sees anything, so nobody notices a loop.
		"a bomb of ends": {Chunk("Hi"+strings.Repeat("</s>", 20_000), 20_001)},
		"endless call":   {Text("[TOOL_CALLS]search[ARGS]{\"q\": \""), Text(strings.Repeat("again ", 20_000))},
		// mlx-vlm #899; vllm #39885
		"gemma thoughts":  {Text("<|channel>thought\nThe user asks…\n<channel|>4")},
		"think":           {Text("<think>\nThe user asks…\n</think>\n\n4")},
		"seed":            {Text("<seed:think>The user asks…</seed:think>4")},
		"magistral":       {Text("[THINK]The user asks…[/THINK]4")},
		"kimi vl":         {Text("◁think▷The user asks…◁/think▷4")},
		"kimi k3":         {Text("<|open|>think<|sep|>The user asks…<|close|>think<|sep|>4")},
		"command":         {Text("<|START_THINKING|>The user asks…<|END_THINKING|><|START_RESPONSE|>4<|END_RESPONSE|>")},
		"granite":         {Text("Here is my thought process: The user asks… Here is my response: 4")},
		"hunyuan":         {Text("<think>\nThe user asks…\n</think>\n<answer>\n4\n</answer>")},
		"second thoughts": {Text("<think>One</think>Part one.\n<think>Two</think>Part two.")},
		// vllm PR #44898; dynamo PR #6422
		"lone end": {Reason("One"), Text("Part one.\n</think>\nPart two.")},
		// vllm #40816, #17349; sglang #5874; ollama #15288
		"answer in reasoning": {Reason("Canberra."), Finish("stop")},
		// vllm #27385, #26083
		"foreign tool": ToolCall("browser.search", "{}"),
		// LiteLLM #8953, #6104
		"content filter": {Text("The first step is"), Finish("content_filter")},
		"odd finish":     {Text("The first step is"), Finish("max_thinking")},
		// Bike4Mind PR #1427; hermes-agent #86581; openclaw #44965
		"loop":             {Text(strings.Repeat("I am done. ", 5000))},
		"loop of thoughts": {Reason(strings.Repeat("I am done. ", 5000))},
		"loop of lines":    {Text("Well.\n"), Text(strings.Repeat("\n", 8000))},
		"loop behind text": {Text("First, look at the log.\n\n"), Text(strings.Repeat("Then restart it and look again.\n", 400))},
		// elizaOS #30904
		"half surrogates": {Delta(`{"content":"Yes \ud83d"}`), Delta(`{"content":"\ude00!"}`)},
		"half thoughts":   {Delta(`{"reasoning":"Yes \ud83d"}`), Delta(`{"reasoning":"\ude00!"}`), Text("4")},
	}
	return given
}
