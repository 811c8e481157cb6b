package scenarios

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

//go:embed library/*.yaml
var library embed.FS

//go:embed fixture/cluster.yaml
var fixture []byte

// Fixture returns the Cluster that scenarios start from.
func Fixture() map[string]any {
	var c map[string]any
	if err := yaml.Unmarshal(fixture, &c); err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	return c
}

// Library returns the built-in scenarios: P0 before P1, in the order of the files.
func Library() []*Scenario {
	all, err := load(library, "library")
	if err != nil {
		panic(err) // they are part of the program, and a test reads them
	}
	return all
}

// LoadDir reads the scenarios of a folder, the files that end with .yaml.
func LoadDir(dir string) ([]*Scenario, error) {
	all, err := load(os.DirFS(dir), ".")
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no scenario: no file in %s ends with .yaml", dir)
	}
	return all, err
}

func load(files fs.FS, dir string) ([]*Scenario, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*Scenario
	var wrong []error
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		s, err := Parse(name, text)
		wrong = append(wrong, err)
		all = append(all, s)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *Scenario) int { return strings.Compare(a.Priority, b.Priority) })
	return all, nil
}

// Parse reads one scenario. Errors begin with file and line.
func Parse(file string, text []byte) (*Scenario, error) {
	s := &Scenario{File: file}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(s); err != nil {
		return nil, located(file, err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: one scenario a file, and this has more", file)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, located(file, err)
	}
	return s, errors.Join(s.check(func(where string) string {
		return fmt.Sprintf("%s:%d", file, lineOf(&root, where))
	})...)
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// located puts file and line before what is wrong; the decoder has lines in
// the middle of its text, one for each field.
func located(file string, err error) error {
	var typed *yaml.TypeError
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if errors.As(err, &typed) {
		lines = typed.Errors
	}
	var all []error
	for _, line := range lines {
		at := yamlLine.FindStringSubmatch(line)
		where := file
		if at != nil {
			where, line = file+":"+at[1], strings.Replace(line, at[0], "", 1)
		}
		all = append(all, fmt.Errorf("%s: %s", where, line))
	}
	return errors.Join(all...)
}

// lineOf finds the line of a top-level field; that of the document when it is absent.
func lineOf(root *yaml.Node, field string) int {
	if len(root.Content) == 0 {
		return 1
	}
	document := root.Content[0]
	for i := 0; i+1 < len(document.Content); i += 2 {
		if document.Content[i].Value == field {
			return document.Content[i].Line
		}
	}
	return document.Line
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// check finds what the schema alone cannot.
func (s *Scenario) check(at func(field string) string) []error {
	var wrong []error
	refuse := func(field, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s: "+format, append([]any{at(field)}, args...)...))
	}
	if !nameForm.MatchString(s.Name) || len(s.Name) > 32 {
		refuse("name", "the name %q is not lower-case words joined by -, at most 32 bytes", s.Name)
	}
	if s.Title == "" {
		refuse("title", "there is no title")
	}
	oneOf := func(field, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			refuse(field, "%s %q is none of %s", field, value, strings.Join(allowed, ", "))
		}
	}
	oneOf("priority", s.Priority, P0, P1, Fault)
	oneOf("class", s.Class, Medium, Slow)
	for _, need := range s.Needs {
		oneOf("needs", need, NeedsDynamic, NeedsBudget, NeedsShrink, NeedsSnapshots, NeedsNodeHooks)
	}
	triggers := []string{"", TriggerHealthy, TriggerInFlight, TriggerComplete, TriggerShrink}
	oneOf("trigger", s.Trigger, triggers[1:]...)
	if s.Requirement == "" && s.Priority != Fault {
		refuse("requirement", "there is no requirement: the id of the policy that it puts to the test")
	}
	if len(s.Topologies) == 0 {
		refuse("topologies", "there is no topology")
	}
	for name := range s.Topologies {
		oneOf("topologies", name, T1, T2, T3)
	}
	if g := s.Growth; g != nil {
		oneOf("growth", g.Storage, "", StorageSlow, StorageFail)
		oneOf("growth", g.Release, "", ReleaseInjected, ReleaseEnded, ReleaseSettled)
	}
	oneOf("settle", s.Settle.Growth, "", "yes", "no")
	oneOf("settle", s.Settle.Healthy, "", "yes", "no")
	for _, size := range []string{s.Sizing.Size, s.Sizing.Grown, s.Sizing.Limit} {
		if _, err := resource.ParseQuantity(size); size != "" && err != nil {
			refuse("sizing", "%q is no quantity such as 1536Mi", size)
		}
	}
	for _, step := range s.Disruptions {
		oneOf("disruptions", step.When, triggers...)
		if err := checkStep(step); err != nil {
			refuse("disruptions", "%w", err)
		}
	}
	return wrong
}

// given names the parameters that are not empty.
func (p Params) given() []string {
	var names []string
	for name, there := range map[string]bool{
		"role": p.Role != "", "method": p.Method != "", "class": p.Class != "", "online": p.Online,
		"add": p.Add != 0, "static": p.Static != nil, "dynamic": p.Dynamic != nil,
		"percent": p.Percent != 0, "cycles": p.Cycles != 0, "name": p.Name != "",
	} {
		if there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
