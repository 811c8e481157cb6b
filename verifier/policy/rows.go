package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/machine"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// result is what one policy says about one document.
type result struct {
	rows
	exercised int // rows of exercised; two that differ in the field in only are one
	disrupted int // those in a disruption
}

// rows are what it says besides.
type rows struct {
	findings []verdict.Finding
	unknowns []verdict.Unknown
	blame    []blame
	err      error
}

// kept returns what is to be kept: nil when there is nothing.
func (r rows) kept() *rows {
	if len(r.findings) == 0 && len(r.unknowns) == 0 && len(r.blame) == 0 && r.err == nil {
		return nil
	}
	return &r
}

// blame is a row that explains findings of the same entity; with a code only
// those with this code.
type blame struct {
	verdict.Blame
	code string
}

// read turns the answer to a policy's query into a result.
func (p *Policy) read(answer *machine.Object, entity string) (result, error) {
	var r result
	for _, rule := range publicRules {
		value := answer.Get(rule)
		if value == nil {
			continue
		}
		set, ok := value.(*machine.Set)
		if !ok {
			return result{}, fmt.Errorf("%s is no set", rule)
		}
		for i, element := range set.Elems() {
			if err := p.readRow(&r, rule, element, entity); err != nil {
				return result{}, fmt.Errorf("%s: row %d of %s: %w: %s", p.File, i+1, rule, err, short(element))
			}
			if rule == ruleExercised && hasTwin(set, element) {
				r.exercised--
			}
		}
	}
	return r, nil
}

// hasTwin reports whether a row says where the exercise took place and another
// one tells of the same without that: both are one exercise.
func hasTwin(set *machine.Set, element machine.Value) bool {
	row, ok := element.(*machine.Object)
	return ok && row.Get("in") != nil && set.Has(row.Without("in"))
}

func (p *Policy) readRow(r *result, rule string, element machine.Value, entity string) error {
	object, ok := element.(*machine.Object)
	if !ok {
		return errors.New("is no object")
	}
	row := row{fields: map[string]any{}}
	object.Each(func(key, value machine.Value) {
		if name, ok := key.(string); ok {
			row.fields[name] = plain(value)
		}
	})
	seq := row.seqs()
	switch rule {
	case ruleViolation:
		f := verdict.Finding{
			Code: row.word("code"), Class: row.class(verdict.Product), Entity: entity, Seq: seq,
			Got: row.take("got"), Want: row.take("want"), Unit: row.unit(),
		}
		f.Message, f.Line, f.Detail = p.sentence(p.Codes, f.Code), p.line(ruleViolation, f.Code), row.rest()
		r.findings = append(r.findings, f)
	case ruleExercised:
		r.exercised++
		if row.disrupted() {
			r.disrupted++
		}
	case ruleUnknown:
		u := verdict.Unknown{Reason: row.word("reason"), Entity: entity, Seq: seq}
		u.Code, _ = row.take("code").(string)
		u.Message, u.Detail = p.sentence(p.Reasons, u.Reason), row.rest()
		r.unknowns = append(r.unknowns, u)
	case ruleBlame:
		b := blame{Blame: verdict.Blame{
			Policy: p.ID, Class: row.class(""), Reason: row.word("reason"), NS: row.ns("ns"),
			From: row.ns("from_ns"), Until: row.ns("until_ns"), Seq: seq,
		}}
		b.code, _ = row.take("code").(string)
		b.Message, b.Detail = p.sentence(p.Reasons, b.Reason), row.rest()
		r.blame = append(r.blame, b)
	}
	return row.err
}

// sentence returns the policy's own words for a code or reason, and the code
// itself as words when it has none.
func (p *Policy) sentence(own map[string]string, word string) string {
	if s := strings.TrimSpace(own[word]); s != "" {
		return s
	}
	return strings.ReplaceAll(word, "_", " ")
}

// line returns where a code is derived, the first violation rule when that is
// not written out.
func (p *Policy) line(rule, word string) int {
	if line := p.lines[rule+"/"+word]; line > 0 {
		return line
	}
	return p.lines[""]
}

// Places are the lines of the policy's file where a code or a reason is derived,
// as far as it is written out there, and the first line of the rule exercised.
func (p *Policy) Places() (codes, reasons map[string]int, exercised int) {
	codes, reasons = map[string]int{}, map[string]int{}
	for key, line := range p.lines {
		if word, ok := strings.CutPrefix(key, ruleViolation+"/"); ok {
			codes[word] = line
		}
		for _, rule := range []string{ruleUnknown, ruleBlame} {
			if word, ok := strings.CutPrefix(key, rule+"/"); ok {
				reasons[word] = line
			}
		}
	}
	return codes, reasons, p.lines[ruleExercised]
}

// row takes the fields of one row; the first mistake stays in err.
type row struct {
	fields map[string]any
	err    error
}

func (r *row) take(key string) any {
	v := r.fields[key]
	delete(r.fields, key)
	return v
}

func (r *row) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *row) word(key string) string {
	s, _ := r.take(key).(string)
	if s == "" {
		r.fail("has no %s (want a word)", key)
	}
	return s
}

// seqs reads the required evidence: sequence numbers, sorted, each once.
func (r *row) seqs() []uint64 {
	list, ok := r.take("seq").([]any)
	if !ok {
		r.fail("has no seq (want an array of sequence numbers)")
		return nil
	}
	out := make([]uint64, 0, len(list))
	for _, v := range list {
		n, ok := v.(int64)
		if !ok || n < 0 {
			r.fail("seq holds %v, which is no sequence number", v)
			return nil
		}
		out = append(out, uint64(n))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *row) class(fallback verdict.Class) verdict.Class {
	v := r.take("class")
	if v == nil && fallback != "" {
		return fallback
	}
	s, _ := v.(string)
	if !slices.Contains(verdict.Classes(), verdict.Class(s)) {
		r.fail("class is %v, must be one of %v", v, verdict.Classes())
	}
	return verdict.Class(s)
}

func (r *row) unit() verdict.Unit {
	v := r.take("unit")
	s, _ := v.(string)
	if v != nil && !slices.Contains(verdict.Units(), verdict.Unit(s)) {
		r.fail("unit is %v, must be one of %v", v, verdict.Units())
	}
	return verdict.Unit(s)
}

// disrupted reads where an exercise took place: anywhere, or in a disruption.
func (r *row) disrupted() bool {
	v := r.take("in")
	if v != nil && v != verdict.InDisruption {
		r.fail("in is %v, must be %s or left out", v, verdict.InDisruption)
	}
	return v != nil
}

func (r *row) ns(key string) int64 {
	v := r.take(key)
	n, ok := v.(int64)
	if v != nil && !ok {
		r.fail("%s is %v, must be a whole number of nanoseconds", key, v)
	}
	return n
}

// rest returns the fields that nobody took, nil when there are none.
func (r *row) rest() map[string]any {
	if len(r.fields) == 0 {
		return nil
	}
	return r.fields
}

// plain turns a value into what the reports print: nil, bool, int64 or float64,
// string, []any and map[string]any. Sets become sorted lists.
func plain(v machine.Value) any {
	switch v := v.(type) {
	case bool, string, int64:
		return v
	case machine.Number:
		f, _ := v.Float64()
		return f
	case *machine.Array:
		return plainList(v.Elems())
	case *machine.Set:
		return plainList(v.Elems())
	case *machine.Object:
		out := make(map[string]any, v.Len())
		v.Each(func(key, value machine.Value) {
			name, ok := key.(string)
			if !ok {
				name = machine.AST(key).String()
			}
			out[name] = plain(value)
		})
		return out
	default:
		return nil
	}
}

func plainList(list []machine.Value) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = plain(v)
	}
	return out
}

// short prints a row for an error message.
func short(v machine.Value) string {
	const limit = 200
	s := machine.AST(v).String()
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
