package llm

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseSMI(t *testing.T) {
	got, err := parseSMI("0, NVIDIA H100 80GB HBM3, 81559, 73312, 97\n1, NVIDIA GB10, [N/A], [N/A], 3\r\n\n2, NVIDIA A100, 40960, 0, [Not Supported]\n")
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	if g := got[0]; g.ID != "0" || g.Name != "NVIDIA H100 80GB HBM3" || g.TotalGB < 79.6 || g.TotalGB > 79.7 || g.UsedGB < 71.5 || g.UsedGB > 71.6 || g.Load != 97 || !g.LoadKnown {
		t.Errorf("%+v", g)
	}
	if g := got[1]; g.TotalGB != 0 || g.Load != 3 || !g.LoadKnown {
		t.Errorf("%+v", g)
	}
	if g := got[2]; g.LoadKnown || g.TotalGB != 40 {
		t.Errorf("%+v", g)
	}
	for _, bad := range []string{"", "\n", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "No devices were found", "0, a, b"} {
		if got, err := parseSMI(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
	if got, err := parseSMI(strings.Repeat("0, x, 1, 1, 1\n", 1000)); err != nil || len(got) != maxGPUs {
		t.Error(len(got), err)
	}
}

// Many ask, and the program runs once in 10 s; after a failure not for 10 minutes.
func TestSMIIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		runs, fails := 0, false
		s := NewSMI(func(context.Context) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			runs++
			time.Sleep(100 * time.Millisecond)
			if fails {
				return nil, errors.New("exit status 9")
			}
			return []byte("0, x, 1024, 512, 5\n"), nil
		})
		ask := func(n int) (failed int) {
			var all sync.WaitGroup
			var count sync.Mutex
			for range n {
				all.Go(func() {
					if _, err := s.GPUs(t.Context()); err != nil {
						count.Lock()
						failed++
						count.Unlock()
					}
				})
			}
			all.Wait()
			return failed
		}
		if ask(50) != 0 || runs != 1 {
			t.Errorf("%d runs", runs)
		}
		time.Sleep(smiFresh + time.Second)
		if ask(50) != 0 || runs != 2 {
			t.Errorf("%d runs", runs)
		}
		time.Sleep(smiFresh + time.Second)
		fails = true
		if ask(1) != 1 || ask(50) != 0 || runs != 3 {
			t.Errorf("%d runs", runs)
		}
		time.Sleep(smiOff + time.Second)
		fails = false
		if ask(1) != 0 || runs != 4 {
			t.Errorf("%d runs", runs)
		}
	})
}
