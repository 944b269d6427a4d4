package llm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
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

// Limits of what is believed of an exporter.
const (
	maxGPUs    = 64  // cards and slices of cards; more are left out
	maxGPUName = 100 // characters
	maxFigure  = 1e9 // percent or MiB
)

// Exporter reads an exporter of GPU figures. It is safe for concurrent use. It reads one page at a
// time, for all who ask meanwhile.
type Exporter struct {
	http *http.Client
	url  string
	page *shared[[]GPU]
}

// NewExporter returns one that reads a DCGM exporter (its DCGM_FI_DEV_* families) at this address.
func NewExporter(client *http.Client, address string) *Exporter {
	return &Exporter{http: egress.Guard(client, "GPU_METRICS_URL"), url: address, page: newShared[[]GPU]()}
}

// GPUs reads the figures. It follows no redirect, and blocks for at most 5 s. The caller must not
// change the result.
func (e *Exporter) GPUs(ctx context.Context) ([]GPU, error) {
	return e.page.do(ctx, func(ctx context.Context) ([]GPU, error) {
		found, err := e.read(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the GPU exporter: %w", egress.WithoutAddress(err))
		}
		return found, nil
	})
}

func (e *Exporter) read(ctx context.Context) ([]GPU, error) {
	ctx, cancel := context.WithTimeout(ctx, sideTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return parseGPUs(resp.Body)
}

func parseGPUs(page io.Reader) ([]GPU, error) {
	mib := func(v float64) float64 { return v / 1024 }
	known := map[string]func(g *GPU, v float64){
		"DCGM_FI_DEV_GPU_UTIL": func(g *GPU, v float64) { g.Load, g.LoadKnown = v, true },
		"DCGM_FI_DEV_FB_USED":  func(g *GPU, v float64) { g.UsedGB = mib(v); g.TotalGB += mib(v) },
		"DCGM_FI_DEV_FB_FREE":  func(g *GPU, v float64) { g.TotalGB += mib(v) },
	}
	names := map[string]bool{}
	for name := range known {
		names[name] = true
	}
	lines, begin, err := wanted(page, names)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.TrimSpace(begin), "<") {
		return nil, errors.New("it is a web page, and no exporter")
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(lines))
	if err != nil {
		return nil, err
	}
	byID := map[string]*GPU{}
	for name, set := range known {
		for _, m := range families[name].GetMetric() {
			labels := labelsOf(m)
			id := labels["gpu"]
			if labels["GPU_I_ID"] != "" { // a slice of one (MIG)
				id += "/" + labels["GPU_I_ID"]
			}
			id = Printable(id, maxGPUName)
			g := byID[id]
			if g == nil {
				if len(byID) >= maxGPUs {
					continue
				}
				g = &GPU{ID: id}
				byID[id] = g
			}
			// The families come in no order, and not each of them needs to name the card.
			g.Name = cmp.Or(g.Name, Printable(labels["modelName"], maxGPUName))
			if v := m.GetUntyped().GetValue(); !math.IsNaN(v) {
				set(g, min(max(v, 0), maxFigure))
			}
		}
	}
	out := make([]GPU, 0, len(byID))
	for _, g := range byID {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b GPU) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}
