// Package machine evaluates Rego: OPA compiles and plans a query, the machine
// runs the plan.
//
//	plan, err := machine.NewPlan(compiler, query)        // query has one variable
//	program, err := machine.Build(plan, others...)       // with what they share once
//	m := machine.New(program)                            // for one goroutine
//	answer, err := m.Eval(ctx, 0, input, data, timeout)  // of the first query
//
// # Why
//
// OPA's own evaluator walks the syntax tree with unification and closures: it can
// answer any query about anything, and takes half a microsecond to a microsecond
// for the smallest step. Policies ask the same few questions of thousands of
// documents. OPA itself plans queries for targets other than its evaluator
// (WebAssembly, and whoever registers one): loops, look-ups, comparisons and calls
// over numbered locals. Of such a plan the machine makes code with jumps, and runs
// it over plain Go values: about a tenth of the time.
//
// What it says is what OPA says. A test asks both every case of OPA's own
// conformance suite, over two thousand; another one asks both every built-in
// policy about every recording.
//
// # Shorter code
//
// OPA's plans are simple rather than short: every value is copied before it is used,
// and what was just computed is asked for again. What is known at each instruction
// (what is undefined there, what is a copy, what is still read) lets most of that
// go; literals become constants, or one instruction, and a comparison is one with
// the test of its result. Less than half of the steps remain.
//
// # Values
//
// See [Value]. Documents are objects with a [Shape]: the names of their fields are
// there once, and an instruction remembers where it found one the last time.
// Numbers are int64 where they can be; others, and whatever a function of the
// machine does not know, go to OPA's own functions, with their errors.
//
// # Remembering
//
// The value of a rule is computed once per document, whatever number of queries is
// asked about it one after the other. So is that of a function that loops, for the
// same arguments: the same scalars, the very same composites, or small objects and
// sets of the same parts.
//
// # Limits
//
// An evaluation ends at its timeout and with its context. data holds no rules'
// names: where both exist, OPA merges them and the machine does not.
package machine
