package slacksim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzPanelKnobs holds that whatever is sent to the knobs gets an answer that tells what was wrong
// or how the knobs stand, and that no knob leaves its bounds.
func FuzzPanelKnobs(f *testing.F) {
	for _, seed := range []string{
		`{"latency_ms":5}`, `{"limiter":"off","refuse_edits_ms":1,"lose_acks":true}`, `{"socket":"cut"}`, `{"redeliver":"Ev1"}`, `{}`, `null`, `[`,
		`{"latency_ms":-1e309}`, `{"latency_ms":1}{`, `{"limiter":null}`, `{"Latency_MS":7}`, "\xff",
	} {
		f.Add(seed)
	}
	s := New(Config{})
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/page/panel/knobs", strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 && w.Code != 422 || w.Body.Len() > 1000 {
			t.Errorf("%q: %d, %d bytes", body, w.Code, w.Body.Len())
		}
		k := s.Knobs()
		if k.Latency < 0 || k.Latency > maxPageLatency || time.Until(k.RefuseEdits) > maxPageRefusal || k.Limiter != LimiterWindow && k.Limiter != LimiterBucket && k.Limiter != LimiterOff {
			t.Errorf("%q: %+v", body, k)
		}
	})
}
