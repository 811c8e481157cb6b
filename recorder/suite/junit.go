package suite

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// junitSuite is <testsuites> or <testsuite>, which may hold others.
type junitSuite struct {
	XMLName   xml.Name
	Name      string       `xml:"name,attr"`
	Timestamp string       `xml:"timestamp,attr"`
	Time      string       `xml:"time,attr"`
	Suites    []junitSuite `xml:"testsuite"`
	Cases     []junitCase  `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Class     string        `xml:"classname,attr"`
	Status    string        `xml:"status,attr"` // of Ginkgo
	Timestamp string        `xml:"timestamp,attr"`
	Time      string        `xml:"time,attr"`
	File      string        `xml:"file,attr"`
	Line      int           `xml:"line,attr"`
	Failures  []junitResult `xml:"failure"`
	Errors    []junitResult `xml:"error"`
	Skipped   *junitResult  `xml:"skipped"`
	Flaky     []junitResult `xml:"flakyFailure"`
	FlakyErr  []junitResult `xml:"flakyError"`
	Rerun     []junitResult `xml:"rerunFailure"`
	RerunErr  []junitResult `xml:"rerunError"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// maxNested bounds how deep suites may be nested.
const maxNested = 20

// junit reads one document.
type junit struct {
	zone    *time.Location
	undated bool          // nobody asks when cases ran
	whole   time.Duration // that all suites took
	specs   []Spec
	seen    map[[3]string]int // attempts, by suite, class and name
}

func readJUnit(r io.Reader, zone *time.Location, undated bool) ([]Spec, error) {
	var root junitSuite
	if err := xml.NewDecoder(r).Decode(&root); err != nil {
		return nil, fmt.Errorf("it is no complete JUnit XML: %w", err)
	}
	if name := root.XMLName.Local; name != "testsuites" && name != "testsuite" {
		return nil, fmt.Errorf("it is no JUnit XML: it begins with <%s>", name)
	}
	j := junit{zone: zone, undated: undated, whole: root.took(), seen: map[[3]string]int{}}
	return j.specs, errors.Join(j.suite(&root, nil, 0), j.tooMany())
}

// took returns how long a suite and what is in it took, one after another.
func (s *junitSuite) took() time.Duration {
	var parts time.Duration
	for i := range s.Suites {
		parts += s.Suites[i].took()
	}
	return max(seconds(s.Time), parts)
}

func (j *junit) tooMany() error {
	if len(j.specs) > maxSpecs {
		return fmt.Errorf("the report has %d specs, more than %d", len(j.specs), maxSpecs)
	}
	return nil
}

// suite reads a suite whose parent was going on during a time, if that is known.
func (j *junit) suite(s *junitSuite, during *Moment, depth int) error {
	if depth > maxNested {
		return fmt.Errorf("its suites are nested more than %d deep", maxNested)
	}
	if s.Timestamp != "" {
		begin, err := j.timestamp(s.Timestamp)
		if err != nil {
			return err
		}
		// gotestsum gives every suite the time at which the first one began.
		during = &Moment{begin.Earliest, begin.Latest.Add(j.whole)}
	}
	if during == nil && j.undated {
		during = &Moment{}
	}
	for i := range s.Cases {
		if during == nil && s.Cases[i].Timestamp == "" {
			return fmt.Errorf("its suite %q has no timestamp, so nobody knows when its cases ran; "+
				"use Ginkgo's --json-report, or a writer of JUnit that adds it", s.Name)
		}
		if err := j.testCase(s, &s.Cases[i], during); err != nil {
			return err
		}
	}
	for i := range s.Suites {
		if err := j.suite(&s.Suites[i], during, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (j *junit) testCase(suite *junitSuite, c *junitCase, during *Moment) error {
	took := seconds(c.Time)
	s := Spec{Suite: cut(suite.Name), Outcome: c.outcome(), Failure: cut(c.failure()), Location: place(c.File, c.Line)}
	s.Title, s.Node, s.Labels = c.title(suite)
	if c.Timestamp != "" {
		begin, err := j.timestamp(c.Timestamp)
		if err != nil {
			return err
		}
		s.Begin, s.End = begin, Moment{begin.Earliest.Add(took), begin.Latest.Add(took)}
	} else {
		last := latest(during.Latest.Add(-took), during.Earliest)
		s.Begin = Moment{during.Earliest, last}
		s.End = Moment{during.Earliest.Add(took), last.Add(took)}
	}
	key := [3]string{suite.Name, c.Class, c.Name}
	j.seen[key]++
	s.Attempt = j.seen[key] + len(c.Flaky) + len(c.FlakyErr) + len(c.Rerun) + len(c.RerunErr)
	j.specs = append(j.specs, s)
	return j.tooMany()
}

// ginkgoName is how Ginkgo writes a node, its text and its labels into one name.
var ginkgoName = regexp.MustCompile(`^\[(It|[A-Z][A-Za-z]+)\] ?(.*?)(?: \[([^\[\]]*)\])?$`)

// title takes apart the name of a case.
func (c *junitCase) title(suite *junitSuite) (title, node string, labels []string) {
	name := c.Name
	if m := ginkgoName.FindStringSubmatch(name); m != nil && c.Status != "" {
		if m[1] != leafSpec {
			node = m[1]
		}
		if m[3] != "" {
			labels = cutAll(strings.Split(m[3], ", "))
		}
		return cut(m[2]), node, labels
	}
	if c.Class != "" && c.Class != suite.Name {
		name = c.Class + " " + name
	}
	return cut(name), "", nil
}

func (c *junitCase) outcome() string {
	switch {
	case c.Status != "" && c.Status != "run" && c.Status != "notrun": // those are GoogleTest's
		return strings.ToLower(cut(c.Status))
	case c.Skipped != nil || c.Status == "notrun":
		return skipped
	case len(c.Failures)+len(c.Errors) > 0:
		return failed
	}
	return passed
}

func (c *junitCase) failure() string {
	results := slices.Concat(c.Failures, c.Errors)
	if len(results) == 0 {
		return c.reason()
	}
	r := results[0]
	text := strings.TrimSpace(r.Text)
	if r.Message == "" || r.Message == "Failed" || strings.Contains(text, r.Message) {
		return cmp.Or(text, r.Message)
	}
	return r.Message
}

// reason says why a case skipped itself; Ginkgo writes one word where it was
// filtered out, and that word before the reason where it was not.
func (c *junitCase) reason() string {
	if c.Skipped == nil {
		return ""
	}
	message := c.Skipped.Message
	if c.Status != "" {
		_, message, _ = strings.Cut(message, " - ")
		return message
	}
	if message == "Skipped" { // go-junit-report
		message = ""
	}
	return strings.TrimSpace(cmp.Or(message, c.Skipped.Text))
}

// timestamp reads ISO 8601, with and without a zone.
func (j *junit) timestamp(text string) (Moment, error) {
	text = strings.TrimSpace(text)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.ParseInLocation("2006-01-02T15:04:05.999999999", text, j.zone)
	}
	if err != nil {
		return Moment{}, fmt.Errorf("its timestamp %.40q is not like 2026-11-22T02:08:29Z", text)
	}
	if !strings.Contains(text, ".") {
		return Moment{t, t.Add(time.Second)}, nil
	}
	return exactly(t), nil
}

// maxSeconds is far more than any suite takes.
const maxSeconds = 1e6

// seconds reads a duration; some write thousands with commas.
func seconds(text string) time.Duration {
	s, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 64)
	if err != nil || math.IsNaN(s) || s < 0 || s > maxSeconds {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}
