package machine

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// arities are how many arguments the natives take, and the functions that are
// instructions.
var arities = map[string]int{
	"equal": 2, "neq": 2, "mul": 2, "div": 2, "abs": 1, "ceil": 1, "floor": 1, "round": 1, "count": 1, "sum": 1,
	"max": 1, "min": 1, "sort": 1, "and": 2, "or": 2, "internal.member_2": 2, "array.concat": 2, "array.slice": 3,
	"array.flatten": 1, "union": 1, "concat": 2, "numbers.range": 2, "object.filter": 2, "object.union": 2,
	"object.keys": 1, "startswith": 2, "endswith": 2, "contains": 2,
}

// anyValue makes a value, of parts that come again.
func anyValue(random *rand.Rand, depth int) Value {
	kinds := 8
	if depth == 0 {
		kinds = 5
	}
	switch random.IntN(kinds) {
	case 0:
		return []Value{Null{}, true, false}[random.IntN(3)]
	case 1:
		return Number([]string{"1.0", "0.5", "1e3", "9223372036854775808"}[random.IntN(4)])
	case 2, 3:
		return []Value{int64(0), int64(1), int64(-3), int64(7), int64(1 << 40), int64(-1 << 63)}[random.IntN(6)]
	case 4:
		return []string{"", "a", "b", "ab", "ä"}[random.IntN(5)]
	case 5:
		a := &Array{}
		for range random.IntN(4) {
			a.elems = append(a.elems, anyValue(random, depth-1))
		}
		return a
	case 6:
		s := &Set{}
		for range random.IntN(12) {
			s.add(anyValue(random, depth-1))
		}
		return s
	default:
		o := &Object{}
		for range random.IntN(12) {
			o.insert(anyValue(random, depth-1), anyValue(random, depth-1))
		}
		return o
	}
}

// alike makes all parts of a list of one kind, which is what functions of texts and
// of sets want.
func alike(random *rand.Rand) Value {
	elems := make([]Value, random.IntN(12))
	for i := range elems {
		if elems[i] = []string{"", "a", "b", "ab"}[random.IntN(4)]; random.IntN(9) > 0 {
			continue
		}
		elems[i] = anyValue(random, 1)
	}
	set := &Set{}
	for _, e := range elems {
		set.add(e)
	}
	switch random.IntN(3) {
	case 0:
		return &Array{elems}
	case 1:
		return set
	default:
		of := &Set{}
		of.add(set)
		of.add(&Set{})
		return of
	}
}

func TestNativesSayWhatOPASays(t *testing.T) {
	for name := range natives {
		if arities[name] == 0 {
			t.Errorf("nobody asks %s", name)
		}
	}
	const tries, enough = 100_000, 60
	for name, arity := range arities {
		random, said := rand.New(rand.NewPCG(3, 8)), 0
		for n := 0; n < tries && said < enough; n++ {
			args := make([]Value, arity)
			for i := range args {
				if args[i] = anyValue(random, 2); random.IntN(3) == 0 {
					args[i] = alike(random)
				}
			}
			got, ok := natives[name](args)
			if !ok { // OPA's own may take forever
				continue
			}
			want, err := byOPA(name, args)
			said++
			if err != nil || (got == nil) != (want == nil) || got != nil && AST(got).Compare(want) != 0 {
				t.Fatalf("%s of %v: got %v, want %v, %v", name, AST(&Array{args}), AST(got), want, err)
			}
		}
		if said < enough {
			t.Errorf("%s answered %d times", name, said)
		}
	}
}

func byOPA(name string, args []Value) (out ast.Value, err error) {
	terms := make([]*ast.Term, len(args))
	for i, a := range args {
		terms[i] = ast.NewTerm(AST(a))
	}
	b := topdown.BuiltinContext{Context: context.Background(), Cancel: topdown.NewCancel()}
	err = topdown.GetBuiltin(name)(b, terms, func(t *ast.Term) error {
		out = t.Value
		return nil
	})
	return out, err
}

// counted is a program whose function loops, called twice; ticks tell whether it
// looked for the answer again.
func counted(t *testing.T, first, second string) (once, twice uint32) {
	t.Helper()
	ask := func(calls string) uint32 {
		module := ast.MustParseModuleWithOpts(`package p

f(x) := sum([n | some n in numbers.range(1, 100); n != x])

answer := [`+calls+`]`, ast.ParserOptions{RegoVersion: ast.RegoV1})
		compiler := ast.NewCompiler()
		if compiler.Compile(map[string]*ast.Module{"p.rego": module}); compiler.Failed() {
			t.Fatal(compiler.Errors)
		}
		plan, err := NewPlan(compiler, ast.MustParseBody("answer = data.p.answer"))
		if err != nil {
			t.Fatal(err)
		}
		program, err := Build(plan)
		if err != nil {
			t.Fatal(err)
		}
		m := New(program)
		input, err := FromJSON(map[string]any{"one": 1, "list": []any{1}})
		if err != nil {
			t.Fatal(err)
		}
		if found, err := m.Eval(context.Background(), 0, input, &Object{}, time.Minute); err != nil || found == nil {
			t.Fatal(found, err)
		}
		return m.steps
	}
	return ask("f(" + first + ")"), ask("f(" + first + "), f(" + second + ")")
}

func TestACallIsRememberedWhenItsArgumentsAreTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string
		same          bool
	}{
		"a number":                       {"input.one", "1", true},
		"another number":                 {"input.one", "2", false},
		"one number written in two ways": {"1", "1.0", false},
		"a list of the document":         {"input.list", "input.list", true},
		"small objects of the same": {
			`object.union({"a": 1}, {"b": input.list})`, `object.union({"b": input.list}, {"a": 1})`, true,
		},
		"small objects, of which one is another": {
			`object.union({"a": 1}, {"b": 2})`, `object.union({"a": 1}, {"b": 3})`, false,
		},
		"sets of the same": {`{"a"} | {"b", 1}`, `{1, "b"} | {"a"}`, true},
		"sets, of which one has a number written in another way": {`{1} | {"a"}`, `{1.0} | {"a"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			once, twice := counted(t, test.first, test.second)
			if same := twice < once+once/2; same != test.same {
				t.Errorf("%d steps for one call, %d for both", once, twice)
			}
		})
	}
}

// TestOldCallsAreForgotten asks about more calls than the index has room for, and then
// about few.
func TestOldCallsAreForgotten(t *testing.T) {
	var c calls
	for _, n := range []int64{3000, 10, 2000, 1} {
		for i := range n {
			key := newCall(1, 2, []Value{i})
			if _, known := c.find(&key); known {
				t.Fatalf("%d is known before it was asked", i)
			}
			key.result = i + 1
			c.add(key)
		}
		for i := range n {
			key := newCall(1, 2, []Value{i})
			if result, known := c.find(&key); !known || result != i+1 {
				t.Fatalf("%d: %v, %v", i, result, known)
			}
		}
		c.forget()
	}
	if len(c.index) > 4*leastIndex {
		t.Errorf("an index of %d places is kept for one call", len(c.index))
	}
	if !slices.ContainsFunc(c.list[:cap(c.list)], func(k call) bool { return k.result != nil }) {
		return
	}
	t.Error("results are kept")
}
