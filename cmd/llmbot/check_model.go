package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"llmbot/bot/figures"
	"llmbot/llm"
)

const (
	shortWindow  = 8192        // tokens: a thread of some length does not fit
	speedWait    = time.Minute // for the first token of the short answer
	speedTokens  = 256         // at most; a model that reasons may need many for a short answer
	readingSpeed = 5.3         // tokens a second that a person reads (design §4)
	namesShown   = 5           // of served models
	nameShown    = 100         // characters of one
	speedAsks    = "Count from 1 to 40, separated by commas. Write nothing else."
)

// Advice for what the server's own log says.
const (
	outOfMemory = "Out of GPU memory: more GPUs (vLLM: --tensor-parallel-size), a shorter window (--max-model-len 32768), fewer answers at once " +
		"(--max-num-seqs 32), more room for peaks (--gpu-memory-utilization 0.85), or a smaller model; nvidia-smi shows who else uses the memory."
	portInUse = "The port is taken by another program (ss -ltnp shows by which): end that, or start the server with another --port and change LLM_BASE_URL."
	notUp     = "If it does not come up, its log says why. \"out of memory\": shorten --max-model-len, lower --max-num-seqs, or spread it over more GPUs " +
		"(--tensor-parallel-size). \"address already in use\": end the other program, or take another --port and change LLM_BASE_URL."
)

// model looks at the model server: is it there, what does it serve, how fast.
func (c *checker) model(ctx context.Context) {
	cfg := c.cfg.modelConfig(nil)
	cfg.FirstTokenTimeout, cfg.HTTP = min(cfg.FirstTokenTimeout, speedWait), c.http
	client, err := llm.New(cfg)
	if err != nil {
		c.failed("model server", err, "Correct LLM_BASE_URL and LLM_API_KEY.")
		return
	}
	models, err := client.Models(ctx)
	if err != nil {
		c.modelFailed("model server", err, c.elsewhere(ctx, err))
		return
	}
	server := shownAddress(c.cfg.BaseURL)
	if version, err := client.Version(ctx); err == nil {
		server += ", version " + version
	}
	if c.cfg.Proxy != "" {
		server += ", by the proxy " + shownAddress(c.cfg.Proxy)
	}
	c.ok("model server", "%s", server)
	listed := c.served(models)
	metrics, metricsErr := client.Metrics(ctx)
	if listed {
		c.window(ctx, client, metrics)
	}
	c.metrics(metrics, metricsErr)
	if c.speed(ctx, client, models, listed) && c.offers {
		c.takesTools(ctx, client)
	}
}

// elsewhere returns what to do when the bot would ask a server that is not there, or something that
// is no model server, and one answers on another port of this machine; empty: none does, or a
// server was named or is meant (see [findServer]).
func (c *checker) elsewhere(ctx context.Context, err error) string {
	if _, ok := errors.AsType[*llm.Error](err); !ok || c.cfg.means() {
		return ""
	}
	found, ok := localServer(ctx)
	if !ok || found.url == candidates()[0].url {
		return ""
	}
	return fmt.Sprintf("%s answers on %s, with the model %s: set LLM_BASE_URL=%s.", found.name, found.url, found.model, found.url)
}

// modelFailed prints a failure of the model server in plain words. better, if not empty, is a
// better next step than the error's own.
func (c *checker) modelFailed(check string, err error, better string) {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		c.failed(check, err, "Look at the model server's log.")
		return
	}
	status, text, next := findingError, e.User(), e.Hint()
	if e.Message != "" && e.Kind != llm.KindDown {
		text += " It said: " + oneLine(e.Message)
	}
	switch e.Kind {
	case llm.KindDown:
		if e.NotUp() {
			next += " " + notUp
		}
	case llm.KindLoading, llm.KindOverloaded:
		status = findingWarning
	case llm.KindServer:
		if e.Status == http.StatusBadRequest { // it was told what is wrong
			break
		}
		next += " If the model server should be there, another program may have its port: ss -ltnp shows which."
	}
	if advice := serverAdvice(e.Message); advice != "" {
		next = advice
	}
	c.add(check, status, text+" ("+shownAddress(c.cfg.BaseURL)+")", cmp.Or(better, next))
}

// serverAdvice returns what helps against an error that the server names; empty: nothing known.
func serverAdvice(message string) string {
	low := strings.ToLower(message)
	for _, known := range []struct {
		advice string
		words  []string
	}{
		{outOfMemory, []string{"out of memory", "outofmemory", "no available memory for the cache blocks", "insufficient memory"}},
		{portInUse, []string{"address already in use", "port is already allocated"}},
	} {
		if slices.ContainsFunc(known.words, func(w string) bool { return strings.Contains(low, w) }) {
			return known.advice
		}
	}
	return ""
}

// served prints which model is asked, and whether the server lists it.
func (c *checker) served(models []llm.ModelInfo) bool {
	switch {
	case len(models) == 0:
		c.fail("model", "the server serves none", "Load one (Ollama: ollama pull NAME; LM Studio: load it).")
		return false
	case c.cfg.Model == "":
		c.ok("model", "%s, the first that is served (LLM_MODEL is empty)", llm.Printable(models[0].ID, nameShown))
		return true
	case slices.ContainsFunc(models, func(m llm.ModelInfo) bool { return m.ID == c.cfg.Model }):
		c.ok("model", "%s is served", c.cfg.Model)
		return true
	}
	return false // the answer will show: some servers take any name
}

func names(models []llm.ModelInfo) string {
	var all []string
	for _, m := range models {
		if len(all) == namesShown {
			all = append(all, "…")
			break
		}
		all = append(all, llm.Printable(m.ID, nameShown))
	}
	return strings.Join(all, ", ")
}

// window looks at the context length, and how many conversations of that length fit.
func (c *checker) window(ctx context.Context, client *llm.Client, metrics llm.Metrics) {
	info, err := client.Model(ctx, "")
	switch {
	case err != nil:
		c.modelFailed("context length", err, "")
		return
	case info.MaxModelLen == 0:
		c.warn("context length", "the server does not say it, so long threads are not shortened to fit", "vLLM and llama.cpp say it in /v1/models.")
		return
	}
	text := tokensText(info.MaxModelLen)
	if metrics.KVCacheTokens > 0 {
		text += fmt.Sprintf("; the KV cache holds %s, so %.1f conversations of full length", tokensText(metrics.KVCacheTokens), float64(metrics.KVCacheTokens)/float64(info.MaxModelLen))
	}
	if info.MaxModelLen < shortWindow {
		c.warn("context length", text, "Long threads lose their beginning: start the server with a longer window (vLLM: --max-model-len, llama.cpp: -c).")
		return
	}
	c.ok("context length", "%s", text)
}

func (c *checker) metrics(m llm.Metrics, err error) {
	const next = "The status will lack system throughput and queue. vLLM has /metrics always; llama.cpp with --metrics, SGLang with --enable-metrics."
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		c.warn("model metrics", "the server has no /metrics", next)
	case err != nil:
		c.warn("model metrics", "/metrics cannot be read: "+oneLine(err.Error()), next)
	case m.TooLarge:
		c.warn("model metrics", "/metrics is too large to be read", "Is it the page of one model server, or of a router that joins many? "+next)
	case !m.Known:
		c.warn("model metrics", "/metrics has no figures that I know", next)
	default:
		c.ok("model metrics", "%.0f running, %.0f waiting", m.Running, m.Waiting)
	}
}

// speed has the model write a short answer. It reports whether one came.
func (c *checker) speed(ctx context.Context, client *llm.Client, models []llm.ModelInfo, listed bool) bool {
	limit := speedTokens
	if c.cfg.MaxTokens > 0 {
		limit = min(limit, c.cfg.MaxTokens)
	}
	res, err := client.Stream(ctx, llm.Request{
		Messages:    []llm.Message{{Role: llm.RoleUser, Content: speedAsks}},
		Temperature: c.cfg.Temperature, MaxTokens: limit, ReasoningEffort: c.cfg.ReasoningEffort, ID: "llmbot-check",
	}, func(llm.Delta) error { return nil })
	e, known := errors.AsType[*llm.Error](err)
	switch {
	case known && e.Kind == llm.KindNoModel && !listed && len(models) > 0:
		c.fail("model", fmt.Sprintf("%s is not served; served: %s", c.cfg.Model, names(models)), "Set LLM_MODEL to one of these, or leave it empty for the first.")
		return false
	case known && e.Kind == llm.KindEmpty && res.Finish == llm.FinishLength: // it was still thinking
	case err != nil:
		c.modelFailed("answer", err, "")
		return false
	}
	if !listed && len(models) > 0 {
		c.warn("model", fmt.Sprintf("%s is not listed and answers all the same; listed: %s", c.cfg.Model, names(models)), "Set LLM_MODEL to a listed name, so that its context length is known.")
	}
	if !res.Usage.Known {
		c.warn("usage in streams", "the server does not count tokens in streams: answers will show no tok/s",
			"A router or proxy may take it away (stream_options.include_usage); vLLM can be told with --enable-force-include-usage.")
		c.ok("answer", "%s", figures.Footer(res))
		return true
	}
	c.ok("usage in streams", "%d prompt and %d completion tokens", res.Usage.PromptTokens, res.Usage.CompletionTokens)
	if rate := float64(res.Usage.CompletionTokens) / res.Elapsed.Seconds(); rate < readingSpeed {
		c.warn("answer", figures.Footer(res), "This is slower than people read. Is the server busy, or the model on the CPU?")
		return true
	}
	c.ok("answer", "%s", figures.Footer(res))
	return true
}

// takesTools looks whether the model server takes requests with tools.
func (c *checker) takesTools(ctx context.Context, client *llm.Client) {
	const check = "tools of the model server"
	err := client.TakesTools(ctx, "")
	e, known := errors.AsType[*llm.Error](err)
	switch {
	case err == nil:
		c.ok(check, "the server takes requests with tools; whether the model calls any is up to it")
	case known && e.Kind == llm.KindNoTools:
		c.fail(check, e.User()+" It said: "+oneLine(e.Message), e.Hint())
	default:
		c.modelFailed(check, err, "")
	}
}

// gpus looks whether the exporter of GPU figures answers, if one is configured.
func (c *checker) gpus(ctx context.Context) {
	read := gpus(c.cfg)
	if read == nil {
		return
	}
	found, err := read(ctx)
	switch {
	case err != nil && c.cfg.GPUMetricsURL == "":
		c.ok("GPU metrics", "none: %s", oneLine(err.Error()))
	case err != nil:
		c.warn("GPU metrics", oneLine(err.Error()), "Correct GPU_METRICS_URL (a DCGM exporter, usually http://HOST:9400/metrics), or unset it.")
	case len(found) == 0:
		c.warn("GPU metrics", "the exporter knows no GPU", "GPU_METRICS_URL must be NVIDIA's DCGM exporter, and that needs the GPUs (container toolkit, --gpus all).")
	default:
		c.ok("GPU metrics", "%s", counted(len(found), "GPU"))
	}
}

// tokensText returns a number of tokens as people compare it: `131,072 tokens (128k)`.
func tokensText(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n >= 1024 && n%1024 == 0 {
		return fmt.Sprintf("%s tokens (%dk)", digits, n/1024)
	}
	return digits + " tokens"
}
