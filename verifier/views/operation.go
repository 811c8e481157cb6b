package views

import (
	"fmt"
	"slices"
)

// operation is one expansion of a volume group: from the first rise of a
// request until every volume of the group has the highest request as capacity
// and none shows an expansion any more. The API has no id for it.
type operation struct {
	Begin      moment          `json:"begin"`
	BeginKnown bool            `json:"begin_known"`
	From       int64           `json:"from"`
	Target     int64           `json:"target"`
	Closed     bool            `json:"closed"`
	ClosedBy   string          `json:"closed_by"`
	End        moment          `json:"end"`
	Steps      []operationStep `json:"steps"`
}

type operationStep struct {
	moment
	Volume   string `json:"volume"`
	Request  int64  `json:"request"`
	Capacity int64  `json:"capacity"`
	Resizing bool   `json:"resizing"`
}

// operationDocument is one operation with what interrupted it and what went on.
type operationDocument struct {
	Namespace  string `json:"namespace"`
	Cluster    string `json:"cluster"`
	Role       string `json:"role"`
	Tablespace string `json:"tablespace"`
	Number     int    `json:"number"`
	Mode       string `json:"mode"`
	operation
	Waiting     []string       `json:"waiting"`
	Until       string         `json:"until"`
	UntilSeq    uint64         `json:"until_seq"`
	UntilNS     int64          `json:"until_ns"`
	Left        bool           `json:"left"`
	LeftSeq     uint64         `json:"left_seq"`
	LeftNS      int64          `json:"left_ns"`
	Disruptions []disruption   `json:"disruptions"`
	Progress    []progressFact `json:"progress"`
	Gaps        []gap          `json:"gaps"`
}

// progressFact is something that happened to a volume of the group, to a pod of
// its cluster, or to an attachment of one of its volumes.
type progressFact struct {
	moment
	What string `json:"what"`
	Name string `json:"name"`
}

// operationDocuments makes one document per operation.
func operationDocuments(h *history, k *cluster) ([]Document, error) {
	var out []Document
	for _, g := range h.groupsOf(k) {
		for i := range g.timeline.Operations {
			d, err := document("operation", operationEntity(g, i), g.operation(i))
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// operationEntity names the operation at an index.
func operationEntity(g volumeGroup, i int) string { return fmt.Sprintf("%s/op%d", g.entity(), i+1) }

func (g volumeGroup) operation(i int) operationDocument {
	s := g.timeline
	o := s.Operations[i]
	left := g.cluster.left
	if s.Until == endDeleted {
		left = earliest(left, g.until)
	}
	d := operationDocument{
		Namespace: s.Namespace, Cluster: s.Cluster, Role: s.Role, Tablespace: s.Tablespace,
		Number: i + 1, operation: o, Mode: modeNone, Waiting: []string{},
		Until: s.Until, UntilSeq: s.UntilSeq, UntilNS: s.UntilNS,
		Left: !left.isZero(), LeftSeq: left.Seq, LeftNS: left.NS,
		Disruptions: []disruption{}, Progress: g.progress(o), Gaps: s.Gaps,
	}
	for _, spec := range s.Specs {
		if spec.Seq <= o.Begin.Seq {
			d.Mode = spec.Mode
		}
	}
	for _, x := range s.Disruptions {
		if x.Begin.Seq > o.Begin.Seq && (!o.Closed || x.Begin.before(o.End)) && x.Begin.before(g.until) {
			d.Disruptions = append(d.Disruptions, x)
		}
	}
	if n := len(s.Spans); n > 0 && !o.Closed {
		last := s.Spans[n-1]
		for _, v := range last.Volumes {
			if v.Capacity < last.Peak || v.Resizing {
				d.Waiting = append(d.Waiting, v.Volume)
			}
		}
	}
	return d
}

// progress lists what went on while the operation was open.
func (g volumeGroup) progress(o operation) []progressFact {
	out := []progressFact{}
	add := func(m moment, what, name string) {
		if m.Seq >= o.Begin.Seq && m.before(g.until) && (!o.Closed || m.Seq <= o.End.Seq) {
			out = append(out, progressFact{m, what, name})
		}
	}
	for _, v := range g.volumes {
		for _, p := range v.points {
			add(p.moment, "volume", v.name)
		}
		for _, a := range g.history.attachments[v.volumeName] {
			add(a.moment, "attachment", v.name)
		}
	}
	for _, p := range g.cluster.pods {
		for _, m := range p.changes {
			add(m, "pod", p.name)
		}
	}
	slices.SortStableFunc(out, func(a, b progressFact) int { return int(a.Seq) - int(b.Seq) })
	return out
}
