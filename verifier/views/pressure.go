package views

import (
	"cmp"
	"slices"
)

// pressureDocument is the timeline of how full the volumes of a group are,
// beside what the spec says of that and what the status tells.
type pressureDocument struct {
	groupHead
	Specs       []pressureSpec `json:"specs"`
	Windows     []openTime     `json:"windows"`
	Requests    []requestPoint `json:"requests"`
	Statuses    []statusPoint  `json:"statuses"`
	Rewrites    []moment       `json:"rewrites"`
	Samples     []samplePoint  `json:"samples"`
	Patches     []patchPoint   `json:"patches"`
	Spans       []pressureSpan `json:"spans"`
	Disruptions []disruption   `json:"disruptions"`
	Gaps        []gap          `json:"gaps"`
}

// pressureSpec is a storage block with its maintenance window.
type pressureSpec struct {
	storageSpec
	WindowValid bool   `json:"window_valid"`
	Schedule    string `json:"schedule"`
	Duration    string `json:"duration"`
	Timezone    string `json:"timezone"`
}

// patchPoint is a line in which the operator says that it patches a claim.
type patchPoint struct {
	moment
	Volume string `json:"volume"`
	From   int64  `json:"from"`
	To     int64  `json:"to"`
}

// pressureSpan is a time in which nothing changed that the document tells of.
type pressureSpan struct {
	moment
	UntilNS        int64            `json:"until_ns"`
	UntilNotBefore int64            `json:"until_not_before_ns"`
	Last           bool             `json:"last"`
	Spec           int              `json:"spec"`
	Status         int              `json:"status"`
	WindowOpen     bool             `json:"window_open"`
	HasNext        bool             `json:"has_next_opening"`
	NextOpening    int64            `json:"next_opening_ns"`
	Disrupted      bool             `json:"disrupted"`
	Open           bool             `json:"open"`
	Peak           int64            `json:"peak"`
	Volumes        []pressureVolume `json:"volumes"`
}

type pressureVolume struct {
	Volume   string `json:"volume"`
	Instance string `json:"instance"`
	Request  int64  `json:"request"`
	Capacity int64  `json:"capacity"`
	Sample   int    `json:"sample"`
}

// pressureDocuments makes one document per volume group.
func pressureDocuments(h *history, k *cluster) ([]Document, error) {
	return documentsOf("pressure", h.groupsOf(k), func(g volumeGroup) (string, any) { return g.entity(), g.pressure() })
}

func (g volumeGroup) pressure() pressureDocument {
	s := g.timeline
	d := pressureDocument{
		groupHead: s.groupHead,
		Specs:     []pressureSpec{}, Windows: s.Windows, Requests: s.Requests, Statuses: s.Statuses,
		Rewrites: []moment{}, Samples: []samplePoint{}, Patches: []patchPoint{}, Spans: []pressureSpan{},
		Disruptions: s.Disruptions, Gaps: s.Gaps,
	}
	for _, spec := range s.Specs {
		_, _, valid := spec.window.parse()
		d.Specs = append(d.Specs, pressureSpec{
			storageSpec: spec, WindowValid: spec.Windowed && valid,
			Schedule: spec.window.schedule, Duration: spec.window.duration, Timezone: spec.window.timezone,
		})
	}
	for _, m := range g.known.rewrites {
		if !g.isBeyond(m) {
			d.Rewrites = append(d.Rewrites, m)
		}
	}
	d.Samples = append(d.Samples, g.history.samplesOf(g)...)
	for _, p := range g.history.patches[g.cluster.namespace] {
		if v := g.patchedVolume(p); v != nil && !g.isBeyond(p.moment) {
			d.Patches = append(d.Patches, patchPoint{p.moment, v.name, p.from, p.to})
		}
	}
	newOverlay(g, &d).run()
	return d
}

func (g volumeGroup) patchedVolume(p patchEvent) *volume {
	for _, v := range slices.Backward(g.volumes) {
		if v.name == p.claim && v.namespace == p.namespace && v.from.before(p.moment) {
			return v
		}
	}
	return nil
}

// overlay lays the samples, the openings of the window and the disruptions over
// the spans of the view storage.
type overlay struct {
	group     volumeGroup
	doc       *pressureDocument
	span      storageSpan
	samples   map[string]int // volume → index into doc.Samples
	disrupted int            // disruptions that are going on
	window    int            // index of the opening that is next to open or to close
	seq       uint64         // of the last event so far
	openings  *openings
}

func newOverlay(g volumeGroup, d *pressureDocument) *overlay {
	return &overlay{group: g, doc: d, samples: map[string]int{}}
}

// edge is a moment from which something is different.
type edge struct {
	moment
	take func()
}

// edges lists them in order of time; what was recorded together stays in order.
func (o *overlay) edges() []edge {
	var out []edge
	for _, s := range o.group.timeline.Spans {
		out = append(out, edge{s.moment, func() { o.span = s }})
	}
	for i, s := range o.doc.Samples {
		out = append(out, edge{s.moment, func() { o.samples[s.Volume] = i }})
	}
	for i, s := range o.doc.Samples {
		out = append(out, edge{moment{NS: s.UntilNS, NotBefore: s.UntilNS}, func() { o.forget(s.Volume, i) }})
	}
	for _, d := range o.doc.Disruptions {
		if d.Ended && d.End == d.Begin {
			continue
		}
		out = append(out, edge{d.Begin, func() { o.disrupted++ }})
		if d.Ended {
			out = append(out, edge{d.End, func() { o.disrupted-- }})
		}
	}
	for _, w := range o.doc.Windows {
		for _, ns := range []int64{w.Opens, w.Closes} {
			out = append(out, edge{moment{NS: ns, NotBefore: ns}, func() {}})
		}
	}
	slices.SortStableFunc(out, func(a, b edge) int { return cmp.Compare(a.NS, b.NS) })
	return slices.DeleteFunc(out, func(e edge) bool { return e.NS >= o.group.until.NS && e.Seq != o.group.until.Seq })
}

func (o *overlay) run() {
	started := false
	edges := o.edges()
	for i, e := range edges {
		e.take()
		o.seq = max(o.seq, e.Seq)
		started = started || !o.span.isZero()
		if started && (i+1 == len(edges) || edges[i+1].NS != e.NS) {
			o.note(e.moment)
		}
	}
	if n := len(o.doc.Spans); n > 0 {
		last := &o.doc.Spans[n-1]
		last.Last, last.UntilNS, last.UntilNotBefore = true, o.group.until.NS, o.group.until.NotBefore
	}
}

// forget drops a sample that is no longer true, unless there is a newer one.
func (o *overlay) forget(volume string, sample int) {
	if latest, known := o.samples[volume]; known && latest == sample {
		delete(o.samples, volume)
	}
}

// note writes down how things stand from m on.
func (o *overlay) note(m moment) {
	m.Seq = o.seq
	span := pressureSpan{
		moment: m, Spec: o.span.Spec, Status: o.span.Status, Disrupted: o.disrupted > 0,
		Open: o.span.Open, Peak: o.span.Peak, Volumes: []pressureVolume{},
	}
	for o.window < len(o.doc.Windows) && o.doc.Windows[o.window].Closes <= m.NS {
		o.window++
	}
	span.WindowOpen = o.window < len(o.doc.Windows) && o.doc.Windows[o.window].Opens <= m.NS
	if span.Spec >= 0 {
		span.NextOpening, span.HasNext = o.nextOpening(span.Spec, m.NS)
	}
	for _, v := range o.span.Volumes {
		sample, known := o.samples[v.Volume]
		if !known {
			sample = -1
		}
		span.Volumes = append(span.Volumes, pressureVolume{v.Volume, v.Instance, v.Request, v.Capacity, sample})
	}
	if n := len(o.doc.Spans); n > 0 {
		o.doc.Spans[n-1].UntilNS, o.doc.Spans[n-1].UntilNotBefore = m.NS, m.NotBefore
	}
	o.doc.Spans = append(o.doc.Spans, span)
}

// nextOpening returns the first scheduled time after ns of a block with a window.
func (o *overlay) nextOpening(spec int, ns int64) (int64, bool) {
	block := o.doc.Specs[spec]
	if block.Mode != modeDynamic || !block.WindowValid {
		return 0, false
	}
	if o.openings == nil || o.openings.spec != block.window {
		o.openings = &openings{spec: block.window, start: o.group.history.start}
	}
	return o.openings.after(ns)
}
