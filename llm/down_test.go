package llm

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// An error of another process has the hint of the one that happened there, and its text.
func TestDownKeepsTheHint(t *testing.T) {
	for want, err := range map[string]error{
		"is not known here":  &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nowhere", IsNotFound: true}},
		"Start the model":    errors.New("refused"),
		"wants to know who":  &net.OpError{Op: "proxyconnect", Err: proxyError(407)},
		"cannot reach":       proxyError(502),
		"does not answer":    &net.OpError{Op: "proxyconnect", Err: errors.New("refused")},
		"user and password ": &net.OpError{Op: "socks connect", Err: errors.New("refused")},
	} {
		far := fmt.Errorf("ask: %w", Down(DownKind(err), err.Error()))
		here, there := (&Error{Kind: KindDown, Err: err}).Hint(), (&Error{Kind: KindDown, Err: far}).Hint()
		if here != there || !strings.Contains(here, want) || far.Error() != "ask: "+err.Error() {
			t.Errorf("%v: %q and %q", err, here, there)
		}
	}
}
