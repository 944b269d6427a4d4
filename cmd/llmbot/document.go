package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"llmbot/bot/document/pdf"
)

// runReadPDF is the child of a bot that reads a PDF file; see package pdf.
func runReadPDF(ctx context.Context, p process, _ []string) error {
	return pdf.Serve(ctx, p.in, p.out)
}

// pdfReader returns the reader of PDF files. Its children are this program, also if another version
// takes its place on the disk meanwhile.
func pdfReader(cfg Config, memory memlimit.Provider, log *slog.Logger) (*pdf.Reader, error) {
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	ahead := compileAfter
	if !roomToCompile(memory) {
		ahead = 0
	}
	return pdf.New(pdf.Config{Program: []string{program, pdf.Argument}, Name: "llmbot", Cache: machineCode(cfg), Ahead: ahead, Log: log}), nil
}

// compileAfter is how long after its start the bot has the reader of PDF files compiled: it has
// other things to do first.
const compileAfter = 20 * time.Second

// leastToCompile is how much memory a control group must have for the reader of PDF files to be
// compiled ahead: 370 MB beside the bot. Where it has less, a file pays for it, and not each start:
// Kubernetes ends the whole container when one of its processes runs out of memory.
const leastToCompile = 768 << 20

// roomToCompile reports whether there is so much memory, or no limit.
func roomToCompile(limit memlimit.Provider) bool {
	n, err := limit()
	return err != nil || n >= leastToCompile
}

// machineCode returns the folder of what the reader of PDF files compiles, as an absolute path. It
// is below STATE_DIR, where alone the bot writes. Where the state is elsewhere, a folder that is
// not there stays so: then there is none, and each file waits for the compiler.
func machineCode(cfg Config) string {
	dir, err := filepath.Abs(cfg.StateDir)
	if err != nil {
		return ""
	}
	if info, err := os.Stat(dir); cfg.StateURL != "" && (err != nil || !info.IsDir()) {
		return ""
	}
	return filepath.Join(dir, "machine-code")
}

// readers looks whether PDF files are read fast.
func (c *checker) readers() {
	const check = "PDF files"
	if !pdf.Compiles() {
		c.warn(check, "written memory may not become executable here: of a PDF file only some pages are read",
			"Remove MemoryDenyWriteExecute= from the service. The bot forbids that to itself, and lets the process alone do it that reads a file.")
		return
	}
	c.ok(check, "their reader can be compiled")
}
