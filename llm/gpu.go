package llm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"llmbot/llm/egress"
)

// GPU is one graphics card as NVIDIA's DCGM exporter sees it.
type GPU struct {
	ID, Name  string
	UsedGB    float64 // memory in use, in GB of 1024³ bytes, as nvidia-smi counts
	TotalGB   float64
	Load      float64 // percent
	LoadKnown bool
}

// GPUs reads the figures of a DCGM exporter (its DCGM_FI_DEV_* families). It follows no redirect, and blocks for at most 5 s.
func GPUs(ctx context.Context, client *http.Client, address string) ([]GPU, error) {
	ctx, cancel := context.WithTimeout(ctx, sideTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("read the GPU exporter: %w", err)
	}
	resp, err := egress.Guard(client, "GPU_METRICS_URL").Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the address may hold a key
		}
		return nil, fmt.Errorf("read the GPU exporter: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readLimited(resp.Body, maxSideBody)
	if err != nil {
		return nil, fmt.Errorf("read the GPU exporter: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the GPU exporter: HTTP %d", resp.StatusCode)
	}
	return parseGPUs(body)
}

func parseGPUs(body []byte) ([]GPU, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read the GPU exporter: %w", err)
	}
	byID := map[string]*GPU{}
	mib := func(v float64) float64 { return v / 1024 }
	for name, set := range map[string]func(g *GPU, v float64){
		"DCGM_FI_DEV_GPU_UTIL": func(g *GPU, v float64) { g.Load, g.LoadKnown = v, true },
		"DCGM_FI_DEV_FB_USED":  func(g *GPU, v float64) { g.UsedGB = mib(v); g.TotalGB += mib(v) },
		"DCGM_FI_DEV_FB_FREE":  func(g *GPU, v float64) { g.TotalGB += mib(v) },
	} {
		for _, m := range families[name].GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			id := labels["gpu"]
			if labels["GPU_I_ID"] != "" { // a slice of one (MIG)
				id += "/" + labels["GPU_I_ID"]
			}
			g := byID[id]
			if g == nil {
				g = &GPU{ID: id}
				byID[id] = g
			}
			// The families come in no order, and not each of them needs to name the card.
			g.Name = cmp.Or(g.Name, strings.TrimSpace(labels["modelName"]))
			v := m.GetGauge().GetValue()
			if m.GetGauge() == nil {
				v = m.GetUntyped().GetValue()
			}
			set(g, v)
		}
	}
	out := make([]GPU, 0, len(byID))
	for _, g := range byID {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b GPU) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}
