package verifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/story"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// Stdin is the path that means: a trace on standard input.
const Stdin = "-"

// Options says by what traces are judged.
type Options struct {
	Policies fs.FS               // nil: the default set
	Root     string              // how Policies is called in errors
	CIClass  string              // profile of the parameters; empty: policy.BaseClass
	Params   []string            // overrides, key.name=value
	Only     []string            // ids of the policies to ask; empty: all
	Require  []string            // ids of policies that every trace has to exercise
	Allow    []verdict.Allowance // what may pass the gate
	Waivers  []verdict.Waiver    // what may pass the gate until its day
	Today    time.Time           // the day on which waivers are read
	Stdin    io.Reader           // what Stdin reads; nil: nothing
	Cache    string              // directory for what was compiled of the policies; empty: none
	Story    bool                // tell what happened, too
}

// Find replaces directories by the traces below them (files that end with .db),
// sorted. What is named itself stays, whatever its name. A directory without any
// is an error.
func Find(paths []string) ([]string, error) {
	var found []string
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			found = append(found, path)
			continue
		}
		before := len(found)
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && filepath.Ext(file) == ".db" {
				found = append(found, file)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("cannot look for traces: %w", err)
		}
		if len(found) == before {
			return nil, fmt.Errorf("there is no trace (*.db) in the directory %s", path)
		}
	}
	return found, nil
}

// LoadPolicies loads the policies that the options name. Its error lists
// everything that is wrong with them.
func LoadPolicies(o Options) (*policy.Set, error) {
	fsys, root := o.Policies, o.Root
	if fsys == nil {
		fsys, root = policies.FS, "built-in policies"
	}
	return policy.Load(fsys, policy.Options{
		Root: root, CIClass: o.CIClass, Params: o.Params, Only: o.Only,
		Views: views.Names(), Schema: views.Schema,
		// The tests of the built-in policies load them unchecked. A parameter that
		// is set here may have a type that they do not expect.
		Checked: o.Policies == nil && len(o.Params) == 0,
		Cache:   o.Cache,
	})
}

// Check judges the traces, in the order of their paths in the list. The error
// is about the question itself (policies, options, a cancelled context); a
// trace that cannot be read is part of the answer.
func Check(ctx context.Context, paths []string, o Options) (verdict.Run, error) {
	if len(paths) == 0 {
		return verdict.Run{}, errors.New("no trace to check")
	}
	set, err := LoadPolicies(o)
	if err != nil {
		return verdict.Run{}, err
	}
	run, err := NewRun(set, o)
	if err != nil {
		return verdict.Run{}, err
	}
	run.Traces = make([]verdict.Trace, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) // short traces have few parts that could be judged side by side
	for i, path := range paths {
		group.Go(func() (err error) {
			run.Traces[i], err = CheckTrace(ctx, path, set, o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return verdict.Run{}, err
	}
	run.Judge()
	return run, nil
}

// NewRun returns the judgement of no trace yet, with what the options let pass.
// It fails when they name a policy that is not in the set.
func NewRun(set *policy.Set, o Options) (verdict.Run, error) {
	run := verdict.Run{
		SchemaVersion: verdict.SchemaVersion,
		Policies:      verdict.PolicySet{Digest: set.Digest, Count: len(set.Policies), CIClass: set.CIClass},
		Allowances:    slices.Clone(o.Allow),
	}
	for _, a := range o.Allow {
		if !set.Knows(a.Policy) {
			return verdict.Run{}, fmt.Errorf("allowance: %w", set.NoSuch(a.Policy))
		}
	}
	for _, id := range o.Require {
		if !set.Knows(id) {
			return verdict.Run{}, fmt.Errorf("required: %w", set.NoSuch(id))
		}
	}
	for _, w := range o.Waivers {
		if !set.Knows(w.Policy) {
			return verdict.Run{}, fmt.Errorf("waiver in line %d: %w", w.Line, set.NoSuch(w.Policy))
		}
	}
	return run, run.Waive(o.Waivers, o.Today)
}

// CheckTrace judges one trace by a set of policies that LoadPolicies returned for
// the same options. That it cannot be read is part of the answer; the error is
// that of a cancelled context.
func CheckTrace(ctx context.Context, path string, set *policy.Set, o Options) (verdict.Trace, error) {
	t := verdict.Trace{File: path}
	if err := checkFile(ctx, &t, o, set); err != nil {
		if ctx.Err() != nil {
			return verdict.Trace{}, ctx.Err()
		}
		t.Error = err.Error()
	}
	t.Judge()
	return t, nil
}

// checkFile judges the trace that t names.
func checkFile(ctx context.Context, t *verdict.Trace, o Options, set *policy.Set) (err error) {
	path := t.File
	if path == Stdin {
		if path, err = spool(o.Stdin); err != nil {
			return err
		}
		defer os.Remove(path)
	}
	r, err := trace.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if t.Digest, err = r.Digest(); err != nil {
		return err
	}
	run, certificate := r.Run(), r.Certificate()
	t.Run, t.Certificate, t.Assumptions = &run, &certificate, assumptions(certificate)
	told, demanded := story.New(run), demand{ids: slices.Concat(o.Only, o.Require)}
	listeners := audience{mark: demanded.mark}
	if o.Story {
		listeners = audience{story.Views(), told.Add, func(c *trace.Change) {
			told.Mark(c)
			demanded.mark(c)
		}}
	}
	judged, documents, err := judge(ctx, r, set, listeners)
	if err != nil {
		return err
	}
	if o.Story {
		t.Story = told.Story(certificate)
	}
	t.Policies, t.Diagnoses, t.Undiagnosed = judged.Policies, judged.Diagnoses, judged.Undiagnosed
	demanded.note(set, t.Policies)
	t.Identify()
	t.Fold()
	t.Diagnose()
	explainer := explainer{set: set, documents: documents, certificate: certificate}
	if err := explainer.explain(ctx, r, t.Policies); err != nil {
		return err
	}
	if mismatched(t.Assumptions) {
		distrust(t.Policies)
	}
	return nil
}

// audience is who else is shown the documents and the marks, and what it wants to
// see; maybe nobody.
type audience struct {
	views []string
	show  func([]views.Document)
	mark  func(*trace.Change)
}

// waiting is how many parts for each processor may wait until they are judged, while the
// trace is read on.
const waiting = 8

// judge asks the policies about the documents, one part of the trace at a time on
// each processor, beginning while the trace is read. The audience is shown each part.
// A part with findings is kept, so that they can be explained.
func judge(
	ctx context.Context, r *trace.Reader, set *policy.Set, also audience,
) (policy.Judgement, *archive, error) {
	want := views.Want(set.Reads())
	maps.Copy(want, views.All(also.views))
	judging, documents := set.Begin(), newArchive(r, want)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(waiting * runtime.GOMAXPROCS(0))
	ask := func(part int, made []views.Document) (found bool, err error) {
		documents.enter(part, made)
		if also.show != nil {
			also.show(made)
		}
		docs := make([]policy.Document, len(made))
		for i, d := range made {
			docs[i] = policy.Document{View: d.View, Entity: d.Entity, Input: d.Content}
		}
		found, err = judging.Add(ctx, part, docs)
		if found {
			documents.keep(part)
		}
		return found, err
	}
	early := func(p *views.Projection, part int, made []views.Document) error {
		group.Go(func() error {
			found, err := ask(part, made)
			if err == nil && !found {
				p.Release(part)
			}
			return err
		})
		return ctx.Err()
	}
	projected, err := views.Follow(r, want, views.Listener{Mark: also.mark, Part: early})
	if err != nil {
		return policy.Judgement{}, nil, errors.Join(err, group.Wait())
	}
	documents.projected = projected
	for part := range projected.Parts() {
		if projected.Told(part) {
			continue
		}
		group.Go(func() error {
			made, err := projected.Part(part)
			if err == nil {
				_, err = ask(part, made)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return policy.Judgement{}, nil, err
	}
	return judging.End(), documents, nil
}

// distrust takes back what was held on a recording that contradicts itself.
func distrust(judged []verdict.Policy) {
	for i := range judged {
		p := &judged[i]
		p.Unknowns = append(p.Unknowns, verdict.Unknown{
			Reason: codeMismatch, Message: "The recording contradicts its own final list.",
		})
		p.Verdict = max(p.Verdict, verdict.Inconclusive)
	}
}

// spool copies a trace from a stream into a file, because a trace is read at
// random. The caller removes the file.
func spool(stdin io.Reader) (path string, err error) {
	if stdin == nil {
		return "", errors.New("there is no standard input to read a trace from")
	}
	f, err := os.CreateTemp("", "hindsight-*.db")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, stdin)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("read a trace from standard input: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}
