package mutation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// event is one event of a recording with its Data decoded. Objects are shared
// between the mutants of a recording: whoever changes one clones it first.
type event struct {
	trace.Event
	data    map[string]any
	changed bool // data is no longer what Data says
}

// is reports whether the event is a version of an object of a kind. The events of
// a sentinel name a Cluster and are none.
func (e event) is(kind string) bool { return e.Type.IsObject() && e.Object.Kind == kind }

// recording is the history that trace mutants are made of.
type recording struct {
	name    string
	run     trace.Run
	events  []event
	resumed []int // indices of the first progress of expansions after each disruption
}

// readRecording reads a whole trace into memory; mutants are made of small ones.
func readRecording(path string) (_ *recording, err error) {
	r, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	out := &recording{name: name, run: r.Run()}
	for e, err := range r.Events(0) {
		if err != nil {
			return nil, err
		}
		next := event{Event: e}
		d := json.NewDecoder(bytes.NewReader(e.Data))
		d.UseNumber()
		if err := d.Decode(&next.data); err != nil {
			next.data = nil // the Data of some events is no object; nothing here changes them
		}
		out.events = append(out.events, next)
	}
	out.resumed, err = resumptions(r)
	return out, err
}

// resumptions finds where expansions moved on after a disruption.
func resumptions(r *trace.Reader) ([]int, error) {
	documents, err := views.Project(r, []string{"operation"})
	if err != nil {
		return nil, err
	}
	var out []int
	for _, d := range documents {
		var operation struct {
			Disruptions []struct {
				Ended bool                 `json:"ended"`
				End   struct{ Seq uint64 } `json:"end"`
			} `json:"disruptions"`
			Progress []struct{ Seq uint64 } `json:"progress"`
		}
		text, err := json.Marshal(d.Value())
		if err == nil {
			err = json.Unmarshal(text, &operation)
		}
		if err != nil {
			return nil, err
		}
		for _, disruption := range operation.Disruptions {
			for _, fact := range operation.Progress {
				if disruption.Ended && fact.Seq > disruption.End.Seq {
					out = append(out, int(fact.Seq)-1) // events are numbered from 1 without holes
					break
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// write makes a trace of a changed history.
func (r *recording) write(path string, events []event) (err error) {
	w, err := trace.Create(path, r.run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	list := make([]trace.Event, len(events))
	for i, e := range events {
		if list[i] = e.Event; !e.changed {
			continue
		}
		if list[i].Data, err = json.Marshal(e.data); err != nil {
			return err
		}
	}
	if _, err := w.Append(nil, list...); err != nil {
		return fmt.Errorf("write a changed recording: %w", err)
	}
	_, err = w.Seal("changed on purpose")
	return err
}

// tape is a copy of the history that one mutant changes.
type tape struct{ events []event }

func (r *recording) tape() *tape { return &tape{slices.Clone(r.events)} }

// edit changes the data of one event.
func (t *tape) edit(i int, change func(o map[string]any)) {
	t.events[i].data, _ = clone(t.events[i].data).(map[string]any)
	t.events[i].changed = true
	change(t.events[i].data)
}

// editFrom changes all versions of an object from an event on.
func (t *tape) editFrom(i int, of trace.Object, change func(o map[string]any)) {
	for ; i < len(t.events); i++ {
		if t.events[i].Object == of && t.events[i].Type.IsObject() {
			t.edit(i, change)
		}
	}
}

// delay moves all from an event on to a later time.
func (t *tape) delay(i int, by time.Duration) {
	for ; i < len(t.events); i++ {
		e := &t.events[i]
		e.Time, e.NotBefore, e.Wall = e.Time+by, e.NotBefore+by, e.Wall.Add(by)
	}
}

// repeat records the state that an event left once more, some time later, as a
// new version; edit may change it. It returns the index of the new event.
func (t *tape) repeat(i int, after time.Duration, edit func(o map[string]any)) int {
	e := t.events[i]
	e.Time, e.NotBefore, e.Wall, e.Type = e.Time+after, e.Time+after, e.Wall.Add(after), trace.Modified
	at := i + 1
	for at < len(t.events) && t.events[at].Time < e.Time {
		at++
	}
	t.events = slices.Insert(t.events, at, e)
	t.edit(at, func(o map[string]any) {
		// Greater than any version of a real recording, so that it is none of them.
		set(o, fmt.Sprintf("9%014d", int64(e.Time)/1000), "metadata", "resourceVersion")
		edit(o)
	})
	return at
}

// insert puts an event of the recorder before another one.
func (t *tape) insert(i int, e trace.Event) {
	t.events = slices.Insert(t.events, i, event{Event: e})
}

// before returns the state of the object of an event before it, nil when there
// was none.
func (r *recording) before(i int) map[string]any {
	if k := r.previous(i); k >= 0 {
		return r.events[k].data
	}
	return nil
}

// previous returns the index of the version before an event, or -1.
func (r *recording) previous(i int) int {
	for k := i - 1; k >= 0; k-- {
		if r.events[k].Object == r.events[i].Object && r.events[k].Type.IsObject() {
			return k
		}
	}
	return -1
}

// clusterOf returns the Cluster of a claim as it was at an event.
func (r *recording) clusterOf(i int) map[string]any {
	claim := r.events[i]
	for k := i; k >= 0; k-- {
		e := r.events[k]
		if e.is(kindCluster) && e.Object.Namespace == claim.Object.Namespace &&
			e.Object.Name == text(claim.data, "metadata", "labels", "cnpg.io/cluster") {
			return e.data
		}
	}
	return nil
}

const (
	kindCluster = "Cluster"
	kindClaim   = "PersistentVolumeClaim"
)

// Where the fields are that the mutants change.
var (
	claimRequest  = []string{"spec", "resources", "requests", "storage"}
	claimCapacity = []string{"status", "capacity", "storage"}
	dataStatus    = []string{"status", "storageSizing", "data"}
)

func dataField(path ...string) []string { return slices.Concat(dataStatus, path) }

// dig returns the value at a path, nil when there is none.
func dig(v any, path ...string) any {
	for _, key := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

func text(o map[string]any, path ...string) string {
	s, _ := dig(o, path...).(string)
	return s
}

// bytesAt returns a quantity in bytes, 0 when there is none.
func bytesAt(o map[string]any, path ...string) int64 {
	q, err := resource.ParseQuantity(text(o, path...))
	if err != nil {
		return 0
	}
	return q.Value()
}

// set puts a value at a path and makes the objects on the way; nil deletes.
func set(o map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := o[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			o[key] = next
		}
		o = next
	}
	if last := path[len(path)-1]; value == nil {
		delete(o, last)
	} else {
		o[last] = value
	}
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		for key, value := range v {
			out[key] = clone(value)
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i, value := range v {
			out[i] = clone(value)
		}
		return out
	default:
		return v
	}
}
