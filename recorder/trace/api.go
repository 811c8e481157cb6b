package trace

import (
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// STUBS of the public API while the format is being written (see event.go for
// the types). Signatures are meant to stay.

var errTODO = errors.New("trace: not implemented yet")

// ---- writing

// Writer appends to one trace file. It is not safe for concurrent use.
type Writer struct{}

// Create makes a new trace; it refuses a path that exists.
func Create(path string, run Run) (*Writer, error) { return nil, errTODO }

// Resume opens an unsealed trace (its recorder was killed) to append to it.
func Resume(path string) (*Writer, error) { return nil, errTODO }

// Append writes the events in one durable transaction (fsync), together with
// the position of the bus up to which they were consumed (nil: none). Events
// with a (gvr, uid, resourceVersion) that is in the trace already are counted
// as duplicates and left out. It returns the number written.
func (w *Writer) Append(position *Position, events ...Event) (int, error) { return 0, errTODO }

// Position is how far a bus has been consumed.
type Position struct {
	Stream string `json:"stream"`
	Seq    uint64 `json:"seq"`
}

// Position returns the last one written, zero when none was.
func (w *Writer) Position() Position { return Position{} }

// Run returns the run, SetRun replaces it (ID, Origin and Start stay).
func (w *Writer) Run() Run { return Run{} }

// SetRun replaces the run information.
func (w *Writer) SetRun(run Run) error { return errTODO }

// Certificate returns a copy of the certificate as it stands.
func (w *Writer) Certificate() Certificate { return Certificate{} }

// Certify lets the recorder amend what only it knows of one stream.
func (w *Writer) Certify(r Resource, namespace string, amend func(*StreamCert)) error { return errTODO }

// Reject notes input that could not be used.
func (w *Writer) Reject(r Rejection) error { return errTODO }

// Live calls visit for every object that exists at the end of the trace, with
// its last version: what a relist is compared with.
func (w *Writer) Live(visit func(o Object, resourceVersion string, data json.RawMessage) error) error {
	return errTODO
}

// Seal ends the trace in order: certificate, digest, compaction. The file is
// then read-only for ever.
func (w *Writer) Seal(end string) (Certificate, error) { return Certificate{}, errTODO }

// Close leaves the file readable and resumable without sealing it.
func (w *Writer) Close() error { return errTODO }

// ---- reading

// Reader reads a trace file, also one that is being written: then it sees a
// consistent snapshot. It is safe for concurrent use.
type Reader struct{}

// Open opens a trace for reading.
func Open(path string) (*Reader, error) { return nil, errTODO }

// Close releases the file.
func (r *Reader) Close() error { return errTODO }

// Run returns what was recorded, by whom and when.
func (r *Reader) Run() Run { return Run{} }

// Certificate returns the proof of what was seen.
func (r *Reader) Certificate() Certificate { return Certificate{} }

// Digest identifies the content: "sha256:…".
func (r *Reader) Digest() (string, error) { return "", errTODO }

// Events yields every event from seq from (0 or 1: all) in order, with Data.
func (r *Reader) Events(from uint64) iter.Seq2[Event, error] { return nil }

// SeqAt returns the seq of the last event at or before t, 0 when there is none.
func (r *Reader) SeqAt(t time.Duration) (uint64, error) { return 0, errTODO }

// StateAt yields the objects that exist after event seq and that match.
// A nil match means all. Order: resource, namespace, name, uid.
func (r *Reader) StateAt(seq uint64, match func(Object) bool) ([]Version, error) { return nil, errTODO }

// Version is one recorded state of one object.
type Version struct {
	Object
	Seq             uint64
	Time            time.Duration
	ResourceVersion string
	Generation      int64
	Data            json.RawMessage // canonical JSON
}

// History yields the events of the objects that match, in order, with Data.
func (r *Reader) History(match func(Object) bool) iter.Seq2[Event, error] { return nil }

// Objects returns every object the trace ever saw.
func (r *Reader) Objects() ([]Object, error) { return nil, errTODO }

// Verify reads everything and checks every checksum and the digest.
func (r *Reader) Verify() error { return errTODO }

// Selection says what Scan is to deliver. Blocks in which nothing selected
// changes are skipped without decoding.
type Selection struct {
	// Fields selects object events: added and deleted always, modified when a
	// selected field changed. Only selected fields can be read from State.
	Fields []Fields
	// Types selects events by type, whatever their source (Mark, Gap, …), with
	// their whole Data in State.
	Types []Type
}

// Fields are paths below the objects of one resource. A path is a sequence of
// keys and selects everything below it; "*" stands for any key or any index.
type Fields struct {
	Group    string
	Resource string
	Paths    [][]string
}

// Change is what Scan delivers. It is valid until visit returns.
type Change struct {
	Seq       uint64
	Time      time.Duration
	NotBefore time.Duration
	Wall      time.Time
	Source    Source
	Type      Type
	Object    *Object // same pointer for the same object throughout a scan
	Inferred  bool
	State     State // after the event; for deleted the last one
}

// Scan calls visit for every selected event in order.
func (r *Reader) Scan(sel Selection, visit func(*Change) error) error { return errTODO }

// State gives access to the fields of an object without building JSON. Array
// elements are addressed by their index in decimal.
type State struct{}

// At returns the part below path; it exists or not, see Exists.
func (s State) At(path ...string) State { return s }

// Exists reports whether there is anything here (null counts).
func (s State) Exists() bool { return false }

// String returns the string here, "" when it is none.
func (s State) String() string { return "" }

// Int returns the integer here.
func (s State) Int() (int64, bool) { return 0, false }

// Bool returns the boolean here, false when it is none.
func (s State) Bool() bool { return false }

// Len returns the number of keys or elements here.
func (s State) Len() int { return 0 }

// Each yields the keys (or indices in decimal) here, in canonical order, with the part below.
func (s State) Each() iter.Seq2[string, State] { return nil }

// Value decodes what is here as encoding/json does with UseNumber.
func (s State) Value() any { return nil }

// JSON returns what is here as canonical JSON.
func (s State) JSON() json.RawMessage { return nil }
