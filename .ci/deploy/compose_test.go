// Package deploy checks deploy/ with the libraries of the tools that read it: compose-go, kustomize
// and kubeconform. It is a module of its own, so that they are none of llmbot's dependencies.
package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const (
	composeFile    = "compose.yaml"
	monitoringFile = "compose.monitoring.yaml"
)

// folder copies deploy/ to a folder of its own, with an .env file of these lines.
func folder(t *testing.T, lines string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../deploy")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shell is what a terminal has exported in which somebody followed docs/getting-started.md or the
// README: none of it may change what compose starts.
var shell = []string{"LLM_BASE_URL=http://localhost:8000/v1", "SLACK_APP_TOKEN=xapp-shell", "SLACK_BOT_TOKEN=xoxb-shell", "GPU_METRICS_URL=http://shell:1/metrics", "STATE_DIR=/shell", "OPS_ADDR=shell:1", "LLM_API_KEY=key-shell"}

// load reads compose files as `docker compose up` does in a folder, from a terminal with the
// variables of shell.
func load(t *testing.T, dir string, files ...string) *types.Project {
	t.Helper()
	project, err := tryLoad(t, dir, nil, files...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// tryLoad is like load, with profiles of --profile.
func tryLoad(t *testing.T, dir string, profiles []string, files ...string) (*types.Project, error) {
	t.Helper()
	for i, name := range files {
		files[i] = filepath.Join(dir, name)
	}
	options, err := cli.NewProjectOptions(files, cli.WithWorkingDirectory(dir), cli.WithEnv(shell), cli.WithEnvFiles(), cli.WithDotEnv, cli.WithDefaultProfiles(profiles...))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// The bot finds the model server and the GPU figures of each profile, and no other service is
// started.
func TestComposeProfiles(t *testing.T) {
	const tokens = "SLACK_APP_TOKEN=xapp-1\nSLACK_BOT_TOKEN=xoxb-1\n"
	for _, tt := range []struct {
		env, model, gpus string
		services         []string
		server           string // that is called model
	}{
		{"COMPOSE_PROFILES=gpu\n", "http://model:8000/v1", "http://dcgm-exporter:9400/metrics", []string{"dcgm-exporter", "llmbot", "vllm"}, "vllm"},
		{"COMPOSE_PROFILES=gpu\nGPU_METRICS_URL=http://gpus:1/metrics\n", "http://model:8000/v1", "http://gpus:1/metrics", []string{"dcgm-exporter", "llmbot", "vllm"}, "vllm"},
		{"COMPOSE_PROFILES=cpu\n", "http://model:8000/v1", "", []string{"llmbot", "vllm-cpu"}, "vllm-cpu"},
		{"COMPOSE_PROFILES=ollama\n", "http://model:8000/v1", "", []string{"llmbot", "ollama"}, "ollama"},
		{"COMPOSE_PROFILES=gpu\nLLM_BASE_URL=http://elsewhere:1/v1\n", "http://elsewhere:1/v1", "http://dcgm-exporter:9400/metrics", []string{"dcgm-exporter", "llmbot", "vllm"}, "vllm"},
		{"COMPOSE_PROFILES=bot\n", "http://host.docker.internal:8000/v1", "", []string{"llmbot"}, ""},
		{"COMPOSE_PROFILES=bot\nLLM_BASE_URL=http://elsewhere:1/v1\n", "http://elsewhere:1/v1", "", []string{"llmbot"}, ""},
	} {
		dir := folder(t, tokens+tt.env)
		project := load(t, dir, composeFile)
		if got := project.ServiceNames(); !slices.Equal(got, tt.services) {
			t.Errorf("%q starts %q", tt.env, got)
		}
		bot := project.Services["llmbot"]
		for name, want := range map[string]string{
			"LLM_BASE_URL": tt.model, "GPU_METRICS_URL": tt.gpus, "STATE_DIR": "/data", "SLACK_APP_TOKEN": "xapp-1", "OPS_ADDR": "",
		} {
			if got := value(bot.Environment[name]); got != want {
				t.Errorf("%q: %s is %q, want %q", tt.env, name, got, want)
			}
		}
		if s, ok := project.Services[tt.server]; ok && s.Environment["VLLM_API_KEY"] != nil && value(s.Environment["VLLM_API_KEY"]) != value(bot.Environment["LLM_API_KEY"]) {
			t.Errorf("%q: the server wants another key than the bot has", tt.env)
		}
		if !bot.ReadOnly || !slices.Equal(bot.CapDrop, []string{"ALL"}) || bot.MemLimit != 1<<30 || len(bot.Ports) > 0 {
			t.Errorf("%q: the bot has more than it needs: %+v", tt.env, bot)
		}
		for _, s := range project.Services {
			if net := s.Networks["default"]; (net != nil && slices.Contains(net.Aliases, "model")) != (s.Name == tt.server) {
				t.Errorf("%q: %s: aliases %+v", tt.env, s.Name, net)
			}
			if len(s.Ports) > 0 {
				t.Errorf("%q: %s publishes %+v", tt.env, s.Name, s.Ports)
			}
		}

		project = load(t, dir, composeFile, monitoringFile)
		if got := project.ServiceNames(); !slices.Equal(got, slices.Sorted(slices.Values(append(tt.services, "grafana", "prometheus")))) {
			t.Errorf("%q with monitoring starts %q", tt.env, got)
		}
		if got := value(project.Services["llmbot"].Environment["OPS_ADDR"]); got != "0.0.0.0:9464" {
			t.Errorf("%q: Prometheus does not reach the bot at %q", tt.env, got)
		}
		published(t, project)
		mounted(t, project)
	}
}

// Without COMPOSE_PROFILES nothing starts, not even with --profile: the name chooses the settings
// of the profile, too. What to do is said.
func TestComposeWithoutProfile(t *testing.T) {
	for _, profiles := range [][]string{nil, {"gpu"}} {
		if _, err := tryLoad(t, folder(t, ""), profiles, composeFile); err == nil || !strings.Contains(err.Error(), "COMPOSE_PROFILES=gpu, cpu, ollama or bot into deploy/.env") {
			t.Errorf("%q: %v", profiles, err)
		}
	}
}

// A release's image, or one of your own, takes the place of the one that is built here.
func TestComposeImage(t *testing.T) {
	for lines, want := range map[string]string{"": "llmbot:latest", "LLMBOT_IMAGE=ghcr.io/your-org/llmbot\nLLMBOT_VERSION=1.2.3\n": "ghcr.io/your-org/llmbot:1.2.3"} {
		if got := load(t, folder(t, "COMPOSE_PROFILES=bot\n"+lines), composeFile).Services["llmbot"].Image; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The example is what people copy.
func TestComposeExample(t *testing.T) {
	b, err := os.ReadFile("../../deploy/env.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := load(t, folder(t, string(b)), composeFile).ServiceNames(); !slices.Equal(got, []string{"dcgm-exporter", "llmbot", "vllm"}) {
		t.Errorf("env.example starts %q", got)
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// published reports ports that others than this machine reach.
func published(t *testing.T, p *types.Project) {
	t.Helper()
	for _, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %+v", s.Name, port)
			}
		}
	}
}

// mounted reports files that are mounted and not there: Docker would make folders of their names.
func mounted(t *testing.T, p *types.Project) {
	t.Helper()
	for _, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if info, err := os.Stat(v.Source); err != nil || info.IsDir() {
				t.Error(fmt.Errorf("%s mounts %s: %w", s.Name, v.Source, err))
			}
		}
	}
}
