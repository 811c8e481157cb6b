package slice

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Budget is a cost (see the package documentation) that is enough for thousands
// of questions about small documents and takes a fraction of a second for large ones.
const Budget = 100_000

// perQuestion is what asking costs however small the document is, in points.
const perQuestion = 20

// cost is what one question about a document of n points costs: many policies
// compare each point with the others.
func cost(n int) int { return perQuestion + n + n*n/64 }

// Point is one element of an array that was kept.
type Point struct {
	Path  string // in the whole document, such as spans[3].volumes[0]
	Value any
}

// Result is what is left of a document.
type Result struct {
	Document map[string]any
	Points   []Point // kept, in the order of the document
	Of       int     // points of the whole document
	Minimal  bool    // false: the budget was used up, or the question failed
}

// Minimize takes points of the document away as long as keeps says that the
// answer is still the same. The document has JSON types only and is not changed;
// of it keeps must be true. An error of keeps means no.
//
// A hint says of the value of a point whether it is likely to matter. The search
// starts from the points of the first hint that are enough, with what is inside
// and around them and what they name by index; from all when no hint is enough.
func Minimize(
	document map[string]any, keeps func(map[string]any) (bool, error), budget int, hints ...func(value any) bool,
) Result {
	t := &tree{document: document, names: arrays(document), ids: map[string][]int{}}
	t.walk("", 0, -1, document)
	r := reducer{tree: t, kept: make([]bool, len(t.points)), budget: budget, keeps: keeps}
	minimal := r.start(hints) && r.run()
	out := Result{Document: t.build(r.kept), Of: len(t.points), Minimal: minimal}
	for i, p := range t.points {
		if t.alive(r.kept, i) {
			out.Points = append(out.Points, Point{Path: p.path, Value: p.value})
		}
	}
	return out
}

// tree is a document with its points numbered in the order of a walk.
type tree struct {
	document map[string]any
	names    map[string]string // field that is an index → array of the document
	ids      map[string][]int  // outer array → numbers of its elements
	points   []point
	deepest  int
}

type point struct {
	path   string
	value  any
	parent int // -1 for an element of an outer array
	depth  int
}

// arrays returns the fields that are indices into the arrays of the document.
func arrays(document map[string]any) map[string]string {
	names := map[string]string{}
	for name, value := range document {
		if _, ok := value.([]any); !ok {
			continue
		}
		for _, ending := range []string{"s", "es"} {
			if n := len(name) - len(ending); n > 0 && name[n:] == ending {
				names[name[:n]] = name
			}
		}
	}
	return names
}

// walk numbers the points below a value. depth counts the arrays around it.
func (t *tree) walk(path string, depth, parent int, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := key
			if path != "" {
				at = path + "." + key
			}
			t.walk(at, depth, parent, v[key])
		}
	case []any:
		t.deepest = max(t.deepest, depth)
		for i, element := range v {
			at := path + "[" + strconv.Itoa(i) + "]"
			if depth == 0 {
				t.ids[path] = append(t.ids[path], len(t.points))
			}
			t.points = append(t.points, point{path: at, value: element, parent: parent, depth: depth})
			t.walk(at, depth+1, len(t.points)-1, element)
		}
	}
}

// alive reports whether the point and all around it are kept.
func (t *tree) alive(kept []bool, i int) bool {
	for ; i >= 0; i = t.points[i].parent {
		if !kept[i] {
			return false
		}
	}
	return true
}

// builder copies what is kept, in the order of the walk.
type builder struct {
	*tree
	kept []bool
	next int                // number of the next point
	now  map[string][]int64 // array of the document → new index of each element, -1 when it is gone
}

// build returns the document of the points that are kept.
func (t *tree) build(kept []bool) map[string]any {
	b := builder{tree: t, kept: kept, now: map[string][]int64{}}
	for name, ids := range t.ids {
		n := int64(0)
		for _, id := range ids {
			place := int64(-1)
			if kept[id] {
				place = n
				n++
			}
			b.now[name] = append(b.now[name], place)
		}
	}
	out, _ := b.copy(t.document).(map[string]any)
	return out
}

func (b *builder) copy(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out[key] = b.index(key, b.copy(v[key]))
		}
		return out
	case []any:
		out := []any{}
		for _, element := range v {
			at := b.next
			b.next++
			if copied := b.copy(element); b.kept[at] {
				out = append(out, copied)
			}
		}
		return out
	default:
		return value
	}
}

// index rewrites a value that is an index into an array of the document.
func (b *builder) index(key string, value any) any {
	number, ok := value.(json.Number)
	places, isIndex := b.now[b.names[key]]
	if !ok || !isIndex {
		return value
	}
	i, err := number.Int64()
	if err != nil || i < 0 || i >= int64(len(places)) {
		return value
	}
	return json.Number(strconv.FormatInt(places[i], 10))
}

// reducer holds the state of one search.
type reducer struct {
	*tree
	kept   []bool
	budget int
	keeps  func(map[string]any) (bool, error)
}

// start keeps the points of the first hint that are enough, or all. It is false
// when the budget ended that early.
func (r *reducer) start(hints []func(value any) bool) bool {
	for _, hint := range hints {
		clear(r.kept)
		for i, p := range r.points {
			if r.kept[i] || hint(p.value) {
				r.keep(i)
			}
		}
		if r.budget -= cost(r.size()); r.budget < 0 {
			break
		}
		if same, err := r.keeps(r.build(r.kept)); err == nil && same {
			return true
		}
	}
	for i := range r.kept {
		r.kept[i] = true
	}
	return r.budget >= 0
}

// keep keeps a point with what is inside and around it, and what these name.
func (r *reducer) keep(i int) {
	for at := r.points[i].parent; at >= 0 && !r.kept[at]; at = r.points[at].parent {
		r.kept[at] = true
		r.keepNamed(r.points[at].value)
	}
	r.kept[i] = true
	for at := i + 1; at < len(r.points) && r.points[at].depth > r.points[i].depth; at++ {
		r.kept[at] = true
	}
	r.keepNamed(r.points[i].value)
}

// keepNamed keeps the elements of outer arrays that a value names by index.
func (r *reducer) keepNamed(value any) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	for key, v := range object {
		ids := r.ids[r.names[key]]
		number, isNumber := v.(json.Number)
		if n, err := number.Int64(); isNumber && err == nil && n >= 0 && n < int64(len(ids)) && !r.kept[ids[n]] {
			r.keep(ids[n])
		}
	}
}

// run reduces one depth after the other until a whole round changes nothing. It
// is false when the budget ended that early.
func (r *reducer) run() bool {
	for first := true; ; first = false {
		changed := false
		for depth := 0; depth <= r.deepest; depth++ {
			did, ok := r.reduce(depth, first)
			if !ok {
				return false
			}
			changed = changed || did
		}
		if !changed {
			return true
		}
	}
}

// reduce takes away pieces of the points of one depth, of half the size each
// time; once it has come to single points, until no further one can go.
func (r *reducer) reduce(depth int, whole bool) (changed, ok bool) {
	var units []int
	for i, p := range r.points {
		if p.depth == depth && r.alive(r.kept, i) {
			units = append(units, i)
		}
	}
	size := 1
	if whole {
		size = max(1, len(units))
	}
	for len(units) > 0 {
		removed := false
		for at := 0; at < len(units); {
			piece := units[at:min(at+size, len(units))]
			gone, ok := r.try(piece)
			switch {
			case !ok:
				return changed, false
			case gone:
				removed, changed = true, true
				units = slices.Delete(units, at, at+len(piece))
			default:
				at += len(piece)
			}
		}
		if size == 1 && !removed {
			break
		}
		size = max(1, size/2)
	}
	return changed, true
}

// try takes a piece away if the answer stays. ok is false when the budget is used up.
func (r *reducer) try(piece []int) (gone, ok bool) {
	for _, i := range piece {
		r.kept[i] = false
	}
	if r.budget -= cost(r.size()); r.budget >= 0 {
		if same, err := r.keeps(r.build(r.kept)); err == nil && same {
			return true, true
		}
	}
	for _, i := range piece {
		r.kept[i] = true
	}
	return false, r.budget >= 0
}

// size counts the points that are left.
func (r *reducer) size() int {
	n := 0
	for i := range r.points {
		if r.alive(r.kept, i) {
			n++
		}
	}
	return n
}
