package suite

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ginkgoSuite is types.Report of Ginkgo 2, as far as it is read.
type ginkgoSuite struct {
	SuitePath        string
	SuiteDescription string
	StartTime        time.Time
	EndTime          time.Time
	SpecReports      []ginkgoSpec
}

// ginkgoSpec is types.SpecReport.
type ginkgoSpec struct {
	ContainerHierarchyTexts  []string
	ContainerHierarchyLabels [][]string
	LeafNodeType             string
	LeafNodeLabels           []string
	LeafNodeText             string
	State                    string
	StartTime                time.Time
	EndTime                  time.Time
	ParallelProcess          int
	NumAttempts              int
	Failure                  ginkgoFailure
	AdditionalFailures       []struct{ Failure ginkgoFailure }
	SpecEvents               []ginkgoEvent
}

// ginkgoFailure is types.Failure.
type ginkgoFailure struct {
	Message  string
	Location struct {
		FileName   string
		LineNumber int
	}
	TimelineLocation struct{ Time time.Time }
	ForwardedPanic   string
}

// ginkgoEvent is types.SpecEvent.
type ginkgoEvent struct {
	SpecEventType    string
	TimelineLocation struct{ Time time.Time }
	Attempt          int // that ended
}

// The events that say that an attempt ended and another begins.
var attemptEnded = []string{"Retry", "Repeat"}

// leafSpec is the type of the nodes that are specs.
const leafSpec = "It"

func readGinkgo(r io.Reader) ([]Spec, error) {
	var suites []ginkgoSuite
	// Case matters and unknown members do not: Ginkgo adds some with each version.
	if err := jsonv2.UnmarshalRead(r, &suites, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, fmt.Errorf("it is no complete JSON report of Ginkgo: %w", err)
	}
	var specs []Spec
	for _, suite := range suites {
		if suite.StartTime.IsZero() || suite.SuitePath == "" && suite.SuiteDescription == "" {
			return nil, errors.New("it is no JSON report of Ginkgo: a suite without name or time")
		}
		for i := range suite.SpecReports {
			specs = append(specs, suite.SpecReports[i].spec(&suite))
		}
	}
	return specs, nil
}

func (g *ginkgoSpec) spec(suite *ginkgoSuite) Spec {
	s := Spec{
		Suite: cut(suite.SuiteDescription), Outcome: strings.ToLower(g.State), Process: g.ParallelProcess,
		Title:   cut(strings.Join(append(slices.Clone(g.ContainerHierarchyTexts), g.LeafNodeText), " ")),
		Labels:  cutAll(unique(append(g.ContainerHierarchyLabels, g.LeafNodeLabels)...)),
		Attempt: g.NumAttempts,
		Begin:   exactly(g.StartTime), End: exactly(g.EndTime),
		Failure: cut(g.Failure.text()), Location: g.Failure.place(),
	}
	if g.LeafNodeType != leafSpec {
		s.Node = cut(g.LeafNodeType)
	}
	if g.StartTime.IsZero() { // it was never begun
		s.Begin = Moment{suite.StartTime, latest(suite.EndTime, suite.StartTime)}
	}
	if s.End = exactly(g.EndTime); g.EndTime.Before(g.StartTime) { // it was never ended
		s.End = s.Begin
	}
	for _, e := range g.SpecEvents {
		if slices.Contains(attemptEnded, e.SpecEventType) {
			s.Retries = append(s.Retries, g.retry(e))
		}
	}
	return s
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// retry describes the attempt that begins with an event. Failures of earlier
// attempts come before it.
func (g *ginkgoSpec) retry(e ginkgoEvent) Retry {
	r := Retry{Attempt: e.Attempt + 1, At: exactly(e.TimelineLocation.Time)}
	for _, f := range g.AdditionalFailures {
		if !f.Failure.TimelineLocation.Time.After(e.TimelineLocation.Time) {
			r.Failure, r.Location = cut(f.Failure.text()), f.Failure.place()
		}
	}
	return r
}

func (f *ginkgoFailure) text() string {
	if f.ForwardedPanic != "" {
		return f.Message + ": " + f.ForwardedPanic
	}
	return f.Message
}

func (f *ginkgoFailure) place() string { return place(f.Location.FileName, f.Location.LineNumber) }

// unique joins lists and leaves out what is there already.
func unique(lists ...[]string) []string {
	var all []string
	for _, l := range slices.Concat(lists...) {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}
