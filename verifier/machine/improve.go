package machine

import "slices"

// improve makes the code of a function shorter: OPA's plans copy every value before
// they use it, and ask again whether what they just computed is there.
func (c *compiler) improve(f *function) {
	c.literals(f)
	f.keepFailures()
	for changed, n := true, 0; changed && n < improvements; n++ {
		changed = c.simplify(f)
		f.compact()
		changed = f.removeDead() || changed
		f.compact()
		changed = c.fuse(f) || changed
		f.compact()
	}
	f.renumber()
}

// improvements is how often a function is gone through at most. Two or three times
// is what most need.
const improvements = 8

// opNothing is an instruction that was removed. It never gets into a program.
const opNothing op = 255

// keepFailures makes an instruction that fails leave its local as it is: where that is
// read afterwards, it is made undefined before.
func (f *function) keepFailures() {
	live := f.live()
	var at []int32
	for pc := range f.code {
		in := &f.code[pc]
		if in.op != opNext && in.writes() && in.hasLabel() && live[in.fail].has(in.a) {
			at = append(at, int32(pc))
		}
	}
	for _, pc := range slices.Backward(at) {
		in, before := &f.code[pc], f.locals
		f.operands(in, func(operand *int32) {
			if *operand == in.a {
				*operand = before
				f.locals = before + 1
			}
		})
		was := in.a
		f.insert(pc, instr{op: opReset, a: was})
		if f.locals > before { // it reads what it writes
			f.insert(pc, instr{op: opMove, a: before, b: was})
		}
	}
}

// insert puts an instruction before another one. What went there goes to the new one.
func (f *function) insert(pc int32, in instr) {
	for i := range f.code {
		if f.code[i].hasLabel() && f.code[i].fail > pc {
			f.code[i].fail++
		}
	}
	for i := range f.places {
		if f.places[i].PC >= pc {
			f.places[i].PC++
		}
	}
	f.code = slices.Insert(f.code, int(pc), in)
}

// literals turns arrays and sets of constants into constants, and others, and
// objects with constant names, into one instruction.
func (c *compiler) literals(f *function) {
	leads, own := f.leaders(), f.fillsItsOwn()
	for pc := range f.code {
		in := &f.code[pc]
		if in.op != opArray && in.op != opSet && in.op != opObject {
			continue
		}
		end := pc + 1
		for !leads[end] && f.code[end].op == fills[in.op] && f.code[end].a == in.a {
			end++
		}
		parts := f.code[pc+1 : end]
		switch {
		case in.op == opObject:
			c.objectLiteral(f, in, parts)
		case own && !changedOutside(f, in.a, pc, end) && c.constantLiteral(in, parts):
		case in.op == opArray && len(parts) > 0:
			*in = instr{op: opList, a: in.a, c: int32(len(f.args)), d: int32(len(parts))}
			for i := range parts {
				f.args = append(f.args, parts[i].b)
				parts[i].op = opNothing
			}
		}
	}
	f.compact()
}

// fills are the instructions that fill a collection.
var fills = map[op]op{opArray: opAppend, opSet: opAdd, opObject: opInsert}

// fillsItsOwn reports whether all that the function adds something to is in the local
// in which it was made.
func (f *function) fillsItsOwn() bool {
	filled := newLocalSet(f.locals)
	for pc := range f.code {
		if in := &f.code[pc]; in.op == opAdd || in.op == opAppend {
			filled.add(in.a)
		}
	}
	return !slices.ContainsFunc(f.code, func(in instr) bool {
		return in.writes() && filled.has(in.a) && in.op != opSet && in.op != opArray
	})
}

// changedOutside reports whether a local is changed elsewhere than from … until.
func changedOutside(f *function, local int32, from, until int) bool {
	for pc := range f.code {
		in := &f.code[pc]
		if (pc < from || pc >= until) && in.a == local && (in.changes() || in.writes()) {
			return true
		}
	}
	return false
}

// constantLiteral replaces a collection of constants.
func (c *compiler) constantLiteral(in *instr, parts []instr) bool {
	list, set := &Array{}, &Set{}
	for _, part := range parts {
		if part.b >= 0 {
			return false
		}
		list.elems = append(list.elems, c.program.consts[^part.b])
		set.add(c.program.consts[^part.b])
	}
	set.sortedKeys()
	var v Value = list
	if in.op == opSet {
		v = set
	}
	*in = instr{op: opMove, a: in.a, b: c.constant("v"+AST(v).String(), v)}
	for i := range parts {
		parts[i].op = opNothing
	}
	return true
}

// objectLiteral makes an object with its names at once.
func (c *compiler) objectLiteral(f *function, in *instr, parts []instr) {
	var names []string
	for _, part := range parts {
		if part.b >= 0 {
			break
		}
		name, ok := c.program.consts[^part.b].(string)
		if !ok || slices.Contains(names, name) {
			break
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return
	}
	shape, places := NewShape(names)
	*in = instr{op: opMake, a: in.a, b: c.shape(shape), c: int32(len(f.args)), d: int32(len(names))}
	values := make([]int32, len(names))
	for i, place := range places {
		values[place] = parts[i].c
		parts[i].op = opNothing
	}
	f.args = append(f.args, values...)
}

// shape returns the number of a shape.
func (c *compiler) shape(s *Shape) int32 {
	key := AST(&Array{s.keys}).String()
	n, ok := c.shapes[key]
	if !ok {
		n = int32(len(c.program.shapes))
		c.program.shapes, c.shapes[key] = append(c.program.shapes, s), n
	}
	return n
}

// simplify uses what is known at each instruction.
func (c *compiler) simplify(f *function) bool {
	at := f.known()
	now, failed := newKnowledge(f.locals), newKnowledge(f.locals)
	reached, changed := false, false
	for pc := range f.code {
		in := &f.code[pc]
		if at[pc] != nil {
			now.assign(at[pc])
			reached = true
		}
		if !reached {
			changed = changed || in.op != opNothing
			in.op = opNothing
			continue
		}
		before := *in
		f.operands(in, func(operand *int32) {
			if of := now.source(*operand); of != *operand {
				*operand, changed = of, true
			}
		})
		c.known(in, now)
		if in.hasLabel() {
			failed.assign(now)
			failed.fail(in)
			in.fail = f.follow(in.fail, failed)
		}
		changed = changed || *in != before
		reached = !in.ends()
		now.succeed(in)
	}
	return changed
}

// known replaces an instruction of which is known how it ends.
func (c *compiler) known(in *instr, now *knowledge) {
	switch {
	case in.op == opMove && (in.a == in.b || now.copies[in.a] == in.b), in.op == opReset && now.isUndefined(in.a),
		in.op == opDefined && now.isDefined(in.b), in.op == opUndefined && now.isUndefined(in.b):
		in.op = opNothing
	case in.op == opOnce && now.isUndefined(in.a):
		in.op = opMove
	case in.op == opDefined && now.isUndefined(in.b), in.op == opUndefined && now.isDefined(in.b):
		in.op = opJump
	case (in.op == opEqual || in.op == opNotEqual) && in.b < 0 && in.c < 0:
		same := equal(c.program.consts[^in.b], c.program.consts[^in.c])
		if same == (in.op == opEqual) {
			in.op = opNothing
		} else {
			in.op = opJump
		}
	}
}

// follow returns where one gets to from a place without anything being done.
func (f *function) follow(pc int32, k *knowledge) int32 {
	for range len(f.code) { // there are loops in which nothing is done
		in := &f.code[pc]
		switch {
		case in.op == opNothing, in.op == opDefined && k.isDefined(in.b), in.op == opUndefined && k.isUndefined(in.b),
			in.op == opReset && k.isUndefined(in.a):
			pc++
		case in.op == opJump, in.op == opDefined && k.isUndefined(in.b), in.op == opUndefined && k.isDefined(in.b):
			pc = in.fail
		default:
			return pc
		}
	}
	return pc
}

// removeDead removes instructions whose result nobody reads.
func (f *function) removeDead() bool {
	live, now := f.live(), newLocalSet(f.locals)
	changed := false
	for pc := range f.code {
		in := &f.code[pc]
		f.liveBehind(live, pc, now)
		switch in.op {
		case opMove, opReset, opArray, opObject, opSet, opList, opMake, opLess, opLessEqual:
			if !now.has(in.a) {
				in.op, changed = opNothing, true
			}
		case opNext:
			for _, local := range []*int32{&in.b, &in.c} {
				if *local >= 0 && !now.has(*local) {
					*local, changed = -1, true
				}
			}
		}
	}
	return changed
}

// fuse makes one instruction of two.
func (c *compiler) fuse(f *function) bool {
	live, leads, behind := f.live(), f.leaders(), newLocalSet(f.locals)
	changed := false
	for pc := 0; pc+1 < len(f.code); pc++ {
		in, next := &f.code[pc], &f.code[pc+1]
		if leads[pc+1] {
			continue
		}
		f.liveBehind(live, pc+1, behind)
		switch {
		case next.op == opMove && next.b == in.a && in.writes() && !in.changes() && in.op != opWithout && !behind.has(in.a):
			in.a, next.op, changed = next.a, opNothing, true
		case next.op == opNotEqual && next.b == in.a && next.c == c.falseConst() && !behind.has(in.a) &&
			!live[next.fail].has(in.a) && c.test(f, in):
			in.fail, next.op, changed = next.fail, opNothing, true
		case next.op == opJump && in.hasLabel() && in.fail == int32(pc+2) && in.invert():
			in.fail, next.op, changed = next.fail, opNothing, true
		}
	}
	return changed
}

func (c *compiler) falseConst() int32 { return c.constant("bfalse", false) }

// test turns an instruction that says true or false into one that fails unless it is true.
func (c *compiler) test(f *function, in *instr) bool {
	switch in.op {
	case opLess:
		in.op = opIfLess
		return true
	case opLessEqual:
		in.op = opIfLessEqual
		return true
	case opBuiltin:
		as, ok := tests[c.program.builtins[in.b]]
		if ok {
			*in = instr{op: as, b: f.args[in.c], c: f.args[in.c+1]}
		}
		return ok
	default:
		return false
	}
}

// tests are the functions that have an instruction to test them.
var tests = map[string]op{"equal": opEqual, "neq": opNotEqual, "internal.member_2": opIfMember}

// invert makes a test fail when it would not, where there is an instruction for that.
func (i *instr) invert() bool {
	switch i.op {
	case opEqual:
		i.op = opNotEqual
	case opNotEqual:
		i.op = opEqual
	case opDefined:
		i.op = opUndefined
	case opUndefined:
		i.op = opDefined
	case opIfMember:
		i.op = opIfNoMember
	case opIfNoMember:
		i.op = opIfMember
	case opIfLess:
		i.op, i.b, i.c = opIfLessEqual, i.c, i.b
	case opIfLessEqual:
		i.op, i.b, i.c = opIfLess, i.c, i.b
	default:
		return false
	}
	return true
}

// renumber leaves out the locals and the arguments that no instruction needs.
func (f *function) renumber() {
	to := make([]int32, f.locals)
	next := f.params
	for i := range to {
		to[i] = -1
		if int32(i) < f.params {
			to[i] = int32(i)
		}
	}
	local := func(n *int32) {
		if *n < 0 {
			return
		}
		if to[*n] < 0 {
			to[*n] = next
			next++
		}
		*n = to[*n]
	}
	var args []int32
	for i := range f.code {
		in := &f.code[i]
		from, until := in.c, in.c+in.d // of the arguments
		switch in.op {
		case opDynamic:
			from = in.b
			fallthrough
		case opCall, opBuiltin, opList, opMake, opWith:
			moved := int32(len(args)) - from
			args = append(args, f.args[from:until]...)
			in.c += moved
			if in.op == opDynamic {
				in.b += moved
			}
		}
	}
	f.args = args
	for i := range f.code {
		in := &f.code[i]
		f.operands(in, local)
		switch {
		case in.op == opNext:
			local(&in.b)
			local(&in.c)
		case in.writes() || in.changes():
			local(&in.a)
		}
	}
	f.locals = next
}

// compact removes what was made nothing.
func (f *function) compact() {
	to := make([]int32, len(f.code)+1)
	n := int32(0)
	for pc := range f.code {
		to[pc] = n
		in := &f.code[pc]
		if in.op == opJump && f.goesTo(pc+1, in.fail) {
			in.op = opNothing
		}
		if in.op != opNothing {
			n++
		}
	}
	to[len(f.code)] = n
	f.places = slices.DeleteFunc(f.places, func(p place) bool { return f.code[p.PC].op == opNothing })
	for i := range f.places {
		f.places[i].PC = to[f.places[i].PC]
	}
	f.code = slices.DeleteFunc(f.code, func(in instr) bool { return in.op == opNothing })
	for i := range f.code {
		if f.code[i].hasLabel() {
			f.code[i].fail = to[f.code[i].fail]
		}
	}
}

// goesTo reports whether there is nothing between two places.
func (f *function) goesTo(from int, to int32) bool {
	for ; from < int(to) && f.code[from].op == opNothing; from++ {
	}
	return from == int(to)
}
