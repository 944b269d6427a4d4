package memnet_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm/llmsim/memnet"
)

// A handler that waits must not stop virtual time, and Close must return and refuse what comes after.
func TestServeInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Hour)
			_, _ = io.WriteString(w, "late")
		}))
		c := n.Client()
		resp, err := c.Get("http://any/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != "late" {
			t.Fatalf("%q, %v", body, err)
		}
		_ = resp.Body.Close()
		c.CloseIdleConnections()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if resp, err := c.Get("http://any/"); err == nil {
			_ = resp.Body.Close()
			t.Fatal("a closed network answered")
		}
	})
}
