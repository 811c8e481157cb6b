package policy

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Problem is one thing that is wrong with a set of policies, and where.
type Problem struct {
	File string // relative to the root of the set; empty when it is about the whole
	Line int    // 0 when it is about the whole file
	Text string
}

// Problems is the error of Load: all that is wrong, sorted by place.
type Problems struct {
	Root string // how the set is called, put before every file
	List []Problem
}

// Error lists one problem a line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.in(p.Root)
	}
	return strings.Join(lines, "\n")
}

func (p Problem) in(root string) string {
	place := path.Join(root, p.File)
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", place, p.Line)
	}
	if place == "" {
		return p.Text
	}
	return place + ": " + p.Text
}

func (p *Problems) add(file string, line int, format string, args ...any) {
	p.List = append(p.List, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// addError adds the errors of OPA with their own places, any other error as it is.
func (p *Problems) addError(file string, err error) {
	var list ast.Errors
	var single *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &single):
		list = ast.Errors{single}
	default:
		p.add(file, 0, "%v", err)
		return
	}
	for _, e := range list {
		at, line := file, 0
		if e.Location != nil {
			at, line = cmp.Or(e.Location.File, file), e.Location.Row
		}
		p.add(at, line, "%s", explain(e))
	}
}

// explain says in one line what OPA's error means for the author of a policy.
func explain(e *ast.Error) string {
	detail, ok := e.Details.(*ast.RefErrInvalidDetail)
	if !ok {
		return strings.Join(strings.Fields(e.Message), " ")
	}
	text := fmt.Sprintf("%s: there is no such field", detail.Ref)
	if names := oneOf(detail.OneOf); names != "" {
		text += " (there are: " + names + ")"
	}
	return text
}

func oneOf(values []ast.Value) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = strings.Trim(v.String(), `"`)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// err returns p sorted and without repetitions, nil when nothing is wrong.
func (p *Problems) err() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortFunc(p.List, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	p.List = slices.Compact(p.List)
	return p
}
