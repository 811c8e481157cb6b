package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

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

// Judgement is what all policies of a set say about the documents of a trace.
type Judgement struct {
	Policies    []verdict.Policy    // sorted by id, the entities in them by name
	Diagnoses   []verdict.Diagnosis // in order of begin
	Undiagnosed []verdict.Failure   // diagnoses that failed
}

// said is what a policy says about one document. There are as many as policies and
// documents, so it is small: most say nothing but how often they were exercised.
type said struct {
	part, number         int32 // of the document
	exercised, disrupted int32
	entity               string
	rows                 *rows // nil: none
}

// Judging collects what the policies of a set say about the documents of a trace,
// part by part, so that the documents need not be there together.
type Judging struct {
	set  *Set
	lock sync.Mutex
	said map[*Policy][]said
}

// Begin begins to judge a trace.
func (s *Set) Begin() *Judging { return &Judging{set: s, said: map[*Policy][]said{}} }

// Add asks every policy about the documents of a part, one document after the
// other: what one policy finds out of a document, the next one need not. It may be called from
// several goroutines; the result does not depend on which is quicker. It tells
// whether there are findings. The error is that of a context that was cancelled; the
// failure of one policy is its verdict.
func (j *Judging) Add(ctx context.Context, part int, docs []Document) (found bool, err error) {
	all := map[*Policy][]said{}
	for i := range docs {
		for _, p := range j.set.Policies {
			if docs[i].View != p.View {
				continue
			}
			if err := ctx.Err(); err != nil {
				return false, err
			}
			r := j.set.evaluate(ctx, p, &docs[i])
			found = found || len(r.findings) > 0
			s := said{int32(part), int32(i), int32(r.exercised), int32(r.disrupted), docs[i].Entity, r.rows.kept()}
			if s.rows != nil || !p.IsDiagnosis() {
				all[p] = append(all[p], s)
			}
		}
	}
	j.lock.Lock()
	defer j.lock.Unlock()
	for p, more := range all {
		j.said[p] = append(j.said[p], more...)
	}
	return found, nil
}

// End returns what all have said, once.
func (j *Judging) End() Judgement {
	var out Judgement
	for _, p := range j.set.Policies {
		all := j.said[p]
		delete(j.said, p)
		slices.SortFunc(all, func(a, b said) int {
			return cmp.Or(cmp.Compare(a.entity, b.entity), cmp.Compare(a.part, b.part), cmp.Compare(a.number, b.number))
		})
		if p.IsDiagnosis() {
			out.diagnose(p, all)
		} else {
			out.Policies = append(out.Policies, p.judge(all))
		}
	}
	slices.SortStableFunc(out.Diagnoses, func(a, b verdict.Diagnosis) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Until, b.Until), cmp.Compare(a.Policy, b.Policy),
			cmp.Compare(a.Entity, b.Entity), slices.Compare(a.Seq, b.Seq))
	})
	return out
}

// Evaluate asks every policy of the set about the documents.
func (s *Set) Evaluate(ctx context.Context, docs []Document) (Judgement, error) {
	j := s.Begin()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range docs {
		group.Go(func() error {
			_, err := j.Add(ctx, i, docs[i:i+1])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Judgement{}, err
	}
	return j.End(), nil
}

// diagnose adds the causes that one policy names.
func (j *Judgement) diagnose(p *Policy, all []said) {
	for _, d := range all {
		if d.rows.err != nil {
			j.Undiagnosed = append(j.Undiagnosed, verdict.Failure{Entity: d.entity, Text: d.rows.err.Error()})
		}
		for _, b := range d.rows.blame {
			j.Diagnoses = append(j.Diagnoses, verdict.Diagnosis{Blame: b.Blame, Title: p.Title, Entity: d.entity})
		}
	}
}

// evaluate asks one policy about one document. Whatever goes wrong is the
// result of this policy and this document.
func (s *Set) evaluate(ctx context.Context, p *Policy, doc *Document) (r result) {
	answer, err := s.Answer(ctx, p, *doc)
	if err != nil {
		return result{rows: rows{err: err}}
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
	if problems := p.program.ready(); len(problems.List) > 0 {
		return nil, errors.New(problems.Error())
	}
	if doc.Input == nil {
		return nil, fmt.Errorf("%s: the document %s has no content", p.File, doc.Entity)
	}
	m, _ := p.program.machines.Get().(*machine.Machine) // the one that was asked before, as a rule
	if m == nil {
		m = machine.New(p.program.code)
	}
	answer, err := m.Eval(ctx, p.query, doc.Input, s.data, s.timeout)
	p.program.machines.Put(m)
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
func (p *Policy) judge(all []said) verdict.Policy {
	out := verdict.Policy{
		ID: p.ID, Title: p.Title, Promise: p.Promise, Requirement: p.Requirement, Severity: p.Severity,
		View: p.View, Demand: p.Demand, Demanded: p.Demand == verdict.DemandAlways,
		ExercisedMin: p.ExercisedMin, ExercisedIn: p.ExercisedIn, File: p.File, Line: p.Line,
	}
	for len(all) > 0 {
		name, n := all[0].entity, 1
		for n < len(all) && all[n].entity == name {
			n++
		}
		p.judgeEntity(&out, name, all[:n])
		all = all[n:]
	}
	out.Judge()
	return out
}

// judgeEntity adds what the documents of one entity gave.
func (p *Policy) judgeEntity(out *verdict.Policy, name string, all []said) {
	entity := verdict.Entity{Entity: name}
	violations, unknowns, failures := len(out.Findings), len(out.Unknowns), len(out.Errors)
	for _, d := range all {
		if d.rows != nil && d.rows.err != nil {
			out.Errors = append(out.Errors, verdict.Failure{Entity: name, Text: d.rows.err.Error()})
			continue
		}
		if d.rows != nil {
			for _, f := range d.rows.findings {
				f.Blame = blameFor(d.rows.blame, f.Code)
				out.Findings = append(out.Findings, f)
			}
			out.Unknowns = append(out.Unknowns, d.rows.unknowns...)
		}
		entity.Exercised += int(d.exercised)
		entity.Disrupted += int(d.disrupted)
	}
	entity.Reached = len(all)
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
