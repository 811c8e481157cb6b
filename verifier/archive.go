package verifier

import (
	"maps"
	"slices"
	"sync"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// archive finds documents that were let go again: it knows in which part of the
// projection they are, and makes that part once more.
type archive struct {
	reader    *trace.Reader
	want      views.Want
	projected *views.Projection

	lock    sync.Mutex
	found   map[int]bool     // parts with findings
	places  map[title]int    // of documents
	parts   map[string][]int // with documents of a cluster
	kept    map[int][]views.Document
	keeping []int // oldest first
}

// title is what a document is found by.
type title struct{ view, entity string }

// keptParts is how many parts are kept: findings come in the order of their entities.
const keptParts = 8

func newArchive(r *trace.Reader, want views.Want) *archive {
	return &archive{
		reader: r, want: want,
		places: map[title]int{}, found: map[int]bool{}, parts: map[string][]int{}, kept: map[int][]views.Document{},
	}
}

// keep notes that there is a finding in a part.
func (a *archive) keep(part int) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.found[part] = true
}

// enter notes what is in a part.
func (a *archive) enter(part int, documents []views.Document) {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, d := range documents {
		a.places[title{d.View, d.Entity}] = part
		cluster := verdict.ClusterOf(d.Entity)
		if list := a.parts[cluster]; !slices.Contains(list, part) {
			a.parts[cluster] = append(list, part)
		}
	}
}

// document returns a document; false when there is none.
func (a *archive) document(view, entity string) (views.Document, bool, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	part, known := a.places[title{view, entity}]
	if !known {
		return views.Document{}, false, nil
	}
	documents, err := a.part(part)
	if err != nil {
		return views.Document{}, false, err
	}
	i := slices.IndexFunc(documents, func(d views.Document) bool { return d.View == view && d.Entity == entity })
	return documents[i], true, nil
}

// of returns the documents of a cluster.
func (a *archive) of(cluster string) ([]views.Document, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	var out []views.Document
	for _, part := range a.parts[cluster] {
		documents, err := a.part(part)
		if err != nil {
			return nil, err
		}
		for _, d := range documents {
			if verdict.ClusterOf(d.Entity) == cluster {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

func (a *archive) part(part int) ([]views.Document, error) {
	if documents, ok := a.kept[part]; ok {
		return documents, nil
	}
	if a.projected.Partly() {
		if err := a.complete(); err != nil {
			return nil, err
		}
	}
	documents, err := a.projected.Part(part)
	if err != nil {
		return nil, err
	}
	if len(a.keeping) == keptParts {
		delete(a.kept, a.keeping[0])
		a.keeping = a.keeping[1:]
	}
	a.kept[part], a.keeping = documents, append(a.keeping, part)
	return documents, nil
}

// complete reads the trace again: what the policies do not read was left out, and
// findings are explained with all that there is.
func (a *archive) complete() error {
	names := slices.Collect(maps.Keys(a.want))
	projected, err := views.Follow(a.reader, views.All(names), views.Listener{
		Part: func(p *views.Projection, part int, _ []views.Document) error {
			if !a.found[part] {
				p.Release(part)
			}
			return nil
		},
	})
	if err == nil {
		a.projected = projected
	}
	return err
}
