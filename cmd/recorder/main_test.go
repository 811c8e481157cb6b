package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"recorder": main})
}

// TestScripts runs the commands as a user does; see testdata/script.
func TestScripts(t *testing.T) {
	recordings, err := filepath.Abs(filepath.Join("..", "..", "recorder", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("RECORDINGS", recordings)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"damage": damage,
			"code":   code,
		},
	})
}

// damage is the script command "damage FILE KEEP|OFFSET": with "-50%" it cuts
// the second half off, with "@50%" it turns over a byte in the middle.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	text, err := os.ReadFile(file)
	ts.Check(err)
	percent, err := strconv.Atoi(strings.Trim(args[1], "-@%"))
	ts.Check(err)
	at := len(text) * percent / 100
	if args[1][0] == '-' {
		text = text[:at]
	} else {
		text[at] ^= 0xff
	}
	ts.Check(os.WriteFile(file, text, 0o600))
}

// code is the script command "code N COMMAND…": the exit code must be N.
func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if coded, ok := err.(interface{ ExitCode() int }); ok {
		got = coded.ExitCode()
	} else {
		ts.Check(err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Runnable() && !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s has no example of itself", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand())
}

// TestExamplesParse gives every example's flags to its command.
func TestExamplesParse(t *testing.T) {
	for _, cmd := range newRootCommand().Commands() {
		for line := range strings.Lines(cmd.Example) {
			_, args, found := strings.Cut(strings.TrimSpace(line), cmd.CommandPath())
			if !found || strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			args, _, _ = strings.Cut(args, "|")
			if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
				t.Errorf("example %q: %v", strings.TrimSpace(line), err)
				continue
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("example %q: %v", strings.TrimSpace(line), err)
			}
		}
	}
}
