package verifier

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/evidence"
	"github.com/hindsight-project/hindsight/verifier/machine"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/slice"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

const (
	// illustrated is for how many findings of one policy the events are read. More
	// of one kind explain no more.
	illustrated = 100
	// sliced is for how many findings of one policy a slice and a remedy are
	// searched: as many as the text report tells in full.
	sliced = 20
	// sliceBudget is what all slices of one policy may cost together, about a second.
	sliceBudget = 4 * slice.Budget
)

// explainer adds to findings what a reader needs to believe them.
type explainer struct {
	set         *policy.Set
	documents   *archive
	certificate trace.Certificate
}

// explain adds slices and remedies, then the events that the findings and their
// slices name, then what else was going on at that time.
func (x explainer) explain(ctx context.Context, r *trace.Reader, judged []verdict.Policy) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range judged {
		p := x.set.Policy(judged[i].ID)
		budget := min(slice.Budget, sliceBudget/max(1, min(len(judged[i].Findings), sliced)))
		for f := range first(judged[i].Findings, sliced) {
			group.Go(func() error { return x.question(ctx, p, f, budget) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return x.illustrate(r, judged)
}

// first yields the first n findings.
func first(findings []verdict.Finding, n int) func(func(*verdict.Finding) bool) {
	return func(yield func(*verdict.Finding) bool) {
		for i := range findings[:min(len(findings), n)] {
			if !yield(&findings[i]) {
				return
			}
		}
	}
}

// source returns the document in which the policy finds f.
func (x explainer) source(p *policy.Policy, f verdict.Finding) (map[string]any, error) {
	d, ok, err := x.documents.document(p.View, f.Entity)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("policy %s no longer finds %s", p.ID, f.ID)
	}
	return d.Value(), nil
}

func (x explainer) ask(
	ctx context.Context, set *policy.Set, p *policy.Policy, entity string, value map[string]any,
) ([]verdict.Finding, error) {
	doc, err := policy.NewDocument(p.View, entity, value)
	if err != nil {
		return nil, err
	}
	return set.Ask(ctx, p, doc)
}

func among(list []verdict.Finding, f verdict.Finding) bool {
	return slices.ContainsFunc(list, func(other verdict.Finding) bool { return policy.Same(other, f) })
}

// question asks the policy again, about less and with another threshold. What
// cannot be explained stays a finding without explanation.
func (x explainer) question(ctx context.Context, p *policy.Policy, f *verdict.Finding, budget int) error {
	value, err := x.source(p, *f)
	if err != nil {
		return ctx.Err()
	}
	f.WouldHold = x.remedy(ctx, p, *f, value)
	least := x.slice(ctx, p, *f, value, budget)
	f.Slice = &verdict.Slice{Of: least.Of, Minimal: least.Minimal, Points: []verdict.Point{}}
	for _, point := range least.Points {
		f.Slice.Points = append(f.Slice.Points, verdict.Point{Path: point.Path, Seq: seqsOf(point.Value)})
	}
	return ctx.Err()
}

// slice takes away from the document what the finding does not need: the policy
// derives the same row, not only the same code, so that the slice cannot slip to
// another finding of the same kind.
func (x explainer) slice(
	ctx context.Context, p *policy.Policy, f verdict.Finding, value map[string]any, budget int,
) slice.Result {
	return slice.Minimize(value, func(smaller map[string]any) (bool, error) {
		found, err := x.ask(ctx, x.set, p, f.Entity, smaller)
		return among(found, f), err
	}, budget, near(f.Seq, 0), near(f.Seq, 1), near(f.Seq, len(f.Seq)))
}

// near says which change points are likely to matter for a finding: those that
// name an event of its evidence, and those that lie between the last so many
// events before the end of the evidence and that end.
func near(evidence []uint64, last int) func(value any) bool {
	from := uint64(math.MaxUint64)
	if n := len(evidence); last > 0 && n > 0 {
		from = evidence[max(0, n-1-last)]
	}
	return func(value any) bool {
		for _, seq := range seqsOf(value) {
			if _, found := slices.BinarySearch(evidence, seq); found {
				return true
			}
			if seq >= from && seq <= evidence[len(evidence)-1] {
				return true
			}
		}
		return false
	}
}

// seqsOf returns the events that a change point names, sorted: its fields seq,
// first_seq and so on, and those of its moments (begin, end).
func seqsOf(v any) []uint64 {
	seqs := []uint64{}
	object, _ := v.(map[string]any)
	for key, value := range object {
		switch value := value.(type) {
		case json.Number:
			n, err := value.Int64()
			if err == nil && n > 0 && (key == "seq" || strings.HasSuffix(key, "_seq")) {
				seqs = append(seqs, uint64(n))
			}
		case map[string]any:
			seqs = append(seqs, seqsOf(value)...)
		}
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// remedy looks for one threshold with which the finding is none: one of the same
// unit whose value is what was wanted, set to what was got (of times, up to the
// next second). It is told only if the policy says so when it is asked with it.
func (x explainer) remedy(
	ctx context.Context, p *policy.Policy, f verdict.Finding, value map[string]any,
) *verdict.Remedy {
	got, gotNumber := f.Got.(int64)
	want, wantNumber := f.Want.(int64)
	if !gotNumber || !wantNumber {
		return nil
	}
	if second := int64(time.Second); f.Unit == verdict.Nanoseconds && got > want {
		got = (got + second - 1) / second * second
	}
	for _, param := range x.set.Thresholds(p) {
		group, name, _ := strings.Cut(param.Name, ".")
		if n, ok := param.Value.(int); !ok || int64(n) != want || unitOf(name) != f.Unit {
			continue
		}
		with, err := x.set.With(group, name, got)
		if err != nil {
			continue
		}
		found, err := x.ask(ctx, with, p, f.Entity, value)
		still := func(o verdict.Finding) bool { return o.Code == f.Code && slices.Equal(o.Seq, f.Seq) }
		if err == nil && !slices.ContainsFunc(found, still) {
			return &verdict.Remedy{Param: param.Name, With: got, InsteadOf: want, Unit: f.Unit}
		}
	}
	return nil
}

// unitOf reads the unit off the end of a threshold's name.
func unitOf(name string) verdict.Unit {
	for _, u := range verdict.Units() {
		if strings.HasSuffix(name, "_"+string(u)) {
			return u
		}
	}
	return ""
}

// illustrate adds to the findings the events that they and their slices name,
// and what was going on meanwhile.
func (x explainer) illustrate(r *trace.Reader, judged []verdict.Policy) error {
	var seqs []uint64
	each := func(do func(f *verdict.Finding)) {
		for i := range judged {
			for f := range first(judged[i].Findings, illustrated) {
				do(f)
			}
		}
	}
	each(func(f *verdict.Finding) { seqs = append(seqs, shown(*f)...) })
	events, err := evidence.Events(r, seqs)
	if err != nil {
		return err
	}
	windows, err := x.windows(judged)
	if err != nil {
		return err
	}
	each(func(f *verdict.Finding) {
		for _, seq := range shown(*f) {
			if e, ok := events[seq]; ok {
				_, named := slices.BinarySearch(f.Seq, seq)
				e.Context = !named
				f.Events = append(f.Events, e)
			}
		}
		f.Windows = during(windows[verdict.ClusterOf(f.Entity)], windows[""], f.Events)
	})
	return nil
}

// shown selects the events of a finding: those that it names, and as far as
// there is room those that its slice needs too.
func shown(f verdict.Finding) []uint64 {
	out := slices.Clone(evidence.Select(f.Seq))
	if f.Slice == nil {
		return out
	}
	for _, p := range f.Slice.Points {
		for _, seq := range p.Seq {
			if len(out) < evidence.PerFinding && !slices.Contains(out, seq) && !slices.Contains(f.Seq, seq) {
				out = append(out, seq)
			}
		}
	}
	slices.Sort(out)
	return out
}

// windows lists what interrupted each cluster with findings, as the documents
// say, and under "" the gaps of the recording.
func (x explainer) windows(judged []verdict.Policy) (map[string][]verdict.Window, error) {
	out := map[string][]verdict.Window{}
	for i := range judged {
		for f := range first(judged[i].Findings, illustrated) {
			cluster := verdict.ClusterOf(f.Entity)
			if _, known := out[cluster]; known {
				continue
			}
			documents, err := x.documents.of(cluster)
			if err != nil {
				return nil, err
			}
			out[cluster] = x.disruptions(documents)
		}
	}
	for _, g := range x.certificate.Gaps {
		out[""] = append(out[""], verdict.Window{
			Kind: verdict.WindowGap, Text: subject(g.Resource, g.Namespace) + " not seen",
			From: int64(g.NotBefore), Until: int64(g.NotAfter), Seq: g.FirstSeq,
		})
	}
	return out, nil
}

// disruptions lists what documents say that interrupted their cluster.
func (x explainer) disruptions(documents []views.Document) []verdict.Window {
	out := []verdict.Window{}
	for _, d := range documents {
		list, _ := d.Content.Get("disruptions").(*machine.Array)
		if list == nil {
			continue
		}
		for _, element := range list.Elems() {
			if w := x.disruption(machine.JSON(element)); !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// disruption reads an element of the array disruptions of a view.
func (x explainer) disruption(element any) verdict.Window {
	var d struct {
		Kind, Subject string
		Ended         bool
		Begin, End    struct {
			Seq uint64
			NS  int64
		}
	}
	if text, err := json.Marshal(element); err == nil {
		_ = json.Unmarshal(text, &d) // a field of another type stays empty: it is shown, nothing depends on it
	}
	w := verdict.Window{
		Kind: verdict.WindowDisruption, Text: strings.TrimSpace(strings.ReplaceAll(d.Kind, "_", " ") + " " + d.Subject),
		From: d.Begin.NS, Until: d.End.NS, Open: !d.Ended, Seq: d.Begin.Seq,
	}
	if w.Open {
		w.Until = x.certificate.Duration
	}
	return w
}

// during returns the windows that meet the time from the first event to the
// last, in order of begin, each once.
func during(disruptions, gaps []verdict.Window, events []verdict.Event) []verdict.Window {
	out := []verdict.Window{}
	if len(events) == 0 {
		return out
	}
	from, until := int64(events[0].Time), int64(events[len(events)-1].Time)
	for _, w := range slices.Concat(disruptions, gaps) {
		if w.From <= until && w.Until >= from && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b verdict.Window) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Text, b.Text))
	})
	return out
}
