package policy

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Lint checks all that Load refuses, and further what makes policies slow, hard
// to read or badly tested; see the package documentation. It returns how many
// policies there are; its error is a *Problems that lists everything.
func Lint(fsys fs.FS, o Options) (policies int, err error) {
	all := &Problems{Root: o.Root}
	o.Only = nil
	var found *Problems
	if _, err := Load(fsys, o); errors.As(err, &found) {
		all.List = found.List
	} else if err != nil {
		return 0, err
	}
	told := &Problems{} // what Load has told already
	texts, _ := read(fsys, isPolicy, told)
	tested, _ := read(fsys, isTest, all)
	sources, tests := parse(texts, told), parse(tested, all)
	for i := range sources {
		sources[i].lint(nil, told)
		if sources[i].policy != nil {
			policies++
			sources[i].checkTested(tests, all)
		}
	}
	checkLookups(sources, all)
	for _, s := range slices.Concat(sources, tests) {
		s.checkFormat(all)
	}
	checkTests(sources, tests, all)
	checkThresholds(fsys, sources, all)
	return policies, all.err()
}

// checkThresholds refuses thresholds that no policy reads: whoever sets one
// believes that it does something.
func checkThresholds(fsys fs.FS, sources []source, problems *Problems) {
	thresholds, err := loadParams(fsys, BaseClass, nil)
	if err != nil {
		return // Load has told
	}
	read := map[string]bool{}
	for _, s := range sources {
		ast.WalkRefs(s.module, func(ref ast.Ref) bool {
			if ref.HasPrefix(paramsRef) { // data.params.group.name, or the whole group
				var words []string
				for _, term := range ref[len(paramsRef):min(len(ref), len(paramsRef)+2)] {
					words = append(words, strings.Trim(term.Value.String(), `"`))
				}
				read[strings.Join(words, ".")] = true
			}
			return false
		})
	}
	for _, group := range slices.Sorted(maps.Keys(thresholds.inForce)) {
		values, _ := thresholds.inForce[group].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if !read[group] && !read[group+"."+name] {
				problems.add(paramsFile, 0, "no policy reads the threshold %s.%s: remove it, or correct its name", group, name)
			}
		}
	}
}

// checkFormat demands the form that opa fmt gives.
func (s source) checkFormat(problems *Problems) {
	want, err := format.SourceWithOpts(s.file, s.text, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil || bytes.Equal(want, s.text) {
		return // what cannot be parsed is told already
	}
	line := 1
	for i := 0; i < len(want) && i < len(s.text) && want[i] == s.text[i]; i++ {
		if want[i] == '\n' {
			line++
		}
	}
	problems.add(s.file, line, "is not formatted: run opa fmt --write on it")
}

// checkTests compiles the tests with what they test and demands that the
// package of a test is the tested one with _test behind it.
func checkTests(sources, tests []source, problems *Problems) {
	modules := map[string]*ast.Module{}
	for _, s := range slices.Concat(sources, tests) {
		modules[s.file] = s.module
	}
	for _, t := range tests {
		if name := t.module.Package.Path.String(); !strings.HasSuffix(name, "_test") {
			problems.add(t.file, t.line(), "the package of a test ends with _test, this one is %s",
				strings.TrimPrefix(name, "data."))
		}
	}
	compiler := ast.NewCompiler().WithStrict(true).SetErrorLimit(0)
	if compiler.Compile(modules); !compiler.Failed() {
		return
	}
	for _, e := range compiler.Errors {
		if e.Location != nil && isTest(e.Location.File) {
			problems.addError(e.Location.File, e)
		}
	}
}

// checkTested demands that the tests beside a policy name every code and every
// reason, whether METADATA or a rule names it.
func (s source) checkTested(tests []source, problems *Problems) {
	named := map[string]bool{}
	for _, t := range tests {
		if path.Dir(t.file) == path.Dir(s.file) {
			ast.WalkTerms(t.module, func(term *ast.Term) bool {
				if text, ok := term.Value.(ast.String); ok {
					named[string(text)] = true
				}
				return false
			})
		}
	}
	for rule, sentences := range map[string]map[string]string{
		ruleViolation: s.policy.Codes, ruleUnknown: s.policy.Reasons,
	} {
		words := maps.Clone(sentences)
		if words == nil {
			words = map[string]string{}
		}
		for key := range s.policy.lines {
			if word, ok := strings.CutPrefix(key, rule+"/"); ok {
				words[word] = ""
			}
		}
		what := map[string]string{ruleViolation: "code", ruleUnknown: "reason"}[rule]
		for _, word := range slices.Sorted(maps.Keys(words)) {
			if !named[word] {
				problems.add(s.file, max(s.policy.lines[rule+"/"+word], s.line()), "no test names the %s %q", what, word)
			}
		}
	}
}

// partials are the rules of a package that OPA evaluates anew for every key
// that they are asked for.
func partials(m *ast.Module) map[string]bool {
	names := map[string]bool{}
	for _, r := range m.Rules {
		ref := r.Head.Ref()
		if r.Head.RuleKind() == ast.MultiValue || slices.ContainsFunc(ref[1:], isNoName) {
			names[ref[0].Value.String()] = true
		}
	}
	return names
}

func isNoName(t *ast.Term) bool {
	_, isName := t.Value.(ast.String)
	return !isName
}

// checkLookups refuses partial rules that are looked up by a computed key. Each
// lookup searches the whole document again, so that time grows with the square
// of its length.
func checkLookups(sources []source, problems *Problems) {
	packages := map[string]map[string]bool{}
	for _, s := range sources {
		packages[s.module.Package.Path.String()] = partials(s.module)
	}
	for _, s := range sources {
		own := s.module.Package.Path
		imports := map[string]ast.Ref{}
		for _, i := range s.module.Imports {
			if ref, ok := i.Path.Value.(ast.Ref); ok {
				imports[string(i.Name())] = ref
			}
		}
		for _, rule := range s.module.Rules {
			walkRefs(rule, func(ref ast.Ref) {
				pkg, rest := resolve(ref, own, imports, packages)
				if len(rest) < 2 || !packages[pkg][strings.Trim(rest[0].Value.String(), `"`)] || !computed(rest[1]) {
					return
				}
				problems.add(s.file, s.lineOf(ref), "%s looks up a partial rule by a computed key, which searches the"+
					" document anew for every key: make the rule an object by comprehension ({key: value | …})"+
					" or iterate over it with some … in", ref)
			})
		}
	}
}

// walkRefs visits the references of a rule, but for its own name.
func walkRefs(rule *ast.Rule, visit func(ast.Ref)) {
	each := func(ref ast.Ref) bool {
		visit(ref)
		return false
	}
	for r := rule; r != nil; r = r.Else {
		ast.WalkRefs(r.Body, each)
		for _, t := range []*ast.Term{r.Head.Key, r.Head.Value} {
			if t != nil {
				ast.WalkRefs(t, each)
			}
		}
	}
}

// resolve splits a reference into the package that it names and the rest, which
// begins with the rule.
func resolve(ref, own ast.Ref, imports map[string]ast.Ref, packages map[string]map[string]bool) (string, ast.Ref) {
	name, ok := ref[0].Value.(ast.Var)
	if !ok {
		return "", nil
	}
	if packages[own.String()][string(name)] {
		return own.String(), ref
	}
	full := ref
	if base, ok := imports[string(name)]; ok {
		full = base.Concat(ref[1:])
	}
	for n := len(full) - 1; n > 1; n-- {
		if pkg := full[:n].String(); packages[pkg] != nil {
			return pkg, full[n:]
		}
	}
	return "", nil
}

// computed reports whether a key is the value of something: a variable other
// than _, or an expression.
func computed(key *ast.Term) bool {
	switch v := key.Value.(type) {
	case ast.Var:
		return !v.IsWildcard()
	case ast.Ref, ast.Call:
		return true
	default:
		return false
	}
}
