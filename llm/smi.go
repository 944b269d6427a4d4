package llm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// smiFresh is how long figures of nvidia-smi are shown again: it takes up to a second of a core,
	// more with many cards.
	smiFresh = 10 * time.Second
	// smiOff is how long nvidia-smi is left alone after it failed: no driver, no permission.
	smiOff = 10 * time.Minute
)

// SMIQuery returns the arguments that make nvidia-smi print what [SMI] reads.
func SMIQuery() []string {
	return []string{"--query-gpu=index,name,memory.total,memory.used,utilization.gpu", "--format=csv,noheader,nounits"}
}

// SMI reads GPU figures from nvidia-smi on this machine. It is safe for concurrent use. It runs the
// program once at a time, for all who ask meanwhile, and at most every 10 s.
type SMI struct {
	run  func(ctx context.Context) ([]byte, error)
	page *shared[[]GPU]

	mu    sync.Mutex // guards the fields below; never held across I/O
	last  []GPU
	until time.Time // last is shown until then
}

// NewSMI returns a reader of what run prints. run gets 5 s, and bounds what it returns.
func NewSMI(run func(ctx context.Context) ([]byte, error)) *SMI {
	return &SMI{run: run, page: newShared[[]GPU]()}
}

// GPUs returns the figures, at most 10 s old. After a failure it returns none for 10 minutes,
// without an error: only the first caller hears of it. The caller must not change the result.
func (s *SMI) GPUs(ctx context.Context) ([]GPU, error) {
	if last, fresh := s.fresh(); fresh {
		return last, nil
	}
	return s.page.do(ctx, func(ctx context.Context) ([]GPU, error) {
		if last, fresh := s.fresh(); fresh { // somebody has asked meanwhile
			return last, nil
		}
		ctx, cancel := context.WithTimeout(ctx, sideTimeout)
		defer cancel()
		out, err := s.run(ctx)
		var found []GPU
		if err == nil {
			found, err = parseSMI(string(out))
		}
		if err != nil {
			s.keep(nil, smiOff)
			return nil, fmt.Errorf("read nvidia-smi, which is left alone for %s now: %w", smiOff, err)
		}
		s.keep(found, smiFresh)
		return found, nil
	})
}

func (s *SMI) fresh() ([]GPU, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, time.Now().Before(s.until)
}

func (s *SMI) keep(found []GPU, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.until = found, time.Now().Add(d)
}

// parseSMI reads the lines of SMIQuery. A figure that a card does not have is "[N/A]"; a card that
// shares the machine's memory has none of memory.
func parseSMI(out string) ([]GPU, error) {
	var found []GPU
	for line := range strings.Lines(out) {
		fields := strings.Split(line, ",")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(fields) != 5 {
			return nil, fmt.Errorf("it prints %q", Printable(line, maxGPUName))
		}
		if len(found) >= maxGPUs {
			break
		}
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		g := GPU{ID: Printable(fields[0], maxGPUName), Name: Printable(fields[1], maxGPUName)}
		total, _ := figure(fields[2])
		used, _ := figure(fields[3])
		g.TotalGB, g.UsedGB = total/1024, used/1024
		g.Load, g.LoadKnown = figure(fields[4])
		found = append(found, g)
	}
	if len(found) == 0 {
		return nil, errors.New("it shows no GPU")
	}
	return found, nil
}

// figure reads a number of nvidia-smi; not ok: the card does not have it.
func figure(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) {
		return 0, false
	}
	return min(max(v, 0), maxFigure), true
}
