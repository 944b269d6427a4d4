package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary be the program: the scripts run main in processes of their own.
func TestMain(m *testing.M) {
	// On Linux children of the program are /proc/self/exe.
	testscript.Main(m, map[string]func(){"llmbot": main, "exe": main, "toolserver": toolServer})
}

// TestScripts runs testdata/script on the program. They see no environment but their own, and only
// free ports of this machine.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("OPS_ADDR", opsOff)             // scripts run at the same time
			e.Setenv("GORACE", "atexit_sleep_ms=10") // a second for each process otherwise
			e.Values[stageKey{}] = &stage{processes: map[string]*running{}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": statusCmd,
			"expand": expandCmd, "fill": fillCmd,
			"start":  startCmd,
			"until":  untilCmd,
			"signal": signalCmd,
			"ended":  endedCmd,
			"model":  modelCmd,
			"mode":   modeCmd,
			"take":   takeCmd,
			"say":    sayCmd,
			"slash":  slashCmd,
			"see":    seeCmd,
			"file":   fileCmd,
			"page":   pageCmd,
			"demo":   demoCmd,
			"pid":    pidCmd,
			"empty":  emptyCmd,
			"gone":   goneCmd,
		},
	})
}
