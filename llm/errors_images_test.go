package llm

import "testing"

// TestMaxImages: what servers and gateways say of their limits is understood, and nothing else.
func TestMaxImages(t *testing.T) {
	for message, want := range map[string]int{
		"At most 1 image(s) may be provided in one request.":                                                            1,
		"At most 12 image(s) may be provided in one prompt.":                                                            12,
		"At most 0 image(s) may be provided in one prompt. Set `--limit-mm-per-prompt` to increase this limit.":         0,
		"The request contains too many images: 11 images were provided, but the model supports a maximum of 10 images.": 10,
		"Request contains 52 images, exceeding the maximum of 50 allowed per request":                                   50,
		"At most 1 audio(s) may be provided in one request.":                                                            -1,
		"image input is not supported":                                                                                  -1,
		"max_tokens must be at most 10":                                                                                 -1,
		"The image is 9000 pixels wide, exceeding the maximum of 8000":                                                  -1,
	} {
		got, ok := (&Error{Status: 400, Message: message}).MaxImages()
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", message, got, want)
		}
	}
}
