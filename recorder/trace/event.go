package trace

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Type says what an event is. Objects have the first four; everything else a
// run tells us (marks, gaps, sentinel results …) has a type of its own.
type Type string

// The event types. A reader meets types that it does not
// know with equanimity: they are carried through, never dropped.
const (
	Added    Type = "added"
	Modified Type = "modified"
	Deleted  Type = "deleted"

	// Bookmark is the API server's word that nothing of a resource is missing
	// up to its resourceVersion. Data is the bookmark object.
	Bookmark Type = "bookmark"

	// Gap is written twice, around everything that a relist implies: Data is a
	// GapRecord with side "begin" and side "end".
	Gap Type = "gap"

	// Stream says that a watch was opened, broken or denied: Data is a StreamRecord.
	Stream Type = "stream"

	// Mark is the driver or the suite talking: Data is what it said.
	Mark Type = "mark"
)

// IsObject reports whether events of this type carry a state of an object.
func (t Type) IsObject() bool { return t == Added || t == Modified || t == Deleted }

// Source says who observed an event.
type Source string

// The sources.
const (
	SourceWatch    Source = "watch"
	SourceMark     Source = "mark"
	SourceSentinel Source = "sentinel"
	SourceUsage    Source = "usage"
	SourceLog      Source = "log"
	SourceRecorder Source = "recorder"
)

// Resource names a kind of object the way the API server does. Group is empty
// for the core group; Resource is the plural in lower case.
type Resource struct {
	Group    string `json:"group"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
	Kind     string `json:"kind"`
}

// String renders "persistentvolumeclaims" or "clusters.postgresql.cnpg.io".
func (r Resource) String() string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}

// APIVersion renders "v1" or "postgresql.cnpg.io/v1".
func (r Resource) APIVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// IsZero reports whether no resource is named, as in a mark.
func (r Resource) IsZero() bool { return r == Resource{} }

// Object is one life of one object: a delete followed by a create under the
// same name is two objects, told apart by UID. It is comparable.
type Object struct {
	Resource
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	UID       string `json:"uid,omitempty"`
}

// String renders "pods/ds-e2e/pg-1", or "nodes/n1" for what has no namespace.
func (o Object) String() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{o.Resource.String(), o.Namespace, o.Name} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}

// Event is one line of the history, whatever its source.
//
// Time is the monotonic clock of the recorder in nanoseconds since the start of
// the trace; it never decreases with Seq. What is recorded happened in the
// interval (NotBefore, Time]: for an event of a live watch both are equal but
// for the latency of the stream, after a broken watch or in a relist NotBefore
// is the last moment at which the stream was known to be current. A NotBefore
// of zero in Append means "equal to Time".
//
// resourceVersions order the events of one resource; across resources only
// these times do.
type Event struct {
	Seq       uint64        // 1 for the first event of a trace; assigned by Append
	Time      time.Duration // since Run.Start, monotonic
	NotBefore time.Duration // since Run.Start, ≤ Time
	Wall      time.Time     // UTC wall clock at receipt, nanoseconds
	Source    Source
	Type      Type

	// Object is zero for events that are about no object; for bookmarks, gaps
	// and streams only its Resource and, where the watch is namespaced, its
	// Namespace are set.
	Object          Object
	ResourceVersion string // of Data; derived from it
	Generation      int64  // of Data; derived from it, 0 when absent

	// Inferred is true for what a relist implies but nobody observed.
	Inferred bool

	// Data is the object as the API server sent it, or the event's own payload:
	// always one JSON value. Append takes any JSON text; a reader returns it in
	// canonical form (keys sorted, no white space, numbers as they were written).
	Data json.RawMessage
}

// GapRecord is the Data of a Gap event: between FromRV and ToRV of one resource
// the recorder did not see what happened.
type GapRecord struct {
	ID     int    `json:"id"`   // pairs begin and end
	Side   string `json:"side"` // GapBegin or GapEnd
	FromRV string `json:"from_rv"`
	ToRV   string `json:"to_rv"`
	Reason string `json:"reason"`
}

// The sides of a gap.
const (
	GapBegin = "begin"
	GapEnd   = "end"
)

// The states of a stream: listed once, then watching; broken when the watch
// ended, reopened when it goes on from the last version without a loss; denied
// by RBAC or discovery; ended by us.
const (
	StreamListed   = "listed"
	StreamWatching = "watching"
	StreamBroken   = "broken"
	StreamReopened = "reopened"
	StreamDenied   = "denied"
	StreamEnded    = "ended"
)

// StreamRecord is the Data of a Stream event.
type StreamRecord struct {
	State  string `json:"state"`            // one of the Stream constants
	RV     string `json:"rv,omitempty"`     // the resourceVersion it starts from or reached
	Reason string `json:"reason,omitempty"` // why it broke or was denied
	Items  int    `json:"items,omitempty"`  // objects in a list
	Final  bool   `json:"final,omitempty"`  // the list at the end that proves completeness
	Outage int64  `json:"outage,omitempty"` // ns without a stream before it was opened again
}

// Where a trace comes from.
const (
	OriginAttach = "attach"
	OriginImport = "import"
)

// Run says what was recorded, by whom and when. It is written once, at the
// start, and completed at the end.
type Run struct {
	ID         string    `json:"id"`
	Origin     string    `json:"origin"`             // OriginAttach or OriginImport
	Start      time.Time `json:"start"`              // UTC; Event.Time counts from here
	Tool       string    `json:"tool"`               // program and version that wrote the file
	Namespaces []string  `json:"namespaces"`         // empty: all, or those that Selector matches
	Selector   string    `json:"selector,omitempty"` // of the labels of namespaces
	Server     string    `json:"server,omitempty"`   // version of the API server
	Command    []string  `json:"command,omitempty"`
	ExitCode   *int      `json:"exit_code,omitempty"` // of Command
	Input      string    `json:"input,omitempty"`     // what was imported

	// Redactions are the rules by which values were taken out before they were
	// recorded.
	Redactions []Redaction `json:"redactions,omitempty"`

	// Amendments say what was added to a copy of a sealed trace, see Amend.
	Amendments []Amendment `json:"amendments,omitempty"`
}

// Amendment is what was added to a copy of a sealed trace.
type Amendment struct {
	Of    string `json:"of"`    // digest of the trace that was copied
	Added string `json:"added"` // what, in words
	Tool  string `json:"tool"`  // program and version that did it
}

// Redaction is a rule of package redact, and what it did.
type Redaction struct {
	Rule   string `json:"rule"`
	Values uint64 `json:"values"` // that it took out; 0 in a collected run that has not ended
}

// Certificate is the proof of what was seen. The Writer keeps the counters, so
// that they always agree with the history; the recorder adds what only it knows
// (denials, coalesced heartbeats, the final list).
type Certificate struct {
	Sealed   bool         `json:"sealed"`        // the recording was ended in order
	End      string       `json:"end,omitempty"` // why it ended
	Events   uint64       `json:"events"`
	Duration int64        `json:"duration_ns"` // Time of the last event or of the seal
	Streams  []StreamCert `json:"streams"`     // sorted by resource, then namespace
	Gaps     []GapCert    `json:"gaps"`
	Rejected []Rejection  `json:"rejected"` // input that could not be used; the first thousand

	RejectedTotal uint64 `json:"rejected_total"`
}

// StreamCert certifies one watched resource.
type StreamCert struct {
	Resource
	Namespace  string `json:"namespace,omitempty"` // empty: the whole cluster
	Proof      string `json:"proof"`               // see the Proof constants
	Reason     string `json:"reason,omitempty"`    // why it is denied, broken or incomplete
	FirstRV    string `json:"first_rv,omitempty"`
	LastRV     string `json:"last_rv,omitempty"`
	Added      uint64 `json:"added"`
	Modified   uint64 `json:"modified"`
	Deleted    uint64 `json:"deleted"`
	Inferred   uint64 `json:"inferred"` // of the three above
	Bookmarks  uint64 `json:"bookmarks"`
	Duplicates uint64 `json:"duplicates"`   // received again and not recorded twice
	OutOfOrder uint64 `json:"out_of_order"` // versions that came after a newer one of their object
	Coalesced  uint64 `json:"coalesced"`    // heartbeats left out by rule
	Reopened   uint64 `json:"reopened"`     // times the watch was opened again
	Gaps       uint64 `json:"gaps"`
	LagMax     int64  `json:"lag_max_ns"` // greatest delay from receipt to durable

	// LagP50 and LagP99 are quantiles of that delay since the recorder was last
	// started, in nanoseconds, at most 10 % too great.
	LagP50 int64 `json:"lag_p50_ns,omitempty"`
	LagP99 int64 `json:"lag_p99_ns,omitempty"`
}

// Conclude sets what the end of the stream proves; a declared gap leaves less
// than a complete one.
func (s *StreamCert) Conclude(proof, reason string) {
	if s.Gaps > 0 && (proof == ProofComplete || proof == ProofOpen) {
		proof = ProofGaps
	}
	s.Proof, s.Reason = proof, reason
}

// What a StreamCert can prove.
const (
	ProofComplete = "complete" // every version, confirmed by the final list
	ProofOpen     = "open"     // no loss known, but the end was not confirmed
	ProofGaps     = "gaps"     // every loss is inside a declared gap
	ProofMismatch = "mismatch" // the final list contradicts the recording
	ProofDenied   = "denied"   // not recorded: RBAC or discovery refused it
	ProofImported = "imported" // as complete as the log it came from
)

// GapCert is one declared gap: the loss lies in (NotBefore, NotAfter].
type GapCert struct {
	ID int `json:"id"`
	Resource
	Namespace string        `json:"namespace,omitempty"`
	FromRV    string        `json:"from_rv"`
	ToRV      string        `json:"to_rv"`
	NotBefore time.Duration `json:"not_before_ns"`
	NotAfter  time.Duration `json:"not_after_ns"`
	FirstSeq  uint64        `json:"first_seq"` // seq of its two Gap events
	LastSeq   uint64        `json:"last_seq"`
	Reason    string        `json:"reason"`
}

// Rejection is input that could not become an event.
type Rejection struct {
	Line   int    `json:"line,omitempty"`
	Reason string `json:"reason"`
}

// ErrFormat is wrapped by every error about a file that is not a trace, is
// damaged, or is of a version that this program cannot read.
var ErrFormat = fmt.Errorf("not a readable trace")
