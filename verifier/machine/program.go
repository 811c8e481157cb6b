package machine

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// Program is queries and the rules that they need. It is never changed.
type Program struct {
	funcs    []function
	consts   []Value
	builtins []string
	files    []string
	shapes   []*Shape
	queries  []int32 // functions
	dots     int32   // number of instructions that look up a constant name
}

// function is a rule, a function or the query.
type function struct {
	path   string // g0.lib.windows.open, "" for the query
	code   []instr
	args   []int32 // of the calls
	places []place // of the instructions that can go wrong, by pc
	params int32
	locals int32
	iters  int32
	loops  bool // it, or what it calls, goes through a collection
	calls  []int32
}

// place is where an instruction stands in the source.
type place struct {
	PC, File, Row, Col int32
}

// instr is one instruction. Operands that are read are numbers of locals, or ^n
// for constant n; fail is where to go on when something is undefined.
type instr struct {
	op         op
	a, b, c, d int32
	fail       int32
}

type op uint8

// The instructions: what they do, with what.
const (
	opMove        op = iota // a = b
	opOnce                  // a = b, which must be what a is already
	opReset                 // a = undefined
	opDot                   // a = b[c]; d is the number of the cache, -1: none
	opCall                  // a = function b (args[c…])
	opBuiltin               // a = built-in b (args[c…c+d])
	opDynamic               // a = function at path args[c…c+d], with the arguments args[b…]
	opScan                  // iterator a goes through b
	opNext                  // the next of iterator a: key b, value c; fail at the end
	opJump                  // go to fail
	opEqual                 // fail unless b == c
	opNotEqual              // fail unless b != c
	opIsArray               // fail unless b is an array
	opIsObject              // fail unless b is an object
	opIsSet                 // fail unless b is a set
	opDefined               // fail unless b is defined
	opUndefined             // fail unless b is undefined
	opArray                 // a = [], with room for b
	opObject                // a = {}
	opSet                   // a = set()
	opAppend                // a = [a…, b]
	opInsert                // a[b] = c
	opInsertOnce            // a[b] = c, which must be what it is already
	opMerge                 // a = b and what c has besides
	opAdd                   // a = a | {b}
	opLen                   // a = length of b
	opReturn                // return a
	opResult                // a is the answer
	opWith                  // a is now b below the path args[c…c+d]; what it was is in iterator fail
	opWithout               // a is what it was, in iterator b
	opLess                  // a = b < c
	opLessEqual             // a = b <= c
	opPlus                  // a = b + c
	opMinus                 // a = b - c
	opList                  // a = [args[c…c+d]]
	opMake                  // a = an object of shape b with the values args[c…c+d]
	opIfLess                // fail unless b < c
	opIfLessEqual           // fail unless b <= c
	opIfMember              // fail unless b is in c
	opIfNoMember            // fail if b is in c
)

// inline are the built-in functions that are instructions. Those of numbers fall
// back on OPA's own when an operand is no int64.
var inline = map[string]op{
	"lt": opLess, "lte": opLessEqual, "gt": opLess, "gte": opLessEqual, "plus": opPlus, "minus": opMinus,
}

// swapped are those that are written with their operands the other way round.
var swapped = map[string]bool{"gt": true, "gte": true}

// plan translates a plan of OPA for one query. The functions that it has in common
// with those before are there already: they have the same names, unless what they
// refer to is replaced (with), of which the first part of the name tells.
func (c *compiler) plan(policy *ir.Policy) error {
	if policy.Plans == nil || len(policy.Plans.Plans) != 1 {
		return errors.New("the plan must have one query")
	}
	c.policy, c.files = policy, nil
	for _, f := range policy.Static.Files {
		c.files = append(c.files, number32(&c.program.files, c.fileNames, f.Value))
	}
	var added []*ir.Func
	maps.DeleteFunc(c.names, func(name string, _ int32) bool { return !strings.HasPrefix(name, unreplaced) })
	for _, f := range policy.Funcs.Funcs {
		if _, ok := c.names[f.Name]; !ok {
			c.names[f.Name] = int32(len(c.program.funcs) + len(added))
			added = append(added, f)
		}
	}
	for _, f := range added {
		if err := c.function(strings.Join(f.Path, "."), f.Params, f.Blocks); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	c.program.queries = append(c.program.queries, int32(len(c.program.funcs)))
	return c.function("", []ir.Local{ir.Input, ir.Data}, policy.Plans.Plans[0].Blocks)
}

// unreplaced is how OPA begins the names of functions around which nothing is replaced.
const unreplaced = "g0."

// number32 returns the number of a text in a list, to which it is added when it is new.
func number32(list *[]string, known map[string]int32, text string) int32 {
	n, ok := known[text]
	if !ok {
		n = int32(len(*list))
		*list, known[text] = append(*list, text), n
	}
	return n
}

// markLoops finds the functions for which it pays to remember results.
func (p *Program) markLoops() {
	for changed := true; changed; {
		changed = false
		for i := range p.funcs {
			f := &p.funcs[i]
			for _, callee := range f.calls {
				if !f.loops && p.funcs[callee].loops {
					f.loops, changed = true, true
				}
			}
		}
	}
}

// compiler translates plans.
type compiler struct {
	program   *Program
	names     map[string]int32 // of functions
	consts    map[string]int32
	builtins  map[string]int32
	fileNames map[string]int32
	shapes    map[string]int32

	policy *ir.Policy // the plan at hand
	files  []int32    // its files in the program

	f      *function
	locals map[ir.Local]int32
	labels []int32 // label → pc
	withs  int     // With statements around
}

func newCompiler() *compiler {
	return &compiler{
		program: &Program{}, names: map[string]int32{}, consts: map[string]int32{}, builtins: map[string]int32{},
		fileNames: map[string]int32{}, shapes: map[string]int32{},
	}
}

// target is the end of a block.
type target struct {
	label int32
	withs int // With statements around it
}

func (c *compiler) function(path string, params []ir.Local, blocks []*ir.Block) error {
	c.program.funcs = append(c.program.funcs, function{path: path, params: int32(len(params))})
	c.f = &c.program.funcs[len(c.program.funcs)-1]
	c.locals, c.labels, c.withs = map[ir.Local]int32{}, nil, 0
	for _, p := range params {
		c.local(p)
	}
	if err := c.blocks(blocks, nil); err != nil {
		return err
	}
	c.emit(instr{op: opReturn, a: c.fresh()}) // undefined
	for i := range c.f.code {
		in := &c.f.code[i]
		if in.hasLabel() {
			in.fail = c.labels[in.fail]
		}
	}
	c.improve(c.f)
	return nil
}

// hasLabel reports whether fail is a place in the code.
func (i instr) hasLabel() bool {
	switch i.op {
	case opDot, opCall, opBuiltin, opDynamic, opNext, opJump, opEqual, opNotEqual, opIsArray, opIsObject, opIsSet,
		opDefined, opUndefined, opLess, opLessEqual, opPlus, opMinus, opMerge, opLen,
		opIfLess, opIfLessEqual, opIfMember, opIfNoMember:
		return true
	default:
		return false
	}
}

func (c *compiler) emit(in instr) int { c.f.code = append(c.f.code, in); return len(c.f.code) - 1 }

func (c *compiler) label() target {
	c.labels = append(c.labels, -1)
	return target{int32(len(c.labels) - 1), c.withs}
}

func (c *compiler) bind(t target) { c.labels[t.label] = int32(len(c.f.code)) }

// jump leaves the With statements between here and the target.
func (c *compiler) jump(t target) { c.emit(instr{op: opJump, fail: t.label}) }

func (c *compiler) fresh() int32 {
	c.f.locals++
	return c.f.locals - 1
}

func (c *compiler) local(l ir.Local) int32 {
	n, ok := c.locals[l]
	if !ok {
		n = c.fresh()
		c.locals[l] = n
	}
	return n
}

func (c *compiler) operand(o ir.Operand) int32 {
	switch v := o.Value.(type) {
	case ir.Local:
		return c.local(v)
	case ir.StringIndex:
		return c.text(int(v))
	case ir.Bool:
		return c.constant(fmt.Sprint("b", bool(v)), bool(v))
	default:
		return c.constant("null", Null{})
	}
}

func (c *compiler) text(index int) int32 {
	s := c.policy.Static.Strings[index].Value
	return c.constant("s"+s, s)
}

func (c *compiler) constant(key string, v Value) int32 {
	n, ok := c.consts[key]
	if !ok {
		n = int32(len(c.program.consts))
		c.program.consts = append(c.program.consts, v)
		c.consts[key] = n
	}
	return ^n
}

func (c *compiler) number(text string) int32 {
	return c.constant("n"+text, number(ast.Number(text)))
}

// blocks compiles blocks that follow each other. ends are those around them.
func (c *compiler) blocks(blocks []*ir.Block, ends []target) error {
	for _, b := range blocks {
		end := c.label()
		if err := c.block(b, append(ends[:len(ends):len(ends)], end)); err != nil {
			return err
		}
		c.bind(end)
	}
	return nil
}

// block compiles the statements of a block; what is undefined ends it.
func (c *compiler) block(b *ir.Block, ends []target) error {
	for _, s := range b.Stmts {
		if err := c.statement(s, ends); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) statement(s ir.Stmt, ends []target) error {
	end := ends[len(ends)-1].label
	switch s := s.(type) {
	case *ir.BlockStmt:
		return c.blocks(s.Blocks, ends)
	case *ir.ScanStmt:
		return c.scan(s, ends)
	case *ir.NotStmt:
		undefined := c.label()
		if err := c.block(s.Block, append(ends[:len(ends):len(ends)], undefined)); err != nil {
			return err
		}
		c.jump(ends[len(ends)-1])
		c.bind(undefined)
	case *ir.WithStmt:
		return c.with(s, ends)
	case *ir.BreakStmt:
		if int(s.Index) >= len(ends) || ends[len(ends)-1-int(s.Index)].withs != c.withs {
			return fmt.Errorf("a break leaves a block that it must not leave")
		}
		c.jump(ends[len(ends)-1-int(s.Index)])
	case *ir.CallStmt:
		return c.call(s, end)
	case *ir.CallDynamicStmt:
		var args, path []int32
		for _, a := range s.Args {
			args = append(args, c.local(a))
		}
		for _, p := range s.Path {
			path = append(path, c.operand(p))
		}
		in := instr{op: opDynamic, a: c.local(s.Result), b: int32(len(c.f.args)), d: int32(len(path)), fail: end}
		c.f.args = append(c.f.args, args...)
		in.c = int32(len(c.f.args))
		c.f.args = append(c.f.args, path...)
		c.f.loops = true
		c.emit(in)
	case *ir.DotStmt:
		in := instr{op: opDot, b: c.operand(s.Source), c: c.operand(s.Key), d: -1, fail: end}
		in.a = c.local(s.Target)
		if in.c < 0 {
			in.d = c.program.dots
			c.program.dots++
		}
		c.emit(in)
	case *ir.AssignVarOnceStmt:
		b := c.operand(s.Source)
		c.placed(instr{op: opOnce, a: c.local(s.Target), b: b}, s.Location)
	case *ir.ObjectInsertOnceStmt:
		c.placed(instr{op: opInsertOnce, a: c.local(s.Object), b: c.operand(s.Key), c: c.operand(s.Value)}, s.Location)
	default:
		in, err := c.simple(s)
		if err != nil {
			return err
		}
		if in.hasLabel() {
			in.fail = end
		}
		if in.op != opMove || in.a != in.b {
			c.emit(in)
		}
	}
	return nil
}

// simple translates the statements that are one instruction.
func (c *compiler) simple(s ir.Stmt) (instr, error) {
	switch s := s.(type) {
	case *ir.NopStmt:
		return instr{op: opMove}, nil
	case *ir.AssignVarStmt:
		return instr{op: opMove, b: c.operand(s.Source), a: c.local(s.Target)}, nil
	case *ir.AssignIntStmt:
		return instr{op: opMove, b: c.number(fmt.Sprint(s.Value)), a: c.local(s.Target)}, nil
	case *ir.MakeNumberIntStmt:
		return instr{op: opMove, b: c.number(fmt.Sprint(s.Value)), a: c.local(s.Target)}, nil
	case *ir.MakeNumberRefStmt:
		return instr{op: opMove, b: c.number(c.policy.Static.Strings[s.Index].Value), a: c.local(s.Target)}, nil
	case *ir.MakeNullStmt:
		return instr{op: opMove, b: c.constant("null", Null{}), a: c.local(s.Target)}, nil
	case *ir.ResetLocalStmt:
		return instr{op: opReset, a: c.local(s.Target)}, nil
	case *ir.LenStmt:
		return instr{op: opLen, b: c.operand(s.Source), a: c.local(s.Target)}, nil
	case *ir.MakeArrayStmt:
		return instr{op: opArray, a: c.local(s.Target), b: s.Capacity}, nil
	case *ir.MakeObjectStmt:
		return instr{op: opObject, a: c.local(s.Target)}, nil
	case *ir.MakeSetStmt:
		return instr{op: opSet, a: c.local(s.Target)}, nil
	case *ir.EqualStmt:
		return instr{op: opEqual, b: c.operand(s.A), c: c.operand(s.B)}, nil
	case *ir.NotEqualStmt:
		return instr{op: opNotEqual, b: c.operand(s.A), c: c.operand(s.B)}, nil
	case *ir.IsArrayStmt:
		return instr{op: opIsArray, b: c.operand(s.Source)}, nil
	case *ir.IsObjectStmt:
		return instr{op: opIsObject, b: c.operand(s.Source)}, nil
	case *ir.IsSetStmt:
		return instr{op: opIsSet, b: c.operand(s.Source)}, nil
	case *ir.IsDefinedStmt:
		return instr{op: opDefined, b: c.local(s.Source)}, nil
	case *ir.IsUndefinedStmt:
		return instr{op: opUndefined, b: c.local(s.Source)}, nil
	case *ir.ArrayAppendStmt:
		return instr{op: opAppend, a: c.local(s.Array), b: c.operand(s.Value)}, nil
	case *ir.ObjectInsertStmt:
		return instr{op: opInsert, a: c.local(s.Object), b: c.operand(s.Key), c: c.operand(s.Value)}, nil
	case *ir.ObjectMergeStmt:
		return instr{op: opMerge, b: c.local(s.A), c: c.local(s.B), a: c.local(s.Target)}, nil
	case *ir.SetAddStmt:
		return instr{op: opAdd, a: c.local(s.Set), b: c.operand(s.Value)}, nil
	case *ir.ReturnLocalStmt:
		return instr{op: opReturn, a: c.local(s.Source)}, nil
	case *ir.ResultSetAddStmt:
		return instr{op: opResult, a: c.local(s.Value)}, nil
	default:
		return instr{}, fmt.Errorf("there is no instruction for %T", s)
	}
}

// placed emits an instruction that can go wrong.
func (c *compiler) placed(in instr, at ir.Location) {
	file := int32(-1)
	if at.File >= 0 && at.File < len(c.files) {
		file = c.files[at.File]
	}
	c.f.places = append(c.f.places, place{int32(c.emit(in)), file, int32(at.Row), int32(at.Col)})
}

func (c *compiler) scan(s *ir.ScanStmt, ends []target) error {
	c.f.loops = true
	iter := c.f.iters
	c.f.iters++
	c.emit(instr{op: opScan, a: iter, b: c.local(s.Source)})
	out, next := c.label(), c.label()
	c.bind(next)
	c.emit(instr{op: opNext, a: iter, b: c.local(s.Key), c: c.local(s.Value), fail: out.label})
	if err := c.block(s.Block, append(ends[:len(ends):len(ends)], out, next)); err != nil {
		return err
	}
	c.jump(next)
	c.bind(out)
	return nil
}

func (c *compiler) with(s *ir.WithStmt, ends []target) error {
	in := instr{op: opWith, a: c.local(s.Local), b: c.operand(s.Value), c: int32(len(c.f.args)), d: int32(len(s.Path))}
	for _, index := range s.Path {
		c.f.args = append(c.f.args, c.text(index))
	}
	in.fail = c.f.iters
	c.f.iters++
	c.emit(in)
	outside := c.label()
	c.withs++
	undefined := c.label()
	if err := c.block(s.Block, append(ends[:len(ends):len(ends)], undefined)); err != nil {
		return err
	}
	c.withs--
	without := instr{op: opWithout, a: in.a, b: in.fail}
	c.emit(without)
	c.jump(outside)
	c.bind(undefined)
	c.emit(without)
	c.jump(ends[len(ends)-1])
	c.bind(outside)
	return nil
}

func (c *compiler) call(s *ir.CallStmt, end int32) error {
	args := make([]int32, len(s.Args))
	for i, a := range s.Args {
		args[i] = c.operand(a)
	}
	in := instr{op: opCall, a: c.local(s.Result), c: int32(len(c.f.args)), d: int32(len(args)), fail: end}
	if callee, ok := c.names[s.Func]; ok {
		in.b = callee
		c.f.calls = append(c.f.calls, callee)
		c.f.args = append(c.f.args, args...)
		c.emit(in)
		return nil
	}
	if quick, ok := inline[s.Func]; ok && len(args) == 2 {
		in.op, in.b, in.c = quick, args[0], args[1]
		if swapped[s.Func] {
			in.b, in.c = in.c, in.b
		}
		c.placed(in, s.Location)
		return nil
	}
	in.op, in.b = opBuiltin, number32(&c.program.builtins, c.builtins, s.Func)
	c.f.args = append(c.f.args, args...)
	c.placed(in, s.Location)
	return nil
}
