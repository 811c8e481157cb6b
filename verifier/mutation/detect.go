package mutation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// placesMax is at how many places of one recording a fault is tried.
const placesMax = 4

// Detection is what the policies say about faults in recordings.
type Detection struct {
	Recordings []string `json:"recordings"`
	Rows       []Row    `json:"rows"` // sorted by policy, then in the order of METADATA
}

// Row is one fault that a policy must notice.
type Row struct {
	Policy string `json:"policy"`
	Class  string `json:"class"`
	Want   string `json:"want"`  // verdict
	Cells  []Cell `json:"cells"` // one per recording
}

// Cell is what a policy said about the mutants of one class and one recording.
type Cell struct {
	Before string   `json:"before"` // verdict of the recording as it is
	Got    []string `json:"got"`    // one verdict per place, with the codes or reasons; empty: no place for it
	Result Result   `json:"result"`
}

// Result is what a cell means.
type Result string

// The results. A policy that is vacuous or inconclusive on a recording owes no
// answer to its mutants; one that held on it must notice every one.
const (
	Detected Result = "detected" // at every place
	Missed   Result = "missed"   // held before, and still after
	Open     Result = "open"     // not held before, and not noticed at every place
	NoPlace  Result = "no place" // nothing in the recording that the fault could change
)

// Detected reports whether the fault was noticed in some recording and missed in none.
func (r Row) Detected() bool {
	seen := false
	for _, c := range r.Cells {
		if c.Result == Missed {
			return false
		}
		seen = seen || c.Result == Detected
	}
	return seen
}

// mutantFile is one changed recording on disk.
type mutantFile struct {
	class     string
	recording int
	path      string
}

// Detect puts the faults that the policies declare (METADATA custom mutants)
// into the recordings and asks the policies about the result.
func Detect(ctx context.Context, paths []string, o verifier.Options) (Detection, error) {
	set, err := verifier.LoadPolicies(o)
	if err != nil {
		return Detection{}, err
	}
	declared, err := declaredFaults(set)
	if err != nil {
		return Detection{}, err
	}
	dir, err := os.MkdirTemp("", "hindsight-mutants-")
	if err != nil {
		return Detection{}, err
	}
	defer os.RemoveAll(dir)
	var names []string
	var mutants []mutantFile
	files := slices.Clone(paths)
	for n, path := range paths {
		r, err := readRecording(path)
		if err != nil {
			return Detection{}, err
		}
		made, err := r.mutants(dir, n, declared)
		if err != nil {
			return Detection{}, fmt.Errorf("%s: %w", path, err)
		}
		names, mutants = append(names, r.name), append(mutants, made...)
	}
	for _, m := range mutants {
		files = append(files, m.path)
	}
	run, err := verifier.Check(ctx, files, o)
	if err != nil {
		return Detection{}, err
	}
	for i, t := range run.Traces {
		if t.Error != "" {
			return Detection{}, fmt.Errorf("%s: %s", files[i], t.Error)
		}
	}
	out := Detection{Recordings: names, Rows: []Row{}}
	originals, changed := run.Traces[:len(paths)], run.Traces[len(paths):]
	for _, p := range set.Policies {
		for _, fault := range p.Mutants {
			out.Rows = append(out.Rows, rowOf(p.ID, *classNamed(fault), originals, mutants, changed))
		}
	}
	return out, nil
}

// declaredFaults returns the names of the classes that the policies declare.
func declaredFaults(set *policy.Set) (map[string]bool, error) {
	declared := map[string]bool{}
	for _, p := range set.Policies {
		for _, name := range p.Mutants {
			if classNamed(name) == nil {
				return nil, fmt.Errorf("%s:%d: METADATA custom mutants: there is no trace mutant %q (there are: %s)",
					p.File, p.Line, name, strings.Join(classNames(), ", "))
			}
			declared[name] = true
		}
	}
	return declared, nil
}

// rowOf tells what one policy says about one class in every recording; mutants
// and changed belong together.
func rowOf(id string, class Class, originals []verdict.Trace, mutants []mutantFile, changed []verdict.Trace) Row {
	row := Row{Policy: id, Class: class.Name, Want: class.Want.String()}
	for n, original := range originals {
		before := judgement(original, id)
		cell := Cell{Before: words(before), Got: []string{}}
		var got []verdict.Policy
		for i, m := range mutants {
			if m.class == class.Name && m.recording == n {
				got = append(got, judgement(changed[i], id))
				cell.Got = append(cell.Got, words(got[len(got)-1]))
			}
		}
		cell.Result = resultOf(before, got, class.Want)
		row.Cells = append(row.Cells, cell)
	}
	return row
}

// resultOf compares what a policy says about mutants with what it must say.
func resultOf(before verdict.Policy, got []verdict.Policy, want verdict.Level) Result {
	if len(got) == 0 {
		return NoPlace
	}
	for _, p := range got {
		switch {
		case p.Verdict == want && before.Verdict != want:
		case before.Verdict == verdict.Held:
			return Missed
		default:
			return Open
		}
	}
	return Detected
}

// mutants writes the changed recordings of the wanted classes.
func (r *recording) mutants(dir string, n int, wanted map[string]bool) ([]mutantFile, error) {
	var out []mutantFile
	for _, class := range Classes() {
		if !wanted[class.Name] {
			continue
		}
		places := class.places(r)
		for k, i := range places[:min(len(places), placesMax)] {
			t := r.tape()
			class.apply(r, t, i)
			path := filepath.Join(dir, fmt.Sprintf("%d-%s-%s-%d.db", n, r.name, class.Name, k))
			if err := r.write(path, t.events); err != nil {
				return nil, err
			}
			out = append(out, mutantFile{class.Name, n, path})
		}
	}
	return out, nil
}

// judgement returns what a policy said about a trace.
func judgement(t verdict.Trace, id string) verdict.Policy {
	i := slices.IndexFunc(t.Policies, func(p verdict.Policy) bool { return p.ID == id })
	return t.Policies[i]
}

// words renders a judgement as its verdict with the codes or reasons.
func words(p verdict.Policy) string {
	var words []string
	for _, f := range p.Findings {
		words = append(words, f.Code)
	}
	if p.Verdict == verdict.Inconclusive {
		for _, u := range p.Unknowns {
			words = append(words, u.Reason)
		}
	}
	slices.Sort(words)
	return strings.Join(append([]string{p.Verdict.String()}, slices.Compact(words)...), " ")
}

func classNamed(name string) *Class {
	all := Classes()
	i := slices.IndexFunc(all, func(c Class) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func classNames() []string {
	var names []string
	for _, c := range Classes() {
		names = append(names, c.Name)
	}
	return names
}
