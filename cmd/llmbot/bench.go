package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"llmbot/llm"
	"llmbot/llm/bench"
)

// batch is how many prompts at once show the system throughput, if nothing else is asked for.
const batch = 10

// benchFlags are the flags of bench.
type benchFlags struct {
	envFile, levels, out, eos string
	save, slo                 string
	count                     int
	against, againstKey       string // the key of the one server is never sent to the other
	rounds                    int
	asJSON, benchstat         bool
	cfg                       bench.Config
	vars                      []string
}

func parseBench(p process, args []string) (benchFlags, []int, error) {
	var b benchFlags
	f := flags(p, "bench", "measures the interactive speed and the system throughput of a model server, with vLLM's own definitions")
	envFileFlag(f, &b.envFile)
	vars := modelFlags(f, "url")
	f.StringVar(&b.levels, "c", "1,"+strconv.Itoa(batch), "how many requests at once; several `LEVELS` are measured one after the other, such as 1,2,4,8")
	f.StringVar(&b.levels, "concurrency", b.levels, "the same as -c: `LEVELS` of requests at once")
	f.IntVar(&b.cfg.Prompts, "n", 0, "`REQUESTS` a level (default: 10); a level with more at once sends as many as that")
	f.IntVar(&b.cfg.InputTokens, "in", bench.DefaultInputTokens, "`TOKENS` of each prompt, without the chat template")
	f.IntVar(&b.cfg.OutputTokens, "out", bench.DefaultOutputTokens, "`TOKENS` of each answer")
	f.Float64Var(&b.cfg.RequestRate, "rate", 0, "requests that arrive a second (Poisson), a `NUMBER`; 0: a new one is sent when one ends")
	f.StringVar(&b.eos, "eos", "auto", "may the model end early: `auto|ignore|obey`; auto means ignore if the server is vLLM or SGLang")
	f.IntVar(&b.cfg.WarmUps, "warmups", 0, "`REQUESTS` before the measurement, not counted; 0: as many as run at once, at most 16; -1: none")
	f.Uint64Var(&b.cfg.Seed, "seed", 0, "a `NUMBER` that chooses the words of the prompts")
	f.BoolVar(&b.asJSON, "json", false, "print the report as JSON")
	f.BoolVar(&b.benchstat, "benchstat", false, "print lines for benchstat")
	f.StringVar(&b.save, "save", "", "also write the figures to this `FILE`, in the form of vllm bench serve --save-result; of several measurements each is a line")
	f.StringVar(&b.slo, "slo", "", "count the requests that meet all of these `LIMITS` (goodput), such as ttft=500ms,tpot=50ms,e2el=10s")
	f.IntVar(&b.count, "count", 1, "how many `TIMES` each level is measured; benchstat wants 6 or more")
	f.StringVar(&b.out, "o", "", "also write a report with charts to this HTML `FILE`")
	f.StringVar(&b.against, "vs", "", "a second server (the `URL` of its OpenAI-compatible root); both are measured in turns and compared")
	f.StringVar(&b.againstKey, "vs-key", "", "the API `KEY` of the second server; LLM_API_KEY is not sent to it")
	f.IntVar(&b.rounds, "rounds", bench.DefaultRounds, "`ROUNDS` of a comparison")
	if err := parse(p, f, args); err != nil {
		return b, nil, err
	}
	b.vars = vars()
	levels, bad := b.check()
	if len(bad) > 0 {
		return b, nil, &configError{bad}
	}
	return b, levels, nil
}

// check finds flags that cannot work, and reads the levels.
func (b *benchFlags) check() ([]int, []problem) {
	var bad []problem
	var levels []int
	for word := range strings.SplitSeq(b.levels, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			bad = append(bad, problem{fmt.Sprintf("-c is %q", b.levels), "It must be one or more numbers above 0, such as 1,10."})
			break
		}
		levels = append(levels, n)
	}
	switch b.eos {
	case "auto":
	case "ignore":
		b.cfg.EOS = bench.EOSIgnore
	case "obey":
		b.cfg.EOS = bench.EOSObey
	default:
		bad = append(bad, problem{fmt.Sprintf("--eos is %q", b.eos), "It must be one of auto, ignore, obey."})
	}
	for name, n := range map[string]int{"--in": b.cfg.InputTokens, "--out": b.cfg.OutputTokens, "--rounds": b.rounds, "--count": b.count} {
		if n < 1 {
			bad = append(bad, problem{fmt.Sprintf("%s is %d", name, n), "It must be at least 1."})
		}
	}
	if b.cfg.Prompts < 0 || b.cfg.RequestRate < 0 {
		bad = append(bad, problem{"-n or --rate is negative", "Leave it out, or give a number above 0."})
	}
	if b.slo != "" {
		slo, err := bench.ParseSLO(b.slo)
		if err != nil {
			bad = append(bad, problem{"--slo: " + err.Error(), "It must be one or more of ttft, tpot and e2el with a duration, such as ttft=500ms,tpot=50ms."})
		}
		b.cfg.SLO = slo
	}
	if b.asJSON && b.benchstat {
		bad = append(bad, problem{"--json and --benchstat are both given", "Give one of them: both are what is printed."})
	}
	if b.against != "" && b.count > 1 {
		bad = append(bad, problem{"--vs measures in rounds, and --count is given", "Give --rounds instead."})
	}
	if b.against != "" && len(levels) > 1 {
		if b.levels != "1,"+strconv.Itoa(batch) {
			bad = append(bad, problem{"--vs compares at one level, and -c gives several", "Give one, such as -c 10."})
		}
		levels = []int{batch}
	}
	return slices.Repeat(levels, max(b.count, 1)), bad
}

func runBench(ctx context.Context, p process, args []string) (err error) {
	b, levels, err := parseBench(p, args)
	if err != nil {
		return err
	}
	defer func() { err = inFlags(err, b.vars, "--url") }()
	cfg, err := loadConfig(append(slices.Clip(p.env), b.vars...), b.envFile)
	if err != nil {
		return err
	}
	p.tellDoubts(cfg)
	findServer(ctx, p, &cfg)
	if err := b.mayWrite(); err != nil { // before the measurement, not after it
		return err
	}
	b.cfg.Name, b.cfg.Temperature, b.cfg.Client = shownAddress(cfg.BaseURL), cfg.Temperature, buildInfo().short()
	for _, n := range slices.Compact(slices.Sorted(slices.Values(levels))) {
		if b.cfg.Prompts > 0 && n > b.cfg.Prompts {
			fmt.Fprintf(p.err, "-n %d is fewer than %d at once: %d requests are sent at that level.\n", b.cfg.Prompts, n, n)
		}
	}
	line := newProgressLine(p.err)
	line.total = len(levels)
	defer line.clear()
	client, err := benchClient(cfg, cfg.BaseURL, string(cfg.APIKey))
	if err != nil {
		return err
	}
	if b.against != "" {
		return b.compare(ctx, p, cfg, client, levels[0], line)
	}
	reports, runErr := bench.Sweep(ctx, client, b.cfg, levels, line.show)
	line.clear()
	if len(reports) == 0 {
		line.nothing(runErr)
		return benchError(runErr)
	}
	if err := b.print(p.out, reports); err != nil {
		return err
	}
	if err := b.write(b.save, func(w io.Writer) error { return bench.Save(w, reports...) }); err != nil {
		return err
	}
	if err := b.html(p, func(w io.Writer) error { return bench.HTML(w, reports...) }); err != nil {
		return err
	}
	if runErr != nil {
		return benchError(runErr)
	}
	return failedRequests(reports)
}

func (b *benchFlags) compare(ctx context.Context, p process, cfg Config, client *llm.Client, level int, line *progressLine) error {
	other, err := benchClient(cfg, b.against, b.againstKey)
	if err != nil {
		return err
	}
	b.cfg.Concurrency = level
	line.total = 2 * b.rounds
	c, runErr := bench.Compare(ctx, bench.Target{Name: shownAddress(cfg.BaseURL), Server: client}, bench.Target{Name: shownAddress(b.against), Server: other}, b.cfg, b.rounds, line.show)
	line.clear()
	if len(c.Rows) == 0 {
		line.nothing(runErr)
		return benchError(runErr)
	}
	all := slices.Concat(c.A, c.B)
	switch {
	case b.asJSON:
		err = writeJSON(p.out, c)
	case b.benchstat:
		err = b.print(p.out, all)
	default:
		_, err = io.WriteString(p.out, bench.Heading(all...)+"\n"+c.Table())
	}
	if err != nil {
		return err
	}
	if err := b.write(b.save, func(w io.Writer) error { return bench.Save(w, all...) }); err != nil {
		return err
	}
	if err := b.html(p, c.HTML); err != nil {
		return err
	}
	if runErr != nil {
		return benchError(runErr)
	}
	return failedRequests(all)
}

func (b *benchFlags) print(w io.Writer, reports []bench.Report) error {
	switch {
	case b.asJSON:
		return writeJSON(w, reports)
	case b.benchstat:
		_, err := io.WriteString(w, bench.Benchstat(reports...))
		return err
	}
	_, err := fmt.Fprintln(w, bench.Heading(reports...)+"\n"+strings.TrimRight(bench.Table(reports...), "\n"))
	return err
}

// mayWrite returns an error if what is to be written could not be.
func (b *benchFlags) mayWrite() error {
	for flag, name := range map[string]string{"-o": b.out, "--save": b.save} {
		if name == "" {
			continue
		}
		_, missing := os.Stat(name)
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // figures are for everybody
		if err != nil {
			return &hintError{fmt.Errorf("write %s: %w", name, err), "Give " + flag + " another file."}
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if missing != nil {
			_ = os.Remove(name)
		}
	}
	return nil
}

// html writes the report with charts, if one is wanted.
func (b *benchFlags) html(p process, write func(io.Writer) error) error {
	if err := b.write(b.out, write); err != nil || b.out == "" {
		return err
	}
	fmt.Fprintf(p.err, "The report is in %s\n", b.out)
	return nil
}

// write writes a file; without a name there is none.
func (b *benchFlags) write(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return &hintError{fmt.Errorf("write %s: %w", name, err), "Give another file."}
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func benchClient(cfg Config, url, key string) (*llm.Client, error) {
	to := cfg.modelConfig(nil)
	to.BaseURL, to.APIKey = url, key
	c, err := llm.New(to)
	if err != nil {
		return nil, fmt.Errorf("set up the client for %s: %w", shownAddress(url), err)
	}
	return c, nil
}

// benchError returns what a run that did not end well says at the terminal.
func benchError(err error) error {
	if e, ok := errors.AsType[*bench.WindowError](err); ok {
		return &hintError{err, fmt.Sprintf("Ask for less: --in and --out together have room for %d tokens, for the chat template takes some.", max(e.Window-e.Template, 0))}
	}
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	if e, ok := errors.AsType[*llm.Error](err); ok {
		said := e.User()
		if e.Message != "" {
			said += " It said: " + oneLine(e.Message)
		}
		return &hintError{errors.New(said), e.Hint()}
	}
	return err
}

// failedRequests returns an error if any request failed, so that a script sees it. The numbers are
// those of the others.
func failedRequests(reports []bench.Report) error {
	failed, all := 0, 0
	for _, r := range reports {
		failed += r.Failed
		all += r.Failed + r.Completed
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d requests failed", failed, all)
}
