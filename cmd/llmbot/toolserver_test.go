package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// toolServer is a program that speaks the Model Context Protocol over its standard input and
// output: now only reads, write changes something, and hang never answers. It notes its process in
// the file of its first argument, and each call in that of its second.
func toolServer() {
	note := func(path, line string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(f, line)
		f.Close()
	}
	note(os.Args[1], fmt.Sprint(os.Getpid()))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				Name string `json:"name"`
			} `json:"params"`
		}
		if json.Unmarshal(in.Bytes(), &m) != nil || len(m.ID) == 0 {
			continue
		}
		result := "{}"
		switch m.Method {
		case "initialize":
			result = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"test","version":"1"}}`
		case "tools/list":
			result = `{"tools":[{"name":"now","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},` +
				`{"name":"write","inputSchema":{"type":"object"}},{"name":"hang","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			note(os.Args[2], m.Params.Name)
			if m.Params.Name == "hang" {
				time.Sleep(time.Hour)
			}
			result = `{"content":[{"type":"text","text":"half past nine"}]}`
		case "ping":
		default:
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`+"\n", m.ID)
			continue
		}
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", m.ID, result)
	}
}
