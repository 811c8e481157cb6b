package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/cmd/lab/faults"
)

func TestMain(m *testing.M) {
	cluster.RunComponent()
	faults.RunHelper()
	os.Exit(m.Run())
}

// build builds all programs that the suite needs.
func build(t *testing.T) faults.Programs {
	t.Helper()
	bin := t.TempDir()
	for dir, packages := range map[string][]string{
		"../../..": {"./cmd/recorder"},
		"..": {"./faults/informer", "./faults/stepped", "k8s.io/kubernetes/cmd/kubectl",
			"github.com/nats-io/nats-server/v2"},
	} {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o", bin}, packages...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	in := func(name string) string { return filepath.Join(bin, name) }
	return faults.Programs{
		Recorder: in("recorder"), Stepped: in("stepped"), Kubectl: in("kubectl"), Informer: in("informer"),
		NATS: in("nats-server"),
	}
}

// progress is where the suite says what goes on.
type progress struct{ t *testing.T }

// Write implements io.Writer.
func (p progress) Write(line []byte) (int, error) {
	p.t.Log(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// The reduced run of the fault suite: every kind of fault, for seconds instead of
// minutes, and the recorder meets every bar.
func TestTheRecorderMeetsEveryBarUnderEveryFault(t *testing.T) {
	report, err := faults.Run(t.Context(), faults.Options{
		Programs: build(t), Quick: true, Rate: 60, Seed: 1, Parallel: 4, Dir: t.TempDir(), Progress: progress{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		for _, missed := range r.Failures() {
			t.Error(missed)
		}
	}
	var table strings.Builder
	if err := faults.WriteTable(&table, report.Results); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
}
