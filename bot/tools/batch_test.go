package tools

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// TestBatches: answers that come together are passed on, however large they are and whatever came before
// them; what a program asks or tells by itself stays bounded among them.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := `{"jsonrpc":"2.0","id":1,"result":{"x":"` + strings.Repeat("x", 2*mostAsk) + `"}}`
		tells := `{"jsonrpc":"2.0","method":"notifications/message","params":{}}`
		in := strings.Repeat("["+tells+"]\n", mostAsked-1) + "[" + big + "," + big + "]\n" + "[" + strings.Repeat(tells+",", 500) + big + "]\n[" + tells + "]\n[]\n[1,null]\n"
		m := newMessages(io.NopCloser(strings.NewReader(in)), &complaint{ctx: context.Background, log: slog.New(slog.DiscardHandler)})
		out, err := io.ReadAll(m)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(out), big); n != 3 {
			t.Errorf("%d of 3 answers", n)
		}
		if n := strings.Count(string(out), "notifications/message"); n != mostAsked {
			t.Errorf("%d notifications, of which %d are let through", n, mostAsked)
		}
	})
}
