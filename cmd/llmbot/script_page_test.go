package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// pageCmd gets a page until it has a status and matches, and prints it.
func pageCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 3, "page URL STATUS REGEXP")
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	re, err := regexp.Compile(`(?m)` + args[2])
	ts.Check(err)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	got, body := 0, []byte(nil)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get(args[0])
		ts.Check(err)
		got = resp.StatusCode
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if got == want && re.Match(body) {
			fmt.Fprint(ts.Stdout(), string(body))
			return
		}
	}
	ts.Fatalf("%s: status %d, want %d and %q:\n%s", args[0], got, want, args[2], body)
}
