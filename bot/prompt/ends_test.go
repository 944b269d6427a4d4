package prompt

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"llmbot/llm"
)

// streamed answers each request with a stream of one text.
type streamed string

func (s streamed) RoundTrip(r *http.Request) (*http.Response, error) {
	body := fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", string(s))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// TestEndTokensOfBothLists: a token that ends a turn is broken in what people write, and left out
// at the end of what a model writes.
func TestEndTokensOfBothLists(t *testing.T) {
	for _, tok := range []string{
		"</s>", "<eos>", "<pad>", "<unk>", "<bos>", "<sop>", "<eop>", "<end_of_turn>", "<EOS_TOKEN>", "<PAD_TOKEN>", "<UNK_TOKEN>", "<BOS_TOKEN>", "<seed:eos>", "<seed:pad>", "<SPECIAL_12>", "<unused7>",
		"[e~[", "]~!b[", "[gMASK]", "[sMASK]", "<|im_end|>", "<|end|>", "<|return|>", "<|eot_id|>", "<|endoftext|>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>", "<turn|>", "<endoftext>",
		"</longcat_s>", "<end_of_utterance>",
	} {
		if !special(tok) {
			t.Errorf("%s is not broken in what people write", tok)
		}
		c, err := llm.New(llm.Config{BaseURL: "http://m.test", Model: "m", HTTP: &http.Client{Transport: streamed("Hi" + tok)}})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		if _, err := c.Stream(t.Context(), llm.Request{}, func(d llm.Delta) error { text += d.Text; return nil }); err != nil || text != "Hi" {
			t.Errorf("%s at the end of an answer: %q %v", tok, text, err)
		}
	}
}
