package main

import (
	"testing"

	"llmbot/llm/bench"
)

// A script must see that requests failed, although there are numbers of the others.
func TestFailedRequestsAreAnError(t *testing.T) {
	good, bad := bench.Report{Completed: 10}, bench.Report{Completed: 2, Failed: 4}
	if err := failedRequests([]bench.Report{good, good}); err != nil {
		t.Error(err)
	}
	if err := failedRequests([]bench.Report{good, bad}); err == nil || err.Error() != "4 of 16 requests failed" {
		t.Errorf("got %v", err)
	}
}
