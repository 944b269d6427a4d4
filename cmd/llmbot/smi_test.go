package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nvidiaSMI puts a program of this name, with these lines, first in the path.
func nvidiaSMI(t *testing.T, lines string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// The model server is on this machine, and so are its GPUs.
func TestLocalGPUs(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	nvidiaSMI(t, `[ -z "$SLACK_BOT_TOKEN" ] && [ "$2" = --format=csv,noheader,nounits ] && echo "0, NVIDIA H100, 81559, 40000, 7"`)
	cfg := Config{BaseURL: "http://localhost:8000/v1"}
	found, err := gpus(cfg)(t.Context())
	if err != nil || len(found) != 1 || found[0].Name != "NVIDIA H100" || found[0].Load != 7 {
		t.Errorf("%+v %v", found, err)
	}
	for _, elsewhere := range []string{"http://gpu:8000/v1", "http://10.0.0.7/v1", "https://models.example.com", ":"} {
		if gpus(Config{BaseURL: elsewhere}) != nil {
			t.Errorf("%s: this machine's GPUs are shown", elsewhere)
		}
	}
}

// A program that fails, hangs or prints without end costs little, and nobody reads of it in Slack.
func TestLocalGPUsFail(t *testing.T) {
	for _, lines := range []string{"exit 9", "echo no GPU", "yes"} {
		nvidiaSMI(t, lines)
		var log strings.Builder
		read := quietGPUs(gpus(Config{BaseURL: "http://127.0.0.1:8000"}), true, slog.New(slog.NewTextHandler(&log, nil)))
		if found, err := read(t.Context()); err != nil || found != nil || !strings.Contains(log.String(), "nvidia_smi_failed") {
			t.Errorf("%s: %v %v %s", lines, found, err, log.String())
		}
	}
	nvidiaSMI(t, "sleep 100")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := runSMI(ctx, filepath.Join(strings.Split(os.Getenv("PATH"), ":")[0], "nvidia-smi")); err == nil {
		t.Error("it ended")
	}
}
