package ledger

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// judged is what is kept of a trace and its judgement: all that the ledger needs,
// so that a trace is read once for each set of policies.
type judged struct {
	Digest      string        `json:"digest"`
	Verdict     verdict.Level `json:"verdict"`
	Start       time.Time     `json:"start"`
	Duration    time.Duration `json:"duration_ns"`
	Command     string        `json:"command,omitempty"`
	Branch      string        `json:"branch,omitempty"`
	Commit      string        `json:"commit,omitempty"`
	Environment Environment   `json:"environment"`
	Specs       []window      `json:"specs"`
	Clusters    []cluster     `json:"clusters"`
	Policies    []promised    `json:"policies"`
	Diagnoses   []Cause       `json:"diagnoses"`
}

// window is a spec, or a scenario of a driver, and when it was going on.
type window struct {
	Title    string        `json:"title"`
	Topology string        `json:"topology,omitempty"` // where the driver says it
	Process  int64         `json:"process"`
	Outcome  string        `json:"outcome"` // empty: nobody said how it ended
	Attempts int           `json:"attempts"`
	Retried  bool          `json:"retried"` // an attempt failed and another one followed
	Failure  string        `json:"failure,omitempty"`
	Location string        `json:"location,omitempty"`
	Begin    time.Duration `json:"begin_ns"`
	End      time.Duration `json:"end_ns"`
	Ended    bool          `json:"ended"`
}

// cluster is when a Cluster was there, and how many instances it wanted at first.
type cluster struct {
	Name      string        `json:"name"` // namespace/name
	Instances int64         `json:"instances"`
	From      time.Duration `json:"from_ns"`
	Until     time.Duration `json:"until_ns"`

	object *trace.Object
}

// promised is what one policy found in a trace.
type promised struct {
	Policy   string        `json:"policy"`
	Title    string        `json:"title"`
	Verdict  verdict.Level `json:"verdict"`
	Counts   bool          `json:"counts"`   // in the verdict of the trace
	Demanded bool          `json:"demanded"` // by what the trace says of itself
	Doubted  bool          `json:"doubted"`  // something is not known of the trace as a whole
	Entities []entity      `json:"entities"`
	Findings []Cause       `json:"findings"`
}

type entity struct {
	Name    string        `json:"name"`
	Verdict verdict.Level `json:"verdict"`
}

// The members of marks that are read here; the package recorder/marks has them all.
const (
	phaseRun      = "run-start"
	phaseSpec     = "spec"
	phaseScenario = "scenario"
	sideBegin     = "begin"
	sideRetry     = "retry"
	sideEnd       = "end"
)

// extract reads from a trace what no judgement has: specs, clusters and where it
// took place.
func extract(path string, t verdict.Trace) (out judged, err error) {
	r, err := trace.Open(path)
	if err != nil {
		return judged{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	run, end := r.Run(), time.Duration(r.Certificate().Duration)
	out = judged{
		Digest: t.Digest, Verdict: t.Verdict, Start: run.Start, Duration: end, Command: strings.Join(run.Command, " "),
		Environment: Environment{}, Specs: []window{}, Clusters: []cluster{}, Policies: []promised{}, Diagnoses: []Cause{},
	}
	out.Environment.set("kubernetes", run.Server)
	x := extraction{judged: &out, end: end, classes: map[string]string{}}
	if err := r.Scan(selection(), x.observe); err != nil {
		return judged{}, err
	}
	x.finish()
	for i := range t.Policies {
		out.Policies = append(out.Policies, promisedOf(&t.Policies[i]))
	}
	for _, d := range t.Diagnoses {
		out.Diagnoses = append(out.Diagnoses, Cause{
			By: d.Policy, Class: d.Class, Reason: d.Reason, Text: d.Message, Entity: d.Entity,
			From: d.From, Until: d.Until, Seq: d.Seq,
		})
	}
	return out, nil
}

func selection() trace.Selection {
	return trace.Selection{
		Types: []trace.Type{trace.Mark},
		Fields: []trace.Fields{
			{Group: "postgresql.cnpg.io", Resource: "clusters", Paths: [][]string{
				{"spec", "instances"}, {"status", "cloudNativePGCommitHash"}, {"status", "cloudNativePGOperatorHash"},
			}},
			{Resource: "nodes", Paths: [][]string{{"spec", "providerID"}, {"status", "nodeInfo", "kubeletVersion"}}},
			{Resource: "persistentvolumeclaims", Paths: [][]string{{"spec", "storageClassName"}}},
			{Group: "storage.k8s.io", Resource: "storageclasses", Paths: [][]string{{"provisioner"}}},
		},
	}
}

// extraction folds the events of a trace.
type extraction struct {
	*judged
	end     time.Duration
	classes map[string]string // storage class → provisioner
	used    []string          // storage classes of claims
}

func (x *extraction) observe(c *trace.Change) error {
	switch {
	case c.Type == trace.Mark:
		x.mark(c)
	case c.Object == nil:
	case c.Object.Resource.Resource == "clusters":
		x.cluster(c)
	case c.Object.Resource.Resource == "nodes":
		provider, _, _ := strings.Cut(c.State.At("spec", "providerID").String(), ":")
		x.Environment.set("provider", provider)
		x.Environment.set("kubernetes", c.State.At("status", "nodeInfo", "kubeletVersion").String())
	case c.Object.Resource.Resource == "storageclasses":
		x.classes[c.Object.Name] = c.State.At("provisioner").String()
	default:
		if class := c.State.At("spec", "storageClassName").String(); class != "" && !slices.Contains(x.used, class) {
			x.used = append(x.used, class)
		}
	}
	return nil
}

// set notes a fact; the first one stays.
func (e Environment) set(key, value string) {
	if value != "" && e[key] == "" {
		e[key] = value
	}
}

func (x *extraction) cluster(c *trace.Change) {
	i := slices.IndexFunc(x.Clusters, func(k cluster) bool { return k.object == c.Object })
	if i < 0 {
		instances, _ := c.State.At("spec", "instances").Int()
		i, x.Clusters = len(x.Clusters), append(x.Clusters, cluster{
			Name: c.Object.Namespace + "/" + c.Object.Name, Instances: instances, From: c.NotBefore, Until: x.end,
			object: c.Object,
		})
	}
	if c.Type == trace.Deleted {
		x.Clusters[i].Until = c.Time
	}
	x.Environment.set("operator", cmp.Or(c.State.At("status", "cloudNativePGCommitHash").String(),
		c.State.At("status", "cloudNativePGOperatorHash").String()))
}

// mark folds what a suite or a driver says.
func (x *extraction) mark(c *trace.Change) {
	s := c.State
	switch s.At("phase").String() {
	case phaseRun:
		x.runStart(s)
	case phaseScenario:
		x.window(c, s.At("scenario").String())
	case phaseSpec:
		if !s.At("node").Exists() {
			x.window(c, s.At("spec").String())
		}
	}
}

// runStart reads what a run says of itself when it begins.
func (x *extraction) runStart(s trace.State) {
	for _, fact := range []struct {
		into *string
		name string
	}{{&x.Branch, "branch"}, {&x.Commit, "commit"}, {&x.Command, "command"}} {
		if text := s.At(fact.name).String(); text != "" {
			*fact.into = text
		}
	}
	for key, value := range s.At("environment").Each() {
		if text := value.String(); text != "" {
			x.Environment[key] = text
		}
	}
}

func (x *extraction) window(c *trace.Change, title string) {
	s, side := c.State, c.State.At("side").String()
	process, _ := s.At("process").Int()
	attempt, _ := s.At("attempt").Int()
	if title == "" {
		return
	}
	i := slices.IndexFunc(x.Specs, func(w window) bool { return w.Title == title && w.Process == process && !w.Ended })
	if i < 0 {
		i, x.Specs = len(x.Specs), append(x.Specs, window{
			Title: title, Process: process, Topology: s.At("topology").String(), Begin: c.NotBefore, End: x.end,
		})
	}
	w := &x.Specs[i]
	w.Attempts = max(w.Attempts, int(attempt))
	switch side {
	case sideRetry:
		w.Retried = w.Retried || s.At("failure").Exists()
	case sideEnd:
		w.End, w.Ended = max(c.NotBefore, w.Begin), true
		w.Outcome, w.Failure = s.At("outcome").String(), s.At("failure").String()
		w.Location = s.At("location").String()
	}
}

// finish names the storage class that the claims used.
func (x *extraction) finish() {
	slices.Sort(x.used)
	x.Environment.set("storage_class", strings.Join(x.used, "+"))
	var provisioners []string
	for _, class := range x.used {
		if p := x.classes[class]; p != "" && !slices.Contains(provisioners, p) {
			provisioners = append(provisioners, p)
		}
	}
	x.Environment.set("provisioner", strings.Join(provisioners, "+"))
	maps.DeleteFunc(x.Environment, func(_, value string) bool { return value == "" })
	slices.SortStableFunc(x.Specs, func(a, b window) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.Title, b.Title))
	})
}

func promisedOf(p *verdict.Policy) promised {
	out := promised{
		Policy: p.ID, Title: p.Title, Verdict: p.Verdict, Counts: p.Counts(), Demanded: p.Demanded,
		Entities: []entity{}, Findings: []Cause{},
	}
	ofAll := func(u verdict.Unknown) bool { return u.Entity == "" }
	out.Doubted = len(p.Errors) > 0 || slices.ContainsFunc(p.Unknowns, ofAll)
	for _, e := range p.Entities {
		out.Entities = append(out.Entities, entity{e.Entity, e.Verdict})
	}
	for _, f := range p.Findings {
		c := Cause{By: p.ID, Class: f.Class, Reason: f.Code, Text: f.Message, Entity: f.Entity, Seq: f.Seq}
		c.From, c.Until = timeOf(f)
		out.Findings = append(out.Findings, c)
	}
	return out
}

// timeOf returns which time a finding is about: the one that it names, or that of
// its events.
func timeOf(f verdict.Finding) (from, until int64) {
	from, first := f.Detail["from_ns"].(int64)
	until, last := f.Detail["until_ns"].(int64)
	if first && last {
		return from, until
	}
	for i, e := range f.Events {
		at := int64(e.Time)
		if i == 0 || at < from {
			from = at
		}
		until = max(until, at)
	}
	return from, until
}
