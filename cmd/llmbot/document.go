package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"llmbot/bot/document/pdf"
)

// runReadPDF is the child of a bot that reads a PDF file; see package pdf.
func runReadPDF(ctx context.Context, p process, _ []string) error {
	return pdf.Serve(ctx, p.in, p.out)
}

// pdfReader returns the reader of PDF files. Its children are this program.
func pdfReader(cfg Config, log *slog.Logger) (*pdf.Reader, error) {
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	return pdf.New(pdf.Config{Program: []string{program, pdf.Argument}, Cache: machineCode(cfg), Log: log}), nil
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
