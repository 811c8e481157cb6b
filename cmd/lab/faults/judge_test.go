package faults

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// An object lives twice under one name; the programs record from revision 10 on.
var lives = []version{
	{resource: "pods", uid: "a", rv: 10, op: created, digest: 1},
	{resource: "pods", uid: "a", rv: 11, op: updated, digest: 2},
	{resource: "pods", uid: "a", rv: 12, op: updated, digest: 3},
	{resource: "pods", uid: "a", rv: 13, op: deleted, digest: 3},
	{resource: "pods", uid: "b", rv: 14, op: created, digest: 4},
}

func said(resource, uid string, rv uint64, o op, digest uint64) seen {
	return seen{resource: resource, uid: uid, rv: rv, op: o, digest: digest}
}

func TestAProgramIsJudgedByWhatEtcdStored(t *testing.T) {
	all := []seen{
		said("pods", "a", 10, created, 1), said("pods", "a", 11, updated, 2), said("pods", "a", 12, updated, 3),
		said("pods", "a", 13, deleted, 3), said("pods", "b", 14, created, 4),
	}
	without := func(i int) []seen { return append(append([]seen{}, all[:i]...), all[i+1:]...) }
	with := func(more ...seen) []seen { return append(append([]seen{}, all...), more...) }
	inferredEnd := said("pods", "a", 12, deleted, 3)
	inferredEnd.inferred = true
	neverEnded := said("pods", "b", 14, deleted, 4)
	neverEnded.inferred = true
	mixedUp := said("pods", "b", 14, updated, 4)
	mixedUp.other = true
	gone := []expiry{{from: 10, to: 13, floors: map[string]uint64{"pods": 12}}}
	lossy := gap{resource: "pods", from: 11, to: 12}
	for _, c := range []struct {
		says     string
		said     testimony
		expiries []expiry
		want     Figures
	}{
		{"who has seen everything lacks nothing", testimony{seen: all}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4}},
		{"a version that is missing in silence is undeclared", testimony{seen: without(2)}, nil,
			Figures{Truth: 4, Seen: 3, Held: 4, HeldSeen: 3, Undeclared: 1}},
		{"a gap that covers it declares it, but is not real while the server still had it",
			testimony{seen: without(2), gaps: []gap{lossy}}, nil,
			Figures{Truth: 4, Seen: 3, Held: 4, HeldSeen: 3, Gaps: 1, LossyGaps: 1}},
		{"and it is when the server had it no more", testimony{seen: without(2), gaps: []gap{lossy}}, gone,
			Figures{Truth: 4, Seen: 3, Held: 2, HeldSeen: 2, Gaps: 1, RealGaps: 1, LossyGaps: 1}},
		{"a gap elsewhere declares nothing",
			testimony{seen: without(2), gaps: []gap{{resource: "events", from: 11, to: 12}}}, nil,
			Figures{Truth: 4, Seen: 3, Held: 4, HeldSeen: 3, Undeclared: 1, Gaps: 1}},
		{"a gap ends with its last version", testimony{seen: without(3), gaps: []gap{lossy}}, gone,
			Figures{Truth: 4, Seen: 3, Held: 2, HeldSeen: 1, Undeclared: 1, Gaps: 1, RealGaps: 1}},
		{"a version that never was is false", testimony{seen: with(said("pods", "b", 15, updated, 5))}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4, False: 1}},
		{"content that never was is false, and leaves the version missing",
			testimony{seen: append(without(2), said("pods", "a", 12, updated, 9))}, nil,
			Figures{Truth: 4, Seen: 3, Held: 4, HeldSeen: 3, Undeclared: 1, False: 1}},
		{"a creation told as an update is false",
			testimony{seen: append(without(4), said("pods", "b", 14, updated, 4))}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4, False: 1}},
		{"and so is an update of another object", testimony{seen: append(without(4), mixedUp)}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4, False: 1}},
		{"an update told as a creation is false where the object was known",
			testimony{seen: []seen{all[0], said("pods", "a", 11, created, 2), all[2], all[3], all[4]}}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4, False: 1}},
		{"the first word on an object may be that it is there",
			testimony{seen: []seen{said("pods", "a", 11, created, 2), all[2], all[3], all[4]}}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4}},
		{"a version that is told twice is counted", testimony{seen: with(all[1])}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4, Twice: 1}},
		{"an inferred deletion is true, and no substitute for its version",
			testimony{seen: append(without(3), inferredEnd)}, nil,
			Figures{Truth: 4, Seen: 3, Held: 4, HeldSeen: 3, Undeclared: 1}},
		{"an inferred deletion of what still exists is false", testimony{seen: with(neverEnded)}, nil,
			Figures{Truth: 4, Seen: 4, Held: 4, HeldSeen: 4, False: 1}},
	} {
		t.Run(c.says, func(t *testing.T) {
			got := judge(lives, c.said, c.expiries, 10, 14)
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Figures{}, "Wrong")); diff != "" {
				t.Errorf("-want +got:\n%s\n%v", diff, got.Wrong)
			}
		})
	}
}

func TestACertificateThatClaimsTooMuchIsNoticed(t *testing.T) {
	got := judge(lives, testimony{streams: map[string]string{"pods": "complete"}}, nil, 10, 14)
	want := "pods is certified as complete and lacks 4 versions"
	if n := len(got.Wrong); n == 0 || got.Wrong[n-1] != want {
		t.Errorf("got %q, want %q at the end", got.Wrong, want)
	}
}

func TestARowNamesTheBarsThatWereMissed(t *testing.T) {
	good := Figures{Truth: 4, Seen: 3, Held: 3, HeldSeen: 3, Gaps: 1, RealGaps: 1}
	for says, c := range map[string]struct {
		spoil func(*Result, *Figures)
		want  string
	}{
		"nothing happened":   {func(_ *Result, f *Figures) { *f = Figures{} }, "nothing happened"},
		"held and not seen":  {func(_ *Result, f *Figures) { f.HeldSeen-- }, "1 of 3 versions that history still holds"},
		"missing undeclared": {func(_ *Result, f *Figures) { f.Undeclared++ }, "1 missing versions"},
		"gap without reason": {func(_ *Result, f *Figures) { f.RealGaps-- }, "1 of 1 declared gaps"},
		"false event":        {func(_ *Result, f *Figures) { f.False++ }, "1 events did not happen"},
		"recorded twice":     {func(_ *Result, f *Figures) { f.Twice++ }, "1 versions were recorded twice"},
		"acknowledged, lost": {func(r *Result, _ *Figures) { r.Acked, r.Lost = 9, 1 }, "1 of 9 acknowledged"},
		"memory":             {func(_ *Result, f *Figures) { f.Peak = memoryBound + 1 }, "the recorder used"},
		"contradiction":      {func(_ *Result, f *Figures) { f.Wrong = []string{"time runs back"} }, "time runs back"},
	} {
		t.Run(says, func(t *testing.T) {
			f := good
			r := Result{ID: "row", By: map[string]Figures{}}
			if r.By[nameRecorder] = f; len(r.Failures()) > 0 {
				t.Fatalf("a good row misses %q", r.Failures())
			}
			c.spoil(&r, &f)
			r.By[nameRecorder] = f
			missed := r.Failures()
			if len(missed) != 1 || len(missed[0]) < len(c.want) || missed[0][:5] != "row: " ||
				missed[0][5:5+len(c.want)] != c.want {
				t.Errorf("got %q, want %q", missed, c.want)
			}
		})
	}
}
