package llmsim

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxBody bounds a request body: vLLM's Rust front end takes 32 MiB (facts §1.6).
const maxBody = 32 << 20

// Message is one message of a chat.
type Message struct {
	Role, Name, Content string
	Images              []Image
	Calls               []Call // of tools, in an assistant's message
	CallID              string // of the call whose result this is
	Reasoning           string // that was sent back
}

// Image is a picture of a message.
type Image struct {
	MIME string
	Data []byte
}

// dataURL reads an inline picture. A vLLM decodes it; this only looks at how it begins.
func dataURL(url string) (Image, error) {
	head, data, ok := strings.Cut(strings.TrimPrefix(url, "data:"), ";base64,")
	if !ok || !strings.HasPrefix(url, "data:") {
		return Image{}, errors.New("only data URLs are taken here")
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return Image{}, errors.New("Failed to load image: invalid base64") //nolint:staticcheck // as the server words it
	}
	if kind := http.DetectContentType(raw); kind != head || kind != "image/png" && kind != "image/jpeg" {
		return Image{}, fmt.Errorf("Failed to load image: cannot identify image file (%s, said to be %s)", kind, head) //nolint:staticcheck // as the server words it
	}
	return Image{head, raw}, nil
}

// Chat is a chat completion request as the server understood it.
type Chat struct {
	Model       string
	Messages    []Message
	Stream      bool
	Usage       bool // stream_options.include_usage
	Continuous  bool // and continuous_usage_stats
	MaxTokens   int  // 0: not given
	Stop        []string
	IgnoreEOS   bool
	Continue    bool // continue_final_message
	Interval    int  // stream_interval; 0: not given
	Thinking    bool // the model may think: not switched off by reasoning_effort or enable_thinking
	HideThought bool // include_reasoning: false
	Tools       []Tool
	Choice      string // of tools: auto, none or required
	Named       string // the one tool that must be called

	rawTools []byte // as they go into the prompt
}

// wire form of the request; pointers tell "not given" from zero.
type chatBody struct {
	Model               string             `json:"model"`
	Messages            *[]json.RawMessage `json:"messages"`
	Stream              bool               `json:"stream"`
	StreamOptions       *streamOptions     `json:"stream_options"`
	MaxTokens           *int               `json:"max_tokens"`
	MaxCompletionTokens *int               `json:"max_completion_tokens"`
	Temperature         *float64           `json:"temperature"`
	Stop                json.RawMessage    `json:"stop"`
	IgnoreEOS           bool               `json:"ignore_eos"`
	Continue            bool               `json:"continue_final_message"`
	AddGenerationPrompt *bool              `json:"add_generation_prompt"`
	Interval            int                `json:"stream_interval"`
	ReasoningEffort     *string            `json:"reasoning_effort"`
	IncludeReasoning    *bool              `json:"include_reasoning"`
	Kwargs              struct {
		EnableThinking *bool `json:"enable_thinking"`
	} `json:"chat_template_kwargs"`
	Tools      *[]json.RawMessage `json:"tools"`
	ToolChoice json.RawMessage    `json:"tool_choice"`
	RequestID  string             `json:"request_id"`
}

type streamOptions struct {
	IncludeUsage    bool `json:"include_usage"`
	ContinuousUsage bool `json:"continuous_usage_stats"`
}

// readBody reads a JSON request. The error is for the client.
func readBody(r *http.Request) ([]byte, *apiError) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(raw) > maxBody {
		return nil, badRequest("Failed to buffer the request body: length limit exceeded", "")
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
		return raw, validation("", "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed")
	}
	return raw, nil
}

// parseChat understands a body, or says what vLLM would say about it.
func (s *Server) parseChat(raw []byte, sh shape) (*Chat, *apiError) {
	if len(raw) == 0 {
		return nil, validation("body", "1 validation error:\n  {'type': 'missing', 'loc': 'body', 'msg': 'Field required', 'input': 'None'}")
	}
	var b chatBody
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, jsonError(err, len(raw))
	}
	if b.Messages == nil {
		return nil, validation("body.messages", "1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required', 'input': '<dict>'}")
	}
	c := &Chat{
		Model: b.Model, Stream: b.Stream, IgnoreEOS: b.IgnoreEOS, Continue: b.Continue, Interval: b.Interval, Thinking: true,
	}
	if err := s.checkOptions(&b, c, sh); err != nil {
		return nil, err
	}
	for i, m := range *b.Messages {
		msg, err := s.parseMessage(i, m)
		if err != nil {
			return nil, err
		}
		c.Messages = append(c.Messages, msg)
	}
	if err := s.checkImages(c.Messages, sh); err != nil {
		return nil, err
	}
	if len(c.Messages) == 0 && !sh.emptyChatOK {
		return nil, badRequest("Cannot apply chat template to an empty conversation. Provide at least one message.", "")
	}
	if err := checkResults(c.Messages); err != nil {
		return nil, err
	}
	if err := s.checkTemplate(c.Messages); err != nil {
		return nil, err
	}
	c.Continue = c.Continue && len(c.Messages) > 0 && c.Messages[len(c.Messages)-1].Role == "assistant" && !sh.noContinue
	return c, nil
}

func (s *Server) checkOptions(b *chatBody, c *Chat, sh shape) *apiError {
	if b.StreamOptions != nil {
		if !b.Stream && sh.family == familyVLLM {
			return badRequest("Stream options can only be defined when `stream=True`. (parameter=stream_options)", "stream_options")
		}
		c.Usage = b.StreamOptions.IncludeUsage
		c.Continuous = c.Usage && b.StreamOptions.ContinuousUsage && sh.continuous
	}
	if s.cfg.ForceUsage {
		c.Usage, c.Continuous = true, true
	}
	if t := b.Temperature; t != nil && (*t < 0 || *t > 2) && !sh.anyTemperature {
		v := pyFloat(*t)
		return badRequest("temperature must be in [0, 2], got "+v+". (parameter=temperature, value="+v+")", "temperature")
	}
	if limit := b.MaxTokens; limit != nil {
		c.MaxTokens = *limit
	}
	if limit := b.MaxCompletionTokens; limit != nil && !sh.onlyMaxTokens {
		c.MaxTokens = *limit
	}
	if (b.MaxTokens != nil || b.MaxCompletionTokens != nil) && c.MaxTokens < 1 && !sh.onlyMaxTokens {
		return badRequest(fmt.Sprintf("max_tokens must be at least 1, got %d. (parameter=max_tokens, value=%[1]d)", c.MaxTokens), "max_tokens")
	}
	if b.Continue && (b.AddGenerationPrompt == nil || *b.AddGenerationPrompt) && sh.family == familyVLLM {
		return badRequest("continue_final_message and add_generation_prompt are not compatible. "+
			"Set add_generation_prompt to False when continue_final_message is True.", "")
	}
	if e := b.ReasoningEffort; e != nil {
		if err := checkEffort(*e, sh); err != nil {
			return err
		}
		c.Thinking = *e != "none"
	}
	if t := b.Kwargs.EnableThinking; t != nil && !sh.harmony {
		c.Thinking = *t
	}
	c.HideThought = b.IncludeReasoning != nil && !*b.IncludeReasoning
	if err := s.checkTools(b, c, sh); err != nil {
		return err
	}
	var one string
	if json.Unmarshal(b.Stop, &one) == nil && one != "" {
		c.Stop = []string{one}
	} else {
		_ = json.Unmarshal(b.Stop, &c.Stop) // neither form: no stop strings
	}
	return nil
}

func checkEffort(e string, sh shape) *apiError {
	const all = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or 'max'"
	switch {
	case !strings.Contains(all, "'"+e+"'"):
		return validation("body.reasoning_effort", fmt.Sprintf("1 validation error:\n  {'type': 'literal_error', 'loc': 'body.reasoning_effort', "+
			"'msg': \"Input should be %s\", 'input': '%s', 'ctx': {'expected': \"%[1]s\"}}", all, e))
	case sh.harmony && e == "none":
		return badRequest("Harmony does not support reasoning_effort='none'", "")
	case sh.harmony && e != "low" && e != "medium" && e != "high":
		return badRequest("reasoning_effort='"+e+"' is not supported by Harmony. Supported values are: high, medium, low.", "")
	}
	return nil
}

func (s *Server) parseMessage(i int, raw json.RawMessage) (Message, *apiError) {
	var m struct {
		Role    string          `json:"role"`
		Name    string          `json:"name"`
		Content json.RawMessage `json:"content"`

		Calls            []json.RawMessage `json:"tool_calls"`
		CallID           string            `json:"tool_call_id"`
		Reasoning        string            `json:"reasoning"`
		ReasoningContent string            `json:"reasoning_content"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return Message{}, jsonError(err, len(raw))
	}
	msg := Message{Role: m.Role, Name: m.Name, CallID: m.CallID, Reasoning: cmp.Or(m.Reasoning, m.ReasoningContent)}
	var bad *apiError
	if msg.Calls, bad = parseCalls(m.Calls); bad != nil {
		return msg, bad
	}
	if len(m.Content) == 0 || (string(m.Content) == "null" && m.Role == "assistant") {
		return msg, nil
	}
	if string(m.Content) == "null" {
		loc := fmt.Sprintf("body.messages.%d.ChatCompletionUserMessageParam.content", i)
		return msg, validation(loc, "2 validation errors:\n  {'type': 'string_type', 'loc': '"+loc+"', 'msg': 'Input should be a valid string', 'input': 'None'}\n"+
			"  {'type': 'iterable_type', 'loc': '"+loc+"', 'msg': 'Input should be iterable', 'input': 'None'}")
	}
	if json.Unmarshal(m.Content, &msg.Content) == nil {
		return msg, nil
	}
	var parts []struct {
		Type, Text string
		Image      struct{ URL string } `json:"image_url"`
	}
	if err := json.Unmarshal(m.Content, &parts); err != nil {
		return msg, jsonError(err, len(raw))
	}
	var text []string
	for _, p := range parts {
		switch p.Type {
		case "text", "input_text", "output_text":
			text = append(text, p.Text)
		case "image_url", "input_image", "audio_url", "input_audio", "video_url":
			if !s.cfg.Vision || p.Type != "image_url" {
				return msg, badRequest(s.cfg.Model+" is not a multimodal model", "")
			}
			picture, err := dataURL(p.Image.URL)
			if err != nil {
				return msg, badRequest(err.Error(), "")
			}
			msg.Images = append(msg.Images, picture)
		default:
			return msg, badRequest("Unsupported chat content part type: '"+p.Type+"'. Supported types: audio_url, image_url, input_audio, input_image, "+
				"input_text, output_text, refusal, text, thinking, video_url. (parameter=type, value="+p.Type+")", "type")
		}
	}
	msg.Content = strings.Join(text, "\n")
	return msg, nil
}

// checkImages counts the pictures of a request as vLLM does, which changed the end of its sentence
// in 2025 (facts: reports.md A10).
func (s *Server) checkImages(ms []Message, sh shape) *apiError {
	n := 0
	for _, m := range ms {
		n += len(m.Images)
	}
	if s.cfg.MaxImages == 0 || n <= s.cfg.MaxImages {
		return nil
	}
	unit := "prompt"
	if sh.oldOverflow {
		unit = "request"
	}
	return badRequest(fmt.Sprintf("At most %d image(s) may be provided in one %s.", s.cfg.MaxImages, unit), "")
}

// checkTemplate raises what a strict chat template raises: its own text only, without any prefix.
func (s *Server) checkTemplate(ms []Message) *apiError {
	if len(ms) > 0 && ms[0].Role == "system" {
		if s.cfg.NoSystem {
			return badRequest("System role not supported", "")
		}
		ms = ms[1:]
	}
	if s.cfg.NoResults && slices.ContainsFunc(ms, func(m Message) bool { return m.Role == "tool" }) {
		return badRequest("Conversation roles must alternate user/assistant/user/assistant/...", "")
	}
	ms = slices.DeleteFunc(slices.Clone(ms), func(m Message) bool { return m.Role == "tool" || len(m.Calls) > 0 })
	for i, m := range ms {
		if want := []string{"user", "assistant"}[i%2]; s.cfg.Strict && m.Role != want {
			return badRequest("Conversation roles must alternate user/assistant/user/assistant/...", "")
		}
	}
	return nil
}

// jsonError words a decoding error as pydantic does.
func jsonError(err error, size int) *apiError {
	if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		loc := "body." + te.Field
		return validation(loc, fmt.Sprintf("1 validation error:\n  {'type': '%s_type', 'loc': '%s', 'msg': 'Input should be a valid %[1]s', 'input': '%[3]s'}", te.Type, loc, te.Value))
	}
	at := size
	if se, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = int(se.Offset)
	}
	loc := "body." + strconv.Itoa(at)
	return validation(loc, "1 validation error:\n  {'type': 'json_invalid', 'loc': '"+loc+"', 'msg': 'JSON decode error', 'input': '<dict of 0 items>', 'ctx': {'error': 'Expecting value'}}")
}

// pyFloat writes a float as Python's repr does for the sizes that occur here.
func pyFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".eIN") {
		s += ".0"
	}
	return s
}
