package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// The elements of JUnit XML, as far as both schemas in use agree: that of the
// Jenkins xUnit plugin and that of the Ant task. There is no official one.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`      // of the recording, seconds
		Timestamp  string          `xml:"timestamp,attr"` // start of the recording, UTC
		Hostname   string          `xml:"hostname,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        junitText       `xml:"system-out"`
		Err        junitText       `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"`
		Failure *junitResult `xml:"failure"`
		Error   *junitResult `xml:"error"`
		Skipped *junitResult `xml:"skipped"`
	}
	junitResult struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// writeJUnit writes a suite for each trace, with a case for each policy. The name
// of a case is the id of the policy and its class the name of the trace: nothing
// that differs from run to run, so that CI systems recognise it.
func writeJUnit(w io.Writer, run verdict.Run, o Options) error {
	var suites junitSuites
	for i, name := range names(run) {
		suites.Suites = append(suites.Suites, junitSuiteOf(i, name, run, o))
	}
	text, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func junitSuiteOf(id int, name string, run verdict.Run, o Options) junitSuite {
	t := run.Traces[id]
	s := junitSuite{
		Name: name, Package: "verifier.check", ID: id, Time: "0.000", Hostname: "localhost",
		Timestamp: time.Unix(0, 0).UTC().Format(junitStamp), Properties: junitProperties(t, run),
		Out: junitText{wellFormed(plainly(func(x text) { x.diagnoses(t); x.held(t.Policies) }))},
		Err: junitText{wellFormed(t.Error)},
	}
	if t.Run != nil {
		s.Timestamp = t.Run.Start.UTC().Format(junitStamp)
	}
	if t.Certificate != nil {
		s.Time = strconv.FormatFloat(time.Duration(t.Certificate.Duration).Seconds(), 'f', 3, 64)
	}
	if t.Error != "" {
		s.add(junitCase{
			Name: caseReadable, Class: name, Time: "0",
			Error: &junitResult{Type: "error", Message: shorten(t.Error), Text: wellFormed(t.Error)},
		})
	}
	for _, p := range t.Policies {
		c := junitCase{Name: p.ID, Class: name, Time: "0"}
		result := &junitResult{Type: p.Verdict.String(), Message: summary(p), Text: wellFormed("\n" + told(p) + "\n")}
		switch outcomeOf(p, o) {
		case failed:
			c.Failure = result
		case errored:
			c.Error = result
		case skipped:
			c.Skipped = result
		}
		s.add(c)
	}
	return s
}

const (
	junitStamp   = "2006-01-02T15:04:05"
	caseReadable = "trace-readable" // name of the case of a trace that could not be judged
)

// add appends a case and counts it.
func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

// wellFormed replaces what XML cannot have at all, such as the control characters
// of a terminal. Attributes are escaped by the encoder.
func wellFormed(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || (r >= 0x20 && r <= 0xD7FF) || (r >= 0xE000 && r != 0xFFFE && r != 0xFFFF) {
			return r
		}
		return '\uFFFD'
	}, s)
}

func junitProperties(t verdict.Trace, run verdict.Run) []junitProperty {
	return []junitProperty{
		{"verdict", t.Verdict.String()},
		{"file", t.File},
		{"digest", t.Digest},
		{"policies", run.Policies.Digest},
		{"ci-class", run.Policies.CIClass},
		{"exit-code", strconv.Itoa(run.ExitCode)},
	}
}
