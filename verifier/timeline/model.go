package timeline

import "encoding/json"

// Timeline is what a page shows of one trace. Times are µs since its start.
type Timeline struct {
	File     string            `json:"file"`
	Digest   string            `json:"digest"`
	Run      string            `json:"run"`
	Start    string            `json:"start"` // UTC, RFC 3339 with nanoseconds
	Duration int64             `json:"duration"`
	Origin   string            `json:"origin"`
	Proof    map[string]int    `json:"proof"` // streams by what the certificate proves of them
	Total    uint64            `json:"total"` // events of the trace
	Objects  []Object          `json:"-"`     // in the page as columns
	Types    []string          `json:"types"` // of events
	Events   Events            `json:"events"`
	Groups   []Group           `json:"groups"`
	Verdict  string            `json:"verdict"`
	Error    string            `json:"error,omitempty"` // why the trace could not be judged
	Policies []Policy          `json:"policies"`
	Findings []Finding         `json:"findings"` // in order of their moments
	Causes   []Diagnosis       `json:"diagnoses"`
	LeftOut  []LeftOut         `json:"left_out"`
	details  []json.RawMessage // of the events that are kept; nil: left out
}

// Object is one life of one object, with the events that it has. An event that is
// about a resource as a whole (a gap, a bookmark) has an object without a name.
type Object struct {
	Resource  string
	Kind      string
	Namespace string
	Name      string
	UID       string // in the page with the details of its first event
	From      int64  // first event
	Ending    int64  // its deletion began; -1: it did not
	Until     int64  // it was gone; -1: it was there at the end
}

// objects are Objects as they stand in a page. Resource, kind and namespace are
// indices into Words.
type objects struct {
	Words     []string `json:"words"`
	Resource  []int    `json:"r"`
	Kind      []int    `json:"k"`
	Namespace []int    `json:"ns"`
	Name      []string `json:"n"`
	From      []int64  `json:"a"`
	Ending    []int64  `json:"e"`
	Until     []int64  `json:"b"`
}

func columnsOf(list []Object) objects {
	var out objects
	known := map[string]int{}
	word := func(w string) int {
		i, ok := known[w]
		if !ok {
			i = len(out.Words)
			known[w] = i
			out.Words = append(out.Words, w)
		}
		return i
	}
	for _, o := range list {
		out.Resource, out.Kind = append(out.Resource, word(o.Resource)), append(out.Kind, word(o.Kind))
		out.Namespace, out.Name = append(out.Namespace, word(o.Namespace)), append(out.Name, o.Name)
		out.From, out.Ending = append(out.From, o.From), append(out.Ending, o.Ending)
		out.Until = append(out.Until, o.Until)
	}
	return out
}

// Events are the events of a trace, a column for each property.
type Events struct {
	Seq    []int64 `json:"seq"`  // difference from the one before
	Time   []int64 `json:"t"`    // difference from the one before
	Object []int   `json:"o"`    // index into Objects, -1: none
	Type   []int   `json:"y"`    // index into Types
	Flags  []int   `json:"f"`    // sum of the flags below
	Lane   []int   `json:"l"`    // lane that it is drawn in, counted over all groups; -1: none
	Early  []int64 `json:"late"` // time less not-before, where they differ: pairs of index and difference
}

// The flags of an event.
const (
	flagInferred    = 1
	flagWarning     = 2
	flagBookkeeping = 4
	flagDetail      = 8  // its details are in the page
	flagEvidence    = 16 // of a violation
	flagDoubt       = 32 // of a doubt or a diagnosis
)

// The kinds of groups, in the order in which they stand.
const (
	kindRun     = "run"
	kindCluster = "cluster"
	kindInfra   = "infra"
)

// Group is some lanes under a heading.
type Group struct {
	Kind  string `json:"kind"` // run, cluster or infra
	Label string `json:"label"`
	Lanes []Lane `json:"lanes"`
	Bands []Span `json:"bands"` // drawn through all lanes: what was done to the cluster
}

// Lane is one row of the picture.
type Lane struct {
	Kind    string   `json:"kind"`
	Label   string   `json:"label"`
	Section string   `json:"section"` // under which lanes of a group stand together
	Objects []int    `json:"-"`       // whose events are drawn in it
	Spans   []Span   `json:"spans"`   // may overlap where the kind is one that stacks
	Series  []Series `json:"series,omitempty"`
	Stack   bool     `json:"stack,omitempty"`
}

// Span is a time in which something was so.
type Span struct {
	From  int64  `json:"a"`
	Until int64  `json:"b"`
	Open  bool   `json:"open,omitempty"` // the trace ends before it does
	State string `json:"s"`              // how it is drawn
	Text  string `json:"x"`
	Seq   uint64 `json:"e,omitempty"` // the event that begins it
}

// Series is a quantity over time. Points are pairs of time and value.
type Series struct {
	Name   string  `json:"name"` // request, capacity, limit, floor or usage
	Unit   string  `json:"unit"`
	Points []int64 `json:"points"`
}

// Policy is what one policy said of the trace.
type Policy struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Promise     string `json:"promise"`
	Verdict     string `json:"verdict"`
	Requirement string `json:"requirement,omitempty"`
	Severity    string `json:"severity,omitempty"`
	Exercised   int    `json:"exercised"`
	Counts      bool   `json:"counts"`
}

// Finding is a violation, or a doubt, at its moment.
type Finding struct {
	ID      string   `json:"id"`
	Level   string   `json:"level"` // violated or inconclusive
	Policy  string   `json:"policy"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Entity  string   `json:"entity"`
	Class   string   `json:"class,omitempty"`
	At      int64    `json:"at"` // of the last event of the evidence
	From    int64    `json:"a"`  // of the first, or of the time that it is about
	Seq     []uint64 `json:"seq"`
	Got     any      `json:"got,omitempty"`
	Want    any      `json:"want,omitempty"`
	Unit    string   `json:"unit,omitempty"`
	Detail  any      `json:"detail,omitempty"`
	Blame   []string `json:"blame,omitempty"`
	Remedy  string   `json:"remedy,omitempty"`
	Under   string   `json:"under,omitempty"`
	Waived  string   `json:"waived,omitempty"`
}

// Diagnosis is a cause, and when it was at work.
type Diagnosis struct {
	Policy   string   `json:"policy"`
	Title    string   `json:"title"`
	Entity   string   `json:"entity"`
	Class    string   `json:"class"`
	Message  string   `json:"message"`
	From     int64    `json:"a"`
	Until    int64    `json:"b"`
	Seq      []uint64 `json:"seq"`
	Detail   any      `json:"detail,omitempty"`
	Explains []string `json:"explains"`
}

// LeftOut says what a page does not have.
type LeftOut struct {
	What   string `json:"what"`
	Events int    `json:"events"` // that are not in the page at all
	Detail int    `json:"detail"` // that are in it without their details
}
