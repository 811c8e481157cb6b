package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hindsight-project/hindsight/drivers"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"driver": main})
}

// TestScripts runs the commands as a user does; see testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
	})
}

// code runs a program and compares its exit code: code 2 driver run.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exited *exec.ExitError
	got := 0
	if errors.As(err, &exited) {
		got = exited.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("the exit code is %d, want %d", got, want)
	}
}

func TestAJudgementIsReadFromTheVerifier(t *testing.T) {
	var said answer
	said.Verdict = "violated"
	said.Traces = make([]answered, 1)
	said.Traces[0].Policies = []struct{ ID, Verdict string }{{"a", "held"}, {"b", "vacuous"}, {"c", "held"}}
	said.Traces[0].Diagnoses = []struct{ Policy string }{{"d"}, {"d"}}
	j := judgement(said, 1, []string{"a", "b"})
	if j.Exit != 1 || j.Verdict != "violated" || j.Demanded["a"] != "held" || j.Demanded["b"] != "vacuous" ||
		len(j.Demanded) != 2 || j.Counts["held"] != 2 || strings.Join(j.Diagnoses, " ") != "d" {
		t.Errorf("%+v", j)
	}
}

func TestProgressIsALineAPhaseAndNowAndThenMore(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out)
	p.say("a/T1", "setup", "")
	p.say("a/T1", "setup", "waiting for this")
	p.say("b/T1", "setup", "")
	p.say("a/T1", "growth", "")
	if lines := strings.Count(out.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want one for each phase of each run:\n%s", lines, out.String())
	}
	p.every = time.Duration(0)
	p.say("a/T1", "growth", "waiting for that")
	if !strings.HasSuffix(out.String(), "growth       waiting for that\n") {
		t.Errorf("the last line is missing:\n%s", out.String())
	}
}

func TestEveryExitCodeIsInTheHelp(t *testing.T) {
	text := newRunCommand().Long
	for _, code := range []int{
		drivers.ExitDone, drivers.ExitViolated, drivers.ExitCannot, drivers.ExitUndecided, drivers.ExitNotExercised,
		drivers.ExitSkipped, drivers.ExitFailed, drivers.ExitCut,
	} {
		if !strings.Contains(text, "\n  "+strconv.Itoa(code)+" ") {
			t.Errorf("the help does not explain the exit code %d", code)
		}
	}
}
