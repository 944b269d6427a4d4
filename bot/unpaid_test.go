package bot

import (
	"context"
	"sync"
	"testing"
	"time"

	"llmbot/bot/quota"
)

// TestHammerUnpaid: whoever waits sees all writes that had begun before, and nothing is left.
func TestHammerUnpaid(t *testing.T) {
	u := newUnpaid()
	alice := []quota.Account{{Of: quota.Person, ID: "alice"}, {Of: quota.Channel, ID: "general"}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				written := false
				over := u.begin(alice)
				all.Go(func() {
					written = true
					over()
				})
				if u.wait(t.Context(), alice[1:]); !written {
					t.Error("a write is still under way")
				}
			}
		})
	}
	all.Wait()
	if len(u.writes) != 0 {
		t.Errorf("left: %v", u.writes)
	}
	u.begin(alice)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	u.wait(ctx, alice) // the store is away: it ends with its context
}
