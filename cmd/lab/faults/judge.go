package faults

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// expiry is history that was not to be had any more when the programs could
// reach the API server again after a fault: what the server answered to a watch
// from the first revision at that moment, asked past all faults.
type expiry struct {
	from   uint64            // revision at which the fault began
	to     uint64            // and at which it was over
	floors map[string]uint64 // by resource: watches from before it are refused; 0: none is
}

// Figures are what one program did in one row, judged by etcd's revisions.
type Figures struct {
	Truth      int // versions that etcd stored while the program was at work
	Seen       int // of these, in the program's record
	Held       int // of these, still to be had from the server after every fault
	HeldSeen   int
	Undeclared int // missing, and in no declared gap
	Gaps       int // declared
	RealGaps   int // of these, over history that was really gone
	LossyGaps  int // of these, with a version missing
	False      int // events that did not happen
	Twice      int // versions recorded more than once
	Peak       int64
	Wrong      []string // what the record says against itself or the truth; the first few
	Note       string
}

// Recall is the share of the missing versions that is inside a declared gap.
func (f Figures) Recall() float64 {
	missing := f.Truth - f.Seen
	if missing == 0 {
		return 1
	}
	return 1 - float64(f.Undeclared)/float64(missing)
}

// Precision is the share of the declared gaps that is real.
func (f Figures) Precision() float64 {
	if f.Gaps == 0 {
		return 1
	}
	return float64(f.RealGaps) / float64(f.Gaps)
}

type versionKey struct {
	uid     string
	rv      uint64
	deleted bool
}

// judge compares what a program says with what happened in (after, upTo].
func judge(truth []version, said testimony, expiries []expiry, after, upTo uint64) Figures {
	j := &judgement{
		known: map[versionKey]version{}, ends: map[string]uint64{}, found: map[versionKey]bool{},
		mentioned: map[string]bool{}, expiries: expiries,
	}
	for _, v := range truth {
		j.known[v.key()] = v
		if v.op == deleted {
			j.ends[v.uid] = v.rv
		}
	}
	for _, w := range said.wrong {
		j.complain("%s", w)
	}
	for _, s := range said.seen {
		j.hear(s)
	}
	missing := map[string][]uint64{}
	for _, v := range truth {
		if v.rv > after && v.rv <= upTo {
			j.weigh(v, said.gaps, missing)
		}
	}
	for _, g := range said.gaps {
		j.weighGap(g, missing[g.resource])
	}
	for _, resource := range slices.Sorted(maps.Keys(said.streams)) {
		if proof := said.streams[resource]; proof == "complete" && len(missing[resource]) > 0 {
			j.complain("%s is certified as complete and lacks %d versions", resource, len(missing[resource]))
		}
	}
	return j.Figures
}

type judgement struct {
	Figures
	known     map[versionKey]version
	ends      map[string]uint64 // revision of the deletion by UID
	found     map[versionKey]bool
	mentioned map[string]bool // UIDs
	expiries  []expiry
}

func (v version) key() versionKey { return versionKey{v.uid, v.rv, v.op == deleted} }

const mostComplaints = 8

func (j *judgement) complain(format string, args ...any) {
	if len(j.Wrong) < mostComplaints {
		j.Wrong = append(j.Wrong, fmt.Sprintf(format, args...))
	}
}

func (j *judgement) isFalse(s seen, format string, args ...any) {
	j.False++
	j.complain("%s of %s %s at %d: %s", s.op, s.resource, s.uid, s.rv, fmt.Sprintf(format, args...))
}

// hear takes one event of a program.
func (j *judgement) hear(s seen) {
	first := !j.mentioned[s.uid]
	j.mentioned[s.uid] = true
	if s.inferred && s.op == deleted { // it has the version that was seen last
		if j.ends[s.uid] == 0 {
			j.isFalse(s, "it was never deleted")
		}
		return
	}
	key := versionKey{s.uid, s.rv, s.op == deleted}
	v, exists := j.known[key]
	switch {
	case !exists:
		j.isFalse(s, "etcd has no such version")
		return
	case s.digest != v.digest:
		j.isFalse(s, "etcd has other content")
		return
	case j.found[key]:
		j.Twice++
	case s.other:
		j.isFalse(s, "it was told as an update of another object")
	case s.op == updated && v.op == created:
		j.isFalse(s, "it was created")
	case s.op == created && v.op == updated && !first:
		j.isFalse(s, "it existed already")
	}
	j.found[key] = true
}

// weigh counts a version, which is missing or not.
func (j *judgement) weigh(v version, gaps []gap, missing map[string][]uint64) {
	held := !j.expired(v)
	j.Truth++
	if held {
		j.Held++
	}
	if j.found[v.key()] {
		j.Seen++
		if held {
			j.HeldSeen++
		}
		return
	}
	missing[v.resource] = append(missing[v.resource], v.rv)
	if !slices.ContainsFunc(gaps, func(g gap) bool { return g.resource == v.resource && g.covers(v.rv) }) {
		j.Undeclared++
		j.complain("%s of %s %s at %d is missing and in no gap", v.op, v.resource, v.uid, v.rv)
	}
}

// covers reports whether a version may be lost in a gap: those after from up to
// to, and where both are the same, that one. An open end is 0.
func (g gap) covers(rv uint64) bool {
	return (rv > g.from && (rv <= g.to || g.to == 0)) || (g.from == g.to && rv == g.from)
}

// expired reports whether a version was written during a fault (or so shortly
// before that nobody need have received it) and not to be had after it.
func (j *judgement) expired(v version) bool {
	return slices.ContainsFunc(j.expiries, func(e expiry) bool {
		return v.rv > e.from && v.rv <= e.to && v.rv <= e.floors[v.resource]
	})
}

// weighGap finds out whether history was really gone there.
func (j *judgement) weighGap(g gap, missing []uint64) {
	j.Gaps++
	if slices.ContainsFunc(missing, g.covers) {
		j.LossyGaps++
	}
	gone := slices.ContainsFunc(j.expiries, func(e expiry) bool {
		return g.from < e.floors[g.resource] && cmp.Or(g.to, e.to) > e.from
	})
	if gone {
		j.RealGaps++
	} else {
		j.complain("the gap of %s from %d to %d is not real: %s", g.resource, g.from, g.to, g.reason)
	}
}
