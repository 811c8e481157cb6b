package ledger

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

//go:embed catalogue.yaml
var builtIn []byte

// Catalogue says which tests there are, under which names they may be found, and
// to which requirements they belong.
type Catalogue struct {
	Title         string      `yaml:"title"`
	EnvironmentBy []string    `yaml:"environment_by"`
	Targets       []string    `yaml:"targets"` // providers
	Thresholds    Thresholds  `yaml:"thresholds"`
	Tests         []Entry     `yaml:"tests"`
	Requirements  []Tested    `yaml:"requirements"`
	Topologies    []Tested    `yaml:"topologies"`
	Scenarios     []Scenario  `yaml:"scenarios"`
	Reasons       []Reason    `yaml:"reasons"`
	Baseline      BaselineSet `yaml:"baseline"`
}

// Thresholds of the assessment; the package documentation says what they mean.
type Thresholds struct {
	MinRuns      int     `json:"min_runs" yaml:"min_runs"`
	MinFailures  int     `json:"min_failures" yaml:"min_failures"`
	BrokenStreak int     `json:"broken_streak" yaml:"broken_streak"`
	Window       int     `json:"window" yaml:"window"`
	Stable       float64 `json:"stable" yaml:"stable"`
	Mostly       float64 `json:"mostly" yaml:"mostly"`
	Flaky        float64 `json:"flaky" yaml:"flaky"`
	InfraShare   float64 `json:"infra_share" yaml:"infra_share"`
	Alpha        float64 `json:"alpha" yaml:"alpha"`
}

// Entry is one test of the catalogue.
type Entry struct {
	Name     string   `yaml:"name"`
	Spec     string   `yaml:"spec"`     // with which the titles of its spec end
	Aliases  []string `yaml:"aliases"`  // patterns of other such ends, older names among them
	Scenario string   `yaml:"scenario"` // as drivers call it in their marks
	Topology string   `yaml:"topology"` // in which its spec runs, where no recording shows it
	Note     string   `yaml:"note"`
	Since    *Since   `yaml:"since"`

	titles []*regexp.Regexp
}

// Tested is a requirement and its test.
type Tested struct {
	Requirement string `yaml:"requirement"`
	Test        string `yaml:"test"`
}

// Scenario is a P0 scenario of the requirements and its test.
type Scenario struct {
	Scenario   string   `yaml:"scenario"`
	Test       string   `yaml:"test"`
	Topologies []string `yaml:"topologies"` // in which it is to pass; empty: all
}

// Reason is what a message proves of its cause.
type Reason struct {
	Match  string        `yaml:"match"`
	Class  verdict.Class `yaml:"class"`
	Reason string        `yaml:"reason"`

	pattern *regexp.Regexp
}

// BaselineSet holds counts whose runs nobody listed.
type BaselineSet struct {
	Why    string            `yaml:"why"`
	Counts map[string]Counts `yaml:"counts"` // by test
}

// NewCatalogue returns the built-in catalogue with what a file of one's own adds
// to it; name stands in errors. Without text it is the built-in one.
func NewCatalogue(name string, text []byte) (Catalogue, error) {
	var all Catalogue
	if err := decode(builtIn, &all); err != nil {
		return all, fmt.Errorf("built-in catalogue: %w", err)
	}
	if len(text) > 0 {
		own := Catalogue{Thresholds: all.Thresholds}
		if err := decode(text, &own); err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		all.merge(own)
	}
	if err := all.prepare(); err != nil {
		return all, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// decode reads YAML and refuses keys that mean nothing, so that a misspelt one is
// not lost.
func decode(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// merge takes over what the other one says.
func (c *Catalogue) merge(own Catalogue) {
	if own.Title != "" {
		c.Title = own.Title
	}
	if own.EnvironmentBy != nil {
		c.EnvironmentBy = own.EnvironmentBy
	}
	if own.Targets != nil {
		c.Targets = own.Targets
	}
	if own.Requirements != nil {
		c.Requirements = own.Requirements
	}
	if own.Topologies != nil {
		c.Topologies = own.Topologies
	}
	if own.Scenarios != nil {
		c.Scenarios = own.Scenarios
	}
	c.Thresholds, c.Baseline = own.Thresholds, own.Baseline
	c.Reasons = append(own.Reasons, c.Reasons...)
	for _, e := range own.Tests {
		i := slices.IndexFunc(c.Tests, func(known Entry) bool { return known.Name == e.Name })
		if i < 0 {
			c.Tests = append(c.Tests, e)
			continue
		}
		c.Tests[i].merge(e)
	}
}

func (e *Entry) merge(own Entry) {
	for _, text := range []struct {
		into *string
		own  string
	}{{&e.Spec, own.Spec}, {&e.Scenario, own.Scenario}, {&e.Topology, own.Topology}, {&e.Note, own.Note}} {
		if text.own != "" {
			*text.into = text.own
		}
	}
	e.Aliases = append(e.Aliases, own.Aliases...)
	if own.Since != nil {
		e.Since = own.Since
	}
}

// prepare compiles the patterns and finds what cannot be meant.
func (c *Catalogue) prepare() error {
	var wrong []error
	for i := range c.Tests {
		e := &c.Tests[i]
		patterns := slices.Clone(e.Aliases)
		if e.Spec != "" {
			patterns = append(patterns, regexp.QuoteMeta(e.Spec))
		}
		for _, p := range append(patterns, regexp.QuoteMeta(e.Name)) {
			compiled, err := regexp.Compile(`(?:^|\s)(?:` + p + `)$`)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("test %q: alias %q is no regular expression: %w", e.Name, p, err))
				continue
			}
			e.titles = append(e.titles, compiled)
		}
		if e.Since != nil {
			if _, err := parseDate(e.Since.Date); err != nil {
				wrong = append(wrong, fmt.Errorf("test %q: since: %w", e.Name, err))
			}
		}
	}
	for i := range c.Reasons {
		r := &c.Reasons[i]
		compiled, err := regexp.Compile(r.Match)
		if err != nil || r.Match == "" {
			wrong = append(wrong, fmt.Errorf("reason %q: match is no regular expression: %w", r.Match, err))
		}
		if !slices.Contains(verdict.Classes(), r.Class) {
			wrong = append(wrong, fmt.Errorf("reason %q: there is no class %q (there are: %v)",
				r.Match, r.Class, verdict.Classes()))
		}
		r.pattern = compiled
	}
	return errors.Join(append(wrong, c.checkNames()...)...)
}

// checkNames finds tests that the tables name and that there are not.
func (c *Catalogue) checkNames() []error {
	var wrong []error
	need := func(table, test string) {
		if c.entry(test) == nil {
			wrong = append(wrong, fmt.Errorf("%s: there is no test %q: add it to tests", table, test))
		}
	}
	for _, r := range c.Requirements {
		need("requirements", r.Test)
	}
	for _, r := range c.Topologies {
		need("topologies", r.Test)
	}
	for _, s := range c.Scenarios {
		need("scenarios", s.Test)
	}
	for name := range c.Baseline.Counts {
		need("baseline", name)
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return wrong
}

func (c *Catalogue) entry(name string) *Entry {
	for i := range c.Tests {
		if c.Tests[i].Name == name {
			return &c.Tests[i]
		}
	}
	return nil
}

// find returns the test to which a title belongs: the first whose spec, alias or
// name the title ends with, or whose scenario it is. nil: none.
func (c *Catalogue) find(title string) *Entry {
	for i := range c.Tests {
		e := &c.Tests[i]
		matches := func(r *regexp.Regexp) bool { return r.MatchString(title) }
		if title != "" && title == e.Scenario || slices.ContainsFunc(e.titles, matches) {
			return e
		}
	}
	return nil
}

// explain returns what a message proves of its cause.
func (c *Catalogue) explain(message string) (Cause, bool) {
	for _, r := range c.Reasons {
		if found := r.pattern.FindString(message); found != "" {
			return Cause{By: "message", Class: r.Class, Reason: r.Reason, Text: found}, true
		}
	}
	return Cause{}, false
}
