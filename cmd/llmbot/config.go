package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/caarlos0/env/v11"

	"llmbot/bot/render"
	"llmbot/llm/egress"
)

// secret is a value that never prints.
type secret string

const mask = "***"

// String hides the value.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format hides the value from every verb; a String method would only do so for some.
func (s secret) Format(f fmt.State, verb rune) { fmt.Fprintf(f, fmt.FormatString(f, verb), s.String()) }

// LogValue hides the value from slog.
func (s secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from JSON and the like.
func (s secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// slackEdits is how many edits a minute Slack allows (tier 3 of
// docs.slack.dev/apis/web-api/rate-limits).
const slackEdits = 50

// minChars and maxChars bound BOT_MAX_CHARS. Less fills no message, and more does not fit into the
// messages that an answer gets (slackio's mostMessages).
const (
	minChars = 1_000
	maxChars = 300_000
)

// Config is the whole configuration. The names of the variables are stable. docs/configuration.md
// shows the `doc` of each.
type Config struct {
	AppToken secret `env:"SLACK_APP_TOKEN" doc:"app-level token, xapp-…, with the scope connections:write; needed by serve"`
	BotToken secret `env:"SLACK_BOT_TOKEN" doc:"bot token, xoxb-…; needed by serve"`
	SlackURL string `env:"SLACK_API_URL" kind:"address" envDefault:"https://slack.com/api/" doc:"another Web API root (GovSlack, the emulator)"`
	Edits    int    `env:"SLACK_EDITS_PER_MINUTE" envDefault:"50" doc:"how many edits (chat.update) Slack allows the app in the workspace a minute; more only if Slack granted it, or for an emulator without limits. The bot's other limits for Slack's calls grow in proportion: 100 doubles them"`

	BaseURL           string        `env:"LLM_BASE_URL" kind:"address" envDefault:"http://localhost:8000/v1" doc:"the OpenAI-compatible root of the model server"`
	APIKey            secret        `env:"LLM_API_KEY" doc:"sent as a bearer token"`
	Proxy             string        `env:"LLM_PROXY" kind:"address" file:"true" doc:"the proxy through which the model server is asked: http://, https://, socks5:// or socks5h://HOST:PORT, with user:password@ where it wants them; empty: none. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are for Slack and the servers of tools"`
	CAFile            string        `env:"LLM_CA_FILE" doc:"a PEM file with certificates of authorities that are trusted for the model server (and an https:// proxy) and the servers of tools, besides the system's"`
	Model             string        `env:"LLM_MODEL" doc:"the model to ask for; empty: the first that is served"`
	SystemPrompt      string        `env:"LLM_SYSTEM_PROMPT" doc:"the system prompt; empty: a short neutral one"`
	SystemPromptFile  string        `env:"LLM_SYSTEM_PROMPT_FILE" doc:"a file with the system prompt, instead of LLM_SYSTEM_PROMPT"`
	Temperature       *float64      `env:"LLM_TEMPERATURE" doc:"0 to 2; unset: the server decides"`
	MaxTokens         int           `env:"LLM_MAX_TOKENS" doc:"longest answer in tokens, over all its parts, if it broke off and went on; each round of tools may have as many; Continue gives as many again; unset: the server decides"`
	ReasoningEffort   string        `env:"LLM_REASONING_EFFORT" doc:"such as low, medium, high; unset: the server decides"`
	ExtraBody         string        `env:"LLM_EXTRA_BODY" doc:"a JSON object that is merged into each request"`
	FirstTokenTimeout time.Duration `env:"LLM_FIRST_TOKEN_TIMEOUT" envDefault:"10m" doc:"how long the first token may take (queue and prefill)"`
	IdleTimeout       time.Duration `env:"LLM_IDLE_TIMEOUT" envDefault:"60s" doc:"how long the model may be silent in an answer"`
	Resume            string        `env:"LLM_RESUME" envDefault:"auto" doc:"how a broken-off answer goes on: auto (continued where the server can, else restarted), continue, restart (written anew in the same message)"`
	TranscribeURL     string        `env:"LLM_TRANSCRIBE_URL" kind:"address" doc:"the root of an OpenAI-compatible server with /audio/transcriptions, such as a vLLM that serves Whisper: it writes down voice clips; empty: of a clip the model gets Slack's own transcript, if there is one"`
	TranscribeModel   string        `env:"LLM_TRANSCRIBE_MODEL" doc:"the model to ask there; empty: the first that is served"`
	TranscribeKey     secret        `env:"LLM_TRANSCRIBE_API_KEY" doc:"sent there as a bearer token; empty: LLM_API_KEY if it is the same host as LLM_BASE_URL, else none"`

	Stream           string        `env:"BOT_STREAM" envDefault:"auto" doc:"how answers grow: auto, edit, native, off"`
	FollowUps        string        `env:"BOT_FOLLOW_UPS" envDefault:"solo" doc:"when no mention is needed in a thread: solo (while only one person and the bot have written in the thread), always (once the bot was asked there), mention (never without one). With solo, once a second person has written, whoever asks without a mention directly after an answer (the message ends in a question mark) is told once, only to them, that one is needed"`
	Command          string        `env:"BOT_COMMAND" envDefault:"/llm-status" doc:"the slash command"`
	AllowChannels    []string      `env:"BOT_ALLOW_CHANNELS" doc:"channel ids, comma-separated; empty: all. Direct messages are always allowed"`
	AllowUsers       []string      `env:"BOT_ALLOW_USERS" doc:"user ids, comma-separated; empty: all"`
	DenyUsers        []string      `env:"BOT_DENY_USERS" doc:"user ids, comma-separated"`
	AllowExternal    bool          `env:"BOT_ALLOW_EXTERNAL" envDefault:"false" doc:"answer people of other organisations (Slack Connect)"`
	AllowGuests      bool          `env:"BOT_ALLOW_GUESTS" envDefault:"false" doc:"answer guests of the workspace"`
	ChannelsFile     string        `env:"BOT_CHANNELS_FILE" doc:"a YAML file with settings of channels: prompt, model, temperature, follow_ups, reasoning_effort, answers_per_minute, tokens_per_day; read again at SIGHUP and when it changes"`
	ToolsFile        string        `env:"BOT_TOOLS_FILE" doc:"a JSON file with MCP servers, whose tools the model may call: {\"mcpServers\": …}; read again at SIGHUP and when it changes (docs/tools.md); empty: no tools"`
	MaxAnswers       int           `env:"BOT_MAX_ANSWERS" envDefault:"64" doc:"answers in progress; more wait, and are told their place. Slots go round by person, and nobody holds more than half of them while others wait"`
	MaxChars         int           `env:"BOT_MAX_CHARS" envDefault:"60000" doc:"longest answer shown, in characters; the model's request ends at four times as many, and all that came is offered as a file if the app has the scope files:write"`
	AnswersPerMinute int           `env:"BOT_ANSWERS_PER_MINUTE" envDefault:"0" doc:"answers that each person may have begun in 60 seconds, in all channels together, also by Regenerate, Continue and edits; 0: no limit"`
	TokensPerDay     int           `env:"BOT_TOKENS_PER_DAY" envDefault:"0" doc:"tokens that each person may use in 24 hours, prompts and answers together, as the model server counts them; 0: no limit"`
	Links            string        `env:"BOT_LINKS" envDefault:"show" doc:"what becomes of addresses that the model writes, in Slack: show (they are links; one whose text looks like another address shows its host), defang (none can be clicked, they stand there as code), allowlist (only those of BOT_LINK_HOSTS are links)"`
	LinkHosts        []string      `env:"BOT_LINK_HOSTS" doc:"with BOT_LINKS=allowlist: hosts, comma-separated, whose addresses and those of their subdomains are links, such as example.com"`
	DrainTimeout     time.Duration `env:"BOT_DRAIN_TIMEOUT" envDefault:"25s" doc:"on SIGTERM, how long running answers may take to finish"`

	StateURL      string     `env:"STATE_URL" kind:"address" file:"true" doc:"postgres://… for replicas, memory: for trying out; empty: SQLite in STATE_DIR/state.db"`
	StateDir      string     `env:"STATE_DIR" envDefault:"./data" doc:"folder of the state, and of what the reader of PDF files compiles (21 MB); made if missing"`
	OpsAddr       string     `env:"OPS_ADDR" envDefault:"127.0.0.1:9464" doc:"address of /livez /readyz /metrics /debug; off: none"`
	GPUMetricsURL string     `env:"GPU_METRICS_URL" kind:"address" doc:"a DCGM exporter, such as http://gpu-host:9400/metrics, for GPU figures in the status; empty: nvidia-smi, if the model server is on this machine"`
	LogLevel      slog.Level `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn, error"`
	LogFormat     string     `env:"LOG_FORMAT" envDefault:"text" doc:"text or json"`

	extra  map[string]any // of ExtraBody
	proxy  *url.URL       // of Proxy; nil: none
	roots  *x509.CertPool // the system's and those of CAFile; nil: the system's
	doubts []problem      // what may be meant otherwise
	named  bool           // BaseURL was set, and is no default
	// stateNamed reports that StateDir was set.
	stateNamed bool
	outside    *outside   // secrets of other variables; nil: none
	tools      *toolsFile // of ToolsFile; nil: none
	relay      *url.URL   // through which the demo's bot asks the model server; nil: it asks it itself
}

// defaultPrompt is the system prompt when none is configured.
const defaultPrompt = "You are a helpful assistant. Answer in the language of the question, briefly and precisely. Say so when you are not sure."

// problem is one thing that is wrong, with its next step.
type problem struct{ what, hint string }

// about returns the variable, with which most problems begin.
func (p problem) about() string {
	name, _, _ := strings.Cut(p.what, " ")
	return name
}

// configError lists everything that is wrong with the configuration.
type configError struct{ problems []problem }

// Error returns a list for the terminal.
func (e *configError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d problem", len(e.problems))
	if len(e.problems) > 1 {
		b.WriteString("s")
	}
	b.WriteString(listed("", e.problems))
	return b.String()
}

// listed returns problems as a list for the terminal.
func listed(kind string, problems []problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "\n  - %s%s\n    → %s", kind, p.what, p.hint)
	}
	return b.String()
}

// doubtedError is a configuration that cannot be used, and in which more may be meant otherwise.
// For the doubts alone it could be used: they are warnings here, as they are where all else is
// right.
type doubtedError struct {
	cause  *configError
	doubts []problem
}

// Error returns a list for the terminal.
func (e *doubtedError) Error() string { return e.cause.Error() + listed("warning: ", e.doubts) }

// Unwrap returns what cannot be used.
func (e *doubtedError) Unwrap() error { return e.cause }

// loadConfig reads the environment, over a file if one is named. It reports all problems at once,
// those that more finds too.
func loadConfig(environ []string, file string, more ...func(*Config) []problem) (Config, error) {
	var bad []problem
	vars := env.ToMap(environ)
	unset(vars)
	doubts := misspelt(vars, vars)
	if file != "" {
		fromFile, wrong, err := readEnvFile(file)
		if err != nil { // what it says, or does not, is not known
			return Config{}, &configError{[]problem{{err.Error(), "Check the path and the rights of --env-file."}}}
		}
		bad = append(bad, wrong...)
		unset(fromFile)
		doubts = append(doubts, openToOthers(file, fromFile)...)
		both := maps.Clone(fromFile)
		maps.Copy(both, vars)
		bad = append(bad, misspelt(fromFile, both)...)
		fill := map[string]string{}
		for k, v := range fromFile {
			if !setHere(vars, k) { // what is set for this process wins
				fill[k] = v
			}
		}
		maps.Copy(vars, fill)
	}
	bad = append(bad, readSecrets(vars)...)
	doubts = append(doubts, tidy(vars)...)
	unset(vars)
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: vars, FuncMap: map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[slog.Level](): func(v string) (any, error) {
			var l slog.Level
			return l, l.UnmarshalText([]byte(v))
		},
	}})
	wrongForm := parseProblems(err, vars)
	bad = append(bad, wrongForm...)
	for _, check := range append(more, (*Config).check) {
		bad = append(bad, slices.DeleteFunc(check(&c), func(p problem) bool { // it saw a zero there
			return slices.ContainsFunc(wrongForm, func(w problem) bool { return w.about() == p.about() })
		})...)
	}
	c.outside, c.named, c.stateNamed = outsideSecrets(vars), vars["LLM_BASE_URL"] != "", vars["STATE_DIR"] != ""
	bad = append(bad, c.readTools(vars)...)
	if len(bad) > 0 {
		hide := c.redactor()
		for _, list := range [][]problem{bad, doubts} {
			for i, p := range list {
				list[i] = problem{hide.clean(p.what), hide.clean(p.hint)}
			}
		}
		if len(doubts) == 0 {
			return Config{}, &configError{bad}
		}
		return Config{}, &doubtedError{&configError{bad}, doubts} // one look at the list is to be enough
	}
	c.doubts = append(doubts, c.doubtfulLinks()...)
	return c, nil
}

// unset takes empty variables for unset ones: compose files pass them on like that.
func unset(vars map[string]string) {
	maps.DeleteFunc(vars, func(_, v string) bool { return v == "" })
}

// parseProblems returns the values that have the wrong form.
func parseProblems(err error, vars map[string]string) []problem {
	if err == nil {
		return nil
	}
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return []problem{{err.Error(), "Correct the value."}}
	}
	var bad []problem
	for _, e := range all.Errors {
		p, ok := errors.AsType[env.ParseError](e)
		if !ok {
			bad = append(bad, problem{e.Error(), "Correct the value."})
			continue
		}
		field, _ := reflect.TypeFor[Config]().FieldByName(p.Name)
		name := field.Tag.Get("env")
		value := vars[name]
		if field.Type == reflect.TypeFor[secret]() {
			value = mask
		}
		hint := "It must be " + form(p.Type)
		if _, err := strconv.Atoi(value); err == nil && p.Type != reflect.TypeFor[time.Duration]() {
			hint += fmt.Sprintf(", from %d to %d", math.MinInt32, math.MaxInt32)
		}
		if doc := field.Tag.Get("doc"); !strings.HasSuffix(hint, doc) {
			hint += ": " + doc
		}
		bad = append(bad, problem{fmt.Sprintf("%s is %q", name, value), hint + "."})
	}
	return bad
}

func form(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 90s or 10m"
	case t == reflect.TypeFor[slog.Level]():
		return "one of debug, info, warn, error"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	default:
		return "another value"
	}
}

// check finds values that have the right form and still cannot work.
func (c *Config) check() []problem {
	var bad []problem
	add := func(ok bool, what, hint string) {
		if !ok {
			bad = append(bad, problem{what, hint})
		}
	}
	oneOf := func(name, v string, words ...string) {
		add(v == "" || slices.Contains(words, v), fmt.Sprintf("%s is %q", name, v), "It must be one of "+strings.Join(words, ", ")+".")
	}
	address := func(name, v, example string) {
		u, err := url.Parse(v)
		add(v == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && egress.HasPlace(u), fmt.Sprintf("%s is %q", name, shownAddress(v)),
			"It must be an http or https address with a host, such as "+example+"; a port is from 1 to 65535.")
	}
	address("SLACK_API_URL", c.SlackURL, "https://slack.com/api/")
	address("LLM_BASE_URL", c.BaseURL, "http://localhost:8000/v1")
	address("GPU_METRICS_URL", c.GPUMetricsURL, "http://gpu-host:9400/metrics")
	address("LLM_TRANSCRIBE_URL", c.TranscribeURL, "http://localhost:8001/v1")
	add(c.TranscribeURL != "" || c.TranscribeModel == "" && c.TranscribeKey == "", "LLM_TRANSCRIBE_MODEL or LLM_TRANSCRIBE_API_KEY is set, and LLM_TRANSCRIBE_URL is not",
		"Set LLM_TRANSCRIBE_URL to the server that writes down voice clips, such as http://localhost:8001/v1, or unset the others.")
	bad = append(bad, c.checkWay()...)
	ids := func(name string, list *[]string, what, begin, where string) {
		*list = trimmed(*list)
		for _, id := range *list {
			add(len(id) > 1 && strings.ContainsRune(begin, rune(id[0])) && strings.ToUpper(id) == id && !strings.ContainsAny(id, " #@"), fmt.Sprintf("%s has %q", name, id),
				"It must have "+what+" ids, not names: "+where)
		}
	}
	const profile = "U…, in a person's profile under ⋮, Copy member ID."
	ids("BOT_ALLOW_CHANNELS", &c.AllowChannels, "channel", "CG", "C…, at the end of the channel's details.")
	ids("BOT_ALLOW_USERS", &c.AllowUsers, "user", "UW", profile)
	ids("BOT_DENY_USERS", &c.DenyUsers, "user", "UW", profile)
	if c.SlackURL != "" && !strings.HasSuffix(c.SlackURL, "/") {
		c.SlackURL += "/"
	}
	oneOf("BOT_STREAM", c.Stream, "auto", "edit", "native", "off")
	oneOf("BOT_LINKS", c.Links, linksShow, linksDefang, linksAllow)
	c.LinkHosts = trimmed(c.LinkHosts)
	for i, h := range c.LinkHosts {
		c.LinkHosts[i] = strings.ToLower(strings.TrimPrefix(strings.Trim(h, "."), "*."))
		add(isHostName(c.LinkHosts[i]), fmt.Sprintf("BOT_LINK_HOSTS has %q", h), "It must have names of hosts, such as example.com, without scheme, port or path; their subdomains are meant, too.")
	}
	oneOf("BOT_FOLLOW_UPS", c.FollowUps, "solo", "always", "mention")
	oneOf("LLM_RESUME", c.Resume, "auto", "continue", "restart")
	oneOf("LOG_FORMAT", c.LogFormat, "text", "json")
	add(c.Command == "" || strings.HasPrefix(c.Command, "/") && len(c.Command) <= 32 && !strings.ContainsAny(c.Command, " \t"),
		fmt.Sprintf("BOT_COMMAND is %q", c.Command), "It must begin with / and have at most 32 characters, without spaces.")
	add(c.Temperature == nil || *c.Temperature >= 0 && *c.Temperature <= 2, "LLM_TEMPERATURE is "+number(c.Temperature), "It must be from 0 to 2.")
	add(c.MaxTokens >= 0, fmt.Sprintf("LLM_MAX_TOKENS is %d", c.MaxTokens), "Leave it unset, so that the server decides, or give a number above 0.")
	add(c.Edits > 0, fmt.Sprintf("SLACK_EDITS_PER_MINUTE is %d", c.Edits), "It must be at least 1; Slack's own is 50.")
	add(c.MaxAnswers > 0, fmt.Sprintf("BOT_MAX_ANSWERS is %d", c.MaxAnswers), "It must be at least 1.")
	add(c.MaxChars >= minChars && c.MaxChars <= maxChars, fmt.Sprintf("BOT_MAX_CHARS is %d", c.MaxChars), fmt.Sprintf("It must be from %d to %d.", minChars, maxChars))
	add(c.AnswersPerMinute >= 0, fmt.Sprintf("BOT_ANSWERS_PER_MINUTE is %d", c.AnswersPerMinute), "It must be a whole number; 0 is no limit.")
	add(c.TokensPerDay >= 0, fmt.Sprintf("BOT_TOKENS_PER_DAY is %d", c.TokensPerDay), "It must be a whole number; 0 is no limit.")
	for name, d := range map[string]time.Duration{
		"LLM_FIRST_TOKEN_TIMEOUT": c.FirstTokenTimeout, "LLM_IDLE_TIMEOUT": c.IdleTimeout, "BOT_DRAIN_TIMEOUT": c.DrainTimeout,
	} {
		add(d > 0, fmt.Sprintf("%s is %s", name, d), "It must be above 0, such as 30s.")
	}
	if c.OpsAddr != "" && c.OpsAddr != opsOff {
		_, _, err := net.SplitHostPort(c.OpsAddr)
		add(err == nil, fmt.Sprintf("OPS_ADDR is %q", c.OpsAddr), "It must be host:port, such as 127.0.0.1:9464, or off.")
	}
	add(c.StateURL == "" || c.StateURL == "memory:" || strings.HasPrefix(c.StateURL, "postgres://") || strings.HasPrefix(c.StateURL, "postgresql://"),
		"STATE_URL is not an address that I know", "It must be empty (SQLite in STATE_DIR), postgres://user@host/database, or memory:")
	if c.ExtraBody != "" {
		if err := json.Unmarshal([]byte(c.ExtraBody), &c.extra); err != nil || c.extra == nil {
			add(false, "LLM_EXTRA_BODY is not a JSON object", `It must look like {"top_k": 20}.`)
		}
	}
	if c.SystemPromptFile != "" {
		add(c.SystemPrompt == "", "LLM_SYSTEM_PROMPT and LLM_SYSTEM_PROMPT_FILE are both set", "Set one of them.")
		b, err := readFile(c.SystemPromptFile, mostPrompt)
		add(err == nil, fmt.Sprintf("LLM_SYSTEM_PROMPT_FILE cannot be read: %v", err), "Check the path and the rights.")
		c.SystemPrompt = string(b)
	}
	return bad
}

// number writes a number as it was meant; empty: there is none.
func number(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'g', -1, 64)
}

// Values of BOT_LINKS.
const (
	linksShow   = "show"
	linksDefang = "defang"
	linksAllow  = "allowlist"
)

// links returns what becomes of the addresses that the model writes.
func (c *Config) links() render.Links {
	return render.Links{Defang: c.Links == linksDefang || c.Links == linksAllow, Hosts: c.LinkHosts}
}

// doubtfulLinks returns problems with settings of links that have no effect.
func (c *Config) doubtfulLinks() []problem {
	switch {
	case c.Links == linksAllow && len(c.LinkHosts) == 0:
		return []problem{{"BOT_LINKS is allowlist, and BOT_LINK_HOSTS is not set: no address is a link", "Name the hosts there, such as example.com."}}
	case c.Links != linksAllow && len(c.LinkHosts) > 0:
		return []problem{{"BOT_LINK_HOSTS is set, and has no effect with BOT_LINKS=" + c.Links, "Set BOT_LINKS=allowlist, or leave BOT_LINK_HOSTS out."}}
	}
	return nil
}

// isHostName reports whether s can be the name of a host.
func isHostName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}) {
			return false
		}
	}
	return len(s) <= 253
}

// trimmed returns a list without the spaces around its commas, and without what is empty.
func trimmed(list []string) []string {
	var out []string
	for _, v := range list {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// How the tokens begin, and stand in env.example.
const (
	appTokenBegins = "xapp-"
	botTokenBegins = "xoxb-"
)

// tokens checks what serve needs of Slack.
func (c *Config) tokens() []problem {
	if strings.HasPrefix(string(c.AppToken), botTokenBegins) && strings.HasPrefix(string(c.BotToken), appTokenBegins) {
		return []problem{{"SLACK_APP_TOKEN and SLACK_BOT_TOKEN are swapped", "Exchange their values: SLACK_APP_TOKEN begins with " + appTokenBegins + ", and SLACK_BOT_TOKEN with " + botTokenBegins + "."}}
	}
	var bad []problem
	check := func(name string, v *secret, prefix, where string) {
		switch {
		case *v == "":
			bad = append(bad, problem{name + " is not set", where})
		case string(*v) == prefix:
			*v = "" // no secret, to be hidden in these lines
			bad = append(bad, problem{name + " is only " + prefix + ", as in env.example: fill it in", where})
		case !strings.HasPrefix(string(*v), prefix):
			bad = append(bad, problem{name + " does not begin with " + prefix, where})
		}
	}
	check("SLACK_APP_TOKEN", &c.AppToken, appTokenBegins, "Basic Information, App-Level Tokens: make one with the scope connections:write. It begins with xapp-.")
	check("SLACK_BOT_TOKEN", &c.BotToken, botTokenBegins, "OAuth & Permissions, after installing the app (`llmbot manifest` makes it). It begins with xoxb-.")
	if len(bad) > 0 {
		bad[len(bad)-1].hint += " To try llmbot without Slack: llmbot demo"
	}
	return bad
}
