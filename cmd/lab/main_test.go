package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/cmd/lab/replay"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// labEnv makes the test binary be lab.
const labEnv = "HINDSIGHT_LAB_TEST_MAIN"

func TestMain(m *testing.M) {
	cluster.RunComponent()
	if os.Getenv(labEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// lab returns a command that runs lab as a user does.
func lab(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), labEnv+"=1", "KUBECONFIG=")
	return cmd
}

// build builds programs of the main module and returns their directory.
func build(t *testing.T, packages ...string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o", dir}, packages...)...)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return dir
}

// version is an event of the source and what must be recorded of it.
type version struct {
	Type    trace.Type
	Object  trace.Object
	Content any // without resourceVersion, which is the server's
}

// stream is what one watch of the recorder sees, in the order of its events.
type stream struct {
	resource  trace.Resource
	namespace string
}

func versions(t *testing.T, reader *trace.Reader) map[stream][]version {
	t.Helper()
	all := map[stream][]version{}
	for e, err := range reader.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if !e.Type.IsObject() {
			continue
		}
		if e.Inferred {
			t.Errorf("event %d of %s was not observed but inferred", e.Seq, e.Object)
		}
		key := stream{e.Object.Resource, e.Object.Namespace}
		all[key] = append(all[key], version{e.Type, e.Object, content(t, e.Data)})
	}
	return all
}

func content(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	delete(object["metadata"].(map[string]any), "resourceVersion")
	return object
}

// The recorder's integration test: real API server, real NATS, real bbolt. What
// it records of a replay is the replayed history, version by version.
func TestWhatIsRecordedOfAReplayIsItsSource(t *testing.T) {
	bin := build(t, "./cmd/recorder")
	paths, err := filepath.Glob("../../recorder/testdata/*.jsonl.zst")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl.zst")
		t.Run(name, func(t *testing.T) {
			source, err := replay.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			recorded, err := trace.Open(record(t, filepath.Join(bin, "recorder"), "ds-"+name, path))
			if err != nil {
				t.Fatal(err)
			}
			defer recorded.Close()
			want, got := versions(t, source.Reader), versions(t, recorded)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(stream{})); diff != "" {
				t.Errorf("recorded is not what was replayed (-source +recorded):\n%s", diff)
			}
			for _, s := range recorded.Certificate().Streams {
				if s.Proof != trace.ProofComplete {
					t.Errorf("stream %s %s is %s: %s", s.Resource, s.Namespace, s.Proof, s.Reason)
				}
			}
		})
	}
}

// record records a replay of a watch log into a new cluster and returns the trace.
func record(t *testing.T, recorder, namespace, path string) string {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}()
	out := filepath.Join(t.TempDir(), "again.trace.db")
	cmd := exec.CommandContext(t.Context(), recorder, "attach", "-n", namespace, "--keep-heartbeats", "-o", out,
		"--", os.Args[0], "replay", path, "--speed", "0")
	cmd.Env = append(os.Environ(), labEnv+"=1", "KUBECONFIG="+c.Kubeconfig())
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, text)
	}
	return out
}

func TestDemoRecordsAndJudges(t *testing.T) {
	bin := build(t, "./cmd/recorder", "./cmd/verifier")
	out := t.TempDir()
	cmd := lab(t.Context(), "demo", "--speed", "100", "--out", out,
		"--recorder", filepath.Join(bin, "recorder"), "--verifier", filepath.Join(bin, "verifier"))
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	t.Logf("%s\n%s", stderr.String(), stdout.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no-data-loss", "policy-bounds", "convergence-resumes"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the verdict does not mention %s", want)
		}
	}
	for _, want := range []string{filepath.Join(out, "demo.trace.db"), "attach -n NAMESPACE", "check run.trace.db"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the demonstration does not say %q", want)
		}
	}
}

func TestMistakesAreExplained(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(foreign, []byte(`{"apiVersion":"v1","kind":"Config"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	programs := []string{"demo", "--out", t.TempDir(), "--verifier", "/bin/true", "--recorder"}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no cluster":            {[]string{"replay", "primary-restart"}, "lab up"},
		"somebody's cluster":    {[]string{"replay", "primary-restart", "--kubeconfig", foreign}, "not the kubeconfig of"},
		"no recorder":           {append(programs[:6:6], "/nowhere"), "--recorder"},
		"no such recording":     {append(programs[:6:6], "/bin/true", "--recording", "x"), "primary-restart"},
		"directory not empty":   {[]string{"up", "--dir", filepath.Dir(foreign)}, "not empty"},
		"argument of no use":    {[]string{"up", "please"}, "please"},
		"no recording is named": {[]string{"replay"}, "1 arg"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := lab(t.Context(), test.args...)
			cmd.Dir = t.TempDir()
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if !strings.Contains(string(out), test.want) {
				t.Errorf("said %q, want it to mention %q", out, test.want)
			}
		})
	}
}
