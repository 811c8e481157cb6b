package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
)

func TestMain(m *testing.M) {
	natstest.RunNode()
	testscript.Main(m, map[string]func(){"verifier": main})
}

// The scripts run the real program. "trace FILE" writes a small recording, "recording
// NAME FILE" one of a real run, "nats" starts a JetStream server and sets $URL.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"trace": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(writeTrace(ts.MkAbs(args[0]))) },
			"exit":  exit,
			"recording": func(ts *testscript.TestScript, _ bool, args []string) {
				log := "../../recorder/testdata/" + args[0] + ".jsonl.zst"
				ts.Check(watchlogtest.Write(ts.MkAbs(args[1]), log))
			},
			"nats": startNATS,
		},
	})
}

func startNATS(ts *testscript.TestScript, _ bool, _ []string) {
	dir := ts.MkAbs("nats")
	ts.Check(os.Mkdir(dir, 0o700))
	c, err := natstest.Start(context.Background(), dir, 1)
	ts.Check(err)
	ts.Defer(c.Stop)
	ts.Setenv("URL", c.URL())
}

// exit runs a program and demands its exit code: exit 3 verifier check x.db.
func exit(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s\n%s%s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// writeTrace records one cluster with one claim.
func writeTrace(file string) error {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w, err := trace.Create(file, trace.Run{ID: "small", Origin: "attach", Start: start, Namespaces: []string{"ds"}})
	if err != nil {
		return err
	}
	var list []trace.Event
	for i, object := range []struct {
		of         trace.Resource
		name, body string
	}{
		{
			trace.Resource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters", Kind: "Cluster"}, "pg",
			`"spec":{"instances":1,"storage":{"request":"1Gi","limit":"4Gi"}}`,
		},
		{
			trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}, "pg-1",
			`"spec":{"resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}`,
		},
	} {
		data := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"namespace":"ds","name":%q,"uid":"u%d","generation":1,
			"resourceVersion":"%d",
			"labels":{"cnpg.io/cluster":"pg","cnpg.io/instanceName":"pg-1","cnpg.io/pvcRole":"PG_DATA"}},%s}`,
			object.of.APIVersion(), object.of.Kind, object.name, i, i+1, object.body)
		at := time.Duration(i+1) * time.Second
		list = append(list, trace.Event{
			Time: at, Wall: start.Add(at), Source: trace.SourceWatch, Type: trace.Added,
			Object: trace.Object{Resource: object.of, Namespace: "ds", Name: object.name, UID: fmt.Sprint("u", i)},
			Data:   json.RawMessage(data),
		})
	}
	if _, err := w.Append(nil, list...); err != nil {
		return err
	}
	_, err = w.Seal("command ended")
	return err
}

// call runs the command line in this process.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errs})
	return code, out.String(), errs.String()
}

func TestEveryExampleParses(t *testing.T) {
	var walk func(*cobra.Command)
	examples := 0
	walk = func(cmd *cobra.Command) {
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " < ")
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			examples++
			parse(t, line)
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRoot(streams{}))
	if examples < 10 {
		t.Errorf("found only %d examples", examples)
	}
}

// parse demands that a command line names a command, its flags and arguments.
func parse(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	if words[0] != "verifier" {
		t.Errorf("%s: does not start with verifier", line)
		return
	}
	cmd, rest, err := newRoot(streams{}).Find(words[1:])
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}

func TestUsageErrorsAreTwoAndSayWhatToDo(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"check"}, "check needs a trace file, such as: verifier check growth.db"},
		{[]string{"check", "--polices", "x", "y"}, "unknown flag: --polices (see verifier check --help)"},
		{[]string{"chekc"}, `unknown command "chekc"`},
		{[]string{"check", "-o", "yaml", "x"}, `no output format "yaml" (there are: text, explain, json`},
		{[]string{"check", "-o", "json=", "x"}, "-o json=: there is no file after the ="},
		{[]string{"check", "-o", "json", "-o", "text", "x"}, "another output goes to standard output already"},
		{[]string{"check", "-o", "json=a", "-o", "text=a", "x"}, "another output goes to a already"},
		{[]string{"schema", "volume"}, `there is no view "volume" (there are: backup, `},
		{[]string{"check", "--color", "blue", "x"}, `--color is "blue", must be auto, always or never`},
		{[]string{"check", "--allow", "violated=x", "x"}, "want vacuous=ID or inconclusive=ID"},
		{[]string{"check", "--allow", "vacuous", "x"}, "want vacuous=ID or inconclusive=ID"},
		{[]string{"check", "-", "-"}, "standard input (-) holds one trace"},
		{[]string{"explain", "a", "b"}, "accepts at most 1 arg"},
		{[]string{"version", "x"}, "unknown command"},
	}
	for _, test := range tests {
		code, stdout, stderr := call(t, test.args...)
		if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "verifier: ") || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q; want %q", test.args, code, stdout, stderr, test.want)
		}
		if strings.Contains(stderr, "Usage:") {
			t.Errorf("%v: prints the usage", test.args)
		}
	}
}

func TestInterruptIs130(t *testing.T) {
	file := t.TempDir() + "/x.db"
	if err := writeTrace(file); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var errs bytes.Buffer
	code := execute(ctx, []string{"check", file}, streams{in: os.Stdin, out: &bytes.Buffer{}, err: &errs})
	if code != 130 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestReportThatCannotBeWrittenIsTwo(t *testing.T) {
	file := t.TempDir() + "/x.db"
	if err := writeTrace(file); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	var errs bytes.Buffer
	code := execute(context.Background(), []string{"check", file}, streams{out: full, err: &errs})
	if code != 2 || !strings.Contains(errs.String(), "write the report") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestVersionNamesProgramAndOPA(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Version: "v1.2.3"},
		Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}},
		Deps:      []*debug.Module{{Path: "github.com/open-policy-agent/opa", Version: "v1.22.2"}},
	}
	if got, want := version(info, true), "verifier v1.2.3 (0123456789ab, go1.26.8, OPA v1.22.2)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := version(nil, false); got != "verifier (built without module information)" {
		t.Errorf("got %s", got)
	}
	if code, stdout, _ := call(t, "version"); code != 0 || !strings.HasPrefix(stdout, "verifier ") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}
