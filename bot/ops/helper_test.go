package ops

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"llmbot/llm/llmsim/memnet"
)

// served is a server in memory and a client of it. It has to be called inside a bubble.
func served(t *testing.T, cfg Config) func(path string) (int, string) {
	t.Helper()
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(Build{Version: "v1", Commit: "abc", Go: "go1"})
	}
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	n := memnet.Serve(New(cfg))
	client := n.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = n.Close()
	})
	return func(path string) (int, string) {
		t.Helper()
		resp, err := client.Get("http://ops" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

// value is a metric's value, or the number of observations of a histogram; labels are values in the
// order of the label names. -1: it is not there.
func (m *Metrics) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != prefix+name {
			continue
		}
		for _, row := range f.GetMetric() {
			if hasLabels(row, labels) {
				return row.GetCounter().GetValue() + row.GetGauge().GetValue() + float64(row.GetHistogram().GetSampleCount())
			}
		}
	}
	return -1
}

func hasLabels(row *dto.Metric, want []string) bool {
	if len(row.GetLabel()) != len(want) {
		return false
	}
	for i, l := range row.GetLabel() {
		if l.GetValue() != want[i] {
			return false
		}
	}
	return true
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9464} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

func status(err error, resp *http.Response) int {
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
