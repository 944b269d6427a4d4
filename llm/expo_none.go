//go:build !expfmt

package llm

import (
	"errors"
	"fmt"
	"time"
)

// parseMetrics stands in until go.sum has the modules that prometheus/common/expfmt needs; then this file and the tag in expo.go go.
func parseMetrics(_ []byte, at time.Time) (Metrics, error) {
	return Metrics{At: at}, fmt.Errorf("llm metrics: %w", errors.ErrUnsupported)
}
