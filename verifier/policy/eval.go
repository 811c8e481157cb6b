package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/verifier/machine"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Document is one document of a view, ready to be the input of its policies.
type Document struct {
	View   string
	Entity string
	Input  machine.Value
}

// NewDocument converts a document once for all policies that read it. value
// holds JSON types, numbers also as int64, float64 or json.Number.
func NewDocument(view, entity string, value map[string]any) (Document, error) {
	input, err := machine.FromJSON(value)
	if err != nil {
		return Document{}, fmt.Errorf("document %s of view %s: %w", entity, view, err)
	}
	return Document{View: view, Entity: entity, Input: input}, nil
}

// task is one evaluation; its result has a place of its own, so that the order
// of the results does not depend on which evaluation ends first.
type task struct {
	policy *Policy
	doc    *Document
	result *result
}

// Judgement is what all policies of a set say about the documents of a trace.
type Judgement struct {
	Policies    []verdict.Policy    // sorted by id, the entities in them by name
	Diagnoses   []verdict.Diagnosis // in order of begin
	Undiagnosed []verdict.Failure   // diagnoses that failed
}

// Evaluate asks every policy of the set about the documents. The error is about
// the evaluation as a whole, such as a context that was cancelled; the failure of
// one policy is its verdict.
func (s *Set) Evaluate(ctx context.Context, docs []Document) (Judgement, error) {
	var out Judgement
	var tasks []task
	for _, p := range s.Policies {
		for i := range docs {
			if docs[i].View == p.View {
				tasks = append(tasks, task{policy: p, doc: &docs[i], result: &result{}})
			}
		}
	}
	if err := s.runTasks(ctx, tasks); err != nil {
		return out, err
	}
	for _, p := range s.Policies {
		n := 0
		for n < len(tasks) && tasks[n].policy == p {
			n++
		}
		if p.IsDiagnosis() {
			out.diagnose(p, tasks[:n])
		} else {
			out.Policies = append(out.Policies, p.judge(tasks[:n]))
		}
		tasks = tasks[n:]
	}
	slices.SortStableFunc(out.Diagnoses, func(a, b verdict.Diagnosis) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Until, b.Until), cmp.Compare(a.Policy, b.Policy),
			cmp.Compare(a.Entity, b.Entity), slices.Compare(a.Seq, b.Seq))
	})
	return out, nil
}

// diagnose adds the causes that one policy names.
func (j *Judgement) diagnose(p *Policy, tasks []task) {
	for _, t := range tasks {
		if err := t.result.err; err != nil {
			j.Undiagnosed = append(j.Undiagnosed, verdict.Failure{Entity: t.doc.Entity, Text: err.Error()})
		}
		for _, b := range t.result.blame {
			j.Diagnoses = append(j.Diagnoses, verdict.Diagnosis{Blame: b.Blame, Title: p.Title, Entity: t.doc.Entity})
		}
	}
}

// runTasks spreads the tasks over the processors.
func (s *Set) runTasks(ctx context.Context, tasks []task) error {
	const chunk = 16 // evaluations; one takes about 10 µs, starting a goroutine 1 µs
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(tasks, chunk) {
		group.Go(func() error {
			for _, t := range part {
				if err := ctx.Err(); err != nil {
					return err
				}
				*t.result = s.evaluate(ctx, t.policy, t.doc)
			}
			return nil
		})
	}
	return group.Wait()
}

// evaluate asks one policy about one document. Whatever goes wrong is the
// result of this policy and this document.
func (s *Set) evaluate(ctx context.Context, p *Policy, doc *Document) (r result) {
	answer, err := s.Answer(ctx, p, *doc)
	if err != nil {
		return result{err: err}
	}
	r, r.err = p.read(answer, doc.Entity)
	return r
}

// Answer is what the public rules of a policy say about a document: an object of
// sets. A panic inside is an error.
func (s *Set) Answer(ctx context.Context, p *Policy, doc Document) (found *machine.Object, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			found, err = nil, fmt.Errorf("%s: the evaluation panicked: %v", p.File, cause)
		}
	}()
	if problems := p.ready(); len(problems.List) > 0 {
		return nil, errors.New(problems.Error())
	}
	if doc.Input == nil {
		return nil, fmt.Errorf("%s: the document %s has no content", p.File, doc.Entity)
	}
	m, _ := p.machines.Get().(*machine.Machine)
	if m == nil {
		m = machine.New(p.program)
	}
	answer, err := m.Eval(ctx, doc.Input, s.data, s.timeout)
	p.machines.Put(m)
	if errors.Is(err, machine.ErrTimeout) {
		return nil, fmt.Errorf("%s: gave no answer within %s", p.File, s.timeout)
	}
	if err != nil {
		return nil, err
	}
	found, ok := answer.(*machine.Object)
	if !ok {
		return nil, errors.New(p.File + ": the policy gave no answer")
	}
	return found, nil
}

// judge turns the results of one policy into its judgement.
func (p *Policy) judge(tasks []task) verdict.Policy {
	out := verdict.Policy{
		ID: p.ID, Title: p.Title, Promise: p.Promise, Requirement: p.Requirement, Severity: p.Severity,
		View: p.View, Demand: p.Demand, Demanded: p.Demand == verdict.DemandAlways,
		ExercisedMin: p.ExercisedMin, ExercisedIn: p.ExercisedIn, File: p.File, Line: p.Line,
	}
	slices.SortStableFunc(tasks, func(a, b task) int { return cmp.Compare(a.doc.Entity, b.doc.Entity) })
	for len(tasks) > 0 {
		name, n := tasks[0].doc.Entity, 1
		for n < len(tasks) && tasks[n].doc.Entity == name {
			n++
		}
		p.judgeEntity(&out, name, tasks[:n])
		tasks = tasks[n:]
	}
	out.Judge()
	return out
}

// judgeEntity adds what the documents of one entity gave.
func (p *Policy) judgeEntity(out *verdict.Policy, name string, tasks []task) {
	entity := verdict.Entity{Entity: name}
	violations, unknowns, failures := len(out.Findings), len(out.Unknowns), len(out.Errors)
	for _, t := range tasks {
		r := t.result
		if r.err != nil {
			out.Errors = append(out.Errors, verdict.Failure{Entity: name, Text: r.err.Error()})
			continue
		}
		for _, f := range r.findings {
			f.Blame = blameFor(r.blame, f.Code)
			out.Findings = append(out.Findings, f)
		}
		out.Unknowns = append(out.Unknowns, r.unknowns...)
		entity.Exercised += r.exercised
		entity.Disrupted += r.disrupted
	}
	entity.Reached = len(tasks)
	met := out.Meets(entity)
	entity.Judge(len(out.Findings)-violations, len(out.Unknowns)-unknowns, len(out.Errors)-failures, met)
	out.Entities = append(out.Entities, entity)
}

func blameFor(rows []blame, code string) []verdict.Blame {
	var out []verdict.Blame
	for _, b := range rows {
		if b.code == "" || b.code == code {
			out = append(out, b.Blame)
		}
	}
	return out
}
