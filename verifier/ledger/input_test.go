package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func level(t *testing.T, word string) *verdict.Level {
	t.Helper()
	if word == "" {
		return nil
	}
	l, err := verdict.ParseLevel(word)
	if err != nil {
		t.Fatal(err)
	}
	return &l
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func made(t *testing.T, about About, paths ...string) *Ledger {
	t.Helper()
	c, err := ReadCatalogue("", paths)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Make(context.Background(), paths, Options{Catalogue: c, About: about})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// report is a JUnit report of one case.
func report(name, body string) string {
	return fmt.Sprintf(`<testsuite name="s"><testcase name=%q time="1">%s</testcase></testsuite>`, name, body)
}

const drain = "recovers growth operation after node drain"

// One source that cannot be used loses no other one, and says why and what to do.
func TestABadSourceIsToldAndLosesNoOther(t *testing.T) {
	for want, file := range map[string][2]string{
		"it is empty":                           {"a.db", ""},
		"not a readable trace":                  {"a.db", strings.Repeat("x", 9000)},
		"it is no complete JUnit XML":           {"a.xml", "<testsuite>"},
		"it is no complete JSON report":         {"a.json", `[{"a"`},
		"the report is empty":                   {"a.json", ""},
		"put a date into run.yaml":              {"a.xml", report(drain, "")},
		"there is neither a trace":              {"bad/run.yaml", "date: 2026-03-01\n"},
		"field dat not found":                   {"bad/run.yaml", "dat: 2026-03-01\n"},
		`the date "yesterday" is not like 2026`: {"bad/run.yaml", "date: yesterday\n"},
		`the duration "long" is not like 1h55m`: {"bad/run.yaml", "date: 2026-03-01\nduration: long\n"},
	} {
		dir := t.TempDir()
		write(t, dir, "good/report.xml", report(drain, ""))
		write(t, dir, "good/run.yaml", "date: 2026-03-01\n")
		write(t, dir, file[0], file[1])
		if strings.Contains(want, "is not like") {
			write(t, dir, "bad/report.xml", report(drain, ""))
		}
		l := made(t, About{}, dir)
		if len(l.Runs) != 1 || len(l.Problems) != 1 || !strings.Contains(l.Problems[0].Text, want) {
			t.Errorf("want %q: %d runs, problems %v", want, len(l.Runs), l.Problems)
		}
	}
	l := made(t, About{}, filepath.Join(t.TempDir(), "none"), write(t, t.TempDir(), "a.txt", ""))
	if len(l.Problems) != 2 || !strings.Contains(l.Problems[0].Text, "no such file") ||
		!strings.Contains(l.Problems[1].Text, "neither a trace (.db) nor a report") {
		t.Errorf("got %v", l.Problems)
	}
}

func TestWhatTheCommandLineSaysIsOfFilesWithoutRunYaml(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "a.xml", report(drain, ""))
	l := made(t, About{
		Date: "2026-03-01", Commit: "0123456789", Environment: map[string]string{"provider": "azure"},
	}, file)
	if len(l.Runs) != 1 || l.Runs[0].Date != "2026-03-01" || l.Runs[0].build != "0123456" || l.Runs[0].Label != "azure" {
		t.Errorf("got %+v, %v", l.Runs, l.Problems)
	}
	if e := made(t, About{Date: "2026-03-01"}, file, file); len(e.Runs) != 1 {
		t.Errorf("a file that is named twice gives %d runs", len(e.Runs))
	}
}

func TestACatalogueThatMeansNothingIsRefused(t *testing.T) {
	for want, text := range map[string]string{
		"field test not found":                   "test: []",
		"is no regular expression":               "tests: [{name: a, aliases: ['(']}]",
		`there is no class "cloud"`:              "reasons: [{match: a, class: cloud}]",
		`baseline: there is no test "unheard"`:   "baseline: {counts: {unheard: {passes: 1}}}",
		`requirements: there is no test "other"`: "requirements: [{requirement: r, test: other}]",
		`the date "soon" is not like`:            "tests: [{name: a, since: {date: soon, why: b}}]",
	} {
		if _, err := NewCatalogue("ledger.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if _, err := ReadCatalogue(filepath.Join(t.TempDir(), "none.yaml"), nil); err == nil {
		t.Error("a catalogue that is not there is used")
	}
}

func TestARenamedTestKeepsItsHistory(t *testing.T) {
	dir := t.TempDir()
	for i, title := range []string{"was called so before", "in its container " + drain, "is new"} {
		name := fmt.Sprintf("%d", i)
		write(t, dir, name+"/report.xml", report(title, ""))
		write(t, dir, name+"/run.yaml", "date: 2026-03-0"+fmt.Sprint(i+1)+"\n")
	}
	write(t, dir, ConfigFile, "tests:\n  - name: node drain during growth\n"+
		"    aliases: [was called so bef\\w+]\n    note: by hand\n")
	l := made(t, About{}, dir)
	for _, test := range l.Tests {
		switch test.Name {
		case "node drain during growth":
			if test.Passes != 2 || test.Note != "by hand" {
				t.Errorf("got %+v", test)
			}
		case "is new":
			if test.Passes != 1 {
				t.Errorf("got %+v", test)
			}
		}
	}
	if last := l.Tests[len(l.Tests)-1].Name; last != "is new" {
		t.Errorf("the last row is %q: a spec that no catalogue knows has none", last)
	}
}

// What a person holds for repaired is counted, and assessed no more.
func TestSinceLeavesOlderResultsOutOfTheAssessment(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		body := ""
		if i < 2 {
			body = `<failure message="x"/>`
		}
		write(t, dir, fmt.Sprintf("%d/report.xml", i), report(drain, body))
		write(t, dir, fmt.Sprintf("%d/run.yaml", i), fmt.Sprintf("date: 2026-03-0%d\n", i+1))
	}
	write(t, dir, ConfigFile, "tests: [{name: node drain during growth, since: {date: 2026-03-03, why: fixed}}]\n")
	l := made(t, About{}, dir)
	for _, test := range l.Tests {
		if test.Name == "node drain during growth" && (test.Fails != 2 || test.Trials != 4 || test.Clean != 4) {
			t.Errorf("got %+v", test)
		}
	}
}

// Fisher's test has something to say when a build is run often enough.
func TestARegressionThatChanceHardlyExplains(t *testing.T) {
	dir := t.TempDir()
	day := 0
	add := func(commit, body string) {
		day++
		write(t, dir, fmt.Sprintf("%02d/report.xml", day), report(drain, body))
		write(t, dir, fmt.Sprintf("%02d/run.yaml", day), fmt.Sprintf("date: 2026-03-%02d\ncommit: %s\n", day, commit))
	}
	for range 10 {
		add("aaaaaaa", "")
	}
	add("bbbbbbb", `<failure message="x"/>`)
	add("ccccccc", "")
	add("bbbbbbb", `<failure message="x"/>`)
	l := made(t, About{}, dir)
	first, last := l.Runs[10].Deltas.Regression, l.Runs[12].Deltas.Regression
	if len(first) != 1 || first[0].Significant || !strings.Contains(first[0].Says, "no verdict below 2") {
		t.Errorf("one failure: %+v", first)
	}
	if len(last) != 1 || !last[0].Significant || last[0].Failed != 2 || last[0].Runs != 2 || last[0].Before != 11 {
		t.Errorf("two failures of two: %+v", last)
	}
}

// The catalogue, the policies and the requirements speak of the same tests.
func TestTheCatalogueAgreesWithThePolicies(t *testing.T) {
	c, err := NewCatalogue("", nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := verifier.LoadPolicies(verifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := joiner{&c, set}
	for _, e := range c.Tests {
		if len(j.claimed(&Result{Test: e.Name})) == 0 {
			t.Errorf("no policy judges what the spec %q claims", e.Spec)
		}
		if found := c.find(e.Spec); found == nil || found.Name != e.Name {
			t.Errorf("the spec %q is found as %v", e.Spec, found)
		}
		if e.Scenario != "" && set.Policy("scenario-"+e.Scenario) == nil {
			t.Errorf("%s: there is no policy of the scenario %q", e.Name, e.Scenario)
		}
	}
	rows := map[string]bool{}
	for _, p := range set.Policies {
		for _, row := range p.Rows {
			if row.Document == "results" {
				rows[row.Text] = true
			}
		}
	}
	for _, r := range c.Requirements {
		if !rows[r.Requirement] {
			t.Errorf("no policy names the requirement %q", r.Requirement)
		}
	}
}

// The table in docs/ledger.md is that of the worked example.
func TestTheDocumentIsCurrent(t *testing.T) {
	text, err := os.ReadFile("../../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	l := made(t, About{}, "testdata/seeds")
	for _, test := range l.Tests {
		row := fmt.Sprintf("| %d / %d / %d | ", test.Passes, test.Fails, test.Skips)
		said := fmt.Sprintf("| %s | %d of %d: %s |", emphasis(string(test.Assessment), test.Assessment),
			test.Clean, test.Trials, test.Rate)
		found := false
		for line := range strings.Lines(string(text)) {
			found = found || strings.HasPrefix(line, "| "+test.Name+" |") && strings.Contains(line, row) &&
				strings.Contains(line, said)
		}
		if !found {
			t.Errorf("docs/ledger.md has no row of %q with %s…%s", test.Name, row, said)
		}
	}
}
