package llm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// modelsTTL is how long a list of models is believed. A server's list changes only when it restarts
// or loads an adapter.
const modelsTTL = time.Minute

// Limits of the list, so that a wrong server cannot fill the memory with it.
const (
	maxModels = 2000 // entries
	// maxModelID is in bytes: vLLM takes a path for a name. A card with a longer one is left out,
	// since a name that is cut names nothing.
	maxModelID  = 16 << 10
	maxCardText = 512 // characters of what else a card says
)

// Models asks for the served models, in the server's order. It blocks for at most 5 s.
func (c *Client) Models(ctx context.Context) ([]ModelInfo, error) {
	body, err := c.side(ctx, "models", http.MethodGet, c.base+"/models", nil, maxModelList)
	if err != nil {
		return nil, err
	}
	models, err := parseModels(body)
	if err != nil {
		return nil, &Error{Kind: KindServer, Op: "models", Status: http.StatusOK, Message: snippet(string(body)), Err: err}
	}
	c.mu.Lock()
	c.models, c.seen = models, time.Now()
	c.mu.Unlock()
	return slices.Clone(models), nil
}

// Model returns what is known of a model. An empty name means the one that an empty [Request.Model]
// means: [Config.Model], else the first that the server lists. It believes a list for a minute. Of
// a configured name that is not in the list it returns nothing but the ID: some servers take any
// name.
func (c *Client) Model(ctx context.Context, name string) (ModelInfo, error) {
	models, fresh := c.cached()
	if !fresh {
		var err error
		if models, err = c.Models(ctx); err != nil {
			return ModelInfo{}, err
		}
	}
	if m, ok := pick(models, cmp.Or(name, c.cfg.Model)); ok {
		return m, nil
	}
	return ModelInfo{}, &Error{Kind: KindNoModel, Op: "models", Message: "the server serves no model"}
}

func pick(models []ModelInfo, name string) (ModelInfo, bool) {
	if name == "" {
		if len(models) == 0 {
			return ModelInfo{}, false
		}
		return models[0], true
	}
	if i := slices.IndexFunc(models, func(m ModelInfo) bool { return m.ID == name }); i >= 0 {
		return models[i], true
	}
	return ModelInfo{ID: name}, true
}

// cached returns the last list and whether it is still believed.
func (c *Client) cached() (models []ModelInfo, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.models, !c.seen.IsZero() && time.Since(c.seen) < modelsTTL
}

// forgetModels makes the next [Client.Model] ask again.
func (c *Client) forgetModels() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = time.Time{}
}

// modelName returns the name to send. For a name a list that is too old is good enough: the server
// says if it is wrong.
func (c *Client) modelName(ctx context.Context, asked string) (name string, guessed bool, err error) {
	if asked != "" {
		return asked, false, nil
	}
	if c.cfg.Model != "" {
		return c.cfg.Model, false, nil
	}
	if models, _ := c.cached(); len(models) > 0 {
		return models[0].ID, true, nil
	}
	m, err := c.Model(ctx, "")
	return m.ID, false, err
}

// card is an entry of the list, in all dialects.
type card struct {
	ID               string  `json:"id"`
	Root             *string `json:"root"`
	Parent           *string `json:"parent"`
	OwnedBy          *string `json:"owned_by"`
	MaxModelLen      *number `json:"max_model_len"`
	ContextLength    *number `json:"context_length"`
	MaxContextLength *number `json:"max_context_length"`
	Meta             *struct {
		Ctx *number `json:"n_ctx"`
	} `json:"meta"`
}

// cards are the first maxModels entries of a list; what follows is not looked at.
type cards []card

// UnmarshalJSON reads a list, or null.
func (c *cards) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		return nil
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	if t, err := in.Token(); err != nil || t != json.Delim('[') {
		return errors.New("data is no list")
	}
	*c = nil
	for in.More() && len(*c) < maxModels {
		var d card
		if err := in.Decode(&d); err != nil {
			return err
		}
		*c = append(*c, d)
	}
	return nil
}

// parseModels reads the model lists of all dialects: vLLM and SGLang say max_model_len, llama.cpp
// meta.n_ctx (per slot).
func parseModels(body []byte) ([]ModelInfo, error) {
	var list struct {
		Data cards `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	models := make([]ModelInfo, 0, len(list.Data))
	for _, d := range list.Data {
		if strings.TrimSpace(d.ID) == "" || len(d.ID) > maxModelID {
			continue
		}
		m := ModelInfo{
			ID: d.ID, Root: Printable(value(d.Root), maxCardText), Parent: Printable(value(d.Parent), maxCardText), OwnedBy: Printable(value(d.OwnedBy), maxCardText),
		}
		m.MaxModelLen = value(d.MaxModelLen).int()
		if m.MaxModelLen == 0 && d.Meta != nil {
			m.MaxModelLen = value(d.Meta.Ctx).int()
		}
		if m.MaxModelLen == 0 {
			m.MaxModelLen = cmp.Or(value(d.ContextLength).int(), value(d.MaxContextLength).int())
		}
		models = append(models, m)
	}
	return models, nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
