package ops

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "write the generated part of docs/operations.md instead of comparing it")

// repository reads a file of it.
func repository(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// complete are metrics with those of a server.
func complete() *Metrics {
	m := NewMetrics(Build{})
	New(Config{Metrics: m, Log: slog.New(slog.DiscardHandler)})
	return m
}

// series are the names of all series that exist, with the labels that they may have; nil: any.
func series(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{"up": nil}
	add := func(name, kind string, labels []string) {
		if kind != "histogram" {
			all[name] = labels
			return
		}
		all[name+"_sum"], all[name+"_count"] = labels, labels
		all[name+"_bucket"] = append(slices.Clone(labels), "le")
	}
	m := complete()
	for _, d := range m.Table() {
		add(d.Name, d.Type, append(slices.Clone(d.Labels), "job", "instance"))
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families { // of the process and the runtime
		if !strings.HasPrefix(f.GetName(), prefix) {
			add(f.GetName(), strings.ToLower(f.GetType().String()), nil)
		}
	}
	for line := range strings.Lines(repository(t, "llm/testdata/real/metrics_load.prom") + repository(t, "deploy/testdata/dcgm_metrics.txt")) {
		if name := regexp.MustCompile(`^(vllm:\w+|DCGM_\w+)`).FindString(line); name != "" {
			all[name] = nil
		}
	}
	return all
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	selector = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
)

// functions are the words of PromQL that the expressions use.
func functions() []string {
	return []string{"absent", "and", "or", "unless", "histogram_quantile", "increase", "label_values", "max", "min", "printf", "rate", "sum", "vector", "by"}
}

// problems are what is wrong with an expression: names of series that do not exist, and labels that
// they do not have.
func problems(expr string, all map[string][]string) []string {
	var bad []string
	expr = strings.NewReplacer("$__rate_interval", "5m", "$job", "x").Replace(expr)
	expr = quoted.ReplaceAllString(expr, `""`)
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
			if labels := all[m[1]]; labels != nil && !slices.Contains(labels, label[1]) {
				bad = append(bad, m[1]+" has no label "+label[1])
			}
		}
	}
	by := grouping.FindAllStringSubmatch(expr, -1)
	rest := grouping.ReplaceAllString(expr, " ")
	rest = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`).ReplaceAllString(rest, " ")
	var used []string
	for _, name := range word.FindAllString(rest, -1) {
		if _, ok := all[name]; ok {
			used = append(used, name)
		} else if !slices.Contains(functions(), name) {
			bad = append(bad, name+" does not exist")
		}
	}
	if len(used) == 0 {
		bad = append(bad, "no metric in "+expr)
	}
	for _, group := range by {
		for _, label := range word.FindAllString(group[2], -1) {
			if !slices.ContainsFunc(used, func(name string) bool { return all[name] == nil || slices.Contains(all[name], label) }) {
				bad = append(bad, "nothing in it has the label "+label)
			}
		}
	}
	return bad
}

func TestProblemsAreFound(t *testing.T) {
	all := series(t)
	for expr, want := range map[string]int{
		`sum by (outcome) (rate(llmbot_answers_total{job=~"$job"}[$__rate_interval]))`:          0,
		`histogram_quantile(0.9, sum by (le) (rate(llmbot_answer_end_lag_seconds_bucket[5m])))`: 0,
		`max(vllm:kv_cache_usage_perc) > 0.5 and DCGM_FI_DEV_GPU_UTIL > 1`:                      0,
		`rate(llmbot_answer_total[5m])`:                                                         2, // unknown, and nothing else
		`sum by (colour) (rate(llmbot_answers_total[5m]))`:                                      1,
		`llmbot_answers_total{kind="x"}`:                                                        1,
		`llmbot_answer_end_lag_seconds`:                                                         2, // of a histogram only its parts exist
		`sum(vllm:kv_cache_usage_percent) / go_goroutines`:                                      1,
		`sum by (le) (rate(llmbot_answers_total[5m]))`:                                          1,
		`llmbot_sockets_open{instance="a"} == 0`:                                                0,
	} {
		if got := problems(expr, all); len(got) != want {
			t.Errorf("%s: %q, want %d", expr, got, want)
		}
	}
}

type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func TestAlerts(t *testing.T) {
	var file ruleFile
	if err := yaml.UnmarshalWithOptions([]byte(repository(t, "deploy/alerts.yaml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	all, seen, page := series(t), map[string]bool{}, repository(t, "docs/operations.md")
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			for _, p := range problems(r.Expr, all) {
				t.Errorf("%s: %s", r.Alert, p)
			}
			if seen[r.Alert] || r.Alert == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%+v is twice, or incomplete", r)
			}
			seen[r.Alert] = true
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s has the severity %q", r.Alert, s)
			}
			for _, name := range regexp.MustCompile(`(?:llmbot_|vllm:)\w+`).FindAllString(r.Annotations["description"], -1) {
				if _, ok := all[name]; !ok && all[name+"_sum"] == nil {
					t.Errorf("%s speaks of %s, which does not exist", r.Alert, name)
				}
			}
			if !strings.Contains(page, "`"+r.Alert+"`") {
				t.Errorf("docs/operations.md does not explain %s", r.Alert)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d alerts", len(seen))
	}
	// Those that page people are tried out by promtool.
	tried := repository(t, "deploy/testdata/alerts_test.yaml")
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Labels["severity"] == "page" && !strings.Contains(tried, r.Alert) {
				t.Errorf("%s is in no test", r.Alert)
			}
		}
	}
	promtool(t, "check", "rules", filepath.Join("..", "..", "deploy", "alerts.yaml"))
	promtool(t, "test", "rules", filepath.Join("..", "..", "deploy", "testdata", "alerts_test.yaml"))
}

// promtool runs it if it is there (CI has it).
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Logf("promtool is not here: %q was not run", args)
		return
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, LegendFormat string }
}

func TestDashboard(t *testing.T) {
	var dash struct {
		UID, Title string
		Panels     []panel
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal([]byte(repository(t, "deploy/dashboard.json")), &dash); err != nil {
		t.Fatal(err)
	}
	all, ids := series(t), map[int]bool{}
	var rules strings.Builder
	rules.WriteString("groups: [{name: dashboard, rules: [")
	for _, p := range dash.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%+v: same id as another, no title, too wide, or empty", p)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			for _, bad := range problems(target.Expr, all) {
				t.Errorf("%s: %s", p.Title, bad)
			}
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".+").Replace(target.Expr)
			fmt.Fprintf(&rules, "{record: r%d, expr: %q}, ", rules.Len(), expr)
		}
		for _, other := range dash.Panels {
			a, b := p.GridPos, other.GridPos
			if p.ID < other.ID && a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s covers %s", p.Title, other.Title)
			}
		}
	}
	for _, v := range dash.Templating.List {
		if v.Definition == "" {
			continue
		}
		if name := regexp.MustCompile(`label_values\((\w+), \w+\)`).FindStringSubmatch(v.Definition); name == nil || all[name[1]] == nil {
			t.Errorf("variable %s: %s", v.Name, v.Definition)
		}
	}
	if len(ids) < 20 || dash.UID != "llmbot" {
		t.Errorf("%d panels in %q", len(ids), dash.UID)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, []byte(rules.String()+"]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", path)
}

// The table in docs/operations.md is the registry's.
func TestOperationsPage(t *testing.T) {
	const path, from, to = "docs/operations.md", "<!-- metrics: generated by go test ./bot/ops -run OperationsPage -update -->\n", "<!-- end of metrics -->"
	page := repository(t, path)
	before, rest, found := strings.Cut(page, from)
	_, after, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s has no place for the metrics", path)
	}
	var table strings.Builder
	table.WriteString("\n| metric | type | labels | what it says |\n|---|---|---|---|\n")
	for _, d := range complete().Table() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", d.Name, d.Type, strings.Join(d.Labels, ", "), d.Help)
	}
	table.WriteString("\n")
	if want := before + from + table.String() + to + after; want != page {
		if !*update {
			t.Fatal("docs/operations.md is not what the registry says: go test ./bot/ops -run OperationsPage -update")
		}
		if err := os.WriteFile(filepath.Join("..", "..", path), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, endpoint := range []string{"/livez", "/readyz", "/metrics", "/debug/threads", "/debug/pace", "/debug/pprof"} {
		if !strings.Contains(page, "`"+endpoint) {
			t.Errorf("%s is not explained", endpoint)
		}
	}
}

// The machine is the model server's too: the bot may not take all of its memory.
func TestDeploymentsBoundMemory(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Limit string `yaml:"mem_limit"`
		}
	}
	if err := yaml.Unmarshal([]byte(repository(t, "deploy/compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	unit := repository(t, "deploy/llmbot.service")
	if limit := compose.Services["llmbot"].Limit; limit != "1g" || !strings.Contains(unit, "\nMemoryMax=1G\n") {
		t.Errorf("compose: %q", limit)
	}
}
