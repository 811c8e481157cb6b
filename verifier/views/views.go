package views

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/machine"
)

// Document is one document of a view: the input of one evaluation of each
// policy that reads the view. It is valid against the view's schema.
type Document struct {
	View    string // one of Names
	Entity  string // what it is about, such as "ns/pg/PG_DATA"; unique in its view
	Content *machine.Object
}

// Value is the content as encoding/json decodes it; numbers are json.Number.
func (d Document) Value() map[string]any {
	value, _ := machine.JSON(d.Content).(map[string]any)
	return value
}

//go:embed schema/*.json
var schemas embed.FS

// byCluster are the views whose documents are each about one life of a Cluster.
var byCluster = map[string]func(*history, *cluster) ([]Document, error){
	"cluster":   clusterDocuments,
	"episode":   episodeDocuments,
	"operation": operationDocuments,
	"pressure":  pressureDocuments,
	"set":       setDocuments,
	"storage":   storageDocuments,
	"wait":      waitDocuments,
}

// byTrace are those about other things, or about all there is.
var byTrace = map[string]func(*history) ([]Document, error){
	"backup": backupDocuments,
	"run":    runDocuments,
	"set":    strayDocuments,
	"suite":  suiteDocuments,
}

// Names returns the names of all views, sorted.
func Names() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(byCluster)), maps.Keys(byTrace))
	slices.Sort(names)
	return slices.Compact(names)
}

// Schema returns the JSON schema of one document of a view, whether there is one.
func Schema(view string) ([]byte, bool) {
	if !slices.Contains(Names(), view) {
		return nil, false
	}
	text, err := schemas.ReadFile("schema/" + view + ".json")
	return text, err == nil
}

// Projection is a trace that was read, ready to be told of in parts: each life of
// a Cluster is one, and all the rest is one. So the documents of a long trace need
// not be there together.
type Projection struct {
	history *history
	want    []string // views, sorted
	partly  bool

	lock     sync.Mutex
	released []int // parts that may be let go
}

// Want names the views that are wanted, and the outer fields of their documents that
// are read. What the other fields have is undefined. An empty list stands for all.
type Want map[string][]string

// All wants all that some views have.
func All(views []string) Want {
	want := Want{}
	for _, view := range views {
		want[view] = nil
	}
	return want
}

// Read reads the trace. It fails when a wanted view is unknown or the trace cannot
// be read.
func Read(r *trace.Reader, want []string) (*Projection, error) {
	return Follow(r, All(want), Listener{})
}

// Listener is told of a trace while it is read. Each of its functions may be nil.
type Listener struct {
	// Mark is called with every mark, in order. When all of a view is wanted, that is
	// before the first part is told of.
	Mark func(c *trace.Change)
	// Part is called for a part as soon as nothing more can be learned of it, for one
	// after the other, with the projection as it is so far.
	Part func(p *Projection, part int, documents []Document) error
}

// Follow is Read that tells a listener of marks and parts. The parts that are
// released are let go.
func Follow(r *trace.Reader, want Want, listener Listener) (*Projection, error) {
	views := slices.Sorted(maps.Keys(want))
	for _, view := range views {
		if !slices.Contains(Names(), view) {
			return nil, fmt.Errorf("there is no view %q (there are: %s)", view, strings.Join(Names(), ", "))
		}
	}
	needs := needsOf(want)
	p := &Projection{history: newHistory(r, needs), want: views, partly: needs != needsOf(All(views))}
	if p.partly {
		p.history.unread = unreadOf(want["storage"])
	}
	if err := p.read(r, listener); err != nil {
		return nil, fmt.Errorf("project the trace: %w", err)
	}
	return p, nil
}

// Partly reports whether something was left out that is not read.
func (p *Projection) Partly() bool { return p.partly }

// Release lets go of a part that the listener was told of: it cannot be made again.
func (p *Projection) Release(part int) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.released = append(p.released, part)
}

// Told reports whether the listener was told of a part.
func (p *Projection) Told(part int) bool { return part > 0 && p.history.clusters[part-1].told }

// Parts is the number of parts.
func (p *Projection) Parts() int { return len(p.history.clusters) + 1 }

// Part returns the documents of a part, sorted by view and entity. It may be
// called from several goroutines, and again.
func (p *Projection) Part(i int) ([]Document, error) {
	var documents []Document
	if i > 0 {
		defer p.history.clusters[i-1].forget()
	}
	for _, view := range p.want {
		var made []Document
		var err error
		if byOne, ok := byCluster[view]; ok && i > 0 {
			made, err = byOne(p.history, p.history.clusters[i-1])
		} else if byAll, ok := byTrace[view]; ok && i == 0 {
			made, err = byAll(p.history)
		}
		if err != nil {
			return nil, fmt.Errorf("project the view %s: %w", view, err)
		}
		documents = append(documents, made...)
	}
	sortDocuments(documents)
	return documents, nil
}

func sortDocuments(documents []Document) {
	slices.SortStableFunc(documents, func(a, b Document) int {
		return cmp.Or(cmp.Compare(a.View, b.View), cmp.Compare(a.Entity, b.Entity))
	})
}

// Project returns the documents of the wanted views, all together.
func Project(r *trace.Reader, want []string) ([]Document, error) {
	p, err := Read(r, want)
	if err != nil {
		return nil, err
	}
	var documents []Document
	for i := range p.Parts() {
		part, err := p.Part(i)
		if err != nil {
			return nil, err
		}
		documents = append(documents, part...)
	}
	sortDocuments(documents)
	return documents, nil
}

// document turns a struct with json tags into a document. A list that is nil is
// an empty one: no field is ever null.
func document(view, entity string, content any) (Document, error) {
	value, err := machine.FromGo(content)
	if err != nil {
		return Document{}, err
	}
	return Document{View: view, Entity: entity, Content: value.(*machine.Object)}, nil
}

// documentsOf makes one document of each element of a list.
func documentsOf[T any](view string, list []T, tell func(T) (entity string, content any)) ([]Document, error) {
	var out []Document
	for _, element := range list {
		entity, content := tell(element)
		d, err := document(view, entity, content)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
