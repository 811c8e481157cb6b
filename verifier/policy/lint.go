package policy

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The public rules of a policy.
const (
	ruleViolation = "violation"
	ruleExercised = "exercised"
	ruleUnknown   = "unknown"
	ruleBlame     = "blame"
)

var publicRules = []string{ruleViolation, ruleExercised, ruleUnknown, ruleBlame}

// source is one parsed file.
type source struct {
	file   string
	text   []byte
	module *ast.Module
	policy *Policy // nil for a library
}

// isLib reports whether the file is shared by policies and none itself.
func (s source) isLib() bool { return strings.HasPrefix(s.file, "lib/") }

func (s source) line() int { return s.module.Package.Location.Row }

// lint checks one file as far as that goes without compiling it, and reads the
// METADATA of a policy.
func (s *source) lint(forbidden map[string]bool, problems *Problems) {
	s.checkPlace(problems)
	s.checkCalls(forbidden, problems)
	all := blocks(s.module, problems)
	var own *block
	for _, b := range all {
		known := ruleKeys
		if b.annotations.Scope == "package" && !s.isLib() {
			known, own = packageKeys, &b
		}
		b.checkKeys(b.root, known, "METADATA", s.file, problems)
	}
	if s.isLib() {
		return
	}
	s.policy = &Policy{
		File: s.file, Line: s.line(), path: s.module.Package.Path, rules: map[string]bool{}, lines: map[string]int{},
	}
	s.noteRules(problems)
	if own == nil {
		problems.add(s.file, s.line(), "package has no METADATA block with scope: package, so it is no policy"+
			" (move it below lib/ if other policies share it)")
		return
	}
	s.policy.Metadata = own.metadata(s.file, problems)
	s.checkRules(problems)
	s.checkCodes(problems)
	s.checkSchemas(*own, problems)
}

// checkPlace demands that the directory equals the package.
func (s *source) checkPlace(problems *Problems) {
	var words []string
	for _, term := range s.module.Package.Path[1:] {
		words = append(words, strings.Trim(term.Value.String(), `"`))
	}
	if want := path.Join(words...); want != path.Dir(s.file) {
		problems.add(s.file, s.line(), "package %s belongs into the directory %s", strings.Join(words, "."), want)
	}
}

// checkCalls refuses forbidden built-in functions, wherever they are named, and
// parameters where no schema guards them.
func (s *source) checkCalls(forbidden map[string]bool, problems *Problems) {
	visit := func(ref ast.Ref) bool {
		if name := ref.String(); forbidden[name] {
			problems.add(s.file, s.lineOf(ref), "%s is not allowed in a policy:"+
				" the same recording must always give the same verdict", name)
		}
		if s.isLib() && ref.HasPrefix(paramsRef) {
			problems.add(s.file, s.lineOf(ref), "a library takes thresholds as arguments, it does not read %s", ref)
		}
		return false
	}
	ast.WalkRefs(s.module, visit)
}

func (s *source) lineOf(ref ast.Ref) int {
	if len(ref) > 0 && ref[0].Location != nil {
		return ref[0].Location.Row
	}
	return s.line()
}

// noteRules refuses other public rules than the four sets, and notes where they are.
func (s *source) noteRules(problems *Problems) {
	for _, rule := range s.module.Rules {
		name, line := rule.Head.Ref()[0].Value.String(), rule.Location.Row
		switch {
		case strings.HasPrefix(name, "_"):
		case !slices.Contains(publicRules, name):
			problems.add(s.file, line, "rule %s is public: a policy has %s; start the name of a helper with _",
				name, strings.Join(publicRules, ", "))
		case rule.Default || rule.Head.RuleKind() != ast.MultiValue || len(rule.Head.Ref()) > 1:
			problems.add(s.file, line, "rule %s must be a set: %s contains {…} if …", name, name)
		default:
			s.policy.rules[name] = true
			s.policy.noteLine(rule)
		}
	}
}

// checkRules demands the rules that the policy's class needs: a judgement needs
// violation and exercised, a diagnosis has blame and nothing else.
func (s *source) checkRules(problems *Problems) {
	needed, refused := []string{ruleViolation, ruleExercised}, []string(nil)
	if s.policy.IsDiagnosis() {
		needed, refused = []string{ruleBlame}, []string{ruleViolation, ruleExercised, ruleUnknown}
	}
	for _, name := range needed {
		if !s.policy.rules[name] && !hasRule(s.module, name) {
			problems.add(s.file, s.line(), "the policy has no rule %s", name)
		}
	}
	for _, name := range refused {
		if s.policy.rules[name] {
			problems.add(s.file, s.line(), "a policy of the class %s has the rule %s only, not %s",
				classDiagnosis, ruleBlame, name)
		}
	}
}

// blameReasons are the sentences for what a diagnosis blames. Where a policy
// judges, its reasons are those of unknown.
func (p *Policy) blameReasons() map[string]string {
	if p.IsDiagnosis() {
		return p.Reasons
	}
	return nil
}

func hasRule(m *ast.Module, name string) bool {
	return slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return r.Head.Ref()[0].Value.String() == name })
}

// noteLine remembers where a code is derived and which literals the rule uses.
func (p *Policy) noteLine(rule *ast.Rule) {
	name := rule.Head.Ref()[0].Value.String()
	if name == ruleViolation && p.lines[""] == 0 {
		p.lines[""] = rule.Location.Row
	}
	if name == ruleExercised && p.lines[name] == 0 {
		p.lines[name] = rule.Location.Row
	}
	if literal, ok := literalOf(rule, literalKeys[name]); ok {
		key := name + "/" + literal
		if p.lines[key] == 0 {
			p.lines[key] = rule.Location.Row
		}
	}
}

// literalKeys name the field of a row that has a sentence in METADATA.
var literalKeys = map[string]string{ruleViolation: "code", ruleUnknown: "reason", ruleBlame: "reason"}

// literalOf returns the constant string under key in the object that a rule contains.
func literalOf(rule *ast.Rule, key string) (string, bool) {
	if rule.Head.Key == nil || key == "" {
		return "", false
	}
	object, ok := rule.Head.Key.Value.(ast.Object)
	if !ok {
		return "", false
	}
	term := object.Get(ast.StringTerm(key))
	if term == nil {
		return "", false
	}
	literal, ok := term.Value.(ast.String)
	return string(literal), ok
}

// checkCodes demands a sentence for every code and reason that is written out,
// as soon as the policy has sentences at all.
func (s *source) checkCodes(problems *Problems) {
	for rule, sentences := range map[string]map[string]string{
		ruleViolation: s.policy.Codes, ruleUnknown: s.policy.Reasons, ruleBlame: s.policy.blameReasons(),
	} {
		if len(sentences) == 0 {
			continue
		}
		section := literalKeys[rule] + "s"
		for key, line := range s.policy.lines {
			word, ok := strings.CutPrefix(key, rule+"/")
			if _, known := sentences[word]; ok && !known {
				problems.add(s.file, line, "%s has no sentence for %q in METADATA custom %s (there are: %s)",
					s.policy.ID, word, section, strings.Join(slices.Sorted(maps.Keys(sentences)), ", "))
			}
		}
	}
}

// checkSchemas demands the one schema that belongs to the view, because without
// it a misspelt field is silently undefined.
func (s *source) checkSchemas(b block, problems *Problems) {
	if s.policy.View == "" {
		return
	}
	want := schemaRef(s.policy.View)
	list := b.annotations.Schemas
	if len(list) == 1 && list[0].Path.Equal(ast.InputRootRef) && list[0].Schema.Equal(want) {
		return
	}
	_, line := b.child("schemas")
	problems.add(s.file, line, "METADATA schemas must be exactly \"- input: %s\"", want)
}

// schemaRef is how policies name the schema of a view.
func schemaRef(view string) ast.Ref {
	return ast.Ref{ast.SchemaRootDocument, ast.StringTerm(strings.ReplaceAll(view, "/", "_"))}
}
