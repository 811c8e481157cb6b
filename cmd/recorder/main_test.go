package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/trace"
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
			return unsealed(filepath.Join(env.WorkDir, "unsealed.db"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"damage": damage,
			"code":   code,
		},
	})
}

// unsealed makes a trace as a killed recorder leaves it.
func unsealed(path string) error {
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	w, err := trace.Create(path, trace.Run{
		ID: "killed", Origin: trace.OriginAttach, Start: start, Namespaces: []string{"ns"},
	})
	if err != nil {
		return err
	}
	_, err = w.Append(nil, trace.Event{
		Wall: start, Source: trace.SourceMark, Type: trace.Mark, Data: []byte(`{"phase":"run-start"}`),
	})
	return errors.Join(err, w.Close())
}

// TestInspectionKeys holds the keys of inspect's JSON that scripts rely on: with
// schema_version 1 keys may be added, none may go.
func TestInspectionKeys(t *testing.T) {
	text, err := json.Marshal(inspection{
		Damage: "why", Certificate: trace.Certificate{Gaps: []trace.GapCert{}}, Kinds: []kindCount{{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{
		"":            "schema_version file intact damage digest run certificate kinds size",
		"run":         "id origin start tool namespaces",
		"certificate": "sealed events duration_ns streams gaps rejected rejected_total",
		"size":        "bytes events blocks checkpoints objects paths bytes_per_event",
	}
	for part, names := range keys {
		object := got
		if part != "" {
			object = got[part].(map[string]any)
		}
		for _, name := range strings.Fields(names) {
			if _, ok := object[name]; !ok {
				t.Errorf("%q has no key %q", part, name)
			}
		}
	}
	for _, name := range strings.Fields("group version resource kind objects added modified deleted") {
		if _, ok := got["kinds"].([]any)[0].(map[string]any)[name]; !ok {
			t.Errorf("kinds have no key %q", name)
		}
	}
}

// damage is the script command "damage FILE HOW": with "-50%" it cuts the second
// half off, with "@50%" it turns over a fifth of the bytes from the middle on.
// A single byte might be one of the database that means nothing.
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
		for i := range len(text) / 5 {
			text[at+i] ^= 0xff
		}
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
