package ledger

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/suite"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// The outcomes of specs that mean something here, as Ginkgo calls them. Whatever
// else there is (panicked, timedout …) is a failure.
const (
	saysPassed  = "passed"
	saysSkipped = "skipped"
	saysPending = "pending"
)

// outcomeOf turns what a suite says into an outcome. A skip with a reason is one;
// a skip without was filtered out, or cut off.
func outcomeOf(says, reason string, retried bool) Outcome {
	switch {
	case says == "":
		return Undecided
	case says == saysPassed && retried:
		return Retried
	case says == saysPassed:
		return Passed
	case says == saysSkipped && reason != "":
		return Skipped
	case says == saysSkipped || says == saysPending:
		return NotRun
	}
	return Failed
}

// combine puts the verdict of a recording to what the suite says. A failure and a
// skip stay what they are; a pass is only one if the recording does not speak
// against it, or there is none.
func combine(suite Outcome, asserted bool, v *verdict.Level) Outcome {
	switch {
	case v == nil || suite == Failed || suite == Skipped || suite == NotRun:
		return suite
	case *v == verdict.Violated:
		return Failed
	case *v == verdict.Vacuous:
		return Vacuous
	case *v != verdict.Held:
		return Undecided
	case !asserted:
		return Passed
	}
	return suite
}

// joiner turns reports and judged traces into results.
type joiner struct {
	catalogue *Catalogue
	set       *policy.Set
}

// report returns the results of a report's specs, and how many specs outside of
// the catalogue were not run. Cases that are there twice were run again.
func (j *joiner) report(specs []suite.Spec, source string) (results []Result, others int) {
	for i, s := range specs {
		again := func(later suite.Spec) bool {
			return later.Suite == s.Suite && later.Title == s.Title && later.Node == s.Node && later.Attempt > s.Attempt
		}
		if slices.ContainsFunc(specs[i+1:], again) {
			continue
		}
		r := Result{
			Title: s.Title, Suite: s.Outcome, Attempts: s.Attempt, Failure: s.Failure, Location: s.Location,
			Source: source, Took: s.End.Earliest.Sub(s.Begin.Earliest),
			Outcome: outcomeOf(s.Outcome, s.Failure, retried(s)),
		}
		known := j.name(&r)
		switch {
		case s.Node != "" && r.Outcome != Failed:
			continue
		case s.Node != "":
			r.Test = strings.TrimSpace("[" + s.Node + "] " + s.Title)
		case r.Outcome == NotRun && !known:
			others++
			continue
		}
		j.blame(&r)
		results = append(results, r)
	}
	return results, others
}

// retried reports whether an attempt failed before the last one.
func retried(s suite.Spec) bool {
	failed := func(r suite.Retry) bool { return r.Failure != "" }
	if len(s.Retries) > 0 {
		return slices.ContainsFunc(s.Retries, failed)
	}
	return s.Attempt > 1
}

// name finds the test to which a result belongs. One that no catalogue knows is
// called by its title.
func (j *joiner) name(r *Result) (known bool) {
	if e := j.catalogue.find(r.Title); e != nil {
		r.Test, r.Topology = e.Name, cmp.Or(r.Topology, e.Topology)
		return true
	}
	r.Test = r.Title
	return false
}

// blame says whose fault a result is that is no pass: from its causes, else from
// its message.
func (j *joiner) blame(r *Result) {
	if r.Outcome != Failed && r.Outcome != Skipped {
		return
	}
	if len(r.Causes) == 0 && r.Failure != "" {
		if c, ok := j.catalogue.explain(r.Failure); ok {
			r.Causes = append(r.Causes, c)
		}
	}
	r.Class = classOf(r.Causes)
}

// classOf returns the class to which the causes belong: that of the findings, which
// have been divided by time already (see verdict.Trace.Diagnose), the product's before
// others; where there is none, the class of the diagnoses that were at work longest.
func classOf(causes []Cause) string {
	var found []verdict.Class
	lasted := map[verdict.Class]int64{}
	for _, c := range causes {
		if strings.HasPrefix(c.By, diagnosisPrefix) {
			lasted[c.Class] += max(c.Until-c.From, 1)
		} else {
			found = append(found, c.Class)
		}
	}
	longest, class := int64(0), ""
	for _, c := range verdict.Classes() { // the product is the first of them
		if slices.Contains(found, c) {
			return string(c)
		}
		if lasted[c] > longest {
			longest, class = lasted[c], string(c)
		}
	}
	return class
}

// diagnosisPrefix begins the ids of policies that diagnose.
const diagnosisPrefix = "diagnosis-"

// trace returns the results of a judged trace: those of its specs and scenarios,
// or, where it names none, of the tests whose promises it put to the test.
func (j *joiner) trace(t judged, source string) []Result {
	if len(t.Specs) == 0 {
		return j.proven(t, source)
	}
	var out []Result
	for i, w := range t.Specs {
		r := Result{
			Title: w.Title, Topology: w.Topology, Suite: w.Outcome, Attempts: w.Attempts, Failure: w.Failure,
			Location: w.Location, Source: source, Took: w.End - w.Begin,
			Outcome: outcomeOf(w.Outcome, w.Failure, w.Retried),
		}
		clusters, shared := t.clustersOf(i)
		if r.Topology == "" && len(clusters) > 0 {
			r.Topology = topologyOf(clusters[0].Instances)
		}
		if known := j.name(&r); !known && r.Outcome == NotRun {
			continue
		}
		if r.Outcome != NotRun && r.Outcome != Skipped {
			j.judge(&r, t, clusters, w, shared)
		}
		j.blame(&r)
		out = append(out, r)
	}
	return out
}

// judge puts the verdict of the policies to the result of a spec.
func (j *joiner) judge(r *Result, t judged, clusters []cluster, w window, shared bool) {
	inside := func(c Cause) bool {
		timeless := c.From == 0 && c.Until == 0
		return owns(clusters, c.Entity) && (timeless || c.From <= int64(w.End) && c.Until >= int64(w.Begin))
	}
	claimed := j.claimed(r)
	var levels []verdict.Level
	for _, p := range t.Policies {
		isClaimed := slices.Contains(claimed, p.Policy)
		for _, f := range p.Findings {
			if inside(f) || isClaimed && isGlobal(f.Entity) {
				f.Shared = shared
				r.Causes = append(r.Causes, f)
			}
		}
		if isClaimed {
			levels = append(levels, levelOf(p, clusters))
		}
	}
	if len(r.Causes) > 0 {
		levels = append(levels, verdict.Violated)
	}
	if len(levels) > 0 {
		v := verdict.Worst(levels...)
		r.Verdict = &v
	}
	r.Outcome = combine(r.Outcome, w.Outcome != "", r.Verdict)
	if len(r.Causes) > 0 && r.Failure == "" {
		r.Failure = r.Causes[0].Text
	}
	if r.Outcome == Failed || r.Outcome == Undecided {
		for _, d := range t.Diagnoses {
			if inside(d) {
				d.Shared = shared
				r.Causes = append(r.Causes, d)
			}
		}
	}
}

// claimed returns the ids of the policies that a result claims to put to the test.
func (j *joiner) claimed(r *Result) []string {
	titles := []string{r.Title}
	if e := j.catalogue.entry(r.Test); e != nil {
		titles = append(titles, e.Spec)
	}
	var ids []string
	for _, p := range j.set.Policies {
		if !p.IsDiagnosis() && (slices.ContainsFunc(titles, p.IsOfSpec) || p.ID == "scenario-"+r.Title) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// levelOf is the verdict of a policy about some clusters, or about the whole trace
// where it is about no cluster. Where the recording as a whole is in doubt, nothing
// is held.
func levelOf(p promised, clusters []cluster) verdict.Level {
	level := verdict.Vacuous
	for _, e := range p.Entities {
		if e.Verdict == verdict.Vacuous || !isGlobal(e.Name) && !owns(clusters, e.Name) {
			continue
		}
		if level == verdict.Vacuous || e.Verdict > level {
			level = e.Verdict
		}
	}
	if p.Doubted && level == verdict.Held {
		return verdict.Inconclusive
	}
	return level
}

// isGlobal reports whether an entity is no part of a cluster.
func isGlobal(name string) bool { return !strings.Contains(name, "/") }

func owns(clusters []cluster, name string) bool {
	return slices.ContainsFunc(clusters, func(c cluster) bool { return c.Name == verdict.ClusterOf(name) })
}

// clustersOf returns the clusters of a spec: those that came while it was going on,
// or, where none did, those that were there. shared says that another spec was
// going on when one of them came.
func (t *judged) clustersOf(spec int) (own []cluster, shared bool) {
	w := t.Specs[spec]
	came := func(c cluster, w window) bool { return c.From >= w.Begin && c.From <= w.End }
	for _, c := range t.Clusters {
		if came(c, w) {
			own = append(own, c)
		}
	}
	if len(own) == 0 {
		for _, c := range t.Clusters {
			if c.From <= w.End && c.Until >= w.Begin {
				own = append(own, c)
			}
		}
		return own, false
	}
	for _, c := range own {
		for i, other := range t.Specs {
			shared = shared || i != spec && other.Outcome != saysSkipped && came(c, other)
		}
	}
	return own, shared
}

// topologyOf names the class of a number of instances, as the requirements do.
func topologyOf(instances int64) string {
	switch {
	case instances <= 0:
		return ""
	case instances == 1:
		return "T1"
	case instances == 2:
		return "T2"
	}
	return "T3"
}

// proven returns the results of a trace that names no spec: a test for each spec
// of the catalogue whose promises were all put to the test, or one of them broken.
func (j *joiner) proven(t judged, source string) []Result {
	groups := map[string][]cluster{}
	for _, c := range t.Clusters {
		topology := topologyOf(c.Instances)
		groups[topology] = append(groups[topology], c)
	}
	var out []Result
	for i := range j.catalogue.Tests {
		e := &j.catalogue.Tests[i]
		for _, topology := range []string{"", "T1", "T2", "T3"} {
			clusters := groups[topology]
			if topology == "" || len(clusters) > 0 {
				if r, ok := j.provenBy(e, t, clusters, topology); ok {
					r.Source = source
					j.blame(&r)
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// provenBy returns the result of a test by the policies that its spec claims; not
// where the recording says too little to speak of the test. Without clusters it is
// about the policies that are about none.
func (j *joiner) provenBy(e *Entry, t judged, clusters []cluster, topology string) (Result, bool) {
	r := Result{Test: e.Name, Topology: topology}
	claimed := j.claimed(&Result{Test: e.Name})
	var levels []verdict.Level
	demanded := false
	for _, p := range t.Policies {
		if !slices.Contains(claimed, p.Policy) {
			continue
		}
		global := len(p.Entities) > 0 && isGlobal(p.Entities[0].Name)
		if global != (topology == "") {
			continue
		}
		demanded = demanded || p.Demanded
		levels = append(levels, levelOf(p, clusters))
		for _, f := range p.Findings {
			if isGlobal(f.Entity) || owns(clusters, f.Entity) {
				r.Causes = append(r.Causes, f)
			}
		}
	}
	exercised := len(levels) > 0 && !slices.Contains(levels, verdict.Vacuous)
	if !exercised && !demanded && len(r.Causes) == 0 || len(levels) == 0 {
		return r, false
	}
	v := verdict.Worst(levels...)
	r.Verdict, r.Outcome = &v, combine(Undecided, false, &v)
	if len(r.Causes) > 0 {
		r.Failure = r.Causes[0].Text
	}
	if r.Outcome == Failed || r.Outcome == Undecided {
		for _, d := range t.Diagnoses {
			if owns(clusters, d.Entity) {
				r.Causes = append(r.Causes, d)
			}
		}
	}
	return r, true
}
