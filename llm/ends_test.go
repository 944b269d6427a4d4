package llm

import "testing"

// TestEndsOfAnswers: the tokens that end an answer, or begin one, of the models that tags.go names.
func TestEndsOfAnswers(t *testing.T) {
	for in, want := range map[string]string{
		"Hi<seed:eos>":                        "Hi",
		"Hi[e~[":                              "Hi",
		"Hi[e~[\n]~b]ai\n":                    "Hi\n",
		"Hi[e~[\n]~b]user\nAnd 5?":            "Hi\n",
		"]~!b[]~b]ai\nHi":                     "Hi",
		"4</longcat_s>":                       "4",
		"Hi<end_of_utterance>":                "Hi",
		"Hi<end_of_utterance>\n":              "Hi",
		"Hi<EOS_TOKEN>":                       "Hi",
		"Hi<SPECIAL_12>\n":                    "Hi",
		"Hi<pad><pad>":                        "Hi",
		"<bos>Hi":                             "Hi",
		"<BOS_TOKEN>\nHi":                     "Hi",
		"[GMASK]<sop>Hi":                      "Hi",
		"[gMASK]<sop>\n Hi":                   "Hi",
		"<THINK>Hm.</THINK>\nHi":              "Hi",
		"<antThinking>Hm.</antThinking>":      "",
		"<antthinking>Hm.</antthinking>\n\n4": "4",
		"So.\n<xai:function_call name=\"f\">\n<parameter name=\"q\">x</parameter>\n</xai:function_call>\nDone": "So.\n\nDone",
		// Elsewhere they are what the answer is about.
		"<bos> is Gemma's first token.":                        "<bos> is Gemma's first token.",
		"The tokens <seed:eos> and </longcat_s> end answers.":  "The tokens <seed:eos> and </longcat_s> end answers.",
		"Nemotron ends with <SPECIAL_12> always, not [EOS] so": "Nemotron ends with <SPECIAL_12> always, not [EOS] so",

		"a[e~1] and b]~c[":           "a[e~1] and b]~c[",
		"```\nHi[e~[\n]~b]ai\n```\n": "```\nHi[e~[\n]~b]ai\n```\n",
	} {
		for size := range len(in) {
			if text, _, _ := splitAll(newSplitter(false), inPieces(in, size+1), true); text != want {
				t.Errorf("%q in pieces of %d: %q, want %q", in, size+1, text, want)
				break
			}
		}
	}
}
