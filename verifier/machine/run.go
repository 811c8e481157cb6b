package machine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// ErrTimeout says that an evaluation was given up.
var ErrTimeout = errors.New("gave no answer in time")

// Machine evaluates a program. It serves one goroutine at a time.
type Machine struct {
	program *Program
	natives []native // by number of the built-in
	foreign []topdown.BuiltinFunc

	ctx      context.Context
	deadline time.Time
	steps    uint32
	answer   Value

	args    []Value // of the built-in that is called
	stack   []Value // of locals
	top     int
	iters   []iterator
	iterTop int
	caches  []cache // by number of the instruction

	memos    []memo // by function
	calls    calls
	age      uint32 // of what is remembered now
	youngest uint32

	input, data Value  // what it was asked about
	about       uint32 // the age of what is remembered about that
}

// cache is where a name was found the last time.
type cache struct {
	shape *Shape
	at    int32
}

// memo is the value of a rule.
type memo struct {
	age   uint32
	value Value
}

type iterator struct {
	keys, vals []Value // without vals a set; without keys an array
	at         int
	saved      Value // by opWith
	age        uint32
}

// New makes a machine for a program.
func New(p *Program) *Machine {
	m := &Machine{
		program: p, caches: make([]cache, p.dots), memos: make([]memo, len(p.funcs)),
		stack: make([]Value, 1024), iters: make([]iterator, 64),
		natives: make([]native, len(p.builtins)), foreign: make([]topdown.BuiltinFunc, len(p.builtins)),
	}
	for i, name := range p.builtins {
		m.natives[i] = natives[name]
		m.foreign[i] = topdown.GetBuiltin(name)
	}
	return m
}

// failure is an error on its way through the evaluation.
type failure struct{ err error }

// Eval asks a query of the program about a document. What it finds out about rules
// is remembered until it is asked about another one. The answer is valid as long as
// nobody changes it; it may share parts with input and data. An error is one of the
// evaluation, ErrTimeout, or that of ctx.
func (m *Machine) Eval(
	ctx context.Context, query int, input, data Value, timeout time.Duration,
) (found Value, err error) {
	m.ctx, m.deadline, m.steps, m.answer, m.top, m.iterTop = ctx, time.Now().Add(timeout), 0, nil, 0, 0
	if m.input != input || m.data != data || m.about == 0 {
		m.youngest++
		m.input, m.data, m.about = input, data, m.youngest
		m.calls.forget()
	}
	m.age = m.about
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		clear(m.stack)
		f, ok := cause.(failure)
		if !ok {
			panic(cause)
		}
		found, err = nil, f.err
	}()
	f := &m.program.funcs[m.program.queries[query]]
	locals := m.frame(f)
	locals[0], locals[1] = input, data
	m.exec(f, locals)
	clear(locals)
	if result, ok := m.answer.(*Object); ok && len(result.vals) > 0 {
		return result.vals[0], nil
	}
	return nil, nil
}

// tick looks now and then whether the evaluation should go on.
func (m *Machine) tick() {
	m.steps++
	if m.steps&0x3fff == 0 {
		m.check()
	}
}

func (m *Machine) check() {
	if err := m.ctx.Err(); err != nil {
		panic(failure{err})
	}
	if time.Now().After(m.deadline) {
		panic(failure{ErrTimeout})
	}
}

// frame makes room for the locals of a function.
func (m *Machine) frame(f *function) []Value {
	n := int(f.locals)
	if m.top+n > len(m.stack) {
		m.stack, m.top = make([]Value, max(2*len(m.stack), n)), 0
	}
	m.top += n
	return m.stack[m.top-n : m.top : m.top]
}

func (m *Machine) iterators(f *function) []iterator {
	n := int(f.iters)
	if m.iterTop+n > len(m.iters) {
		m.iters, m.iterTop = make([]iterator, max(2*len(m.iters), n)), 0
	}
	m.iterTop += n
	return m.iters[m.iterTop-n : m.iterTop : m.iterTop]
}

// call calls a function with arguments out of the caller's locals.
func (m *Machine) call(caller *function, in *instr, locals []Value) Value {
	m.tick()
	f := &m.program.funcs[in.b]
	args := caller.args[in.c : in.c+in.d]
	if len(args) == 2 {
		if known := &m.memos[in.b]; known.age == m.age {
			return known.value
		}
	}
	stack, top := m.stack, m.top
	inner := m.frame(f)
	for i, a := range args {
		inner[i] = m.read(locals, a)
	}
	out := m.invoke(in.b, f, inner)
	clear(inner)
	m.stack, m.top = stack, top
	return out
}

// invoke runs a function, or remembers what it gave before.
func (m *Machine) invoke(number int32, f *function, locals []Value) Value {
	var key call
	keep := f.loops && f.params > 2 && f.params <= 2+remembered
	if keep {
		key = newCall(m.age, number, locals[2:f.params])
		if out, known := m.calls.find(&key); known {
			return out
		}
	}
	iters, iterTop := m.iters, m.iterTop
	out := m.exec(f, locals)
	m.iters, m.iterTop = iters, iterTop
	switch {
	case keep:
		key.result = out
		m.calls.add(key)
	case f.params == 2:
		m.memos[number] = memo{m.age, out}
	}
	return out
}

// read returns an operand.
func (m *Machine) read(locals []Value, operand int32) Value {
	if operand >= 0 {
		return locals[operand]
	}
	return m.program.consts[^operand]
}

// exec runs the code of a function.
func (m *Machine) exec(f *function, locals []Value) Value {
	iters := m.iterators(f)
	code := f.code
	for pc := int32(0); ; pc++ {
		in := &code[pc]
		ok := true
		switch in.op {
		case opMove:
			locals[in.a] = m.read(locals, in.b)
		case opReset:
			locals[in.a] = nil
		case opDot:
			v := m.dot(in, m.read(locals, in.b), locals)
			if ok = v != nil; ok {
				locals[in.a] = v
			}
		case opCall:
			v := m.call(f, in, locals)
			if ok = v != nil; ok {
				locals[in.a] = v
			}
		case opNext:
			m.tick()
			ok = m.next(&iters[in.a], in, locals)
		case opScan:
			iters[in.a].start(m.read(locals, in.b))
		case opJump:
			ok = false
		case opEqual:
			ok = equal(m.read(locals, in.b), m.read(locals, in.c))
		case opNotEqual:
			ok = !equal(m.read(locals, in.b), m.read(locals, in.c))
		case opDefined:
			ok = locals[in.b] != nil
		case opUndefined:
			ok = locals[in.b] == nil
		case opReturn:
			return m.read(locals, in.a)
		case opIfLess:
			ok = compare(m.read(locals, in.b), m.read(locals, in.c)) < 0
		case opIfLessEqual:
			ok = compare(m.read(locals, in.b), m.read(locals, in.c)) <= 0
		case opIfMember:
			ok = isMember(m.read(locals, in.b), m.read(locals, in.c))
		case opIfNoMember:
			ok = !isMember(m.read(locals, in.b), m.read(locals, in.c))
		case opLess, opLessEqual, opPlus, opMinus:
			v := m.arithmetic(f, pc, in, m.read(locals, in.b), m.read(locals, in.c))
			if ok = v != nil; ok {
				locals[in.a] = v
			}
		case opBuiltin:
			v := m.builtin(f, pc, in, locals)
			if ok = v != nil; ok {
				locals[in.a] = v
			}
		default:
			ok = m.rare(f, pc, in, locals, iters)
		}
		if !ok {
			pc = in.fail - 1
		}
	}
}

// rare runs the instructions that are not in the loops; false: go to fail.
func (m *Machine) rare(f *function, pc int32, in *instr, locals []Value, iters []iterator) bool {
	switch in.op {
	case opOnce:
		v := m.read(locals, in.b)
		if before := locals[in.a]; before != nil && !equal(before, v) {
			panic(failure{m.conflict(f, pc, "rule "+strings.Replace(f.path, "g0", "data", 1)+" produced conflicting values")})
		}
		locals[in.a] = v
	case opIsArray:
		_, ok := m.read(locals, in.b).(*Array)
		return ok
	case opIsObject:
		_, ok := m.read(locals, in.b).(*Object)
		return ok
	case opIsSet:
		_, ok := m.read(locals, in.b).(*Set)
		return ok
	case opList:
		locals[in.a] = &Array{m.values(f, in, locals)}
	case opMake:
		locals[in.a] = m.program.shapes[in.b].Object(m.values(f, in, locals))
	case opArray:
		locals[in.a] = &Array{make([]Value, 0, in.b)}
	case opObject:
		locals[in.a] = &Object{}
	case opSet:
		locals[in.a] = &Set{}
	case opAppend:
		a := locals[in.a].(*Array)
		a.elems = append(a.elems, m.read(locals, in.b))
	case opInsert:
		locals[in.a].(*Object).insert(m.read(locals, in.b), m.read(locals, in.c))
	case opInsertOnce:
		o, key, v := locals[in.a].(*Object), m.read(locals, in.b), m.read(locals, in.c)
		if before := o.Get(key); before != nil && !equal(before, v) {
			panic(failure{m.conflict(f, pc, "object keys must be unique")})
		}
		o.insert(key, v)
	case opMerge:
		merged := merge(m.read(locals, in.c), m.read(locals, in.b))
		if merged != nil {
			locals[in.a] = merged
		}
		return merged != nil
	case opAdd:
		locals[in.a].(*Set).add(m.read(locals, in.b))
	case opLen:
		n, ok := length(m.read(locals, in.b))
		if ok {
			locals[in.a] = n
		}
		return ok
	case opResult:
		m.answer = m.read(locals, in.a)
	case opWith:
		path := make([]Value, in.d)
		for i := range path {
			path[i] = m.read(locals, f.args[in.c+int32(i)])
		}
		iters[in.fail] = iterator{saved: locals[in.a], age: m.age}
		locals[in.a] = upsert(locals[in.a], path, m.read(locals, in.b))
		m.youngest++
		m.age = m.youngest
	case opWithout:
		locals[in.a], m.age = iters[in.b].saved, iters[in.b].age
	case opDynamic:
		v := m.dynamic(f, in, locals)
		if v != nil {
			locals[in.a] = v
		}
		return v != nil
	default:
		panic(failure{fmt.Errorf("there is no instruction %d", in.op)})
	}
	return true
}

// values reads the arguments of an instruction.
func (m *Machine) values(f *function, in *instr, locals []Value) []Value {
	out := make([]Value, in.d)
	for i, a := range f.args[in.c : in.c+in.d] {
		out[i] = m.read(locals, a)
	}
	return out
}

// conflict is OPA's error about two values where there can be one.
func (m *Machine) conflict(f *function, pc int32, message string) error {
	return &topdown.Error{Code: topdown.ConflictErr, Message: message, Location: m.location(f, pc)}
}

// location finds the place of an instruction in the source.
func (m *Machine) location(f *function, pc int32) *ast.Location {
	for _, p := range f.places {
		if p.PC == pc && p.File >= 0 && int(p.File) < len(m.program.files) {
			return ast.NewLocation(nil, m.program.files[p.File], int(p.Row), int(p.Col))
		}
	}
	return nil
}

// dot looks up a key.
func (m *Machine) dot(in *instr, from Value, locals []Value) Value {
	switch from := from.(type) {
	case *Object:
		if from.shape != nil && in.d >= 0 {
			known := &m.caches[in.d]
			if known.shape != from.shape {
				name, _ := m.program.consts[^in.c].(string)
				at, ok := from.shape.index[name]
				if !ok {
					return nil
				}
				*known = cache{from.shape, int32(at)}
			}
			return from.vals[known.at]
		}
		return from.Get(m.read(locals, in.c))
	case *Array:
		if i, ok := m.read(locals, in.c).(int64); ok && i >= 0 && i < int64(len(from.elems)) {
			return from.elems[i]
		}
	case *Set:
		if i := from.find(m.read(locals, in.c)); i >= 0 {
			return from.keys[i]
		}
	}
	return nil
}

// start begins to go through a collection; there is nothing in any other value.
func (it *iterator) start(v Value) {
	*it = iterator{}
	switch v := v.(type) {
	case *Array:
		it.vals = v.elems
	case *Object:
		v.sort()
		it.keys, it.vals = v.keys, v.vals
	case *Set:
		it.keys = v.sortedKeys()
	}
}

// next takes the next element.
func (m *Machine) next(it *iterator, in *instr, locals []Value) bool {
	i := it.at
	it.at++
	switch {
	case it.keys == nil: // an array
		if i >= len(it.vals) {
			return false
		}
		if in.b >= 0 {
			locals[in.b] = int64(i)
		}
		if in.c >= 0 {
			locals[in.c] = it.vals[i]
		}
	case i >= len(it.keys):
		return false
	default:
		if in.b >= 0 {
			locals[in.b] = it.keys[i]
		}
		if in.c >= 0 && it.vals != nil {
			locals[in.c] = it.vals[i]
		} else if in.c >= 0 {
			locals[in.c] = it.keys[i]
		}
	}
	return true
}

// dynamic calls the function at a path that was computed.
func (m *Machine) dynamic(f *function, in *instr, locals []Value) Value {
	var names []string
	for _, operand := range f.args[in.c : in.c+in.d] {
		name, ok := m.read(locals, operand).(string)
		if !ok {
			return nil
		}
		names = append(names, name)
	}
	path := strings.Join(names, ".")
	for i := range m.program.funcs {
		callee := &m.program.funcs[i]
		if callee.path == path {
			stack, top := m.stack, m.top
			inner := m.frame(callee)
			for j := range inner[:callee.params] {
				inner[j] = m.read(locals, f.args[in.b+int32(j)])
			}
			out := m.invoke(int32(i), callee, inner)
			clear(inner)
			m.stack, m.top = stack, top
			return out
		}
	}
	return nil
}

// upsert returns a copy of v in which a path has another value.
func upsert(v Value, path []Value, value Value) Value {
	if len(path) == 0 {
		return value
	}
	o, ok := v.(*Object)
	if ok {
		o = o.copy()
	} else {
		o = &Object{}
	}
	o.insert(path[0], upsert(o.Get(path[0]), path[1:], value))
	return o
}

// merge returns what a and b have together, a where they contradict each other.
func merge(a, b Value) Value {
	x, ok := a.(*Object)
	if !ok {
		return a
	}
	y, ok := b.(*Object)
	if !ok {
		return a
	}
	out := y.copy()
	x.Each(func(key, value Value) {
		if other := out.Get(key); other != nil {
			value = merge(value, other)
		}
		out.insert(key, value)
	})
	return out
}

// length is what count gives.
func length(v Value) (Value, bool) {
	switch v := v.(type) {
	case *Array:
		return int64(len(v.elems)), true
	case *Object:
		return int64(v.Len()), true
	case *Set:
		return int64(v.Len()), true
	case string:
		return int64(len([]rune(v))), true
	default:
		return nil, false
	}
}

// afterDeadline cancels at the deadline; stop ends the wait.
func afterDeadline(deadline time.Time, cancel topdown.Cancel) (stop func() bool) {
	return time.AfterFunc(time.Until(deadline), cancel.Cancel).Stop
}
