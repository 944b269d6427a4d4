package tools

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// GuardArgument is the argument with which the program is a guard. The program and its arguments
// follow.
const GuardArgument = "guard-tool-server"

// lifeline is the guard's end of a pipe that the bot holds open while it lives.
const lifeline = 3

// Guard starts a program, waits for it, and returns its exit status. It ends itself and its process
// group, so also what the program has started, as soon as whoever started it is gone (the bot, or a
// scenario of the emulator), however that ended: the kernel then closes the pipe. Without a guard a
// bot that is killed leaves behind what its servers started.
//
// It is the whole life of a process. Standard input, output and error, and the variables, are the
// program's.
func Guard(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("the guard has no program")
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt) // they are the program's, which gets them too
	//nolint:gosec,noctx // the bot names the program; its end is the guard's
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the program: %w", err)
	}
	go func() { // it ends the process, or ends with it
		_, _ = io.Copy(io.Discard, os.NewFile(lifeline, "lifeline"))
		killOwnGroup(cmd)
	}()
	// Its status is in ProcessState.
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return 1, fmt.Errorf("the program ended: %s", cmd.ProcessState)
}
