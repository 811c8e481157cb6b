package story

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// The kinds of moments beyond those of the view episode.
const (
	KindGrowth  = "growth"
	KindMark    = "mark"
	KindSetup   = "setup"
	KindPhase   = "phase"
	KindSpec    = "spec"
	KindGap     = "gap"
	KindDeleted = "deleted"
)

// Views are the views whose documents a story is made of.
func Views() []string { return []string{"cluster", "episode", "operation", "storage", "suite"} }

// Teller collects the story, part by part. What concerns one cluster is in one part.
type Teller struct {
	notes map[int64]string // what marks said besides, by their seq
	begin teller           // what marks say

	lock     sync.Mutex
	clusters []chapter
	growths  []chapter
	episodes []chapter
	suite    teller
}

// chapter is what the story says of one document.
type chapter struct {
	entity  string
	setup   []string
	moments []verdict.Moment
}

// New begins the story of a run. It is told the marks before the documents.
func New(run trace.Run) *Teller {
	t := &Teller{notes: map[int64]string{}}
	t.begin.notes, t.suite.notes = t.notes, t.notes
	t.begin.command(run)
	return t
}

// Mark takes in what driver or suite said.
func (t *Teller) Mark(c *trace.Change) { t.begin.mark(c) }

// Add takes in the documents of one part. It may be called from several goroutines.
func (t *Teller) Add(documents []views.Document) {
	byView := map[string][]document{}
	clusters := map[string]document{}
	for _, d := range documents {
		doc := document{d.Entity, object{d.Content}}
		byView[d.View] = append(byView[d.View], doc)
		if d.View == "cluster" {
			clusters[d.Entity] = doc
		}
	}
	var told, grown, done []chapter
	for _, c := range byView["cluster"] {
		told = append(told, t.chapter(c, func(x *teller) {
			x.setup(c, byView["storage"])
			x.phases(c)
		}))
	}
	for _, o := range byView["operation"] {
		grown = append(grown, t.chapter(o, func(x *teller) { x.growth(o) }))
	}
	for _, e := range byView["episode"] {
		if e.text("kind") == KindGrowth {
			giveCause(grown, e)
			continue
		}
		done = append(done, t.chapter(e, func(x *teller) { x.episode(e, clusters[verdict.ClusterOf(e.entity)]) }))
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.clusters, t.growths = append(t.clusters, told...), append(t.growths, grown...)
	t.episodes = append(t.episodes, done...)
	for _, s := range byView["suite"] {
		t.suite.specs(s)
	}
}

// chapter is what one document tells.
func (t *Teller) chapter(d document, tell func(*teller)) chapter {
	x := teller{notes: t.notes}
	tell(&x)
	return chapter{d.entity, x.story.Setup, x.story.Moments}
}

// giveCause notes from what an expansion follows, which its episode knows.
func giveCause(growths []chapter, e document) {
	begin := uint64(e.at("begin").number("seq"))
	for _, g := range growths {
		for i := range g.moments {
			if g.moments[i].Seq == begin {
				g.moments[i].Cause = e.text("caused_by")
			}
		}
	}
}

// Story returns the story.
func (t *Teller) Story(certificate trace.Certificate) *verdict.Story {
	s := verdict.Story{Setup: []string{}, Asked: []string{}, Moments: []verdict.Moment{}}
	s.Asked = append(append(s.Asked, t.begin.story.Asked...), t.suite.story.Asked...)
	s.Moments = append(s.Moments, t.begin.story.Moments...)
	for _, list := range [][]chapter{t.clusters, t.growths, t.episodes} {
		slices.SortStableFunc(list, func(a, b chapter) int { return cmp.Compare(a.entity, b.entity) })
		for _, c := range list {
			s.Setup, s.Moments = append(s.Setup, c.setup...), append(s.Moments, c.moments...)
		}
	}
	s.Moments = append(s.Moments, t.suite.story.Moments...)
	var last teller
	last.gaps(certificate)
	s.Moments = append(s.Moments, last.story.Moments...)
	slices.SortStableFunc(s.Moments, func(a, b verdict.Moment) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Seq, b.Seq))
	})
	return &s
}

// teller tells one part of the story. notes are what marks said besides, by their seq.
type teller struct {
	story verdict.Story
	notes map[int64]string
}

func (t *teller) add(m verdict.Moment) { t.story.Moments = append(t.story.Moments, m) }

func (t *teller) ask(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(t.story.Asked, line) {
		t.story.Asked = append(t.story.Asked, line)
	}
}

// command says what the recorder ran.
func (t *teller) command(run trace.Run) {
	if len(run.Command) == 0 {
		return
	}
	ended := ""
	if run.ExitCode != nil {
		ended = fmt.Sprintf(", which ended with exit code %d", *run.ExitCode)
	}
	t.ask("the command %s%s", strings.Join(run.Command, " "), ended)
}

// mark is what the story reads of a mark; see the package recorder/marks.
type mark struct {
	Phase, Side, Note, Scenario, Topology string
	Requirement                           any
}

// silent are the phases of marks that other moments tell better: disruptions and
// specs have moments of their own.
var silent = []string{"", phaseRunStart, "disruption-start", "disruption-end", "spec", "scenario", "admission"}

const phaseRunStart = "run-start"

// mark tells what driver or suite said.
func (t *teller) mark(c *trace.Change) {
	var m mark
	if json.Unmarshal(c.State.JSON(), &m) != nil {
		return // a mark of another shape says nothing that we know
	}
	t.notes[int64(c.Seq)] = m.Note
	if m.Phase == phaseRunStart && m.Note != "" {
		t.ask("the run %s", m.Note)
	}
	if m.Scenario != "" {
		t.ask("%s", strings.TrimSpace("the scenario "+m.Scenario+" "+m.Topology))
	}
	for _, id := range texts(m.Requirement) {
		t.ask("to exercise %s", id)
	}
	if !slices.Contains(silent, m.Phase) {
		t.add(verdict.Moment{
			Kind: KindMark, Text: strings.TrimSpace(m.Phase + " " + m.Side + " " + m.Note),
			From: int64(c.NotBefore), Until: int64(c.NotBefore), Seq: c.Seq,
		})
	}
}

// texts reads a string or a list of strings.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, element := range v {
			out = append(out, texts(element)...)
		}
		return out
	}
	return nil
}

// gaps tells what the recorder did not see.
func (t *teller) gaps(c trace.Certificate) {
	for _, g := range c.Gaps {
		where := ""
		if g.Namespace != "" {
			where = " in " + g.Namespace
		}
		t.add(verdict.Moment{
			Kind: KindGap, Text: fmt.Sprintf("not seen: %s%s (%s)", g.Resource, where, g.Reason),
			From: int64(g.NotBefore), Until: int64(g.NotAfter), Seq: g.FirstSeq,
		})
	}
}

// specs tells what a suite ran.
func (t *teller) specs(s document) {
	outcomes := map[string]int{}
	specs := s.list("specs")
	for _, spec := range specs {
		outcome := cmp.Or(spec.text("outcome"), "not ended")
		outcomes[outcome]++
		m := verdict.Moment{
			Kind: KindSpec, Text: fmt.Sprintf("spec %q: %s", spec.text("title"), outcome),
			Failed: failed(spec.text("outcome")),
			From:   spec.number("begin_ns"), Until: spec.number("end_ns"), Open: !spec.truth("ended"),
			Seq: uint64(spec.number("begin_seq")),
		}
		if m.Open {
			m.Until = s.number("until_ns")
		}
		t.add(m)
	}
	if len(specs) == 0 {
		return
	}
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
		parts = append(parts, fmt.Sprintf("%d %s", outcomes[outcome], outcome))
	}
	t.ask("%d specs of a suite: %s", len(specs), strings.Join(parts, ", "))
}

// failed reports whether a spec went wrong; see the package recorder/marks for
// the outcomes.
func failed(outcome string) bool {
	return !slices.Contains([]string{"passed", "skipped", "pending", ""}, outcome)
}
