package verdict

import (
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// SchemaVersion is the version of the JSON form of Run. Keys are only added
// within a version; verifier/report/schema.json describes them.
const SchemaVersion = "1"

// Run is the judgement of some traces by one set of policies. The package
// report writes it as JSON, with [] and never null for an empty list.
type Run struct {
	SchemaVersion string      `json:"schema_version"`
	Verdict       Level       `json:"verdict"`
	ExitCode      int         `json:"exit_code"`
	Policies      PolicySet   `json:"policies"`
	Allowances    []Allowance `json:"allowances"`
	Waivers       []Waiver    `json:"waivers"`
	WaiversAsOf   string      `json:"waivers_as_of,omitempty"` // the day on which they were read, 2006-01-02
	Traces        []Trace     `json:"traces"`
}

// PolicySet says which policies judged, so that a verdict can be repeated.
type PolicySet struct {
	Digest  string `json:"digest"` // of the policies and the parameters in force: "sha256:…"
	Count   int    `json:"count"`
	CIClass string `json:"ci_class"`
}

// Allowance lets one policy with one verdict (vacuous or inconclusive) pass the
// gate, without changing the verdict.
type Allowance struct {
	Verdict Level  `json:"verdict"`
	Policy  string `json:"policy"`
	Used    bool   `json:"used"` // some trace needed it
}

// Trace is the judgement of one file.
type Trace struct {
	File        string             `json:"file"` // as it was named on the command line
	Digest      string             `json:"digest"`
	Verdict     Level              `json:"verdict"`
	Error       string             `json:"error,omitempty"`       // why it could not be judged
	Run         *trace.Run         `json:"run,omitzero"`          // what was recorded, by whom and when
	Certificate *trace.Certificate `json:"certificate"`           // null when the file could not be read
	Assumptions []Assumption       `json:"assumptions"`           // what the certificate does not prove
	Policies    []Policy           `json:"policies"`              // sorted by id
	Diagnoses   []Diagnosis        `json:"diagnoses"`             // in order of begin; they change no verdict
	Undiagnosed []Failure          `json:"undiagnosed,omitempty"` // diagnoses that failed
	Story       *Story             `json:"story,omitempty"`       // what happened, whatever the policies say of it
}

// Assumption is something that the certificate cannot prove and that whoever
// reads the verdicts must therefore believe, or not.
type Assumption struct {
	Code    string `json:"code"` // see the package verifier for the codes
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
}

// Policy is the judgement of one policy over one trace.
type Policy struct {
	ID           string `json:"id"`
	Verdict      Level  `json:"verdict"`
	Reached      int    `json:"reached"`                 // documents of its view
	Exercised    int    `json:"exercised"`               // rows of its rule exercised
	Disrupted    int    `json:"exercised_in_disruption"` // those during a disruption
	ExercisedBy  int    `json:"exercised_by"`            // entities that met what it demands
	Allowed      bool   `json:"allowed,omitzero"`
	Title        string `json:"title"`
	Promise      string `json:"promise"`
	Requirement  string `json:"requirement,omitempty"`
	Severity     string `json:"severity,omitempty"`
	View         string `json:"view"`
	Demand       Demand `json:"demand"`                 // when it has to be exercised
	Demanded     bool   `json:"demanded"`               // it had to be, by this trace
	ExercisedMin int    `json:"exercised_min"`          // rows that an entity needs
	ExercisedIn  string `json:"exercised_in,omitempty"` // where they must lie
	File         string `json:"file"`                   // relative to the root of the policies
	Line         int    `json:"line"`

	Findings []Finding `json:"findings"`
	Unknowns []Unknown `json:"unknowns"`
	Errors   []Failure `json:"errors"`
	Entities []Entity  `json:"entities"` // sorted by name
}

// Entity is the judgement of one policy over one entity.
type Entity struct {
	Entity    string `json:"entity"`
	Verdict   Level  `json:"verdict"`
	Reached   int    `json:"reached"`                 // documents of the view about it
	Exercised int    `json:"exercised"`               // rows of the policy's rule exercised
	Disrupted int    `json:"exercised_in_disruption"` // those during a disruption
	Waived    string `json:"waived,omitempty"`        // by whom, until when and why; vacuous entities only
}

// InDisruption is the value of exercised_in, and of the field in of a row of
// exercised: the exercise took place while a disruption was going on.
const InDisruption = "disruption"

// Meets reports whether the entity put the policy to the test as often, and
// where, as the policy demands.
func (p *Policy) Meets(e Entity) bool {
	rows := e.Exercised
	if p.ExercisedIn == InDisruption {
		rows = e.Disrupted
	}
	return rows >= p.ExercisedMin
}

// Unit is what a number counts, so that reports can write it for people.
type Unit string

// The units.
const (
	Nanoseconds Unit = "ns"
	Bytes       Unit = "bytes"
)

// Units returns all of them.
func Units() []Unit { return []Unit{Nanoseconds, Bytes} }

// Demand says when a policy must be exercised for a trace to pass.
type Demand string

// The demands.
const (
	DemandAlways   Demand = "always"   // by every trace
	DemandDeclared Demand = "declared" // by a trace that claims to: a mark, a spec, or the command line
)

// Demands returns all of them.
func Demands() []string { return []string{string(DemandAlways), string(DemandDeclared)} }

// Blame is evidence for who made a finding happen. It never turns it green.
// From and Until, ns since the start of the trace, are the time that was lost to
// it; both are 0 where no time is.
type Blame struct {
	Policy  string         `json:"policy"` // that says so
	Class   Class          `json:"class"`
	Reason  string         `json:"reason"`
	Message string         `json:"message"`     // the policy's sentence for the reason
	NS      int64          `json:"ns,omitzero"` // of the time in question
	From    int64          `json:"from_ns"`
	Until   int64          `json:"until_ns"`
	Seq     []uint64       `json:"seq"`
	Detail  map[string]any `json:"detail,omitempty"` // further fields of the row
}

// Unknown is one reason why an entity is inconclusive.
type Unknown struct {
	Reason  string         `json:"reason"`
	Code    string         `json:"code,omitempty"` // of the violation that may be there
	Message string         `json:"message"`
	Entity  string         `json:"entity,omitempty"` // empty: the whole trace
	Seq     []uint64       `json:"seq"`
	Detail  map[string]any `json:"detail,omitempty"`
	Waived  string         `json:"waived,omitempty"` // by whom, until when and why
	Blame   []Blame        `json:"blame,omitempty"`
	Took    *Breakdown     `json:"took,omitempty"`
}

// Failure is one evaluation that did not end with a judgement.
type Failure struct {
	Entity string `json:"entity"`
	Text   string `json:"text"`
}

// Event is one event of the trace as evidence: what a reader needs to find it
// again, and what it changed in a few words.
type Event struct {
	Seq      uint64        `json:"seq"`
	Time     time.Duration `json:"t_ns"` // since the start of the trace
	Wall     time.Time     `json:"wall"`
	Type     trace.Type    `json:"type"`
	Object   string        `json:"object,omitempty"`
	Inferred bool          `json:"inferred,omitzero"`
	Context  bool          `json:"context,omitzero"` // not named by the policy; the slice needs it
	Changes  []string      `json:"changes"`
}
