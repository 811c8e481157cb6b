package scenarios

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// minimal is the least that a scenario says.
const minimal = `name: one
title: One
priority: P0
requirement: scenario-one
class: medium
topologies: {T1: {}}
trigger: cluster-healthy
`

func TestAScenarioIsRefusedWithFileAndLine(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a field that is not known": {minimal + "disruption: []\n", "one.yaml:8: field disruption not found"},
		"a field of a step that is not known": {
			minimal + "disruptions:\n  - kind: failover\n    pod: x\n", "one.yaml:10: field pod not found",
		},
		"a field twice":     {minimal + "name: two\n", "one.yaml:8: mapping key \"name\" already defined"},
		"no YAML":           {"name: [", "one.yaml:1: "},
		"two documents":     {minimal + "---\n" + minimal, "one.yaml: one scenario a file"},
		"an unknown kind":   {minimal + "disruptions:\n  - kind: fire\n", `one.yaml:8: disruption "fire" is none of`},
		"a wrong parameter": {minimal + "disruptions: [{kind: failover, add: 2}]\n", "one.yaml:8: failover takes no add"},
		"a wrong role":      {minimal + "disruptions: [{kind: node-drain, role: king}]\n", "neither primary nor replica"},
		"a wrong method": {
			minimal + "disruptions: [{kind: backup, method: tape}]\n", `the method "tape" of backup is none of`,
		},
		"a mutation of nothing": {
			minimal + "disruptions: [{kind: spec-mutation}]\n", "spec-mutation needs static or dynamic",
		},
		"a wrong trigger":  {strings.Replace(minimal, "cluster-healthy", "soon", 1), `one.yaml:7: trigger "soon" is none of`},
		"a wrong topology": {strings.Replace(minimal, "T1", "T9", 1), `one.yaml:6: topologies "T9" is none of T1, T2, T3`},
		"no requirement":   {strings.Replace(minimal, "requirement: scenario-one\n", "", 1), "there is no requirement"},
		"a wrong size":     {minimal + "sizing: {size: big}\n", `one.yaml:8: "big" is no quantity`},
		"a wrong need":     {minimal + "needs: [luck]\n", `one.yaml:8: needs "luck" is none of`},
		"a wrong name":     {strings.Replace(minimal, "name: one", "name: One", 1), `one.yaml:1: the name "One" is not`},
		"a wrong number":   {minimal + "load: {rows: many}\n", "one.yaml:8: cannot unmarshal"},
	} {
		_, err := Parse("one.yaml", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want %q in it", name, err, test.want)
		}
	}
	if _, err := Parse("one.yaml", []byte(minimal)); err != nil {
		t.Errorf("the least scenario is refused: %v", err)
	}
}

func TestAFolderHasScenarios(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadDir(dir); err == nil || !strings.Contains(err.Error(), "no file in") {
		t.Errorf("of an empty folder: %v", err)
	}
	for name, text := range map[string]string{
		"b.yaml": minimal, "a.yaml": strings.Replace(minimal, "P0", "P1", 1), "notes.txt": "no scenario",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := LoadDir(dir)
	if err != nil || len(all) != 2 || all[0].Priority != P0 {
		t.Errorf("the folder has %v (%v), want the one of P0 first", all, err)
	}
}

// TestEveryRequirementHasAScenario holds the library against the rows of the
// requirements and the policies that judge them.
func TestEveryRequirementHasAScenario(t *testing.T) {
	rows := requiredScenarios(t)
	policies := policyIDs(t)
	titles := map[string]bool{}
	for _, s := range Library() {
		for topology := range s.Topologies {
			for _, id := range s.Demands(topology) {
				if !policies[id] {
					t.Errorf("%s: %s is no policy", s.File, id)
				}
			}
		}
		if s.Priority == Fault {
			continue
		}
		titles[s.Priority+" "+s.Title] = true
		if len(s.Topologies) != 3 {
			t.Errorf("%s: a scenario of the requirements says of T1, T2 and T3 what it does there", s.File)
		}
	}
	for _, row := range rows {
		if !titles[row] {
			t.Errorf("no scenario has the title of the requirement %q", row)
		}
	}
	if len(rows) != 14 {
		t.Errorf("the requirements have %d scenarios, want 14", len(rows))
	}
	for title := range titles {
		if !slices.Contains(rows, title) {
			t.Errorf("no requirement has the title %q", title)
		}
	}
}

// requiredScenarios reads the tables of scenarios from the requirements.
func requiredScenarios(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/requirements/rows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Documents []struct {
			Tables []struct {
				Title     string
				Scenarios bool
				Rows      []struct{ Text string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, document := range list.Documents {
		for _, table := range document.Tables {
			for _, row := range table.Rows {
				if table.Scenarios {
					rows = append(rows, strings.Fields(table.Title)[0]+" "+row.Text)
				}
			}
		}
	}
	return rows
}

func policyIDs(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../policies/*/*/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`(?m)^#   id: (\S+)$`)
	all := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range id.FindAllSubmatch(text, -1) {
			all[string(match[1])] = true
		}
	}
	return all
}

func TestDemands(t *testing.T) {
	s := &Scenario{
		Requirement: "a", Exercises: []string{"b", "a"}, Topologies: map[string]Topology{T2: {Exercises: []string{"c", "b"}}},
	}
	if got := s.Demands(T2); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("T2 demands %v", got)
	}
	if got := s.Demands(T1); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("T1 demands %v", got)
	}
}

func TestTheFixtureIsACluster(t *testing.T) {
	if c := Fixture(); c["kind"] != "Cluster" || c["spec"] == nil {
		t.Errorf("the fixture is %v", c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "disruptions: [{kind: node-drain, role: primary, timeout: 5s}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("f.yaml", text)
		if err == nil && (s.Name == "" || len(s.Topologies) == 0) {
			t.Errorf("%q was accepted as %+v", text, s)
		}
	})
}
