package policy_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/hindsight-project/hindsight/verifier/policy"
)

// clean is the good set with tests that name everything.
func clean(t *testing.T) fstest.MapFS {
	files := copyOf(t, "testdata/good")
	files["demo/bounds/bounds_test.rego"] = &fstest.MapFile{Data: []byte(`package demo.bounds_test

import data.demo.bounds

test_above if {
	{row.code | some row in bounds.violation} == {"above_limit"} with input as {
		"limit": 1, "gaps": [],
		"samples": [{"seq": 1, "t": 0, "size": 2}],
	}
}

test_gap if {
	{row.reason | some row in bounds.unknown} == {"gap"} with input as {"gaps": [{"seq": 1}]}
}
`)}
	files["demo/grows/grows_test.rego"] = &fstest.MapFile{Data: []byte(`package demo.grows_test

import data.demo.grows

test_late if {
	rows := grows.violation with input as {"samples": [{"seq": 1, "t": 101, "size": 2}]}
		with data.params as data.profiles.medium
	{row.code | some row in rows} == {"too_late"}
}
`)}
	return files
}

func TestLint(t *testing.T) {
	const bounds, boundsTest = "demo/bounds/bounds.rego", "demo/bounds/bounds_test.rego"
	const trap = " looks up a partial rule by a computed key"
	tests := []struct {
		name     string
		file     string
		old, new string // new replaces old
		want     []string
	}{
		{"nothing is wrong", bounds, "", "", nil},
		{
			"what Load refuses", bounds, "severity: critical", "severity: P0",
			[]string{bounds + `:15: METADATA custom severity is "P0"`},
		},
		{
			"a threshold that no policy reads", "params.yaml", "  medium:", "  medium:\n    quiet: {limit_ns: 5}",
			[]string{"params.yaml: no policy reads the threshold quiet.limit_ns"},
		},
		{
			"a file that is not formatted", bounds, "\tinput.limit\n", "    input.limit\n",
			[]string{bounds + ":30: is not formatted: run opa fmt --write on it"},
		},
		{
			"a test that is not formatted", boundsTest, "import data.demo.bounds\n", "import data.demo.bounds\n\n",
			[]string{boundsTest + ":5: is not formatted"},
		},
		{
			"a code that no test names", boundsTest, `"above_limit"`, `"above"`,
			[]string{bounds + `:24: no test names the code "above_limit"`},
		},
		{
			"a reason that no test names", boundsTest, `"gap"`, `"gape"`,
			[]string{bounds + `:33: no test names the reason "gap"`},
		},
		{
			"a code that only METADATA names", bounds, "#   reasons:", "#     other: Another one.\n#   reasons:",
			[]string{bounds + `:21: no test names the code "other"`},
		},
		{
			"a test in the package of the policy", boundsTest, "package demo.bounds_test", "package demo.bound",
			[]string{boundsTest + ":1: the package of a test ends with _test, this one is demo.bound"},
		},
		{
			"a test that does not compile", boundsTest, "test_above if {", "test_above if {\n\tx := 1",
			[]string{boundsTest + ":"},
		},
		{
			"a partial set looked up by a variable", bounds, "some s in _odd\n", "some s in input.samples\n\t_odds[s]\n",
			[]string{bounds + ":39: _odds[s]" + trap},
		},
		{
			"a partial object looked up by a reference", bounds, "some s in _odd\n",
			"some s in _odd\n\t_sizes[s.seq] > 3\n", []string{bounds + ":39: _sizes[s.seq]" + trap},
		},
		{
			"a partial rule of a library", bounds, "some s in _odd\n", "some s in _odd\n\tsizes.known[s.size]\n",
			[]string{bounds + ":39: sizes.known[s.size]" + trap},
		},
		{"a partial rule that is iterated over", bounds, "some s in _odd\n", "some s in _odds\n\t_odds[_]\n", nil},
		{"a partial rule looked up by a constant", bounds, "some s in _odd\n", "some s in _odd\n\t_sizes[3] == 3\n", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := clean(t)
			files["lib/sizes/sizes.rego"].Data = append(files["lib/sizes/sizes.rego"].Data, "\nknown contains 1\n"...)
			files[bounds].Data = append(files[bounds].Data, `
_odds contains s if some s in _odd

_sizes[s.seq] := s.size if some s in input.samples
`...)
			text := string(files[test.file].Data)
			if !strings.Contains(text, test.old) {
				t.Fatalf("there is no %q", test.old)
			}
			files[test.file].Data = []byte(strings.Replace(text, test.old, test.new, 1))
			n, err := policy.Lint(files, options())
			if n != 2 {
				t.Errorf("%d policies", n)
			}
			var problems *policy.Problems
			switch {
			case test.want == nil && err != nil:
				t.Errorf("got %v", err)
			case test.want != nil && !errors.As(err, &problems):
				t.Errorf("got %v, want %v", err, test.want)
			}
			for _, want := range test.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
		})
	}
}

func TestLintOfNothing(t *testing.T) {
	_, err := policy.Lint(fstest.MapFS{}, options())
	if err == nil || !strings.Contains(err.Error(), "there are no policies here") {
		t.Errorf("got %v", err)
	}
}

func TestTestsHaveTheResultsOfOPA(t *testing.T) {
	dir := t.TempDir()
	files := clean(t)
	files["demo/bounds/bounds_test.rego"].Data = append(files["demo/bounds/bounds_test.rego"].Data, `
test_wrong if count(bounds.violation) == 7 with input as {}

todo_test_later if false

test_cases[name] if {
	some name, want in {"one": 1, "two": 1}
	want == 1
}
`...)
	writeAll(t, dir, files)
	report, err := policy.Test(context.Background(), files, "", "")
	if err != nil {
		t.Fatal(err)
	}
	opa, err := tester.Run(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := func(results []*tester.Result) map[string]string {
		out := map[string]string{}
		for _, r := range results {
			word := map[bool]string{true: "pass", false: "fail"}[r.Pass()]
			if r.Skip {
				word = "skip"
			}
			out[r.Package+"."+r.Name] = word
		}
		return out
	}
	if diff := cmp.Diff(outcomes(opa), outcomes(report.Results)); diff != "" || len(opa) < 5 {
		t.Errorf("differs from OPA on %d tests:\n%s", len(opa), diff)
	}
	if report.Passed() {
		t.Error("a test that fails does not count")
	}
	var out strings.Builder
	if err := report.Write(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"data.demo.bounds_test.test_above: PASS", "data.demo.bounds_test.test_wrong: FAIL", "SKIPPED: 1/",
		"COVERAGE: ", "  demo/grows/grows.rego: not evaluated: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, out.String())
		}
	}
}

func TestCoverageCountsLinesOfPoliciesOnly(t *testing.T) {
	files := clean(t)
	all, err := policy.Test(context.Background(), files, "", "")
	if err != nil {
		t.Fatal(err)
	}
	one, err := policy.Test(context.Background(), files, "root", "test_gap")
	if err != nil {
		t.Fatal(err)
	}
	if !all.Passed() || len(one.Results) != 1 || one.Percent() >= all.Percent() || one.Percent() <= 0 {
		t.Errorf("%v %% by all, %v %% by %d tests", all.Percent(), one.Percent(), len(one.Results))
	}
	for _, f := range one.Coverage {
		if strings.HasSuffix(f.File, "_test.rego") || !strings.HasPrefix(f.File, "root/") {
			t.Errorf("coverage of %s", f.File)
		}
	}
}

func TestTestsThatCannotRun(t *testing.T) {
	broken := clean(t)
	broken["demo/bounds/bounds_test.rego"].Data = []byte("package demo.bounds_test\n\ntest_x if unknown_function(1)\n")
	unparsed := clean(t)
	unparsed["demo/bounds/bounds_test.rego"].Data = []byte("package")
	tests := []struct {
		name  string
		files fstest.MapFS
		run   string
		want  string
	}{
		{"no tests at all", fstest.MapFS{}, "", "no tests were run"},
		{"no test of that name", clean(t), "test_no_such", "no tests were run"},
		{"no expression", clean(t), "(", "the names of tests: error parsing regexp"},
		{"a test that does not compile", broken, "", "undefined function unknown_function"},
		{"a test that cannot be parsed", unparsed, "", "rego_parse_error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := policy.Test(context.Background(), test.files, "", test.run); err == nil ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// writeAll writes a file system in memory into a directory.
func writeAll(t *testing.T, dir string, files fstest.MapFS) {
	t.Helper()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
}
