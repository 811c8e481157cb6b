// Package policy loads policies written in Rego v1, refuses those that could
// mislead, and evaluates the others over the documents of the views.
//
// # Layout
//
// A set of policies is a directory tree. One directory is one package, one
// policy and one id; what policies share lies under lib:
//
//	params.yaml                                          thresholds, see below
//	invariants/policy_bounds/policy_bounds.rego          package invariants.policy_bounds
//	invariants/policy_bounds/policy_bounds_test.rego     for opa test, never evaluated here
//	lib/windows/windows.rego                             package lib.windows
//
// # Rules
//
// A policy defines violation and exercised, may define unknown and blame, and
// every other rule starts with an underscore. All four are sets of objects:
//
//	violation contains {"code": c, "seq": [...], "got": g, "want": w}   # optional "class"
//	exercised contains {"seq": [...]}                                   # optional "in": "disruption"
//	unknown   contains {"reason": r, "seq": [...]}                      # optional "code": of which violation
//	blame     contains {"class": k, "reason": r, "seq": [...], "from_ns": n, "until_ns": n}
//
// seq is an array or a set of sequence numbers of the trace. class is product
// (the default of a violation), infrastructure, test or recorder. A violation may
// say the unit of its numbers, ns or bytes, so that reports write 31m0s and 5Gi.
// A row of exercised with "in": "disruption" is an exercise too; a second row
// without it, about the same, is not another one.
// A blame row with a code explains the findings with this code only, otherwise
// all of the same document. Instead of the time that it took, a blame row may say
// how long that was ("ns"), or nothing. Any further field of a row is carried into
// the report as detail; there the suffixes _ns and _bytes name the unit. A row of
// another shape makes the verdict an error that names the row.
//
// A violation or a doubt about a duration says which one it means, in the fields
// from_ns and until_ns (since the start of the trace). Diagnoses are put beside it
// by that.
//
// # Diagnoses
//
// A policy of the class diagnosis has the rule blame and no other. It judges
// nothing and has no verdict: what it names stands in the report by itself, and
// beside each finding and doubt of the same cluster during whose time the cause was
// at work, with what it took of that time.
//
// # METADATA
//
// Every policy has a block on its package. The vocabulary is closed: a key that
// is not listed is refused with its line, so that a misspelt one is not lost.
//
//	title             one line, required
//	description       prose for the manual page, required
//	entrypoint        true, for vanilla OPA
//	scope             package
//	schemas           - input: schema.<view>; required, names the view once more
//	related_resources links
//	custom:
//	  id              stable, lower-case words joined by -; unique, required
//	  class           soundness class, required: state, transition, response,
//	                  convergence, idempotency or set; or diagnosis
//	  view            the one view whose documents are the input, required
//	  requirement     where the promise comes from, required
//	  promise         one sentence: what is promised to the user, required
//	  severity        critical, major or minor, required
//	  exercised_min   rows of exercised that an entity needs; 1 when absent
//	  exercised_in    disruption: only rows with "in": "disruption" count
//	  codes           code → sentence for every code that violation derives
//	  reasons         reason → sentence for every reason that unknown derives
//	  mutants         names of trace mutants that must turn held into something else
//	  demand          always (the default): a trace that does not exercise it is no
//	                  pass; declared: only one that says that it does (by a mark with
//	                  "requirement": id, or a spec), or that is told to by --require
//	  rows            - doc: requirements, row: "…": the rows of requirements it judges
//	  specs           patterns of the texts of specs, without their containers, that claim
//	                  to exercise it
//	  assertion       functional, storage, data, controller or timing: it judges this
//	                  kind of assertion for every scenario
//
// A diagnosis has none of promise, severity, exercised_min, exercised_in, codes,
// mutants, demand and assertion; its reasons are those of blame.
//
// A block above a rule may have title, description, scope and
// related_resources. A view name may contain slashes; in schemas they are
// written as underscores (timeline/volume is schema.timeline_volume).
//
// # What is refused
//
// [Load] reports everything that is wrong, each with file and line: syntax, a
// METADATA key or value out of the vocabulary, two policies with one id, an
// unknown view, a public rule that is none of the four or no set, a package in
// the wrong directory, a reference to a field that the view's schema does not
// have or to a parameter that params.yaml does not have, and every built-in
// function whose answer may differ between two runs ([Forbidden]).
//
// [Lint] refuses more, for those who write policies: files that opa fmt would
// change; tests that do not compile, or whose package does not end with _test;
// codes and reasons, of METADATA or of a rule, that no test in the directory
// names; thresholds that no policy reads; and partial rules that are looked up by a computed key. OPA evaluates
// such a rule anew for every key, which takes time with the square of the
// document's length; an object by comprehension is made once.
//
// [Test] runs the tests with OPA's own runner: the results are those of opa test.
//
// # Parameters
//
// Thresholds are data, not code: data.params. The file params.yaml holds a
// profile for each class of CI; medium is the base, and another profile only
// says what differs. Keys are policy ids (or any other word that policies share):
//
//	profiles:
//	  medium:
//	    convergence-resumes: {deadline_ns: 1800000000000}
//	  slow:
//	    convergence-resumes: {deadline_ns: 3600000000000}
//
// A comment above a threshold of medium is shown in the manual page of the
// policies that read it. [Options.Params] overrides single values, as key.name=value.
//
// # Evaluation
//
// OPA parses, checks, compiles and plans each policy; package machine runs the plan.
// What was compiled of a set without problems can be kept in a directory
// ([Options.Cache]): compiling takes longer than judging a short trace. Which outer
// fields of a document a policy reads is known then ([Set.Reads]); who hands on the
// whole input, or computes the name of a field, reads all of them.
//
// [Set.Evaluate] asks each policy for its four sets once per document; with
// [Set.Begin] the documents come part by part. Built-in errors are errors, not
// undefined values: what could not be computed must not look like what was not
// found. A policy that fails, panics or exceeds its time has the verdict error for
// that document and stops no other. Results come in the order of policy id and
// entity, whatever the number of processors.
package policy
