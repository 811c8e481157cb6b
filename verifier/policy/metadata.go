package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Metadata is what a policy says about itself.
type Metadata struct {
	Title        string
	Description  string
	ID           string
	Class        string // soundness class
	View         string
	Requirement  string
	Promise      string
	Severity     string
	ExercisedMin int    // rows that an entity needs
	ExercisedIn  string // "disruption", or empty: anywhere
	Codes        map[string]string
	Reasons      map[string]string
	Mutants      []string
	Demand       verdict.Demand // always, or declared
	Rows         []Row
	Specs        []*regexp.Regexp
	Assertion    string // kind of assertion of every scenario; empty: none in general
}

// Row is a row of a table of requirements that the policy judges.
type Row struct {
	Document string `yaml:"doc"` // such as requirements
	Text     string `yaml:"row"` // as the document words it
}

// IsOfSpec reports whether a spec of this title, with or without its containers,
// claims to exercise the policy.
func (m Metadata) IsOfSpec(title string) bool {
	return title != "" && slices.ContainsFunc(m.Specs, func(r *regexp.Regexp) bool { return r.MatchString(title) })
}

// IsDiagnosis reports whether the policy names causes and judges nothing.
func (m Metadata) IsDiagnosis() bool { return m.Class == classDiagnosis }

// classDiagnosis is the class of policies that only blame.
const classDiagnosis = "diagnosis"

// The closed vocabulary.
var (
	packageKeys = []string{"title", "description", "entrypoint", "scope", "schemas", "related_resources", "custom"}
	ruleKeys    = []string{"title", "description", "scope", "related_resources"}
	customKeys  = []string{
		"id", "class", "view", "requirement", "promise", "severity",
		"exercised_min", "exercised_in", "codes", "reasons", "mutants", "demand", "rows", "specs", "assertion",
	}
	// judging are the keys that mean nothing for a policy that judges nothing.
	judging = []string{
		"promise", "severity", "exercised_min", "exercised_in", "codes", "mutants", "demand", "assertion",
	}
	classes    = []string{"state", "transition", "response", "convergence", "idempotency", "set", classDiagnosis}
	severities = []string{"critical", "major", "minor"}
	assertions = []string{"functional", "storage", "data", "controller", "timing"}
)

var idPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// block is one METADATA comment with the file's line of each of its keys.
type block struct {
	annotations *ast.Annotations
	line        int
	root        *yaml.Node
}

// blocks reads the METADATA comments of a module a second time, as YAML nodes:
// OPA drops keys that it does not know, and with them the author's intent.
func blocks(m *ast.Module, problems *Problems) []block {
	rows := make(map[int]string, len(m.Comments))
	for _, c := range m.Comments {
		rows[c.Location.Row] = strings.TrimPrefix(string(c.Text), " ")
	}
	var out []block
	for _, a := range m.Annotations {
		var text strings.Builder
		for row := a.Location.Row + 1; ; row++ {
			line, ok := rows[row]
			if !ok {
				break
			}
			text.WriteString(line + "\n")
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text.String()), &doc); err != nil || len(doc.Content) == 0 {
			problems.add(m.Package.Location.File, a.Location.Row, "METADATA is no YAML mapping")
			continue
		}
		out = append(out, block{annotations: a, line: a.Location.Row, root: doc.Content[0]})
	}
	return out
}

// checkKeys refuses every key of node that is not known.
func (b block) checkKeys(node *yaml.Node, known []string, what, file string, problems *Problems) {
	if node == nil {
		return
	}
	if node.Kind != yaml.MappingNode {
		problems.add(file, b.line+node.Line, "%s must be a mapping", what)
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; !slices.Contains(known, key.Value) {
			problems.add(file, b.line+key.Line, "unknown %s key %q (known: %s)",
				what, key.Value, strings.Join(known, ", "))
		}
	}
}

// child returns the value of a key of the block's mapping and its line.
func (b block) child(path ...string) (*yaml.Node, int) {
	node, line := b.root, b.line
	for _, name := range path {
		next := (*yaml.Node)(nil)
		if node != nil && node.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == name {
					next, line = node.Content[i+1], b.line+node.Content[i].Line
				}
			}
		}
		if next == nil {
			return nil, line
		}
		node = next
	}
	return node, line
}

// metadata reads the block of a policy's package.
func (b block) metadata(file string, problems *Problems) Metadata {
	custom, line := b.child("custom")
	if custom == nil {
		problems.add(file, b.line, "METADATA has no custom section, so the policy has no id")
		return Metadata{}
	}
	b.checkKeys(custom, customKeys, "METADATA custom", file, problems)
	r := reader{block: b, file: file, line: line, problems: problems}
	m := Metadata{
		Title:        strings.TrimSpace(b.annotations.Title),
		Description:  strings.TrimSpace(b.annotations.Description),
		ID:           r.text("id"),
		Class:        r.word("class", classes),
		View:         r.text("view"),
		Requirement:  r.text("requirement"),
		ExercisedMin: 1,
	}
	for name, value := range map[string]string{"title": m.Title, "description": m.Description} {
		if value == "" {
			problems.add(file, b.line, "METADATA has no %s", name)
		}
	}
	if m.ID != "" && !idPattern.MatchString(m.ID) {
		r.wrong("id", "must be lower-case words joined by -, is %q", m.ID)
	}
	r.decode("reasons", &m.Reasons)
	m.Rows, m.Specs = r.rows(), r.specs()
	if m.IsDiagnosis() {
		r.refuseJudging()
		return m
	}
	m.Promise, m.Severity = r.text("promise"), r.word("severity", severities)
	r.decode("exercised_min", &m.ExercisedMin)
	if m.ExercisedMin < 1 {
		r.wrong("exercised_min", "must be at least 1: a policy that nothing exercises cannot be held")
	}
	if r.has("exercised_in") {
		m.ExercisedIn = r.word("exercised_in", []string{verdict.InDisruption})
	}
	r.decode("codes", &m.Codes)
	r.decode("mutants", &m.Mutants)
	m.Demand = verdict.DemandAlways
	if r.has("demand") {
		m.Demand = verdict.Demand(r.word("demand", verdict.Demands()))
	}
	if r.has("assertion") {
		m.Assertion = r.word("assertion", assertions)
	}
	return m
}

// rows reads which rows of requirements the policy judges.
func (r reader) rows() []Row {
	var rows []Row
	r.decode("rows", &rows)
	for i, row := range rows {
		if row.Document == "" || row.Text == "" {
			r.wrong("rows", "needs doc and row in each entry; entry %d lacks one", i+1)
		}
	}
	return rows
}

// specs reads which specs of a suite claim to exercise the policy: patterns that
// match the spec's own text, the end of a title that has its containers before it.
func (r reader) specs() []*regexp.Regexp {
	var patterns []string
	r.decode("specs", &patterns)
	var out []*regexp.Regexp
	for _, pattern := range patterns {
		compiled, err := regexp.Compile(`(?:^|\s)(?:` + pattern + `)$`)
		if err != nil {
			r.wrong("specs", "has %q, which is no regular expression: %v", pattern, err)
			continue
		}
		out = append(out, compiled)
	}
	return out
}

func (r reader) refuseJudging() {
	for _, key := range judging {
		if r.has(key) {
			r.wrong(key, "makes no sense: a policy of the class %s judges nothing", classDiagnosis)
		}
	}
}

// reader takes values out of the custom section and notes what is wrong.
type reader struct {
	block    block
	file     string
	line     int
	problems *Problems
}

func (r reader) has(key string) bool {
	node, _ := r.block.child("custom", key)
	return node != nil
}

func (r reader) wrong(key, format string, args ...any) {
	_, line := r.block.child("custom", key)
	r.problems.add(r.file, line, "METADATA custom %s %s", key, fmt.Sprintf(format, args...))
}

// text returns a required string.
func (r reader) text(key string) string {
	if !r.has(key) {
		r.problems.add(r.file, r.line, "METADATA custom has no %s", key)
		return ""
	}
	var s string
	r.decode(key, &s)
	s = strings.TrimSpace(s)
	if s == "" {
		r.wrong(key, "is empty")
	}
	return s
}

// word returns a required string out of a vocabulary.
func (r reader) word(key string, known []string) string {
	s := r.text(key)
	if s != "" && !slices.Contains(known, s) {
		r.wrong(key, "is %q, must be one of: %s", s, strings.Join(known, ", "))
	}
	return s
}

func (r reader) decode(key string, into any) {
	node, _ := r.block.child("custom", key)
	if node == nil {
		return
	}
	if err := node.Decode(into); err != nil {
		r.wrong(key, "has the wrong type: want %s", strings.TrimPrefix(fmt.Sprintf("%T", into), "*"))
	}
}
