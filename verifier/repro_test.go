package verifier_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// findings returns those of all policies on the faulty trace.
func findings(run verdict.Run) (out []verdict.Finding) {
	for _, p := range run.Traces[0].Policies {
		out = append(out, p.Findings...)
	}
	return out
}

// reproduce writes a reproduction into a new directory.
func reproduce(t *testing.T, file, id string, whole bool) string {
	t.Helper()
	files, err := verifier.Repro(context.Background(), file, verifier.Options{}, id, whole)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		if err := os.WriteFile(name, f.Content, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// derives asks OPA as a library, with the files of a reproduction only.
func derives(t *testing.T, dir string, f verdict.Finding) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "input.json"))
	if err != nil {
		t.Fatal(err)
	}
	input := golden.JSON(t, text)
	id, _, _ := strings.Cut(f.ID, "/")
	p := defaultSet(t).Policy(id)
	schema, _ := views.Schema(p.View)
	if err := golden.Schema(t, schema).Validate(input); err != nil {
		t.Errorf("%s: the slice is no document of the view: %v", f.ID, err)
	}
	results, err := rego.New(
		rego.Query(p.Package()+".violation"), rego.Input(input),
		rego.Load([]string{filepath.Join(dir, "policies"), filepath.Join(dir, "data.json")}, nil),
	).Eval(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := json.Marshal(results)
	if err != nil || !strings.Contains(string(rows), `"`+f.Code+`"`) {
		t.Errorf("%s is not derived: %s %v", f.ID, rows, err)
	}
}

func TestReproductionsGiveTheFindingWithOPAAlone(t *testing.T) {
	file := faulty(t)
	all := findings(check(t, verifier.Options{}, file))
	if len(all) < 4 {
		t.Fatalf("only %d findings", len(all))
	}
	for _, f := range all {
		for _, whole := range []bool{false, true} {
			dir := reproduce(t, file, f.ID, whole)
			derives(t, dir, f)
			results, err := tester.Run(context.Background(),
				filepath.Join(dir, "policies"), filepath.Join(dir, "repro_test.rego"))
			if err != nil || len(results) != 1 || !results[0].Pass() {
				t.Errorf("%s (whole %t): the test gives %v, %v", f.ID, whole, results, err)
			}
		}
	}
}

// A test that can only pass proves nothing.
func TestReproductionFailsWhereThePolicyIsAnother(t *testing.T) {
	file := faulty(t)
	dir := reproduce(t, file, idOf(t, file, "policy-bounds", "above_limit"), false)
	source := filepath.Join(dir, "policies", "invariants", "policy_bounds", "policy_bounds.rego")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	blind := strings.Replace(string(text), `"code": "above_limit"`, `"code": "over_limit"`, 1)
	if err := os.WriteFile(source, []byte(blind), 0o644); err != nil {
		t.Fatal(err)
	}
	results, err := tester.Run(context.Background(), filepath.Join(dir, "policies"), filepath.Join(dir, "repro_test.rego"))
	if err != nil || len(results) != 1 || results[0].Pass() {
		t.Errorf("the test gives %v, %v", results, err)
	}
}

func idOf(t *testing.T, file, policy, code string) string {
	t.Helper()
	all := findings(check(t, verifier.Options{}, file))
	i := slices.IndexFunc(all, func(f verdict.Finding) bool { return strings.HasPrefix(f.ID, policy+"/"+code+"/") })
	if i < 0 {
		t.Fatalf("no finding %s of %s", code, policy)
	}
	return all[i].ID
}

func TestScriptOfAReproductionRunsWithOPA(t *testing.T) {
	out, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Skipf("go tool opa cannot be built here: %v", err)
	}
	file := faulty(t)
	dir := reproduce(t, file, idOf(t, file, "policy-bounds", "above_limit"), false)
	cmd := exec.Command(filepath.Join(dir, "run.sh"))
	cmd.Env = append(os.Environ(), "OPA="+strings.TrimSpace(string(out)))
	text, err := cmd.CombinedOutput()
	found := strings.Contains(string(text), `"code": "above_limit"`) && strings.Contains(string(text), "PASS: 1/1")
	if err != nil || !found {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestReproductionIsTheSameTwice(t *testing.T) {
	file := faulty(t)
	id := idOf(t, file, "policy-bounds", "above_limit")
	first, second := reproduce(t, file, id, false), reproduce(t, file, id, false)
	for _, name := range []string{"input.json", "data.json", "repro_test.rego", "run.sh"} {
		a, errA := os.ReadFile(filepath.Join(first, name))
		b, errB := os.ReadFile(filepath.Join(second, name))
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%s differs: %v %v", name, errA, errB)
		}
	}
}

func TestUnknownFindingNamesThoseThatExist(t *testing.T) {
	_, err := verifier.Repro(context.Background(), faulty(t), verifier.Options{}, "x", false)
	if err == nil || !strings.Contains(err.Error(), "policy-bounds/above_limit/") {
		t.Errorf("got %v", err)
	}
	if _, err = verifier.Repro(context.Background(), small(t, nil), demo(), "x", false); err == nil ||
		!strings.Contains(err.Error(), "there is no finding in this trace") {
		t.Errorf("got %v", err)
	}
}

// defaultSet is the built-in policies.
func defaultSet(t *testing.T) *policy.Set {
	t.Helper()
	set, err := verifier.LoadPolicies(verifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
