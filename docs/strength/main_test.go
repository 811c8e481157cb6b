package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/mutation"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// document returns the committed document.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "policy-strength.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rowsAbout returns the lines of a table's rows that begin with one of the words.
func rowsAbout(text string, words ...string) []string {
	var rows []string
	for line := range strings.Lines(text) {
		for _, word := range words {
			if strings.HasPrefix(line, "| "+word) {
				rows = append(rows, strings.TrimSpace(line))
			}
		}
	}
	return rows
}

// The whole takes minutes; the libraries, which most policies use, take seconds.
// Continuous integration runs make mutate and compares.
func TestTheDocumentIsCurrentAboutTheLibraries(t *testing.T) {
	ids := []string{"lib/rises", "lib/spans"}
	strengths, err := mutation.Measure(context.Background(), policies.FS, mutation.Options{Only: ids})
	if err != nil {
		t.Fatal(err)
	}
	var fresh bytes.Buffer
	if err := (mutation.Report{Policies: strengths}).Write(&fresh, "markdown"); err != nil {
		t.Fatal(err)
	}
	got, want := rowsAbout(document(t), ids...), rowsAbout(fresh.String(), ids...)
	if strings.Join(got, "\n") != strings.Join(want, "\n") || len(want) == 0 {
		t.Errorf("docs/policy-strength.md is out of date, run make mutate; it has\n%s\nbut it is\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheDocumentNamesEveryPolicyAndFault(t *testing.T) {
	set, err := verifier.LoadPolicies(verifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := document(t)
	for _, p := range set.Policies {
		if !strings.Contains(text, "\n| "+p.ID+" |") {
			t.Errorf("docs/policy-strength.md does not name %s: run make mutate", p.ID)
		}
		for _, fault := range p.Mutants {
			if !strings.Contains(text, "\n| "+p.ID+" | "+fault+" |") {
				t.Errorf("docs/policy-strength.md does not have the fault %s of %s: run make mutate", fault, p.ID)
			}
		}
	}
}

// A recording that is given a sentinel is judged as before, and no data is lost.
func TestTheSentinelLosesNothing(t *testing.T) {
	dir := t.TempDir()
	paths, err := importAll(context.Background(), filepath.Join("..", "..", "recorder", "testdata"), dir)
	if err != nil {
		t.Fatal(err)
	}
	var watched string
	for _, path := range paths {
		if strings.Contains(path, "sentinel") {
			watched = path
		}
	}
	run, err := verifier.Check(context.Background(), []string{watched}, verifier.Options{Only: []string{"no-data-loss"}})
	if err != nil {
		t.Fatal(err)
	}
	if p := run.Traces[0].Policies[0]; p.Verdict != verdict.Held || p.Exercised == 0 {
		t.Errorf("got %s, exercised %d: %v", p.Verdict, p.Exercised, p.Unknowns)
	}
}

// What is put into a recording is found, at every place of it.
func TestFaultsAreNoticed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "node-drain.db")
	file := filepath.Join("..", "..", "recorder", "testdata", "node-drain.jsonl.zst")
	if err := importOne(context.Background(), file, path); err != nil {
		t.Fatal(err)
	}
	o := verifier.Options{Only: []string{"replica-consistency"}}
	detection, err := mutation.Detect(context.Background(), []string{path}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(detection.Rows) == 0 {
		t.Fatal("replica-consistency declares no faults")
	}
	for _, row := range detection.Rows {
		if !row.Detected() || row.Cells[0].Before != "held" {
			t.Errorf("%s: %+v", row.Class, row.Cells)
		}
	}
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Verify(); err != nil {
		t.Errorf("the recording itself was changed: %v", err)
	}
}

// A row of the track record names a policy with its code, and a case of a test.
func TestTheTrackRecordNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "track-record.md"))
	if err != nil {
		t.Fatal(err)
	}
	proofs := ""
	for _, name := range []string{"faults_test.go", "diagnosis_test.go", "testdata/diagnosis/diagnoses.golden"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "policies", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		proofs += "\n" + string(text)
	}
	set, err := verifier.LoadPolicies(verifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 5 || strings.HasPrefix(line, "| Bug") {
			continue
		}
		rows++
		id, code, _ := strings.Cut(strings.TrimSpace(cells[3]), " ")
		p := set.Policy(id)
		word := strings.Trim(code, "`")
		if p == nil || p.Codes[word] == "" && (!p.IsDiagnosis() || p.Reasons[word] == "") {
			t.Errorf("there is no policy %s with the code %s", id, code)
		}
		name := strings.TrimSpace(cells[4])
		if !strings.Contains(proofs, `"`+name+`",`) && !strings.Contains(proofs, "\n"+name+"\n") {
			t.Errorf("no test is called %q", name)
		}
	}
	if rows < 6 {
		t.Errorf("found only %d rows", rows)
	}
}
