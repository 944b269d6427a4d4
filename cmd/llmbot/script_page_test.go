package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// demoCmd does something to a demo by its page's own address, and waits until that was taken.
func demoCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "demo URL kill|restart|model [JSON]")
	body := "{}"
	if len(args) > 2 {
		body = args[2]
	}
	resp, err := http.Post(args[0]+"page/demo/"+args[1], "application/json", strings.NewReader(body))
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %d %s", args[1], resp.StatusCode, text)
	}
}

// pidCmd writes the number of a demo's bot, from what /page/demo/state says, into a file.
func pidCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "pid STATE FILE")
	m := regexp.MustCompile(`"pid":(\d+)`).FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("no pid in %s", ts.ReadFile(args[0]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(m[1]), 0o600))
}

// emptyCmd waits until a folder is empty.
func emptyCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 1, "empty FOLDER")
	var left []os.DirEntry
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		left, err = os.ReadDir(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(left) == 0 {
			return
		}
	}
	ts.Fatalf("%s has %v", args[0], left)
}

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
