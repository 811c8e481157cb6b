package views

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// runDocument is what a trace says about the run as a whole.
type runDocument struct {
	Origin   string       `json:"origin"`
	UntilSeq uint64       `json:"until_seq"`
	UntilNS  int64        `json:"until_ns"`
	Builds   []runBuild   `json:"builds"`
	Leases   []leasePoint `json:"leases"`
	Marks    []markPoint  `json:"marks"`
	Streams  []runStream  `json:"streams"`
	Gaps     []gap        `json:"gaps"`
	Attempts []attempt    `json:"attempts"`
	Blocks   []runBlock   `json:"blocks"`
}

// runBuild is an operator that wrote the status of a cluster.
type runBuild struct {
	moment
	Cluster  string `json:"cluster"`
	Commit   string `json:"commit"`
	Operator string `json:"operator"`
}

// leasePoint is who holds the lease of an operator from then on.
type leasePoint struct {
	moment
	Lease  string `json:"lease"`
	Holder string `json:"holder"`
}

type markPoint struct {
	moment
	Phase       string `json:"phase"`
	Requirement string `json:"requirement"`
	Spec        string `json:"spec"`
}

// runStream is what the certificate says of one watched resource.
type runStream struct {
	Resource  string `json:"resource"`
	Namespace string `json:"namespace"`
	Proof     string `json:"proof"`
	Reason    string `json:"reason"`
	Gaps      uint64 `json:"gaps"`
}

// attempt is a request to the API server that a driver tells of.
type attempt struct {
	moment
	Operation string        `json:"operation"`
	Object    string        `json:"object"`
	Accepted  bool          `json:"accepted"`
	Error     string        `json:"error"`
	Expect    string        `json:"expect"`
	Blocks    []writtenSpec `json:"blocks"`
}

// runBlock is a storage block of a recorded Cluster.
type runBlock struct {
	moment
	Cluster string `json:"cluster"`
	Before  int    `json:"before"`
	Known   bool   `json:"known"`
	writtenSpec
}

// writtenSpec is a storage block as it was written, with what can be read of it.
type writtenSpec struct {
	Path           string `json:"path"`
	Size           string `json:"size"`
	Request        string `json:"request"`
	Limit          string `json:"limit"`
	SizeBytes      int64  `json:"size_bytes"`
	RequestBytes   int64  `json:"request_bytes"`
	LimitBytes     int64  `json:"limit_bytes"`
	Template       bool   `json:"template"`
	Schedule       string `json:"schedule"`
	ScheduleFields int    `json:"schedule_fields"`
	ScheduleValid  bool   `json:"schedule_valid"`
	DurationValid  bool   `json:"duration_valid"`
	FreeValid      bool   `json:"free_valid"`
	Threshold      int64  `json:"threshold"`
	MaxActions     int64  `json:"max_actions"`
	Reserved       int64  `json:"reserved"`
}

// The vocabulary of the marks by which a driver tells of a request.
const (
	markAdmission = "admission"
	outcomeReject = "reject"
	outcomeAccept = "accept"
)

// runFold is what the view needs of the events.
type runFold struct {
	certificate trace.Certificate
	origin      string
	leases      []leasePoint
	marks       []markPoint
	attempts    []attempt
	written     map[*cluster][]runBlock
}

func newRunFold(r *trace.Reader) *runFold {
	return &runFold{certificate: r.Certificate(), origin: r.Run().Origin, written: map[*cluster][]runBlock{}}
}

// observe folds one event, after the history has.
func (f *runFold) observe(h *history, c *trace.Change) {
	switch {
	case c.Type == trace.Mark:
		f.observeMark(c)
	case !c.Type.IsObject() || c.Object == nil:
	case c.Object.Resource.Resource == "leases" && strings.HasSuffix(c.Object.Name, leaseSuffix):
		f.observeLease(c)
	case c.Object.Resource.Resource == "clusters" && c.Type != trace.Deleted && c.Topics&topicSpec != 0:
		f.observeBlocks(h.clusterOf[c.Object], momentOf(c), c.State.At("spec"))
	}
}

func (f *runFold) observeLease(c *trace.Change) {
	p := leasePoint{momentOf(c), c.Object.Namespace + "/" + c.Object.Name, c.State.At("spec", "holderIdentity").String()}
	if c.Type == trace.Deleted {
		p.Holder = ""
	}
	for _, last := range slices.Backward(f.leases) {
		if last.Lease == p.Lease {
			if last.Holder == p.Holder {
				return
			}
			break
		}
	}
	f.leases = append(f.leases, p)
}

func (f *runFold) observeMark(c *trace.Change) {
	s := c.State
	phase := s.At("phase").String()
	if phase != markAdmission {
		f.marks = append(f.marks, markPoint{
			momentOf(c), phase, s.At("requirement").String(), s.At("spec").String(),
		})
		return
	}
	text := func(names ...string) string {
		for _, name := range names {
			if text := s.At(name).String(); text != "" {
				return text
			}
		}
		return ""
	}
	a := attempt{
		moment: momentOf(c), Operation: text("verb", "operation"), Object: text("name", "object"),
		Accepted: s.At("accepted").Bool() || strings.HasPrefix(s.At("outcome").String(), outcomeAccept),
		Error:    text("message", "error"), Blocks: []writtenSpec{},
	}
	if expected := text("expected", "expect"); strings.HasPrefix(expected, outcomeReject) {
		a.Expect = outcomeReject
	} else if strings.HasPrefix(expected, outcomeAccept) {
		a.Expect = outcomeAccept
	}
	if manifest := s.At("object"); manifest.At("spec").Len() > 0 {
		a.Object = cmp.Or(a.Object, manifest.At("metadata", "name").String())
		a.Blocks = writtenSpecs(manifest.At("spec"))
	}
	f.attempts = append(f.attempts, a)
}

// observeBlocks notes the storage blocks of a spec that differ from the version before.
func (f *runFold) observeBlocks(k *cluster, m moment, spec trace.State) {
	if k == nil {
		return
	}
	known := f.written[k]
	for _, w := range writtenSpecs(spec) {
		before := -1
		for i := range known {
			if known[i].Path == w.Path {
				before = i
			}
		}
		if before < 0 || known[before].writtenSpec != w {
			known = append(known, runBlock{
				moment: m, Cluster: k.label, Before: before, Known: before >= 0 || k.born, writtenSpec: w,
			})
		}
	}
	f.written[k] = known
}

// writtenSpecs reads the storage blocks of a Cluster's spec. A tablespace's path
// is the one that the API server's messages name.
func writtenSpecs(spec trace.State) []writtenSpec {
	out := []writtenSpec{}
	if b := spec.At("storage"); b.Exists() {
		out = append(out, readWritten("spec.storage", b))
	}
	if b := spec.At("walStorage"); b.Exists() {
		out = append(out, readWritten("spec.walStorage", b))
	}
	for i, t := range spec.At("tablespaces").Each() {
		out = append(out, readWritten("spec.tablespaces["+i+"]", t.At("storage")))
	}
	return out
}

func readWritten(path string, s trace.State) writtenSpec {
	grow, window := s.At("emergencyGrow"), s.At("maintenanceWindow")
	schedule, free := window.At("schedule").String(), textOf(grow.At("criticalMinimumFree"))
	_, _, scheduled := windowSpec{schedule: schedule}.parse()
	duration, err := time.ParseDuration(window.At("duration").String())
	w := writtenSpec{
		Path: path, Size: textOf(s.At("size")), Request: textOf(s.At("request")), Limit: textOf(s.At("limit")),
		Template: textOf(s.At("pvcTemplate", "resources", "requests", "storage")) != "",
		Schedule: schedule, ScheduleFields: len(strings.Fields(schedule)), ScheduleValid: scheduled,
		DurationValid: window.At("duration").String() == "" || err == nil && duration > 0,
		FreeValid:     free == "" || quantityOr(free, -1) >= 0,
		Threshold:     intOr(grow.At("criticalThreshold"), 95),
		MaxActions:    intOr(grow.At("maxActionsPerDay"), 4),
		Reserved:      intOr(grow.At("reservedActionsForEmergency"), 1),
	}
	w.SizeBytes = quantityOr(w.Size, -1)
	w.RequestBytes, w.LimitBytes = quantityOr(w.Request, -1), quantityOr(w.Limit, -1)
	return w
}

// runDocuments makes the one document of a trace.
func runDocuments(h *history) ([]Document, error) {
	d := runDocument{
		Origin: h.run.origin, UntilSeq: h.end.Seq, UntilNS: h.end.NS,
		Builds: []runBuild{}, Leases: append([]leasePoint{}, h.run.leases...),
		Marks: append([]markPoint{}, h.run.marks...), Streams: []runStream{}, Gaps: []gap{},
		Attempts: append([]attempt{}, h.run.attempts...), Blocks: []runBlock{},
	}
	for _, k := range h.clusters {
		d.Builds = append(d.Builds, h.outlineOf(k).builds...)
		first := len(d.Blocks)
		for _, b := range h.run.written[k] {
			if b.Before >= 0 {
				b.Before += first
			}
			d.Blocks = append(d.Blocks, b)
		}
	}
	slices.SortStableFunc(d.Builds, func(a, b runBuild) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, s := range h.run.certificate.Streams {
		d.Streams = append(d.Streams, runStream{s.Resource.String(), s.Namespace, s.Proof, s.Reason, s.Gaps})
	}
	for _, g := range h.gaps {
		if g.LastSeq == 0 { // the recording ended inside
			g.NotAfter, g.LastSeq = time.Duration(h.end.NS), h.end.Seq
		}
		d.Gaps = append(d.Gaps, gap{
			Resource: g.Resource.Resource, FromNS: int64(g.NotBefore), UntilNS: int64(g.NotAfter),
			FirstSeq: g.FirstSeq, LastSeq: g.LastSeq,
		})
	}
	out, err := document("run", "run", d)
	return []Document{out}, err
}
