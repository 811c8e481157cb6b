package verifier

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/format"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/slice"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// ReproFile is one file of a reproduction; Executable marks its script.
type ReproFile struct {
	Name       string // relative, slash-separated
	Content    []byte
	Executable bool
}

// Repro returns what is needed to derive one finding of a trace again with OPA
// alone, in the order of the names:
//
//	data.json         the parameters in force
//	input.json        the document of the view: its slice, or all of it when whole is set
//	policies/…        the policy and the libraries that it needs
//	repro_test.rego   the finding as a test, complete in itself
//	run.sh            the commands of OPA
//
// id is that of the report. The error for an unknown one names those that exist.
func Repro(ctx context.Context, path string, o Options, id string, whole bool) (files []ReproFile, err error) {
	set, err := LoadPolicies(o)
	if err != nil {
		return nil, err
	}
	r, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	judged, documents, err := judge(ctx, r, set, audience{})
	if err != nil {
		return nil, err
	}
	t := verdict.Trace{Policies: judged.Policies}
	t.Identify()
	p, f, err := findingOf(set, t.Policies, id)
	if err != nil {
		return nil, err
	}
	x := explainer{set: set, documents: documents}
	value, err := x.source(p, f)
	if err != nil {
		return nil, err
	}
	what := "whole document"
	if !whole {
		least := x.slice(ctx, p, f, value, slice.Budget)
		value, what = least.Document, fmt.Sprintf("%d of %d change points of the document", len(least.Points), least.Of)
	}
	k := kit{set: set, policy: p, finding: f, value: value, trace: filepath.Base(path), what: what}
	return k.files(ctx)
}

// findingOf returns the finding with the id and the policy that found it.
func findingOf(set *policy.Set, judged []verdict.Policy, id string) (*policy.Policy, verdict.Finding, error) {
	var ids []string
	for _, p := range judged {
		for _, f := range p.Findings {
			if f.ID == id {
				return set.Policy(p.ID), f, nil
			}
			ids = append(ids, f.ID)
		}
	}
	if len(ids) == 0 {
		return nil, verdict.Finding{}, errors.New("there is no finding in this trace")
	}
	return nil, verdict.Finding{}, fmt.Errorf("there is no finding %q (there are: %s)", id, strings.Join(ids, ", "))
}

// kit makes the files of a reproduction.
type kit struct {
	set     *policy.Set
	policy  *policy.Policy
	finding verdict.Finding
	value   map[string]any
	trace   string // name of the file, without its directory
	what    string // how much of the document the input is
}

func (k kit) files(ctx context.Context) ([]ReproFile, error) {
	input, err := indented(k.value)
	if err != nil {
		return nil, err
	}
	data, err := indented(map[string]any{"params": k.set.Params()})
	if err != nil {
		return nil, err
	}
	test, err := k.test(ctx)
	if err != nil {
		return nil, err
	}
	files := []ReproFile{
		{Name: "input.json", Content: input},
		{Name: "data.json", Content: data},
		{Name: "repro_test.rego", Content: test},
		{Name: "run.sh", Content: k.script(), Executable: true},
	}
	for _, s := range k.policy.Sources {
		files = append(files, ReproFile{Name: "policies/" + s.Name, Content: []byte(s.Text)})
	}
	slices.SortFunc(files, func(a, b ReproFile) int { return cmp.Compare(a.Name, b.Name) })
	return files, nil
}

// indented writes v as JSON for people and programs.
func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return out.Bytes(), err
}

// test writes the finding as a test that passes as long as the policy finds it.
func (k kit) test(ctx context.Context) ([]byte, error) {
	doc, err := policy.NewDocument(k.policy.View, k.finding.Entity, k.value)
	if err != nil {
		return nil, err
	}
	row, err := k.set.Literal(ctx, k.policy, doc, k.finding)
	if err != nil {
		return nil, err
	}
	input, err := indented(k.value)
	if err != nil {
		return nil, err
	}
	params, err := indented(k.policy.Params)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(k.policy.Package(), "data.")
	name := path[strings.LastIndex(path, ".")+1:]
	text := fmt.Sprintf(`# Finding %s in %s, %s.
package %s_repro_test

import data.%s

_input := %s

_params := %s

_row := %s

test_%s if _row in %s.violation with input as _input with data.params as _params
`, k.finding.ID, k.trace, k.what, path, path, input, params, row, word(k.finding.Code), name)
	formatted, err := format.Source("repro_test.rego", []byte(text))
	if err != nil {
		return nil, fmt.Errorf("format the test: %w", err)
	}
	return formatted, nil
}

// word makes a name of a rule of a code.
func word(code string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, code)
}

// script writes the commands. Nothing in it depends on the place of the files.
func (k kit) script() []byte {
	return fmt.Appendf(nil, `#!/bin/sh
# Finding %s in %s: %s.
# Derives it again with OPA alone; OPA names the program, opa when not set.
set -eu
cd "$(dirname "$0")"

# what the policy derives
"${OPA:-opa}" eval --format pretty --strict-builtin-errors \
	--data policies --data data.json --input input.json %s.violation

# the finding as a test
"${OPA:-opa}" test policies data.json repro_test.rego
`, k.finding.ID, k.trace, k.what, k.policy.Package())
}
