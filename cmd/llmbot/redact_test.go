package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

const hardSecret = `hunter2/+"ä&<p w>%41@:?#` + "Z"

// spellings are the ways in which a server, a library or a handler may write a secret.
func spellings(s string) map[string]string {
	asJSON, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"plain": s, "query": url.QueryEscape(s), "path": url.PathEscape(s), "user": url.UserPassword("me", s).String(), "lower": strings.ToLower(url.QueryEscape("/+")) + url.QueryEscape(s),
		"json": string(asJSON), "quoted": fmt.Sprintf("%q", s), "html": html.EscapeString(s), "hex": hex.EncodeToString([]byte(s)), "HEX": fmt.Sprintf("%X", s),
		"basic": "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+s)), "basic of another": "Basic " + base64.StdEncoding.EncodeToString([]byte("you:"+s)),
		"base64": base64.StdEncoding.EncodeToString([]byte(s)), "base64 raw": base64.RawURLEncoding.EncodeToString([]byte("a" + s + "b")),
		"bearer": "Bearer " + s, "cut": s[:max(len(s)-3, min(len(s), leastHead))] + "…", "cut in the middle": "it said: " + s[:min(len(s), max(len(s)/2+1, leastHead))],
	}
}

// shows says whether a text has a secret in it, or most of it, in one of these spellings.
func shows(text, secret string) string {
	for name, s := range spellings(secret) {
		s = strings.TrimSuffix(s, "…")
		for _, part := range []string{"me:", "Basic ", "Bearer ", "it said: "} {
			s = strings.TrimPrefix(s, part)
		}
		if i := len(s) / 4; strings.Contains(text, s) || len(s) > 40 && strings.Contains(text, s[i:3*i]) {
			return name
		}
	}
	return ""
}

type speaking struct{ s string }

func (s speaking) String() string { return s.s }

type late struct{ s string }

func (v late) LogValue() slog.Value {
	return slog.GroupValue(slog.String("inner", v.s), slog.Any("deeper", speaking(v)))
}

// However a secret comes into a record, none of its spellings leaves the handler.
func TestRedacted(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{hardSecret, "xoxb-1234567890-ABCDEFabcdef", "pw12", "sk-live-äöü"} {
		for name, s := range spellings(secret) {
			if len(secret) < leastHead && (strings.Contains(name, "bas") || strings.Contains(strings.ToLower(name), "hex") || strings.Contains(name, "cut")) {
				continue // too short to be known so
			}
			for _, format := range []string{"text", "json"} {
				var out bytes.Buffer
				cfg := Config{APIKey: "other-key", BotToken: " " + "xoxb-other", LogFormat: format, AppToken: sec(secret)}
				log := newLog(&out, cfg, slog.LevelDebug)
				err := fmt.Errorf("it failed: %w", errors.Join(errors.New("a"), errors.New(s)))
				log.With("with", s, slog.Group("g", "of", s)).WithGroup("group").Debug("message "+s, "string", s, "error", err, "bytes", []byte(s), //nolint:sloglint // a message that holds a secret is what is tested
					"struct", struct{ A, b string }{s, s}, "map", map[string]any{"k": []string{s}}, "pointer", &struct{ A string }{s},
					"stringer", speaking{s}, "valuer", late{s}, slog.Group("nested", slog.Group("more", "x", s)), "json", json.RawMessage(fmt.Sprintf("%q", s)), s, 1)
				if found := shows(out.String(), secret); found != "" {
					t.Errorf("%q as %s in %s: shows as %s in\n%s", secret, name, format, found, out.String())
				}
				if !strings.Contains(out.String(), mask) || !strings.Contains(out.String(), "it failed") {
					t.Errorf("%s: %s", name, out.String())
				}
			}
		}
	}
}

func sec(s string) secret { return secret(s) }

// What is no secret is logged as it is.
func TestNotRedacted(t *testing.T) {
	t.Parallel()
	var with, without bytes.Buffer
	for _, l := range []*slog.Logger{newLog(&with, Config{APIKey: "hunter2hunter2"}, slog.LevelInfo), slog.New(slog.NewTextHandler(&without, nil))} {
		l.With("a", 1).WithGroup("g").Info("message", "n", 5, "f", 0.5, "t", true, "e", errors.New("x"), "nil", nil, "s", []int{1}, "link", "see https://example.test/a/b, or http://h:1",
			"file", "/tmp/x?y@z", "text", "hunter, a word")
	}
	cut := func(b bytes.Buffer) string { _, rest, _ := strings.Cut(b.String(), " "); return rest }
	if cut(with) != cut(without) {
		t.Errorf("got  %s\nwant %s", cut(with), cut(without))
	}
}

// A token in another variable than its own is not repeated in what is said of that.
func TestSecretInTheWrongVariable(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"BOT_STREAM=xoxb-1-hunter2", "BOT_MAX_CHARS=xapp-hunter2", "OPS_ADDR=xoxp-hunter2", "LLM_BASE_URL=sk-hunter2"} {
		_, err := loadConfig([]string{set}, "")
		if name, _, _ := strings.Cut(set, "="); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", set, err)
		}
	}
}

func TestSecretsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	c, err := loadConfig([]string{
		"SLACK_APP_TOKEN=xapp-sec1sec1", "SLACK_BOT_TOKEN=xoxb-sec2sec2", "LLM_API_KEY=sec3sec3", "LLM_BASE_URL=http://user:sec4%2Fsec4@h/v1?api_key=sec5", "STATE_URL=postgres://u:sec6sec6@db/x?sslpassword=sec7",
		"GPU_METRICS_URL=http://sec8sec8@gpu/metrics?long=sec9sec9", `LLM_EXTRA_BODY={"api_key": "sec10sec10", "top_k": 5, "in": {"token": "sec11sec11"}, "of": [{"auth": "sec15sec15"}]}`, "SLACK_BOT_TOKN=xoxb-sec16",
		"LLM_PROXY=http://u:sec17sec17@proxy:3128", "HTTPS_PROXY=u:sec12sec12@proxy:3128", "https_proxy=http://u:sec13sec13@proxy", "PGPASSWORD=sec14sec14",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	r := c.redactor()
	for _, s := range []string{
		"xapp-sec1sec1", "xoxb-sec2sec2", "sec3sec3", "sec4%2Fsec4", "sec4/sec4", "sec5", "sec6sec6", "sec7", "sec8sec8", "sec9sec9", "sec10sec10", "sec11sec11", "sec12sec12", "sec13sec13", "sec14sec14",
		"sec15sec15", "xoxb-sec16", "sec17sec17",
	} {
		if got := r.clean("it is " + s + "."); got != "it is "+mask+"." {
			t.Errorf("%s: %s", s, got)
		}
	}
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v"} {
		fmt.Fprintf(&out, format, Config{outside: c.outside})
		fmt.Fprintf(&out, format, &Config{outside: c.outside})
	}
	if strings.Contains(out.String(), "sec14") {
		t.Errorf("a Config prints them: %s", out.String())
	}
}

func TestShownAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"http://localhost:8000/v1", "http://localhost:8000/v1"},
		{"http://me:hunter2@gpu:8000/v1", "http://gpu:8000/v1"},
		{"http://hunter2@gpu/v1?api_key=hunter2#hunter2", "http://gpu/v1"},
		{"user:hunter2@127.0.0.1:8000/v1", "127.0.0.1:8000/v1"},
		{"me:hunter2@gpu", "gpu"},
		{"//me:hunter2@gpu/v1", "gpu/v1"},
		{"gpu/v1?key=hunter2", "gpu/v1"},
		{"http://me:hunter2/x@gpu/v1", "http://gpu/v1"},
		{"http://me:12/hunter2@gpu/v1", "http://gpu/v1"},
		{"http://me:12?hunter2@gpu/v1", "http://***"},
		{"http://me:12#hunter2@gpu/v1", "http://***"},
		{"http://gpu/v1?k=a@hunter2", "http://***"},
		{"http://me:hun@ter2@gpu/v1", "http://gpu/v1"},
		{"postgres://bot:hunter2@db:5432/x?sslpassword=hunter2", "postgres://db:5432/x"},
		{"http://me:hunter2@gpu:port/v1", "http://gpu:port/v1"},
		{"ftp://me:hunter2@gpu/v1", "ftp://gpu/v1"},
		{"http://", "http://"},
		{"http://a\x1b[31mb/\u202ev1\n", "http://a[31mb/v1"},
		{"me:hunter2://x@gpu", "gpu"},
		{"", ""},
	} {
		if got := shownAddress(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	for _, c := range []struct{ in, want string }{
		{`Get "http://me:hunter2@gpu/v1?key=hunter2": dial tcp, see wss://x/link?ticket=hunter2`, `Get "http://gpu/v1": dial tcp, see wss://x/link`},
		{"a (https://x.test/y) b", "a (https://x.test/y) b"},
		{"http://a http://b@c ://", "http://a http://c ://"},
	} {
		if got := shownAddresses(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// No part of a user, a password, a query or a fragment is in an address that is shown.
func FuzzShownAddress(f *testing.F) {
	f.Add("http", "me", "pw", "gpu:8000", "/v1", "k=v", "x", uint8(255))
	f.Add("", "", "a/b?c#d@e", "h", "/@x", "a@b", "@", uint8(255))
	f.Fuzz(func(t *testing.T, scheme, user, password, host, path, query, fragment string, parts uint8) {
		const mark = "SEC\uFFFCRET"
		in := host + path
		if strings.Contains(in+scheme, mark) || strings.ContainsAny(host, "@?#") || strings.ContainsAny(path, "@?#") || strings.Contains(user, "://") {
			return
		}
		if parts&1 != 0 {
			in = user + mark + ":" + password + mark + "@" + in
		}
		if parts&2 != 0 && isScheme(scheme) {
			in = scheme + "://" + in
		}
		if parts&4 != 0 {
			in += "?" + query + mark
		}
		if parts&8 != 0 {
			in += "#" + fragment + mark
		}
		if got := shownAddress(in); strings.Contains(got, "SEC") && !strings.Contains(host+path+scheme, "SEC") {
			t.Fatalf("%q shows as %q", in, got)
		}
	})
}
