package verdict

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Finding is one violation.
type Finding struct {
	ID          string         `json:"id"` // see Identify
	Code        string         `json:"code"`
	Message     string         `json:"message"` // the policy's sentence for the code
	Entity      string         `json:"entity"`
	Class       Class          `json:"class"`
	Seq         []uint64       `json:"seq"`
	Got         any            `json:"got"`
	Want        any            `json:"want"`
	Unit        Unit           `json:"unit,omitempty"`         // of Got and Want where they are numbers
	Detail      map[string]any `json:"detail,omitempty"`       // further fields of the row
	Line        int            `json:"line"`                   // of the rule in the policy's file
	FoldedUnder string         `json:"folded_under,omitempty"` // id of the finding with the same evidence; see Fold
	Waived      string         `json:"waived,omitempty"`       // by whom, until when and why
	WouldHold   *Remedy        `json:"would_hold,omitempty"`
	Blame       []Blame        `json:"blame,omitempty"`
	Took        *Breakdown     `json:"took,omitempty"` // where its time went, if it is about time
	Slice       *Slice         `json:"slice,omitempty"`
	Windows     []Window       `json:"windows"` // what was going on between its first and its last event
	Events      []Event        `json:"events"`  // what Seq and Slice name, as far as it is in the trace
}

// Remedy is a threshold with which the finding would not be one; that was
// tried, by asking the policy again.
type Remedy struct {
	Param     string `json:"param"` // as --param takes it: group.name
	With      int64  `json:"with"`
	InsteadOf int64  `json:"instead_of"`
	Unit      Unit   `json:"unit,omitempty"`
}

// Slice is the part of the view's document that is enough for the same finding.
type Slice struct {
	Of      int     `json:"of"`      // change points (elements of arrays) of the whole document
	Points  []Point `json:"points"`  // those that are left
	Minimal bool    `json:"minimal"` // without any one of them the finding is gone; false: the budget was used up
}

// Point is one change point of a document: an element of one of its arrays.
type Point struct {
	Path string   `json:"path"` // in the whole document, such as spans[3].volumes[0]
	Seq  []uint64 `json:"seq"`  // the events that it comes from, where it says so
}

// Window is a time during which something else was going on: a disruption, or
// a gap of the recording. It is placed between the events of a finding.
type Window struct {
	Kind  string `json:"kind"` // disruption or gap
	Text  string `json:"text"`
	From  int64  `json:"from_ns"` // since the start of the trace
	Until int64  `json:"until_ns"`
	Open  bool   `json:"open,omitzero"` // the trace ends before it does
	Seq   uint64 `json:"seq"`           // the event that begins it
}

// The kinds of windows.
const (
	WindowDisruption = "disruption"
	WindowGap        = "gap"
)

// Identify gives every finding of the trace its id: policy/code/hash, where the
// hash is of the entity, and a number follows from the second finding of one
// code and one entity on. The same policies give the same ids for the same
// trace, and mostly for another trace of the same run.
func (t *Trace) Identify() {
	taken := map[string]int{}
	for i := range t.Policies {
		p := &t.Policies[i]
		for j := range p.Findings {
			f := &p.Findings[j]
			sum := sha256.Sum256([]byte(f.Entity))
			f.ID = p.ID + "/" + f.Code + "/" + hex.EncodeToString(sum[:4])
			taken[f.ID]++
			if n := taken[f.ID]; n > 1 {
				f.ID += fmt.Sprintf("-%d", n)
			}
		}
	}
}

// Fold marks the findings whose evidence another one of the trace has. One event
// that is wrong is often wrong in several ways, and then one of them is enough
// to read. The rule: two findings of one cluster belong together when the last
// event of their evidence (seq) is the same and the evidence of one is part of
// the other's. The root is the one of the most severe policy, then the one with
// the least evidence, then the first by policy id. A root is never folded itself.
// Nothing is taken away: verdicts, exit codes and the JSON report are those of
// all findings.
func (t *Trace) Fold() {
	type candidate struct {
		policy  *Policy
		finding *Finding
	}
	var all []candidate
	for i := range t.Policies {
		p := &t.Policies[i]
		for j := range p.Findings {
			if f := &p.Findings[j]; len(f.Seq) > 0 {
				all = append(all, candidate{p, f})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(severityRank(a.policy.Severity), severityRank(b.policy.Severity)),
			cmp.Compare(len(a.finding.Seq), len(b.finding.Seq)),
			cmp.Compare(a.policy.ID, b.policy.ID),
		)
	})
	roots := map[string][]*Finding{} // by cluster
	for _, c := range all {
		cluster := ClusterOf(c.finding.Entity)
		at := slices.IndexFunc(roots[cluster], func(root *Finding) bool { return related(root.Seq, c.finding.Seq) })
		if at < 0 {
			roots[cluster] = append(roots[cluster], c.finding)
			continue
		}
		c.finding.FoldedUnder = roots[cluster][at].ID
	}
}

// severityRank is 0 for the worst.
func severityRank(severity string) int {
	order := []string{"critical", "major", "minor"}
	if i := slices.Index(order, severity); i >= 0 {
		return i
	}
	return len(order)
}

// ClusterOf is the cluster of an entity: its first two parts, namespace and name.
func ClusterOf(entity string) string {
	parts := strings.SplitN(entity, "/", 3)
	return strings.Join(parts[:min(len(parts), 2)], "/")
}

// related reports whether two pieces of evidence end with the same event and one
// is part of the other. Neither is empty.
func related(a, b []uint64) bool {
	return a[len(a)-1] == b[len(b)-1] && (contains(a, b) || contains(b, a))
}

// contains reports whether all has every element of part; both are sorted.
func contains(all, part []uint64) bool {
	for _, seq := range part {
		if _, found := slices.BinarySearch(all, seq); !found {
			return false
		}
	}
	return true
}
