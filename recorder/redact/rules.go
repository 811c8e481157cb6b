package redact

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hindsight-project/hindsight/recorder/lexer"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Mark is what stands in the place of what was taken out.
const Mark = "[redacted]"

// Limits on what may be asked for: each rule costs time with every event.
const (
	maxRules  = 200
	maxLength = 4096 // bytes of a rule
)

// Defaults are the rules that hold unless they are switched off.
var Defaults = []string{
	`~[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*:([^\s/"']+)@`,
	`~password=([^\s&"',;]+)`,
	`~PASSWORD=([^\s&"',;]+)`,
	`~-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`,
	`~eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*`,
	`**.env[name=*password*|*passwd*|*secret*|*token*|*credential*|*api*key*].value`,
}

// Rules are ready to be applied. They may be used by several goroutines.
type Rules struct {
	paths    []*rule
	patterns []*rule
	all      []*rule // in the order in which they were given
	clean    clean
}

// rule is one of them: by path, or by pattern.
type rule struct {
	text    string
	what    string // resource or type; empty: all
	path    []segment
	literal []byte // what JSON must have for the path to be there; nil: nothing certain
	begins  []byte // the same, before an element that must have a member; empty: nothing certain
	pattern *regexp.Regexp
	needles [][]byte // what a string must have for the pattern to match, the longest first
	values  atomic.Uint64
}

// segment is one step of a path.
type segment struct {
	glob     string // of a member's name; of the member's value with member; several between |
	member   string // elements of an array that have this member
	elements bool   // every element of an array
	levels   bool   // any number of levels
}

// isName reports whether it is a member's name that JSON writes as it is.
func (s segment) isName() bool {
	return s.member == "" && !s.elements && !s.levels && !strings.ContainsAny(s.glob, `*?[|\`) && plain(s.glob)
}

// Parse reads rules. The error names the one that is wrong.
func Parse(texts ...string) (*Rules, error) {
	rules := &Rules{clean: clean{Known: lexer.Known[trace.Object]{Max: maxClean}}}
	if len(texts) > maxRules {
		return nil, fmt.Errorf("%d rules are more than %d: each costs time with every event", len(texts), maxRules)
	}
	for _, text := range texts {
		r, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("--redact %q: %w", text, err)
		}
		rules.all = append(rules.all, r)
		if r.pattern != nil {
			rules.patterns = append(rules.patterns, r)
		} else {
			rules.paths = append(rules.paths, r)
		}
	}
	return rules, nil
}

func parse(text string) (*rule, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("it has more than %d bytes", maxLength)
	}
	r := &rule{text: text}
	if what, expression, found := strings.Cut(text, "~"); found && !strings.Contains(what, ":") {
		r.what = strings.ToLower(strings.TrimPrefix(what, "*"))
		return r, r.parsePattern(expression)
	}
	what, steps, found := strings.Cut(text, ":")
	if !found {
		what, steps = "", text
	}
	r.what = strings.ToLower(strings.TrimPrefix(what, "*"))
	return r, r.parsePath(steps)
}

func (r *rule) parsePattern(expression string) (err error) {
	if r.pattern, err = regexp.Compile(expression); err != nil {
		return err
	}
	if r.pattern.MatchString("") {
		return errors.New("the expression matches the empty text, so everything")
	}
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return err
	}
	r.needles = slices.DeleteFunc(required(tree), func(text []byte) bool { return !plain(string(text)) })
	slices.SortStableFunc(r.needles, func(a, b []byte) int { return len(b) - len(a) })
	return nil
}

// required returns texts that are part of everything that an expression matches,
// as far as that is plain to see.
func required(e *syntax.Regexp) (texts [][]byte) {
	switch e.Op {
	case syntax.OpLiteral:
		if e.Flags&syntax.FoldCase == 0 {
			return [][]byte{[]byte(string(e.Rune))}
		}
	case syntax.OpRepeat:
		if e.Min > 0 {
			return required(e.Sub[0])
		}
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		for _, sub := range e.Sub {
			texts = append(texts, required(sub)...)
		}
	}
	return texts
}

// plain reports whether JSON writes a text as it is.
func plain(text string) bool {
	quoted, err := json.Marshal(text)
	return err == nil && string(quoted) == `"`+text+`"`
}

func (r *rule) parsePath(steps string) error {
	for rest := steps; rest != ""; {
		var s segment
		var err error
		if strings.HasPrefix(rest, "[") {
			s, rest, err = parseBrackets(rest)
		} else {
			end := cmp.Or(strings.IndexAny(rest, ".[")+1, len(rest)+1) - 1
			s, rest = segment{glob: rest[:end], levels: rest[:end] == "**"}, rest[end:]
			err = checkGlob(s.glob)
		}
		if err != nil {
			return err
		}
		r.path = append(r.path, s)
		if next, dot := strings.CutPrefix(rest, "."); dot {
			if rest = next; rest == "" {
				return errors.New("the path ends with a dot")
			}
		}
	}
	if len(r.path) == 0 || r.path[len(r.path)-1].levels {
		return errors.New("the path names no value; it is like spec.containers[*].env[*].value")
	}
	begun := false // with an element that must have a member
	for _, s := range r.path {
		begun = begun || s.member != ""
		if s.isName() {
			r.literal = fmt.Appendf(nil, "%q", s.glob)
		}
		if !begun {
			r.begins = r.literal
		}
	}
	return r.checkReach()
}

// parseBrackets reads [*], [GLOB] or [MEMBER=GLOB].
func parseBrackets(text string) (segment, string, error) {
	inside, rest, closed := strings.Cut(text[1:], "]")
	if !closed {
		return segment{}, "", errors.New("a bracket is not closed")
	}
	if inside == "*" {
		return segment{elements: true, glob: "*"}, rest, nil
	}
	if member, glob, condition := strings.Cut(inside, "="); condition {
		return segment{member: member, glob: strings.ToLower(glob)}, rest, errors.Join(checkGlob(member), checkGlob(glob))
	}
	return segment{glob: inside}, rest, checkGlob(inside)
}

func checkGlob(globs string) error {
	for glob := range strings.SplitSeq(globs, "|") {
		if _, err := path.Match(glob, "x"); err != nil || glob == "" {
			return fmt.Errorf("%q is no name with * and ?", glob)
		}
	}
	return nil
}

// match reports whether a name is what one of the globs means. A slash is a
// character like any other.
func match(globs, name string) bool {
	for glob := range strings.SplitSeq(globs, "|") {
		if inside := strings.Trim(glob, "*"); !strings.ContainsAny(inside, `*?[\`) {
			if matchPart(glob, inside, name) {
				return true
			}
			continue
		}
		swap := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
		if ok, _ := path.Match(swap(glob), swap(name)); ok { // checkGlob has seen it
			return true
		}
	}
	return false
}

// matchPart reports whether a name is what a glob means that has stars at its ends
// at most.
func matchPart(glob, inside, name string) bool {
	before, after := strings.HasPrefix(glob, "*"), strings.HasSuffix(glob, "*")
	switch {
	case before && after:
		return strings.Contains(name, inside)
	case before:
		return strings.HasSuffix(name, inside)
	case after:
		return strings.HasPrefix(name, inside)
	}
	return glob == name
}

// checkReach refuses a rule that can only mean what must stay.
func (r *rule) checkReach() error {
	names := make([]string, len(r.path))
	for i, s := range r.path {
		names[i] = s.glob
	}
	if stays(names) {
		return errors.New("without that there is no history, so it stays in the trace")
	}
	return nil
}

// metadataThatStays is what the recorder or a reader needs of every object.
var metadataThatStays = map[string]bool{
	"name": true, "namespace": true, "uid": true, "resourceVersion": true, "generation": true,
	"creationTimestamp": true, "deletionTimestamp": true, "ownerReferences": true, "managedFields": true,
}

// stays reports whether what is at a path of an object is never changed.
func stays(path []string) bool {
	switch {
	case len(path) == 1:
		return path[0] == "apiVersion" || path[0] == "kind" || path[0] == "metadata"
	case len(path) >= 2 && path[0] == "metadata":
		return metadataThatStays[path[1]]
	}
	return false
}

// applies reports whether the rule is about an event.
func (r *rule) applies(e *trace.Event) bool {
	if r.what == "" {
		return true
	}
	if e.Type.IsObject() {
		return r.what == e.Object.Resource.Resource || r.what == e.Object.Resource.String()
	}
	return r.what == string(e.Type) || r.what == string(e.Source)
}

// Redactions lists the rules for the header of a run, with how many values each
// has taken out so far.
func (r *Rules) Redactions() []trace.Redaction {
	list := make([]trace.Redaction, len(r.all))
	for i, rule := range r.all {
		list[i] = trace.Redaction{Rule: rule.text, Values: rule.values.Load()}
	}
	return list
}

// Text applies the patterns for everything to a text that is no event.
func (r *Rules) Text(text string) string {
	for _, p := range r.patterns {
		if p.what == "" {
			text = p.replace(text)
		}
	}
	return text
}

func hasAll(text string, parts [][]byte) bool {
	for _, part := range parts {
		if !strings.Contains(text, string(part)) {
			return false
		}
	}
	return true
}

// replace takes out of a string what the pattern matches.
func (r *rule) replace(text string) string {
	if !hasAll(text, r.needles) {
		return text
	}
	var b strings.Builder
	last := 0
	for _, m := range r.pattern.FindAllStringSubmatchIndex(text, -1) {
		from, to := m[0], m[1]
		if len(m) > 2 && m[2] >= 0 {
			from, to = m[2], m[3]
		}
		if from == to || text[from:to] == Mark {
			continue
		}
		b.WriteString(text[last:from])
		b.WriteString(Mark)
		last = to
		r.values.Add(1)
	}
	if last == 0 {
		return text
	}
	b.WriteString(text[last:])
	return b.String()
}
