package timeline

import (
	"slices"
	"sort"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Read makes the timeline of a trace that was judged. One that could not be
// read (r is nil) has its error and nothing else.
func Read(r *trace.Reader, v verdict.Trace) (Timeline, error) {
	t := Timeline{File: v.File, Digest: v.Digest, Verdict: v.Verdict.String(), Error: v.Error, Proof: map[string]int{}}
	if r == nil {
		return t, nil
	}
	certificate := r.Certificate()
	t.Run, t.Origin, t.Total = r.Run().ID, r.Run().Origin, certificate.Events
	t.Start = r.Run().Start.UTC().Format(time.RFC3339Nano)
	t.Duration = max(1, certificate.Duration/1000)
	for _, s := range certificate.Streams {
		t.Proof[s.Proof]++
	}
	evidence, doubts := named(v)
	if err := t.collect(r, evidence, doubts); err != nil {
		return t, err
	}
	b, err := t.lanesOf(r)
	if err != nil {
		return t, err
	}
	timeOf := t.clock()
	if err := b.project(r, timeOf); err != nil {
		return t, err
	}
	b.certified(certificate)
	t.judge(b, v, timeOf)
	t.Groups = b.result()
	t.place()
	return t, nil
}

// named are the events that violations rest on, and those that doubts and
// diagnoses rest on, each sorted.
func named(v verdict.Trace) (evidence, doubts []uint64) {
	for _, d := range v.Diagnoses {
		doubts = append(doubts, d.Seq...)
	}
	for _, p := range v.Policies {
		for _, f := range p.Findings {
			evidence = append(evidence, f.Seq...)
		}
		for _, u := range p.Unknowns {
			doubts = append(doubts, u.Seq...)
		}
	}
	slices.Sort(evidence)
	slices.Sort(doubts)
	return slices.Compact(evidence), slices.Compact(doubts)
}

// clock returns when an event was recorded, in µs; the events of the page are
// enough, for evidence is always among them.
func (t *Timeline) clock() func(seq uint64) int64 {
	seqs, times := make([]uint64, len(t.Events.Seq)), make([]int64, len(t.Events.Seq))
	var seq uint64
	var now int64
	for i := range t.Events.Seq {
		seq += uint64(t.Events.Seq[i])
		now += t.Events.Time[i]
		seqs[i], times[i] = seq, now
	}
	return func(seq uint64) int64 {
		i := sort.Search(len(seqs), func(i int) bool { return seqs[i] >= seq })
		if i == len(seqs) {
			return now
		}
		return times[i]
	}
}
