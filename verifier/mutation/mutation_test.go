package mutation

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// mutantsOf lists what becomes of the rules of a module.
func mutantsOf(t *testing.T, rules string) []string {
	t.Helper()
	m, err := ast.ParseModuleWithOpts("p.rego", "package p\n\n"+rules, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	original := m.String()
	var out []string
	generate(m, func(mutant mutation) {
		out = append(out, mutant.operator+": "+render(mutant.before)+" → "+render(mutant.after))
		if mutant.module.String() == original {
			t.Errorf("%s changes nothing", out[len(out)-1])
		}
	})
	if m.String() != original {
		t.Errorf("the original was changed into\n%s", m)
	}
	return out
}

func TestEachOperatorMakesItsMistakes(t *testing.T) {
	tests := []struct {
		name, rules string
		want        []string
	}{
		{"a comparison", "a if input.x < 5", []string{
			"rule: a → ", "drop: input.x < 5 → ", "boundary: input.x < 5 → input.x <= 5",
			"relation: input.x < 5 → input.x > 5", "constant: input.x < 5 → input.x < 6",
			"constant: input.x < 5 → input.x < 4",
		}},
		{"an equality", "a if input.x == input.y", []string{
			"rule: a → ", "drop: input.x == input.y → ", "relation: input.x == input.y → input.x != input.y",
		}},
		{"a negation", "a if not input.x", []string{
			"rule: a → ", "drop: not input.x → ", "not: not input.x → input.x",
		}},
		{"a predicate", `a if startswith(input.x, "y")`, []string{
			"rule: a → ", `drop: startswith(input.x, "y") → `,
			`negate: startswith(input.x, "y") → not startswith(input.x, "y")`,
		}},
		{"arithmetic and extremes", "a := max([input.x + input.y])", []string{
			"rule: a := max([input.x + input.y]) → ",
			"extreme: a := max([input.x + input.y]) → a := min([input.x + input.y])",
			"arithmetic: a := max([input.x + input.y]) → a := max([input.x - input.y])",
		}},
		{"sets", `a := {"x", "y"} | input.z`, []string{
			`rule: a := {"x", "y"} | input.z → `, `union: a := {"x", "y"} | input.z → a := {"x", "y"} & input.z`,
			`element: {"x", "y"} → {"y"}`, `element: {"x", "y"} → {"x"}`,
		}},
		{"branches", "a := input.x if input.y else := input.z", []string{
			"rule: a := input.x → ", "drop: input.y → ", "negate: input.y → not input.y", "rule: a := input.z → ",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, mutantsOf(t, test.rules)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMutantsAreFoundInEveryCorner(t *testing.T) {
	rules := `a contains {"n": 1, "s": {2}} if {
	some x in input.list
	every y in input.others { y > 3 }
	z := [w | some w in input.ws; w != 4]
	z[5] == {k: v | some k, v in input.kv; v >= 6}
	f(x, 7)
}

f(_, n) := n * 8 if n in {9, 10}`
	all := strings.Join(mutantsOf(t, rules), "\n")
	for _, want := range []string{
		`"n": 2`, `"s": {3}`, "y >= 3", "w != 5", "w == 4", "z[6]", "v > 6", "f(x, 8)", "n * 9", "n / 8", "{10}", "{9}",
		"negate: f(x, 7) → not f(x, 7)", "negate: n in {9, 10} → not n in {9, 10}",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no mutant has %s:\n%s", want, all)
		}
	}
}

// demoSet returns a small set of policies.
func demoSet(t *testing.T, tests, accepted string) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		"demo/demo.rego": {Data: []byte("package demo\n\nover contains x if {\n\tsome x in input.xs\n\tx > data.most\n}\n")},
		"demo/demo_test.rego": {Data: []byte(
			"package demo_test\n\nimport data.demo\n\n" + tests)},
		"params.yaml":  {Data: []byte("most: 5\n")},
		"mutants.yaml": {Data: []byte("accepted_mutants:\n" + accepted)},
	}
}

const (
	weakTest   = "test_over if demo.over == {7} with input as {\"xs\": [3, 7]}\n"
	strongTest = "test_over if demo.over == {7} with input as {\"xs\": [3, 5, 7]}\n"
)

func TestAWeakTestLetsAMutantSurvive(t *testing.T) {
	got, err := Measure(context.Background(), demoSet(t, weakTest, "  {}\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Killed != 3 || got[0].Survived != 1 || got[0].Strong() {
		t.Fatalf("got %+v", got)
	}
	survivor := got[0].Survivors[0]
	if survivor.Before != "x > data.most" || survivor.After != "x >= data.most" || survivor.Line != 5 {
		t.Errorf("got %+v", survivor)
	}
}

func TestAStrongTestLetsNoneSurvive(t *testing.T) {
	got, err := Measure(context.Background(), demoSet(t, strongTest, "  {}\n"), Options{})
	if err != nil || !got[0].Strong() || len(got[0].Survivors) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAcceptedSurvivors(t *testing.T) {
	measured, err := Measure(context.Background(), demoSet(t, weakTest, "  {}\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := measured[0].Survivors[0].ID
	tests := []struct{ name, tests, accepted, want string }{
		{"with a reason it leaves the count", weakTest, "  demo: [{id: " + id + ", reason: why not}]\n", ""},
		{"without a reason it is refused", weakTest, "  demo: [{id: " + id + "}]\n", "has no reason"},
		{"twice it is refused", weakTest, "  demo: [{id: x, reason: y}, {id: x, reason: y}]\n", "listed twice"},
		{"a stale one is refused", strongTest, "  demo: [{id: " + id + ", reason: why not}]\n", "stale"},
		{"a policy that is not there is refused", weakTest, "  other: [{id: x, reason: y}]\n",
			`no policy or library "other"`},
		{"an unknown key is refused", weakTest, "  demo: [{id: x, because: y}]\n", "because not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Measure(context.Background(), demoSet(t, test.tests, test.accepted), Options{})
			if test.want == "" {
				if err != nil || !got[0].Strong() || got[0].Accepted != 1 {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestWhatCannotBeMeasuredIsAnError(t *testing.T) {
	failing := demoSet(t, "test_over if demo.over == {1} with input as {\"xs\": [7]}\n", "  {}\n")
	untested := demoSet(t, weakTest, "  {}\n")
	delete(untested, "demo/demo_test.rego")
	broken := demoSet(t, "test_over if nothing\n", "  {}\n")
	for _, test := range []struct {
		name string
		of   fstest.MapFS
		only []string
		want string
	}{
		{"a test that fails anyway", failing, nil, "its own test test_over fails before anything is changed"},
		{"no tests", untested, nil, "has no tests beside it (want demo/demo_test.rego)"},
		{"tests that do not compile", broken, nil, "does not compile"},
		{"an id that is not there", failing, []string{"x"}, `no policy or library "x" (there are: demo)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Measure(context.Background(), test.of, Options{Only: test.only})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// The quick way of asking the tests says the same as OPA's own runner.
func TestOPAsRunnerAgrees(t *testing.T) {
	ctx := context.Background()
	s, err := loadSuite(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := s.subjects([]string{"lib/spans", "no-data-loss"})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range subjects {
		trial, err := s.newTrial(ctx, of, DefaultTimeout)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		generate(of.modules[of.file], func(m mutation) {
			if n++; n%4 > 0 {
				return
			}
			quick, err := trial.try(ctx, m.module)
			if err != nil {
				t.Fatal(err)
			}
			changed := of
			changed.modules = trial.with(m.module)
			slow := s.pass(ctx, changed, DefaultTimeout)
			if (slow == nil) != (quick == survived) {
				t.Errorf("%s:%d %s: OPA says %v, the quick way %d", of.file, m.line, m.operator, slow, quick)
			}
		})
	}
}

func TestResults(t *testing.T) {
	policy := func(l verdict.Level) verdict.Policy { return verdict.Policy{Verdict: l} }
	tests := []struct {
		name   string
		before verdict.Level
		got    []verdict.Level
		want   Result
	}{
		{"noticed everywhere", verdict.Held, []verdict.Level{verdict.Violated, verdict.Violated}, Detected},
		{"missed at one place", verdict.Held, []verdict.Level{verdict.Violated, verdict.Held}, Missed},
		{"another verdict than the one wanted", verdict.Held, []verdict.Level{verdict.Inconclusive}, Missed},
		{"noticed though it was vacuous", verdict.Vacuous, []verdict.Level{verdict.Violated}, Detected},
		{"vacuous before and after", verdict.Vacuous, []verdict.Level{verdict.Vacuous}, Open},
		{"violated before", verdict.Violated, []verdict.Level{verdict.Violated}, Open},
		{"no place", verdict.Held, nil, NoPlace},
	}
	for _, test := range tests {
		var got []verdict.Policy
		for _, l := range test.got {
			got = append(got, policy(l))
		}
		if result := resultOf(policy(test.before), got, verdict.Violated); result != test.want {
			t.Errorf("%s: got %s, want %s", test.name, result, test.want)
		}
	}
}

// A fault that is misspelt would never be put into anything.
func TestAnUnknownFaultIsAnError(t *testing.T) {
	changed := fstest.MapFS{}
	err := fs.WalkDir(policies.FS, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(policies.FS, file)
		changed[file] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(text), "[stale_replica,", "[stale,"))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Detect(context.Background(), nil, verifier.Options{Policies: changed, Root: "policies"})
	if err == nil || !strings.Contains(err.Error(), `there is no trace mutant "stale" (there are: above_limit, `) {
		t.Errorf("got %v", err)
	}
}

func TestLess(t *testing.T) {
	for _, test := range []struct{ elements, gone, want string }{
		{"1-9", "5", "1-4,6-9"}, {"1-9", "1", "2-9"}, {"1-9", "9", "1-8"}, {"1-2", "2", "1-1"},
		{"1-3,5,7", "5", "1-3,7"}, {"1-3", "8", "1-3"}, {"", "8", ""},
	} {
		if got := less(test.elements, test.gone); got != test.want {
			t.Errorf("%s less %s is %s, want %s", test.elements, test.gone, got, test.want)
		}
	}
}
