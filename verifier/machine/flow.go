package machine

// A function is improved with what is known at each place of its code: which
// locals are undefined there, which are copies, and which are still read. All three
// are found by following every way through the code (data flow analysis).

// none says that a local is no copy.
const none = -1 << 31

// localSet is a set of locals.
type localSet []uint64

func newLocalSet(n int32) localSet  { return make(localSet, (n+63)/64) }
func (b localSet) has(i int32) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b localSet) add(i int32)      { b[i/64] |= 1 << (i % 64) }
func (b localSet) remove(i int32)   { b[i/64] &^= 1 << (i % 64) }
func (b localSet) set(i int32, v bool) {
	if v {
		b.add(i)
	} else {
		b.remove(i)
	}
}

// unite adds what c has, and reports whether that is more.
func (b localSet) unite(c localSet) bool {
	more := false
	for i := range b {
		more = more || c[i]&^b[i] != 0
		b[i] |= c[i]
	}
	return more
}

// knowledge is what is known where an instruction begins.
type knowledge struct {
	undefined localSet // may be
	defined   localSet // may be
	copies    []int32  // of each local, what it is a copy of: a local, ^constant, or none
}

func newKnowledge(locals int32) *knowledge {
	return &knowledge{newLocalSet(locals), newLocalSet(locals), make([]int32, locals)}
}

func (k *knowledge) assign(from *knowledge) {
	copy(k.undefined, from.undefined)
	copy(k.defined, from.defined)
	copy(k.copies, from.copies)
}

// join leaves what holds both here and there, and reports whether that is less.
func (k *knowledge) join(other *knowledge) bool {
	less := k.undefined.unite(other.undefined)
	less = k.defined.unite(other.defined) || less
	for i, of := range k.copies {
		if of != none && of != other.copies[i] {
			k.copies[i], less = none, true
		}
	}
	return less
}

func (k *knowledge) isDefined(operand int32) bool {
	return operand < 0 || !k.undefined.has(operand)
}

func (k *knowledge) isUndefined(operand int32) bool {
	return operand >= 0 && !k.defined.has(operand)
}

// write notes that a local has another value, which may be undefined or not.
func (k *knowledge) write(local int32, undefined, defined bool) {
	k.undefined.set(local, undefined)
	k.defined.set(local, defined)
	k.copies[local] = none
	for i, of := range k.copies {
		if of == local {
			k.copies[i] = none
		}
	}
}

// source is what is read instead of an operand.
func (k *knowledge) source(operand int32) int32 {
	if operand >= 0 && k.copies[operand] != none {
		return k.copies[operand]
	}
	return operand
}

// succeed is what is known behind an instruction that went well.
func (k *knowledge) succeed(in *instr) {
	switch in.op {
	case opMove, opOnce:
		if in.a == in.b {
			return
		}
		of := k.source(in.b)
		k.write(in.a, in.b >= 0 && k.undefined.has(in.b), in.b < 0 || k.defined.has(in.b))
		if of != in.a {
			k.copies[in.a] = of
		}
	case opReset:
		k.write(in.a, true, false)
	case opWithout:
		k.write(in.a, true, true)
	case opDefined:
		k.undefined.remove(in.b)
	case opUndefined:
		k.defined.remove(in.b)
	case opNext:
		for _, local := range []int32{in.b, in.c} {
			if local >= 0 {
				k.write(local, false, true)
			}
		}
	default:
		if in.writes() {
			k.write(in.a, false, true)
		}
	}
}

// fail is what is known behind an instruction that went to its label.
func (k *knowledge) fail(in *instr) {
	switch in.op {
	case opDefined:
		k.defined.remove(in.b)
	case opUndefined:
		k.undefined.remove(in.b)
	}
}

// writes reports whether the instruction gives local a another value, if it goes well.
func (i *instr) writes() bool {
	switch i.op {
	case opMove, opOnce, opReset, opDot, opCall, opBuiltin, opDynamic, opArray, opObject, opSet, opMerge, opLen, opWith,
		opWithout, opLess, opLessEqual, opPlus, opMinus, opList, opMake:
		return true
	default:
		return false
	}
}

// changes reports whether the instruction needs local a as it was.
func (i *instr) changes() bool {
	switch i.op {
	case opOnce, opAppend, opInsert, opInsertOnce, opAdd, opWith:
		return true
	default:
		return false
	}
}

// ends reports whether the instruction behind is not reached from this one.
func (i *instr) ends() bool { return i.op == opJump || i.op == opReturn }

// operands calls do with the operands that an instruction reads, which may be constants.
func (f *function) operands(in *instr, do func(operand *int32)) {
	switch in.op {
	case opReturn, opResult:
		do(&in.a)
	case opMove, opOnce, opIsArray, opIsObject, opIsSet, opDefined, opUndefined, opScan, opLen, opAppend, opAdd, opWith:
		do(&in.b)
	case opDot, opEqual, opNotEqual, opInsert, opInsertOnce, opMerge, opLess, opLessEqual, opPlus, opMinus,
		opIfLess, opIfLessEqual, opIfMember, opIfNoMember:
		do(&in.b)
		do(&in.c)
	case opCall, opBuiltin, opList, opMake:
		for i := in.c; i < in.c+in.d; i++ {
			do(&f.args[i])
		}
	case opDynamic:
		for i := in.b; i < in.c+in.d; i++ {
			do(&f.args[i])
		}
	}
}

// known follows the code from its begin. The result is by place, nil for places that
// nothing goes to but the instruction before.
func (f *function) known() []*knowledge {
	at := make([]*knowledge, len(f.code))
	entry := newKnowledge(f.locals)
	for i := range entry.copies {
		entry.copies[i] = none
		entry.undefined.add(int32(i))
	}
	for i := range f.params {
		entry.defined.add(i)
	}
	at[0] = entry
	leads := f.leaders()
	now := newKnowledge(f.locals)
	todo := []int32{0}
	reach := func(pc int32, k *knowledge) {
		switch {
		case at[pc] == nil:
			at[pc] = newKnowledge(f.locals)
			at[pc].assign(k)
		case !at[pc].join(k):
			return
		}
		todo = append(todo, pc)
	}
	failed := newKnowledge(f.locals)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		now.assign(at[pc])
		for {
			in := &f.code[pc]
			if in.hasLabel() {
				failed.assign(now)
				failed.fail(in)
				reach(in.fail, failed)
			}
			if in.ends() {
				break
			}
			now.succeed(in)
			pc++
			if leads[pc] {
				reach(pc, now)
				break
			}
		}
	}
	return at
}

// leaders marks the places that something goes to.
func (f *function) leaders() []bool {
	leads := make([]bool, len(f.code)+1)
	for i := range f.code {
		if f.code[i].hasLabel() {
			leads[f.code[i].fail] = true
		}
	}
	return leads
}

// live finds the locals that are read after the begin of each instruction, before
// they are written.
func (f *function) live() []localSet {
	at := make([]localSet, len(f.code))
	for i := range at {
		at[i] = newLocalSet(f.locals)
	}
	now := newLocalSet(f.locals)
	for changed := true; changed; {
		changed = false
		for pc := len(f.code) - 1; pc >= 0; pc-- {
			in := &f.code[pc]
			f.liveBehind(at, pc, now)
			if in.op == opNext { // at the end nothing is written
				for _, local := range []int32{in.b, in.c} {
					if local >= 0 {
						now.remove(local)
					}
				}
			} else if in.writes() {
				now.remove(in.a)
			}
			if in.hasLabel() {
				now.unite(at[in.fail])
			}
			if in.changes() {
				now.add(in.a)
			}
			f.operands(in, func(operand *int32) {
				if *operand >= 0 {
					now.add(*operand)
				}
			})
			changed = at[pc].unite(now) || changed
		}
	}
	return at
}

// liveBehind sets out to what is read after an instruction that went well.
func (f *function) liveBehind(at []localSet, pc int, out localSet) {
	clear(out)
	if !f.code[pc].ends() {
		copy(out, at[pc+1])
	}
}
