package travel

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Past is a trace with an index over its events.
type Past struct {
	*trace.Reader
	run   trace.Run
	cert  trace.Certificate
	kinds []Kind
	marks []mark
	index []Entry
}

// Entry is what the index knows of an event: a version of an object, or a bookmark
// (whose object has no name).
type Entry struct {
	Seq       uint64
	Time      time.Duration
	NotBefore time.Duration
	Version   uint64 // resourceVersion, 0 when it is no number
	Object    *trace.Object
}

// mark is a phase that somebody marked.
type mark struct {
	phase string
	at    time.Duration
}

// Open reads the trace once. The Past reads on from r, which the caller closes.
func Open(r *trace.Reader) (*Past, error) {
	p := &Past{Reader: r, run: r.Run(), cert: r.Certificate()}
	p.kinds = kindsOf(p.cert, r.Objects())
	sel := trace.Selection{Types: []trace.Type{trace.Bookmark, trace.Mark}}
	for _, k := range p.kinds {
		f := trace.Fields{Group: k.Group, Resource: k.Resource.Resource, Paths: [][]string{{"metadata", "resourceVersion"}}}
		sel.Fields = append(sel.Fields, f)
	}
	err := r.Scan(sel, func(c *trace.Change) error {
		if c.Type == trace.Mark {
			p.marks = append(p.marks, mark{markName(c.State), c.Time})
			return nil
		}
		version, err := strconv.ParseUint(c.State.At("metadata", "resourceVersion").String(), 10, 64)
		if err != nil {
			version = 0 // not every server counts
		}
		p.index = append(p.index, Entry{c.Seq, c.Time, c.NotBefore, version, c.Object})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("index the trace: %w", err)
	}
	return p, nil
}

func markName(s trace.State) string {
	for _, key := range []string{"phase", "name"} {
		if text := s.At(key).String(); text != "" {
			return text
		}
	}
	return ""
}

// Kinds returns the kinds that the trace knows, those of which nothing was recorded too.
func (p *Past) Kinds() []Kind { return slices.Clone(p.kinds) }

// Kind finds a kind by what kubectl accepts: pods, pod, po, Pod, pods.v1,
// clusters.postgresql.cnpg.io.
func (p *Past) Kind(name string) (Kind, error) {
	low := strings.ToLower(name)
	if low == "secret" || low == "secrets" {
		return Kind{}, errors.New("secrets are never recorded")
	}
	var names []string
	for _, k := range p.kinds {
		full := strings.ToLower(k.Resource.String())
		known := append([]string{k.Resource.Resource, full, k.Singular, strings.ToLower(k.Kind)}, k.Short...)
		if slices.Contains(known, low) {
			return k, k.refused(p.cert)
		}
		names = append(names, full)
	}
	return Kind{}, fmt.Errorf("the trace has no resource %q (it has: %s)", name, strings.Join(names, ", "))
}

// refused is an error when the API server did not let the recorder see the kind.
func (k Kind) refused(c trace.Certificate) error {
	for _, s := range c.Streams {
		if s.Resource.String() == k.Resource.String() && s.Proof == trace.ProofDenied {
			return fmt.Errorf("%s were not recorded: %s", k.Resource, s.Reason)
		}
	}
	return nil
}

// List returns the objects of a kind at a moment, by namespace and name; an empty
// namespace means all.
func (p *Past) List(m Moment, k Kind, namespace string) ([]unstructured.Unstructured, error) {
	ofKind := func(o trace.Object) bool { return o.Resource.String() == k.Resource.String() }
	state := p.StateAt
	if namespace != "" {
		state = func(seq uint64, match func(trace.Object) bool) ([]trace.Version, error) {
			return p.StateIn(seq, namespace, match)
		}
	}
	versions, err := state(m.Seq, ofKind)
	if err != nil {
		return nil, err
	}
	list := make([]unstructured.Unstructured, 0, len(versions))
	for _, v := range versions {
		o, err := Decode(v.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Object, err)
		}
		list = append(list, o)
	}
	return list, nil
}

// Decode reads an object as it was recorded.
func Decode(data json.RawMessage) (unstructured.Unstructured, error) {
	var o unstructured.Unstructured
	err := o.UnmarshalJSON(data)
	return o, err
}

// Doubt says why something may have been otherwise.
type Doubt struct {
	Object *trace.Object // nil: all objects of the kind
	Text   string
}

// Doubts returns what is doubtful about the objects of a kind at a moment.
func (p *Past) Doubts(m Moment, k Kind) []Doubt {
	var out []Doubt
	for _, g := range p.cert.Gaps {
		open := g.LastSeq == 0
		if g.Resource.String() == k.Resource.String() && g.NotBefore < m.Time && (m.Time < g.NotAfter || open) {
			out = append(out, Doubt{nil, fmt.Sprintf("%s were not seen from +%s to +%s: %s",
				k.Resource, round(g.NotBefore), round(g.NotAfter), g.Reason)})
		}
	}
	said := map[*trace.Object]bool{}
	for _, e := range p.index {
		late := e.Seq > m.Seq && e.NotBefore < m.Time && e.Time > m.Time
		if late && e.Object.Name != "" && e.Object.Resource.String() == k.Resource.String() && !said[e.Object] {
			said[e.Object] = true
			out = append(out, Doubt{e.Object, fmt.Sprintf("%s changed at some time from +%s to +%s",
				e.Object, round(e.NotBefore), round(e.Time))})
		}
	}
	return out
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// Version is the greatest resourceVersion of a kind up to a moment, "0" when there
// is none.
func (p *Past) Version(m Moment, k Kind) uint64 {
	var greatest uint64
	for _, e := range p.index {
		if e.Seq > m.Seq {
			break
		}
		if e.Object.Resource.String() == k.Resource.String() {
			greatest = max(greatest, e.Version)
		}
	}
	return greatest
}

// Since returns the event of a kind after which a watch goes on from a
// resourceVersion: 0 for one from before the trace, which is an error of the asker.
func (p *Past) Since(version uint64, k Kind) (seq uint64) {
	for _, e := range p.index {
		if e.Object.Resource.String() == k.Resource.String() && e.Version != 0 && e.Version <= version {
			seq = e.Seq
		}
	}
	return seq
}
