package verdict

import (
	"cmp"
	"slices"
)

// Diagnosis is a cause that a policy of the class diagnosis names, with its
// evidence. It has no verdict: it explains findings and doubts, and is told also
// when nothing was found wrong.
type Diagnosis struct {
	Blame
	Title    string   `json:"title"`
	Entity   string   `json:"entity"`
	Explains []string `json:"explains"` // ids of findings, and policies that are in doubt for it
}

// Breakdown is where the time of a finding went: what each diagnosed cause took,
// longest first, and the rest, which is the operator's own. An instant that two
// causes claim belongs to the one that claims more.
type Breakdown struct {
	From  int64  `json:"from_ns"`
	Until int64  `json:"until_ns"`
	Parts []Part `json:"parts"`
	Rest  int64  `json:"rest_ns"`
}

// Part is what one cause took of a time.
type Part struct {
	Policy string   `json:"policy"`
	Class  Class    `json:"class"`
	Reason string   `json:"reason"`
	NS     int64    `json:"ns"`
	Seq    []uint64 `json:"seq"`
}

// The fields of a row's detail that say which time it is about.
const (
	detailFrom  = "from_ns"
	detailUntil = "until_ns"
)

// timeOf reads which time a finding or a doubt is about; false when it is about none.
func timeOf(detail map[string]any) (from, until int64, ok bool) {
	from, first := detail[detailFrom].(int64)
	until, second := detail[detailUntil].(int64)
	return from, until, first && second && from < until
}

// Diagnose puts the diagnoses beside the findings and doubts of the same cluster
// that are about a time in which the cause was at work, says where their time
// went, and gives a finding that is nobody's yet the class of what took more than
// half of its time. No verdict changes.
func (t *Trace) Diagnose() {
	for i := range t.Policies {
		p := &t.Policies[i]
		for j := range p.Findings {
			f := &p.Findings[j]
			var blamed []Blame
			if blamed, f.Took = t.causes(f.Entity, f.Detail, f.ID); f.Took != nil && f.Class == Product {
				f.Class = f.Took.class()
			}
			f.Blame = append(f.Blame, blamed...)
		}
		for j := range p.Unknowns {
			u := &p.Unknowns[j]
			u.Blame, u.Took = t.causes(u.Entity, u.Detail, p.ID)
		}
	}
}

// causes returns the diagnoses that were at work in the time, and what it went to.
func (t *Trace) causes(entity string, detail map[string]any, explains string) ([]Blame, *Breakdown) {
	from, until, ok := timeOf(detail)
	if !ok {
		return nil, nil
	}
	var blamed []Blame
	for i := range t.Diagnoses {
		d := &t.Diagnoses[i]
		if ClusterOf(d.Entity) != ClusterOf(entity) || d.From >= until || d.Until <= from {
			continue
		}
		if !slices.Contains(d.Explains, explains) {
			d.Explains = append(d.Explains, explains)
		}
		blamed = append(blamed, d.Blame)
	}
	if len(blamed) == 0 {
		return nil, nil
	}
	return blamed, breakdown(from, until, blamed)
}

type interval struct{ from, until int64 }

// breakdown divides the time from … until among the causes.
func breakdown(from, until int64, blamed []Blame) *Breakdown {
	type cause struct {
		part Part
		when []interval
	}
	var causes []*cause
	for _, b := range blamed {
		i := slices.IndexFunc(causes, func(c *cause) bool {
			return c.part.Policy == b.Policy && c.part.Class == b.Class && c.part.Reason == b.Reason
		})
		if i < 0 {
			i, causes = len(causes), append(causes, &cause{part: Part{Policy: b.Policy, Class: b.Class, Reason: b.Reason}})
		}
		causes[i].when = append(causes[i].when, interval{max(from, b.From), min(until, b.Until)})
		causes[i].part.Seq = append(causes[i].part.Seq, b.Seq...)
	}
	slices.SortStableFunc(causes, func(a, b *cause) int {
		return cmp.Or(cmp.Compare(length(merge(b.when)), length(merge(a.when))), cmp.Compare(a.part.Policy, b.part.Policy),
			cmp.Compare(a.part.Reason, b.part.Reason))
	})
	out := &Breakdown{From: from, Until: until, Parts: []Part{}}
	var taken []interval
	for _, c := range causes {
		before := length(taken)
		taken = merge(append(taken, c.when...))
		if c.part.NS = length(taken) - before; c.part.NS > 0 {
			slices.Sort(c.part.Seq)
			c.part.Seq = slices.Compact(c.part.Seq)
			out.Parts = append(out.Parts, c.part)
		}
	}
	out.Rest = until - from - length(taken)
	return out
}

// merge returns the union of intervals, in order.
func merge(list []interval) []interval {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	var out []interval
	for _, i := range sorted {
		if n := len(out); n > 0 && i.from <= out[n-1].until {
			out[n-1].until = max(out[n-1].until, i.until)
			continue
		}
		out = append(out, i)
	}
	return out
}

func length(list []interval) int64 {
	var sum int64
	for _, i := range list {
		sum += i.until - i.from
	}
	return sum
}

// class is the class to which more than half of the time went, Product where
// none did: what nobody else took is the operator's.
func (b *Breakdown) class() Class {
	taken := map[Class]int64{}
	for _, p := range b.Parts {
		taken[p.Class] += p.NS
	}
	for _, c := range Classes() {
		if 2*taken[c] > b.Until-b.From {
			return c
		}
	}
	return Product
}
