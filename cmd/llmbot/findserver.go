package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"time"

	"llmbot/llm"
)

// probeTimeout is how long a local port may take to say which models it serves.
const probeTimeout = 700 * time.Millisecond

// candidate is a place where a model server usually is.
type candidate struct{ name, url string }

func candidates() []candidate {
	return []candidate{
		{"vLLM", "http://127.0.0.1:8000/v1"},
		{"Ollama", "http://127.0.0.1:11434/v1"},
		{"llama.cpp", "http://127.0.0.1:8080/v1"},
		{"LM Studio", "http://127.0.0.1:1234/v1"},
	}
}

// usualPorts returns where localServer looks, for people.
func usualPorts() string {
	var ports []string
	for _, c := range candidates() {
		if u, err := url.Parse(c.url); err == nil {
			ports = append(ports, u.Port()+" ("+c.name+")")
		}
	}
	return strings.Join(ports, ", ")
}

// localModel is a model server that answers on this machine.
type localModel struct {
	candidate

	model string
}

// notice returns what people are told of it.
func (m localModel) notice() string {
	return "Model server: " + m.url + " (found on the usual port of " + m.name + "), model " + m.model
}

// localServer returns the first model server that answers on a usual port of this machine. It gets
// no key.
func localServer(ctx context.Context) (localModel, bool) {
	for _, c := range candidates() {
		if name := probe(ctx, llm.Config{BaseURL: c.url}); name != "" {
			return localModel{c, name}, true
		}
	}
	return localModel{}, false
}

// findServer looks for a model server of this machine, unless one is named, or a key or a proxy is
// set: those are for a server that somebody has in mind. It sets cfg.BaseURL, and tells what it has
// found in place of the default.
func findServer(ctx context.Context, p process, cfg *Config) {
	if cfg.means() {
		return
	}
	found, ok := localServer(ctx)
	switch {
	case ctx.Err() != nil:
	case !ok:
		fmt.Fprintf(p.err, "No model server answers here on the usual ports:\n%s.\nName yours with --url (LLM_BASE_URL). To try it without: llmbot demo\n", usualPorts())
	case found.url != candidates()[0].url:
		cfg.BaseURL = found.url
		fmt.Fprintln(p.err, found.notice())
	}
}

// means reports whether a certain server is meant: it is named, or a key or a proxy for it is.
func (c *Config) means() bool { return c.named || c.APIKey != "" || c.Proxy != "" }

// probe returns the first model that a server serves; empty: there is no server, or it does not
// speak this protocol. A server that wants a key is one.
func probe(ctx context.Context, cfg llm.Config) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, err := llm.New(cfg)
	if err != nil {
		return ""
	}
	m, err := c.Model(ctx, "")
	if err != nil {
		if e, ok := errors.AsType[*llm.Error](err); ok && e.Kind == llm.KindUnauthorized && cfg.APIKey == "" {
			return "unknown (it wants a key: LLM_API_KEY)"
		}
		return ""
	}
	return llm.Printable(m.ID, nameShown)
}

// modelFlags adds the flags that name a model server and a model; what they say is returned by vars
// as NAME=value, after the flags were parsed.
func modelFlags(f *flag.FlagSet, address string) (vars func() []string) {
	root := f.String(address, "", "the OpenAI-compatible root (`URL`) of the model server (LLM_BASE_URL)")
	model := f.String("model", "", "the `MODEL` to ask for (LLM_MODEL)")
	return func() []string {
		var out []string
		if *root != "" {
			out = append(out, "LLM_BASE_URL="+*root)
		}
		if *model != "" {
			out = append(out, "LLM_MODEL="+*model)
		}
		return out
	}
}
