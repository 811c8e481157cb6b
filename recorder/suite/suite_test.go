package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// The reports under testdata are as Ginkgo 2.34, gotestsum and go-junit-report
// wrote them, but for paths: of a suite that passes, fails, retries, panics,
// times out, skips and repeats, in one process and in three.
func TestWhatBecomesOfRealReports(t *testing.T) {
	for _, name := range []string{
		"serial.json", "parallel.json", "serial.xml", "parallel.xml", "gotestsum.xml", "go-junit-report.xml",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			specs, err := read(text)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for _, m := range Marks(specs) {
				if err := m.Validate(); err != nil {
					t.Error(err)
				}
				line, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "%s\n", line)
			}
			golden.Compare(t, file+".golden", got.String())
		})
	}
}

// read reads as Read does, with a zone that is the same everywhere.
func read(text []byte) ([]Spec, error) {
	if bytes.HasPrefix(text, []byte("<")) {
		return readJUnit(bytes.NewReader(text), time.UTC, false)
	}
	return Read(bytes.NewReader(text))
}

func load(t *testing.T, name string) []Spec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	specs, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

// What JUnit says of when a case ran holds: the JSON report of the same run knows
// it exactly.
func TestJUnitSaysNothingWrongOfTimes(t *testing.T) {
	for _, run := range []string{"serial", "parallel"} {
		exact := map[string]Spec{}
		for _, s := range load(t, run+".json") {
			if s.Node == "" {
				exact[s.Title] = s
			}
		}
		checked := 0
		for _, s := range load(t, run+".xml") {
			truth, known := exact[s.Title]
			if s.Node != "" || !s.ran() {
				continue
			}
			if !known || truth.Outcome != s.Outcome || !slices.Equal(truth.Labels, s.Labels) {
				t.Errorf("%s: JUnit has %+v, JSON %+v", run, s, truth)
			}
			for side, m := range map[string][2]Moment{"begin": {s.Begin, truth.Begin}, "end": {s.End, truth.End}} {
				// Durations in JUnit are cut; a millisecond is more than that.
				if m[1].Earliest.Before(m[0].Earliest.Add(-time.Millisecond)) ||
					m[1].Latest.After(m[0].Latest.Add(time.Millisecond)) {
					t.Errorf("%s: the %s of %q is at %v, JUnit says %v", run, side, s.Title, m[1], m[0])
				}
			}
			checked++
		}
		if checked < 8 {
			t.Errorf("%s: only %d cases were compared", run, checked)
		}
	}
}

// A report that is being written is an error at every length, never half of it.
func TestAHalfWrittenReportIsAnError(t *testing.T) {
	for _, name := range []string{"serial.json", "gotestsum.xml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.TrimSpace(text)
		for n := 0; n < len(text); n += 1 + len(text)/97 {
			if specs, err := Read(bytes.NewReader(text[:n])); err == nil {
				t.Errorf("the first %d of %d bytes of %s give %d specs", n, len(text), name, len(specs))
			}
		}
	}
}

func TestVariantsOfJUnit(t *testing.T) {
	const suite = `<testsuite name="s" timestamp="2026-11-22T02:00:00Z" time="10">`
	at := func(s int) time.Time { return time.Date(2026, 11, 22, 2, 0, s, 0, time.UTC) }
	for _, c := range []struct {
		says, text string
		want       Spec
	}{
		{
			"a case with its own timestamp is placed by it",
			suite + `<testcase name="a" timestamp="2026-11-22T02:00:03.000Z" time="2"/></testsuite>`,
			Spec{Title: "a", Outcome: passed, Begin: exactly(at(3)), End: exactly(at(5))},
		},
		{
			"reruns of Maven count as attempts",
			suite + `<testcase name="a" time="2"><flakyFailure message="x"/><flakyError/></testcase></testsuite>`,
			Spec{
				Title: "a", Outcome: passed, Attempt: 3, Begin: Moment{at(0), at(9)}, End: Moment{at(2), at(11)},
			},
		},
		{
			"an error is a failure, with the text where the message says nothing",
			suite + `<testcase name="a" classname="c.D" file="x/y.py" line="7"><error message="Failed"> why </error>` +
				`</testcase></testsuite>`,
			Spec{
				Title: "c.D a", Outcome: failed, Failure: "why", Location: "y.py:7",
				Begin: Moment{at(0), at(11)}, End: Moment{at(0), at(11)},
			},
		},
		{
			"nested suites have the time of their parent",
			`<testsuites timestamp="2026-11-22T02:00:00Z" time="1,000"><testsuite name="s"><testcase name="a">` +
				`<skipped/></testcase></testsuite></testsuites>`,
			Spec{
				Title: "a", Outcome: skipped,
				Begin: Moment{at(0), at(1001)}, End: Moment{at(0), at(1001)},
			},
		},
		{
			"a time without zone and fraction is local and up to a second later",
			`<testsuite name="s" timestamp="2026-11-22T02:00:00"><testcase name="a" time="NaN"/></testsuite>`,
			Spec{Title: "a", Outcome: passed, Begin: Moment{at(0), at(1)}, End: Moment{at(0), at(1)}},
		},
		{
			"GoogleTest's status says whether a case ran, not how",
			suite + `<testcase name="a" status="notrun" time="10"/></testsuite>`,
			Spec{Title: "a", Outcome: skipped, Begin: Moment{at(0), at(1)}, End: Moment{at(10), at(11)}},
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			specs, err := readJUnit(strings.NewReader(c.text), time.UTC, false)
			if err != nil || len(specs) != 1 {
				t.Fatal(specs, err)
			}
			c.want.Suite = "s"
			c.want.Attempt = max(c.want.Attempt, 1)
			if d := cmp.Diff(c.want, specs[0]); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

func TestOutcomesNeedNoTimestamps(t *testing.T) {
	specs, err := ReadOutcomes(strings.NewReader(`<testsuite name="s"><testcase name="a" time="2"/></testsuite>`))
	if err != nil || len(specs) != 1 {
		t.Fatal(specs, err)
	}
	s := specs[0]
	if took := s.End.Earliest.Sub(s.Begin.Earliest); !s.Begin.Earliest.IsZero() || took != 2*time.Second {
		t.Errorf("it began %v and took %v", s.Begin.Earliest, took)
	}
}

func TestACaseThatIsThereTwiceHasTwoAttempts(t *testing.T) {
	specs, err := Read(strings.NewReader(`<testsuite name="s" timestamp="2026-11-22T02:00:00Z"><testcase name="a"/>` +
		`<testcase name="b"/><testcase name="a"/></testsuite>`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 1, 2} {
		if specs[i].Attempt != want {
			t.Errorf("case %d has attempt %d, want %d", i, specs[i].Attempt, want)
		}
	}
}

// refusals are no reports, by what is said of them.
var refusals = map[string]string{
	"is empty":                        " \n",
	"neither Ginkgo's JSON report":    "PASS",
	"it is no complete JSON report":   `{"a": 1}`,
	"it is no JSON report of Ginkgo":  `[{"name": "jest"}]`,
	"it is no complete JUnit XML":     `<testsuite><testcase></testsuite>`,
	"it begins with <html>":           `<html></html>`,
	"has no timestamp":                `<testsuite name="s"><testcase name="a"/></testsuite>`,
	"is not like 2026-11-22T02:08:29": `<testsuite timestamp="yesterday"><testcase name="a"/></testsuite>`,
	"nested more than 20 deep":        strings.Repeat("<testsuite>", 23) + strings.Repeat("</testsuite>", 23),
}

func TestWhatIsNoReportIsRefusedWithTheReason(t *testing.T) {
	for want, text := range refusals {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %q", text, err, want)
		}
	}
	many := `<testsuite timestamp="2026-11-22T02:08:29Z">` + strings.Repeat("<testcase/>", maxSpecs+1) + `</testsuite>`
	if _, err := Read(strings.NewReader(many)); err == nil || !strings.Contains(err.Error(), "100001 specs") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"serial.json", "gotestsum.xml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		_, err = readUpTo(bytes.NewReader(text), 1000, false)
		if err == nil || !strings.Contains(err.Error(), "more than 1000 b") {
			t.Errorf("got %v", err)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	text := fmt.Sprintf(`<testsuite timestamp="2026-11-22T02:08:29Z"><testcase name=%q><failure>%s</failure>`+
		`</testcase></testsuite>`, strings.Repeat("ü", maxText), strings.Repeat("x", 1<<20))
	specs, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Marks(specs) {
		line, err := json.Marshal(m)
		if err != nil || len(line) > marks.MaxSize {
			t.Errorf("a mark has %d bytes (%v)", len(line), err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range refusals {
		f.Add([]byte(text))
	}
	for _, name := range []string{"gotestsum.xml", "go-junit-report.xml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`[{"SuitePath":"/s","StartTime":"2026-11-22T02:00:00Z","SpecReports":[{"LeafNodeType":"It",` +
		`"LeafNodeText":"a","State":"passed","SpecEvents":[{"SpecEventType":"Retry","Attempt":1}]}]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		specs, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, m := range Marks(specs) {
			line, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := marks.Parse(line); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	})
}
