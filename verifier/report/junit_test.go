package report_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func TestJUnit(t *testing.T) {
	golden.Compare(t, "testdata/sample.junit.xml", write(t, "junit", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.junit.xml", write(t, "junit", held(), report.Options{}))
}

// cases reads a report the way a CI system does: what each case became.
func cases(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var doc struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Name    string    `xml:"name,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range doc.Suites {
		count := map[string]int{}
		for _, c := range s.Cases {
			became := "passed"
			switch {
			case c.Failure != nil:
				became = "failure"
			case c.Error != nil:
				became = "error"
			case c.Skipped != nil:
				became = "skipped"
			}
			count[became]++
			out[c.Class+"/"+c.Name] = became
		}
		counted := map[string]int{"failure": s.Failures, "error": s.Errors, "skipped": s.Skipped}
		delete(count, "passed")
		maps.DeleteFunc(counted, func(_ string, n int) bool { return n == 0 })
		if s.Tests != len(s.Cases) || !maps.Equal(counted, count) {
			t.Errorf("the suite counts %+v, its cases are %v", s, count)
		}
	}
	return out
}

func TestJUnitPassesOnlyWhatHeld(t *testing.T) {
	for _, undecided := range []report.Undecided{"", report.Failure, report.Errored, report.Skipped} {
		want := string(undecided)
		if undecided == "" {
			want = "failure"
		}
		got := cases(t, write(t, "junit", sample(), report.Options{Undecided: undecided}))
		for name, became := range map[string]string{
			"growth/policy-bounds":       "failure",
			"growth/idempotency":         "error",
			"growth/no-data-loss":        want,
			"growth/convergence-resumes": "skipped", // vacuous, allowed
			"growth/scenario-drain":      "skipped", // vacuous, not asked of this trace
			"growth/status-coherence":    "passed",
			"broken/trace-readable":      "error",
			"quiet/idempotency":          want,
		} {
			if got[name] != became {
				t.Errorf("undecided %q: %s is %s, want %s", undecided, name, got[name], became)
			}
		}
	}
}

// CI systems recognise a test by its name: a count or a time in it makes a new
// test of every run.
func TestJUnitNamesAreStable(t *testing.T) {
	for name := range cases(t, write(t, "junit", sample(), report.Options{})) {
		if regexp.MustCompile(`\d`).MatchString(name) {
			t.Errorf("the name %s has a number in it", name)
		}
	}
}

func TestJUnitStaysWellFormedWhateverATraceSays(t *testing.T) {
	run := sample()
	f := &run.Traces[0].Policies[3].Findings[0]
	f.Message, f.Entity = "bell \x07, nul \x00, ]]>, <b>&amp;\u2028\xff", "ds/\x1b[31mpg"
	d := xml.NewDecoder(bytes.NewReader(write(t, "junit", run, report.Options{})))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTracesOfOneNameAreToldApart(t *testing.T) {
	run := verdict.Run{Traces: []verdict.Trace{
		{File: "T1/run.db", Error: "x"}, {File: "T2/run.db", Error: "x"}, {File: "other.db", Error: "x"},
	}}
	out := string(write(t, "junit", run, report.Options{}))
	for _, name := range []string{"T1/run.db", "T2/run.db", "other"} {
		if !strings.Contains(out, `<testsuite name="`+name+`"`) {
			t.Errorf("there is no %s", name)
		}
	}
}
