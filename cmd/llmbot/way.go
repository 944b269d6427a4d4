package main

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"llmbot/llm"
	"llmbot/llm/egress"
)

// checkWay reads LLM_PROXY and LLM_CA_FILE: how the model server is reached.
func (c *Config) checkWay() []problem {
	var bad []problem
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		switch {
		case err != nil || !egress.HasPlace(u) || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
			bad = append(bad, problem{
				fmt.Sprintf("LLM_PROXY is %q", shownAddress(c.Proxy)),
				"It must be http://HOST:PORT, https://…, socks5://… or socks5h://…, with user:password@ before HOST where the proxy wants them; empty for none.",
			})
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
			bad = append(bad, problem{fmt.Sprintf("LLM_PROXY is %q", shownAddress(c.Proxy)), "It must be an address without a path. Is LLM_BASE_URL meant?"})
		default:
			c.proxy = u
		}
	}
	if c.CAFile != "" {
		b, err := readFile(c.CAFile, mostCA)
		if err != nil {
			return append(bad, problem{fmt.Sprintf("LLM_CA_FILE cannot be read: %v", err), "Check the path and the rights."})
		}
		pool, err := x509.SystemCertPool()
		if err != nil { // this system has none
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(b) {
			return append(bad, problem{"LLM_CA_FILE has no certificate: " + c.CAFile, "It must be PEM, with -----BEGIN CERTIFICATE-----. From DER: openssl x509 -inform der -in FILE -out ca.pem"})
		}
		c.roots = pool
	}
	return bad
}

// modelConfig returns what the client of the model server needs.
func (c *Config) modelConfig(log *slog.Logger) llm.Config {
	return llm.Config{
		BaseURL: c.BaseURL, APIKey: string(c.APIKey), Model: c.Model, Proxy: c.proxy, Roots: c.roots,
		FirstTokenTimeout: c.FirstTokenTimeout, IdleTimeout: c.IdleTimeout, Extra: c.extra, Log: log,
	}
}
