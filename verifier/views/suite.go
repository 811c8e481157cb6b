package views

import (
	"cmp"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// suiteDocument is how a suite went about it: its specs, the clusters that it
// made, the claims that it asked to grow, and what it did to all at once.
type suiteDocument struct {
	UntilSeq uint64         `json:"until_seq"`
	UntilNS  int64          `json:"until_ns"`
	Specs    []suiteSpec    `json:"specs"`
	Clusters []suiteCluster `json:"clusters"`
	Claims   []suiteClaim   `json:"claims"`
	Shared   []disruption   `json:"shared"`
}

// suiteSpec is one spec from its begin to its end, with all its attempts. A
// report tells of both afterwards, so that their times are the NotBefore of the
// marks.
type suiteSpec struct {
	Title    string `json:"title"`
	Process  int64  `json:"process"`
	Outcome  string `json:"outcome"`
	BeginSeq uint64 `json:"begin_seq"`
	BeginNS  int64  `json:"begin_ns"`
	Ended    bool   `json:"ended"`
	EndSeq   uint64 `json:"end_seq"`
	EndNS    int64  `json:"end_ns"`
}

type suiteCluster struct {
	moment
	Namespace string `json:"namespace"`
	Cluster   string `json:"cluster"`
	Born      bool   `json:"born"`
	Left      bool   `json:"left"`
	LeftSeq   uint64 `json:"left_seq"`
	LeftNS    int64  `json:"left_ns"`
}

type suiteClaim struct {
	moment
	Namespace  string `json:"namespace"`
	Volume     string `json:"volume"`
	Asked      bool   `json:"asked"`
	Class      string `json:"class"`
	ClassSeq   uint64 `json:"class_seq"`
	Expandable string `json:"expandable"`
}

// Whether volumes of a storage class can be expanded.
const (
	expandableYes     = "yes"
	expandableNo      = "no"
	expandableUnknown = "unknown" // the class was not recorded, and the claim was never raised
)

// storageClass is what the last version of a StorageClass says.
type storageClass struct {
	seq        uint64
	expandable bool
}

// The mark of a spec; the package recorder/marks says what it holds.
const (
	markOfSpec = "spec"
	sideBegin  = "begin"
	sideEnd    = "end"
)

func suiteFields() trace.Fields {
	return trace.Fields{
		Group: "storage.k8s.io", Resource: "storageclasses", Paths: [][]string{{"allowVolumeExpansion"}},
	}
}

func (h *history) observeClass(c *trace.Change) {
	if c.Type != trace.Deleted {
		h.classes[c.Object.Name] = storageClass{c.Seq, c.State.At("allowVolumeExpansion").Bool()}
	}
}

// observeSpec folds a mark that a spec begins or ends. Nodes such as BeforeSuite
// are no specs.
func (h *history) observeSpec(c *trace.Change) {
	title, side := c.State.At("spec").String(), c.State.At("side").String()
	if c.State.At("phase").String() != markOfSpec || title == "" || c.State.At("node").Exists() {
		return
	}
	process := intOr(c.State.At("process"), 1)
	if side == sideBegin {
		h.specs = append(h.specs, suiteSpec{
			Title: title, Process: process, BeginSeq: c.Seq, BeginNS: int64(c.NotBefore),
		})
		return
	}
	for i := range h.specs {
		s := &h.specs[i]
		if side == sideEnd && !s.Ended && s.Title == title && s.Process == process {
			s.Ended, s.EndSeq, s.EndNS, s.Outcome = true, c.Seq, int64(c.NotBefore), c.State.At("outcome").String()
			return
		}
	}
}

// suiteDocuments makes the one document of the trace.
func suiteDocuments(h *history) ([]Document, error) {
	s := suiteDocument{
		UntilSeq: h.end.Seq, UntilNS: h.end.NS, Specs: append([]suiteSpec{}, h.specs...),
		Clusters: []suiteCluster{}, Claims: []suiteClaim{}, Shared: h.shared(),
	}
	slices.SortStableFunc(s.Specs, func(a, b suiteSpec) int { return cmp.Compare(a.BeginNS, b.BeginNS) })
	for _, k := range h.clusters {
		s.Clusters = append(s.Clusters, suiteCluster{
			moment: k.from, Namespace: k.namespace, Cluster: k.name, Born: k.born,
			Left: !k.left.isZero(), LeftSeq: k.left.Seq, LeftNS: k.left.NS,
		})
	}
	for _, k := range h.clusters {
		for _, c := range h.outlineOf(k).claims {
			s.Claims = append(s.Claims, h.claim(c))
		}
	}
	d, err := document("suite", "suite", s)
	return []Document{d}, err
}

// claim adds what the class of a claim says.
func (h *history) claim(c claimOutline) suiteClaim {
	out := c.suiteClaim
	if class, known := h.classes[c.Class]; known {
		out.ClassSeq, out.Expandable = class.seq, expandableNo
		if class.expandable {
			out.Expandable = expandableYes
		}
	}
	if c.raised {
		out.Expandable = expandableYes // or the API server had refused
	}
	return out
}

func (v *volume) wasRaised() bool {
	for i, p := range v.points {
		if i > 0 && p.request > v.points[i-1].request {
			return true
		}
	}
	return false
}

// asksForGrowth reports whether the group's block lets its volumes grow, or was
// changed to a larger size.
func (g volumeGroup) asksForGrowth() bool {
	var size int64
	for _, b := range g.known.blocks {
		if b.Mode == modeDynamic || (size > 0 && b.Size > size) {
			return true
		}
		size = b.Size
	}
	return false
}

// shared lists what was done to all clusters at once: to the operator and to nodes.
func (h *history) shared() []disruption {
	out := slices.Clone(h.restarts)
	told := map[disruption]bool{}
	for _, k := range h.clusters {
		for _, d := range h.outlineOf(k).nodes {
			if !told[d] {
				out = append(out, d)
			}
			told[d] = true
		}
	}
	slices.SortStableFunc(out, func(a, b disruption) int {
		return cmp.Or(cmp.Compare(a.Begin.Seq, b.Begin.Seq), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return append([]disruption{}, out...)
}
