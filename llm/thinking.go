package llm

import "maps"

// thinkingOff reports whether a request switches thinking off, in any of the ways that servers
// take: vLLM's and SGLang's chat_template_kwargs, an effort of none, Ollama's think, the thinking
// and reasoning objects of gateways.
func (c *Client) thinkingOff(req *Request) bool {
	effort := req.ReasoningEffort
	body := map[string]any{}
	for _, extra := range []map[string]any{c.cfg.Extra, req.Extra} {
		maps.Copy(body, extra)
	}
	if v, set := body["reasoning_effort"]; set {
		effort, _ = v.(string)
	}
	if effort == "none" || off(body) {
		return true
	}
	kwargs, _ := body["chat_template_kwargs"].(map[string]any)
	return off(kwargs) || kwargs["reasoning_effort"] == "none"
}

// off reports whether a switch of thinking among fields is off.
func off(fields map[string]any) bool {
	for _, name := range []string{"enable_thinking", "thinking", "think", "reasoning"} {
		switch v := fields[name].(type) {
		case bool:
			if !v {
				return true
			}
		case string:
			if v == "none" || v == "off" || v == "disabled" {
				return true
			}
		case map[string]any:
			if v["type"] == "disabled" || v["enabled"] == false || v["effort"] == "none" {
				return true
			}
		}
	}
	return false
}

// habit is what the client remembers a template by: the model, and whether thinking was switched off.
func (a *answer) habit() string {
	if a.unthinking {
		return a.model + " without thinking"
	}
	return a.model
}

// setAside keeps what marks in the text made reasoning although thinking was switched off. If nothing
// else comes, it is the answer.
func (a *answer) setAside(s split) {
	if !a.unthinking {
		return
	}
	if s.retract {
		a.marked.WriteString(a.retractable.String())
	}
	if a.marked.WriteString(s.reasoning); a.split.stray {
		a.retractable.WriteString(s.text)
	}
}
