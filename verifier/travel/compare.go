package travel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/verifier/timeline"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// anchors are the moments by which runs are laid beside each other.
var anchors = []string{"trigger", "disruption", "converged"}

// Comparison is two runs beside each other.
type Comparison struct {
	Parts []Part
	Notes []string // what cannot be compared, and why
}

// Part is a stretch between two moments that both runs have. Times are since the
// start of each run, left and right.
type Part struct {
	After    string // the moment with which it begins
	Until    string // and ends
	From, To [2]time.Duration
	Partings []Parting // the first difference of each lane, the earliest first
}

// Parting is where a lane of the two runs goes different ways.
type Parting struct {
	Lane string
	Said [2]string        // what came; empty: nothing more
	At   [2]time.Duration // since the begin of the part
}

// Compare lays two runs beside each other; doc.go says how.
func Compare(left, right *Past) (Comparison, error) {
	var runs [2]run
	for i, p := range []*Past{left, right} {
		var err error
		if runs[i], err = p.lanes(); err != nil {
			return Comparison{}, err
		}
	}
	c := Comparison{}
	borders := [][2]time.Duration{{0, 0}}
	names := []string{"start"}
	for _, name := range anchors {
		a, hasLeft := runs[0].moments[name]
		b, hasRight := runs[1].moments[name]
		last := borders[len(borders)-1]
		switch {
		case hasLeft != hasRight:
			c.Notes = append(c.Notes, fmt.Sprintf("only the %s run has a @%s", sideWith(hasLeft), name))
		case hasLeft && (a < last[0]) != (b < last[1]):
			c.Notes = append(c.Notes, fmt.Sprintf("@%s comes before @%s in one run only", name, names[len(names)-1]))
		case hasLeft && a >= last[0]:
			borders, names = append(borders, [2]time.Duration{a, b}), append(names, name)
		}
	}
	borders = append(borders, [2]time.Duration{left.End().Time, right.End().Time})
	names = append(names, "end")
	if a, b := len(runs[0].clusters), len(runs[1].clusters); a != b {
		c.Notes = append(c.Notes, fmt.Sprintf("the runs have %d and %d clusters: the first %d are compared", a, b, min(a, b)))
	}
	for i := 1; i < len(borders); i++ {
		part := Part{After: names[i-1], Until: names[i]}
		for side := range 2 {
			part.From[side], part.To[side] = borders[i-1][side], borders[i][side]
		}
		part.Partings = partings(runs, part, i == len(borders)-1)
		c.Parts = append(c.Parts, part)
	}
	return c, nil
}

func sideWith(left bool) string { return map[bool]string{true: "first", false: "second"}[left] }

// run is what is compared of a run.
type run struct {
	moments  map[string]time.Duration
	clusters []map[string][]step // by cluster, by lane
}

// step is one state that a lane came to.
type step struct {
	at   time.Duration
	text string
}

// lanes reads the lanes of the clusters, in order of their first appearance.
func (p *Past) lanes() (run, error) {
	out := run{moments: map[string]time.Duration{}}
	moments, err := p.names()
	if err != nil {
		return out, err
	}
	for _, name := range anchors {
		if len(moments[name]) > 0 {
			out.moments[name] = moments[name][0]
		}
	}
	line, err := timeline.Read(p.Reader, verdict.Trace{})
	if err != nil {
		return out, err
	}
	type cluster struct {
		first time.Duration
		lanes map[string][]step
	}
	var all []cluster
	for _, g := range line.Groups {
		if g.Kind != "cluster" {
			continue
		}
		k := cluster{first: 1 << 62, lanes: map[string][]step{}}
		for _, l := range g.Lanes {
			if steps := stepsOf(l); len(steps) > 0 {
				name := l.Kind + " " + l.Label
				if l.Kind == l.Label {
					name = l.Label
				}
				k.lanes[name] = steps
				k.first = min(k.first, steps[0].at)
			}
		}
		all = append(all, k)
	}
	slices.SortStableFunc(all, func(a, b cluster) int { return cmp.Compare(a.first, b.first) })
	for _, k := range all {
		out.clusters = append(out.clusters, k.lanes)
	}
	return out, nil
}

// compared are the kinds of lanes that are compared.
var compared = []string{"phase", "primary", "instance", "volume"}

func stepsOf(l timeline.Lane) []step {
	if !slices.Contains(compared, l.Kind) {
		return nil
	}
	var out []step
	add := func(us int64, text string) {
		if n := len(out); n == 0 || out[n-1].text != text {
			out = append(out, step{time.Duration(us) * time.Microsecond, text})
		}
	}
	for _, s := range l.Spans {
		text, _, _ := strings.Cut(s.Text, " · ") // behind it are nodes and roles
		add(s.From, text)
	}
	for _, s := range l.Series {
		for i := 0; i+1 < len(s.Points); i += 2 {
			if s.Name == "request" || s.Name == "capacity" {
				out = append(out, step{
					time.Duration(s.Points[i]) * time.Microsecond, fmt.Sprintf("%s %.2fGi", s.Name, float64(s.Points[i+1])/(1<<30)),
				})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return out
}

// partings finds the first difference of each lane within a part.
func partings(runs [2]run, part Part, last bool) []Parting {
	var out []Parting
	several := len(runs[0].clusters) > 1
	for i := range min(len(runs[0].clusters), len(runs[1].clusters)) {
		lanes := map[string]bool{}
		for side := range 2 {
			for name := range runs[side].clusters[i] {
				lanes[name] = true
			}
		}
		for _, name := range sortedKeys(lanes) {
			var within [2][]step
			for side := range 2 {
				for _, s := range runs[side].clusters[i][name] {
					if s.at >= part.From[side] && (s.at < part.To[side] || last) {
						within[side] = append(within[side], step{s.at - part.From[side], s.text})
					}
				}
			}
			if p, differ := parting(within); differ {
				if p.Lane = name; several {
					p.Lane = fmt.Sprintf("cluster %d, %s", i+1, name)
				}
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Parting) int { return cmp.Compare(a.earliest(), b.earliest()) })
	return out
}

func (p Parting) earliest() time.Duration {
	switch {
	case p.Said[0] == "":
		return p.At[1]
	case p.Said[1] == "":
		return p.At[0]
	}
	return min(p.At[0], p.At[1])
}

func parting(within [2][]step) (Parting, bool) {
	for i := 0; i < max(len(within[0]), len(within[1])); i++ {
		var p Parting
		for side := range 2 {
			if i < len(within[side]) {
				p.Said[side], p.At[side] = within[side][i].text, within[side][i].at
			}
		}
		if p.Said[0] != p.Said[1] {
			return p, true
		}
	}
	return Parting{}, false
}
