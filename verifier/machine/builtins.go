package machine

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// native is a built-in function on values of the machine. It says false when it
// leaves the arguments to OPA's own, which knows all types, all numbers and all
// errors; nil and true mean undefined.
type native func(args []Value) (Value, bool)

// natives are the functions that policies call all the time.
var natives = map[string]native{
	"equal":             func(a []Value) (Value, bool) { return equal(a[0], a[1]), true },
	"neq":               func(a []Value) (Value, bool) { return !equal(a[0], a[1]), true },
	"mul":               multiply,
	"div":               divide,
	"abs":               absolute,
	"ceil":              whole,
	"floor":             whole,
	"round":             whole,
	"count":             func(a []Value) (Value, bool) { return length(a[0]) },
	"sum":               sum,
	"max":               func(a []Value) (Value, bool) { return extreme(a[0], 1) },
	"min":               func(a []Value) (Value, bool) { return extreme(a[0], -1) },
	"sort":              sorted,
	"and":               intersect,
	"or":                unite,
	"internal.member_2": member,
	"array.concat":      concat,
	"array.slice":       slice,
	"array.flatten":     flatten,
	"union":             uniteAll,
	"concat":            join,
	"numbers.range":     numbersFromTo,
	"object.filter":     filter,
	"object.union":      func(a []Value) (Value, bool) { return overlay(a[0], a[1]) },
	"object.keys":       keys,
	"startswith":        onTexts(strings.HasPrefix),
	"endswith":          onTexts(strings.HasSuffix),
	"contains":          onTexts(strings.Contains),
}

// builtin calls a built-in function.
func (m *Machine) builtin(f *function, pc int32, in *instr, locals []Value) Value {
	args := m.args[:0] // natives keep nothing of it
	for _, a := range f.args[in.c : in.c+in.d] {
		args = append(args, m.read(locals, a))
	}
	m.args = args
	if quick := m.natives[in.b]; quick != nil {
		if out, ok := quick(args); ok {
			return out
		}
	}
	return m.opa(f, pc, m.program.builtins[in.b], m.foreign[in.b], args)
}

// opa calls a function of OPA.
func (m *Machine) opa(f *function, pc int32, name string, call topdown.BuiltinFunc, args []Value) Value {
	if call == nil {
		panic(failure{errors.New("there is no built-in function " + name)})
	}
	terms := make([]*ast.Term, len(args))
	for i, a := range args {
		terms[i] = ast.NewTerm(AST(a))
	}
	m.check()
	cancel := topdown.NewCancel()
	stop := afterDeadline(m.deadline, cancel)
	defer stop()
	var out Value
	var all []Value
	relation := ast.BuiltinMap[name].Relation // its answers are asked for one by one
	err := call(topdown.BuiltinContext{Context: m.ctx, Cancel: cancel}, terms, func(t *ast.Term) error {
		out = FromAST(t.Value)
		if relation {
			all = append(all, out)
			out = &Array{all}
		}
		return nil
	})
	switch {
	case err == nil:
		return out
	case topdown.IsCancel(err):
		panic(failure{ErrTimeout})
	}
	panic(failure{m.wrap(f, pc, name, err)})
}

// wrap tells an error of a built-in function as OPA does.
func (m *Machine) wrap(f *function, pc int32, name string, err error) error {
	var known *topdown.Error
	if errors.As(err, &known) {
		return err
	}
	code := topdown.BuiltinErr
	var operand builtins.ErrOperand
	if errors.As(err, &operand) {
		code = topdown.TypeErr
	}
	e := &topdown.Error{Code: code, Message: name + ": " + err.Error(), Location: m.location(f, pc)}
	return e.Wrap(err)
}

// arithmetic is the four functions that are instructions.
func (m *Machine) arithmetic(f *function, pc int32, in *instr, a, b Value) Value {
	switch in.op {
	case opLess:
		return compare(a, b) < 0
	case opLessEqual:
		return compare(a, b) <= 0
	}
	x, ok1 := a.(int64)
	y, ok2 := b.(int64)
	name := "plus"
	if in.op == opMinus {
		name = "minus"
	}
	if ok1 && ok2 {
		z := x + y
		safe := (z > x) == (y > 0)
		if in.op == opMinus {
			z = x - y
			safe = (z < x) == (y > 0)
		}
		if safe || y == 0 {
			return z
		}
	}
	if s, ok := a.(*Set); ok && in.op == opMinus {
		if t, ok := b.(*Set); ok {
			return subtract(s, t)
		}
	}
	return m.opa(f, pc, name, topdown.GetBuiltin(name), []Value{a, b})
}

func multiply(args []Value) (Value, bool) {
	x, ok1 := args[0].(int64)
	y, ok2 := args[1].(int64)
	if !ok1 || !ok2 || x == math.MinInt64 || y == math.MinInt64 {
		return nil, false
	}
	high, low := bits.Mul64(uint64(max(x, -x)), uint64(max(y, -y)))
	if high != 0 || low > math.MaxInt64 {
		return nil, false
	}
	return x * y, true
}

// divide leaves fractions, and what OPA takes for one, to OPA.
func divide(args []Value) (Value, bool) {
	x, ok1 := args[0].(int64)
	y, ok2 := args[1].(int64)
	if !ok1 || !ok2 || x == 0 || y == 0 || x != int64(int32(x)) || y != int64(int32(y)) || x%y != 0 {
		return nil, false
	}
	return x / y, true
}

func absolute(args []Value) (Value, bool) {
	x, ok := args[0].(int64)
	return max(x, -x), ok && x == int64(int32(x))
}

func whole(args []Value) (Value, bool) {
	x, ok := args[0].(int64)
	return x, ok && x == int64(int32(x))
}

func sum(args []Value) (Value, bool) {
	var list []Value
	switch v := args[0].(type) {
	case *Array:
		list = v.elems
	case *Set:
		list = v.keys
	default:
		return nil, false
	}
	total := int64(0)
	for _, e := range list {
		n, ok := e.(int64)
		const most = math.MaxInt64 / 2
		if !ok || min(n, total) < -most || max(n, total) > most {
			return nil, false
		}
		total += n
	}
	return total, true
}

func extreme(v Value, sign int) (Value, bool) {
	var list []Value
	switch v := v.(type) {
	case *Array:
		list = v.elems
	case *Set:
		list = v.keys
	default:
		return nil, false
	}
	var best Value
	for _, e := range list {
		if best == nil || compare(e, best)*sign > 0 {
			best = e
		}
	}
	return best, true
}

func sorted(args []Value) (Value, bool) {
	switch v := args[0].(type) {
	case *Array:
		list := slices.Clone(v.elems)
		slices.SortStableFunc(list, compare)
		return &Array{list}, true
	case *Set:
		return &Array{v.sortedKeys()}, true
	default:
		return nil, false
	}
}

func subtract(a, b *Set) Value {
	out := &Set{}
	for _, k := range a.keys {
		if b.find(k) < 0 {
			out.table.add(k)
		}
	}
	return out
}

func intersect(args []Value) (Value, bool) {
	a, ok1 := args[0].(*Set)
	b, ok2 := args[1].(*Set)
	if !ok1 || !ok2 {
		return nil, false
	}
	out := &Set{}
	for _, k := range a.keys {
		if b.find(k) >= 0 {
			out.table.add(k)
		}
	}
	return out, true
}

func unite(args []Value) (Value, bool) {
	a, ok1 := args[0].(*Set)
	b, ok2 := args[1].(*Set)
	if !ok1 || !ok2 {
		return nil, false
	}
	out := &Set{table{keys: slices.Clone(a.keys), sorted: a.sorted}}
	for _, k := range b.keys {
		out.add(k)
	}
	return out, true
}

func member(args []Value) (Value, bool) { return isMember(args[0], args[1]), true }

// isMember reports whether there is an element, or the value of a field, in a collection.
func isMember(element, in Value) bool {
	switch v := in.(type) {
	case *Array:
		return slices.ContainsFunc(v.elems, func(e Value) bool { return equal(e, element) })
	case *Set:
		return v.find(element) >= 0
	case *Object:
		return slices.ContainsFunc(v.vals, func(e Value) bool { return equal(e, element) })
	default:
		return false
	}
}

func concat(args []Value) (Value, bool) {
	a, ok1 := args[0].(*Array)
	b, ok2 := args[1].(*Array)
	if !ok1 || !ok2 {
		return nil, false
	}
	return &Array{slices.Concat(a.elems, b.elems)}, true
}

// slice clamps its bounds to what there is.
func slice(args []Value) (Value, bool) {
	a, ok1 := args[0].(*Array)
	from, ok2 := args[1].(int64)
	until, ok3 := args[2].(int64)
	if !ok1 || !ok2 || !ok3 {
		return nil, false
	}
	until = min(max(until, 0), int64(len(a.elems)))
	from = min(max(from, 0), until)
	return &Array{a.elems[from:until:until]}, true
}

// overlay is object.union: b over a, objects in them the same way.
func overlay(a, b Value) (Value, bool) {
	x, ok1 := a.(*Object)
	y, ok2 := b.(*Object)
	if !ok1 || !ok2 {
		return nil, false
	}
	return merge(y, x), true
}

func keys(args []Value) (Value, bool) {
	o, ok := args[0].(*Object)
	if !ok {
		return nil, false
	}
	return &Set{table{keys: slices.Clone(o.keys), sorted: o.sorted}}, true
}

func onTexts(is func(s, t string) bool) native {
	return func(args []Value) (Value, bool) {
		s, ok1 := args[0].(string)
		t, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, false
		}
		return is(s, t), true
	}
}
