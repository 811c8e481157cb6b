package timeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// wanted are the views from which the picture takes what is joined: disruptions,
// bounds of sizes, usage, lost elements, specs of the suite and marks.
var wanted = []string{"cluster", "pressure", "set", "suite"}

type moment struct {
	Seq uint64 `json:"seq"`
	NS  int64  `json:"ns"`
}

type disruption struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Begin   moment `json:"begin"`
	Ended   bool   `json:"ended"`
	End     moment `json:"end"`
}

// document has the fields that are read of the documents of all wanted views.
type document struct {
	Namespace   string       `json:"namespace"`
	Cluster     string       `json:"cluster"`
	Disruptions []disruption `json:"disruptions"`
	Shared      []disruption `json:"shared"`
	Specs       []struct {
		moment
		UntilNS  int64  `json:"until_ns"`
		Mode     string `json:"mode"`
		Request  int64  `json:"request"`
		Limit    int64  `json:"limit"`
		Title    string `json:"title"` // from here on: of a suite
		Outcome  string `json:"outcome"`
		BeginSeq uint64 `json:"begin_seq"`
		BeginNS  int64  `json:"begin_ns"`
		Ended    bool   `json:"ended"`
		EndNS    int64  `json:"end_ns"`
	} `json:"specs"`
	Requests []struct {
		Volume string `json:"volume"`
	} `json:"requests"`
	Samples []struct {
		moment
		LastNS int64  `json:"last_ns"`
		Volume string `json:"volume"`
		Used   int64  `json:"used"`
	} `json:"samples"`
	Lost []struct {
		Elements string   `json:"elements"`
		Count    int      `json:"count"`
		Seq      []uint64 `json:"seq"`
	} `json:"lost"`
}

// project adds what the views know to the lanes.
func (b *builder) project(r *trace.Reader, timeOf func(uint64) int64) error {
	documents, err := views.Project(r, wanted)
	if err != nil {
		return err
	}
	for _, d := range documents {
		var doc document
		text, err := json.Marshal(d.Value())
		if err == nil {
			err = json.Unmarshal(text, &doc)
		}
		if err != nil {
			return fmt.Errorf("read the view %s of %s: %w", d.View, d.Entity, err)
		}
		group := clusterKey(doc.Namespace, doc.Cluster)
		switch d.View {
		case "cluster":
			b.disrupt(group, doc.Disruptions)
		case "pressure":
			b.disrupt(group, doc.Disruptions)
			b.measure(group, doc)
		case "set":
			b.lost(group, doc, timeOf)
		case "suite":
			b.suite(doc)
		}
	}
	return nil
}

func (b *builder) disrupt(group string, list []disruption) {
	for _, d := range list {
		s := Span{
			From: d.Begin.NS / 1000, Until: d.End.NS / 1000, State: stateObserved, Seq: d.Begin.Seq,
			Text: strings.TrimSpace(strings.ReplaceAll(d.Kind, "_", " ") + " " + d.Subject),
		}
		if d.Kind == "mark" {
			s.State, s.Text = stateMarked, "marked disruption"
		}
		if !d.Ended {
			s.Until, s.Open = b.end, true
		}
		g := b.group(group)
		if slices.Contains(g.Bands, s) {
			continue // of another volume group of the cluster
		}
		g.Bands = append(g.Bands, s)
		l := b.lane(group, sectionDisruptions, "disruption", "disruptions")
		l.Stack = true
		l.Spans = append(l.Spans, s)
	}
}

// measure adds bounds and usage to the volumes of a group.
func (b *builder) measure(group string, doc document) {
	var claims []string
	for _, r := range doc.Requests {
		if !slices.Contains(claims, r.Volume) {
			claims = append(claims, r.Volume)
		}
	}
	for _, claim := range claims {
		l := b.lane(group, sectionVolumes, "volume", claim)
		for _, s := range doc.Specs {
			if s.Mode == "dynamic" {
				l.point("limit", s.NS/1000, s.Limit)
				l.point("floor", s.NS/1000, s.Request)
			} else {
				l.point("limit", s.NS/1000, 0)
				l.point("floor", s.NS/1000, 0)
			}
		}
		for _, s := range doc.Samples {
			if s.Volume == claim {
				l.point("usage", s.NS/1000, s.Used)
			}
		}
	}
}

func (b *builder) lost(group string, doc document, timeOf func(uint64) int64) {
	if doc.Cluster == "" {
		group = cmp.Or(b.onlyCluster(), groupRun)
	}
	for _, l := range doc.Lost {
		if len(l.Seq) == 0 {
			continue
		}
		lane := b.lane(group, sectionData, laneSentinel, "sentinel")
		lane.Spans = append(lane.Spans, Span{
			From: timeOf(l.Seq[0]), Until: timeOf(l.Seq[len(l.Seq)-1]), State: stateBad, Seq: l.Seq[0],
			Text: fmt.Sprintf("%d lost: %s", l.Count, l.Elements),
		})
	}
}

func (b *builder) suite(doc document) {
	states := map[string]string{
		"passed": stateGood, "failed": stateBad, "panicked": stateBad, "timedout": stateBad, "interrupted": stateBad,
		"aborted": stateBad, "skipped": stateWait, "pending": stateWait,
	}
	for _, s := range doc.Specs {
		if s.Title == "" {
			continue
		}
		span := Span{
			From: s.BeginNS / 1000, Until: s.EndNS / 1000, State: cmp.Or(states[s.Outcome], stateWork), Seq: s.BeginSeq,
			Text: s.Title + " · " + cmp.Or(s.Outcome, "no outcome"),
		}
		if !s.Ended {
			span.Until, span.Open = b.end, true
		}
		l := b.lane(groupRun, sectionRun, "spec", "suite specs")
		l.Stack = true
		l.Spans = append(l.Spans, span)
	}
}

// certified adds the gaps of the certificate, and a lane of marks.
func (b *builder) certified(c trace.Certificate) {
	for _, g := range c.Gaps {
		s := Span{
			From: micros(g.NotBefore), Until: micros(g.NotAfter), State: stateGap, Seq: g.FirstSeq,
			Text: "not seen: " + g.Resource.String() + " " + g.Namespace + ", " + g.Reason,
		}
		if g.LastSeq == 0 {
			s.Until, s.Open = b.end, true
		}
		l := b.lane(groupRun, sectionRun, "gap", "gaps")
		l.Stack = true
		l.Spans = append(l.Spans, s)
	}
}

// judge puts findings and diagnoses where they belong.
func (t *Timeline) judge(b *builder, v verdict.Trace, timeOf func(uint64) int64) {
	for _, d := range v.Diagnoses {
		x := Diagnosis{
			Policy: d.Policy, Title: d.Title, Entity: d.Entity, Class: string(d.Class), Message: d.Message,
			From: d.From / 1000, Until: d.Until / 1000, Seq: d.Seq, Explains: d.Explains, Detail: plain(d.Detail),
		}
		t.Causes = append(t.Causes, x)
		l := b.lane(b.groupOf(d.Entity), sectionJudgement, "diagnosis", "diagnoses")
		l.Stack = true
		l.Spans = append(l.Spans, Span{
			From: x.From, Until: x.Until, State: stateWait, Text: d.Title + " (" + x.Class + ")", Seq: first(d.Seq),
		})
	}
	for _, p := range v.Policies {
		t.Policies = append(t.Policies, Policy{
			ID: p.ID, Title: p.Title, Promise: p.Promise, Verdict: p.Verdict.String(), Requirement: p.Requirement,
			Severity: p.Severity, Exercised: p.Exercised, Counts: p.Counts(),
		})
		for _, f := range p.Findings {
			t.Findings = append(t.Findings, Finding{
				ID: f.ID, Level: verdict.Violated.String(), Policy: p.ID, Code: f.Code, Message: f.Message, Entity: f.Entity,
				Class: string(f.Class), At: at(f.Seq, f.Detail, timeOf), From: from(f.Seq, f.Detail, timeOf), Seq: f.Seq,
				Got: f.Got, Want: f.Want, Unit: string(f.Unit), Detail: plain(f.Detail), Blame: blamed(f.Blame),
				Remedy: remedy(f.WouldHold), Under: f.FoldedUnder, Waived: f.Waived,
			})
		}
		for i, u := range p.Unknowns {
			t.Findings = append(t.Findings, Finding{
				ID: fmt.Sprintf("%s/%s/%s/%d", p.ID, u.Reason, u.Entity, i), Level: verdict.Inconclusive.String(),
				Policy: p.ID, Code: cmp.Or(u.Code, u.Reason), Message: u.Message, Entity: u.Entity,
				At: at(u.Seq, u.Detail, timeOf), From: from(u.Seq, u.Detail, timeOf), Seq: u.Seq, Detail: plain(u.Detail),
				Blame: blamed(u.Blame), Waived: u.Waived,
			})
		}
	}
	slices.SortStableFunc(t.Findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(y.Level, x.Level), cmp.Compare(x.ID, y.ID))
	})
	for _, f := range t.Findings {
		b.lane(b.groupOf(f.Entity), sectionJudgement, "finding", "findings")
	}
}

// groupOf is the group of an entity: its cluster, whichever of its lives.
func (b *builder) groupOf(entity string) string {
	cluster, _, _ := strings.Cut(verdict.ClusterOf(entity), "#")
	if _, known := b.groups[cluster]; known {
		return cluster
	}
	return groupRun
}

// at is when a finding became one: with the last event of its evidence.
func at(seq []uint64, detail map[string]any, timeOf func(uint64) int64) int64 {
	if len(seq) > 0 {
		return timeOf(seq[len(seq)-1])
	}
	until, _ := detail["until_ns"].(int64)
	return until / 1000
}

func from(seq []uint64, detail map[string]any, timeOf func(uint64) int64) int64 {
	if begin, ok := detail["from_ns"].(int64); ok {
		return begin / 1000
	}
	if len(seq) > 0 {
		return timeOf(seq[0])
	}
	return 0
}

func first(seq []uint64) uint64 {
	if len(seq) == 0 {
		return 0
	}
	return seq[0]
}

// plain leaves out an empty detail.
func plain(detail map[string]any) any {
	if len(detail) == 0 {
		return nil
	}
	return detail
}

func blamed(list []verdict.Blame) []string {
	var out []string
	for _, b := range list {
		text := fmt.Sprintf("%s (%s): %s", b.Policy, b.Class, b.Message)
		if b.Until > b.From {
			text += fmt.Sprintf(", %s to %s", since(b.From), since(b.Until))
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

func since(ns int64) string { return fmt.Sprintf("+%.1fs", time.Duration(ns).Seconds()) }

func remedy(r *verdict.Remedy) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%s=%d instead of %d", r.Param, r.With, r.InsteadOf)
}
