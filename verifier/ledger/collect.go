package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files that mean something by their name.
const (
	RunFile    = "run.yaml"    // beside the reports and traces of one run
	ConfigFile = "ledger.yaml" // in a directory that is named on the command line
)

// The kinds of sources.
const (
	kindTrace  = "trace"
	kindReport = "report"
)

// About is what a run.yaml, or the command line, says about a run.
type About struct {
	Date        string            `yaml:"date"`
	Title       string            `yaml:"title"`
	Branch      string            `yaml:"branch"`
	Commit      string            `yaml:"commit"`
	Uncommitted bool              `yaml:"uncommitted"` // the commit does not say what was tested
	Command     string            `yaml:"command"`
	Duration    string            `yaml:"duration"`
	Environment map[string]string `yaml:"environment"`
	NotRun      int               `yaml:"not_run"` // specs that no report lists
	Changes     []string          `yaml:"changes"`
	RootCause   string            `yaml:"root_cause"`
	Notes       string            `yaml:"notes"`
}

// gathering is the files of one run, before any is read.
type gathering struct {
	about   About
	sources []Source
}

// gather finds the runs below the paths, in a fixed order. A directory with a
// run.yaml is one run with all files that lie in it; any other file is a run of its
// own, with what the command line says about it.
func gather(paths []string, about About) (runs []gathering, problems []Problem) {
	seen := map[string]bool{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			problems = append(problems, Problem{path, err.Error()})
			continue
		}
		if !info.IsDir() {
			found, problem := single(path, about)
			if problem != nil {
				problems = append(problems, *problem)
			} else if !seen[path] {
				runs = append(runs, found)
			}
			seen[path] = true
			continue
		}
		more, wrong := below(path, about, seen)
		runs, problems = append(runs, more...), append(problems, wrong...)
	}
	return runs, problems
}

// single makes a run of one file that was named. A run.yaml stands for its directory.
func single(path string, about About) (gathering, *Problem) {
	if filepath.Base(path) == RunFile {
		return directory(filepath.Dir(path))
	}
	kind := kindOf(path)
	if kind == "" {
		return gathering{}, &Problem{
			path, "it is neither a trace (.db) nor a report of a suite (.json of Ginkgo, .xml of JUnit)",
		}
	}
	return alone(path, kind, about), nil
}

// alone makes a run of one file. A trace knows itself when it was.
func alone(path, kind string, about About) gathering {
	if kind == kindTrace {
		about.Date = ""
	}
	return gathering{about, []Source{{File: path, Kind: kind}}}
}

// below finds the runs in a directory and its subdirectories; hidden ones are
// passed over.
func below(root string, about About, seen map[string]bool) (runs []gathering, problems []Problem) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			problems = append(problems, Problem{path, err.Error()})
			return nil
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if seen[path] {
			return nil
		}
		switch {
		case d.IsDir():
			if _, err := os.Stat(filepath.Join(path, RunFile)); err != nil {
				return nil
			}
			found, problem := directory(path)
			if problem != nil {
				problems = append(problems, *problem)
			} else {
				runs = append(runs, found)
			}
			for _, s := range found.sources {
				seen[s.File] = true
			}
		case kindOf(path) == kindTrace || kindOf(path) == kindReport && looksLikeReport(path):
			seen[path] = true
			runs = append(runs, alone(path, kindOf(path), about))
		}
		return nil
	})
	if err != nil {
		problems = append(problems, Problem{root, err.Error()})
	}
	return runs, problems
}

// directory reads the run.yaml of a directory and lists its files.
func directory(dir string) (gathering, *Problem) {
	name := filepath.Join(dir, RunFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return gathering{}, &Problem{name, err.Error()}
	}
	var about About
	if err := decode(text, &about); err != nil {
		return gathering{}, &Problem{name, "it cannot be used: " + err.Error()}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return gathering{}, &Problem{dir, err.Error()}
	}
	out := gathering{about: about}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if kind := kindOf(path); !e.IsDir() && (kind == kindTrace || kind == kindReport && looksLikeReport(path)) {
			out.sources = append(out.sources, Source{File: path, Kind: kind})
		}
	}
	if len(out.sources) == 0 {
		return gathering{}, &Problem{name, "there is neither a trace (.db) nor a report (.json, .xml) beside it"}
	}
	return out, nil
}

func kindOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".db":
		return kindTrace
	case ".json", ".xml":
		return kindReport
	}
	return ""
}

// looksLikeReport tells reports in a directory from other files, by the first
// byte that is no white space. What cannot be read does look like one, so that it
// is told.
func looksLikeReport(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head) // of an empty file nothing is read, and it is told
	text := strings.TrimLeft(strings.TrimPrefix(string(head[:n]), "\ufeff"), " \t\r\n")
	if strings.EqualFold(filepath.Ext(path), ".json") {
		return text == "" || text[0] == '['
	}
	return true
}

// dateLayouts are how a run's date may be written. The first is how it is shown,
// the second where it is a day.
var dateLayouts = []string{
	"2006-01-02 15:04 MST", "2006-01-02", time.RFC3339, "2006-01-02 15:04:05 MST", "2006-01-02T15:04:05",
}

// parseDate reads a date; without a zone it is UTC.
func parseDate(text string) (time.Time, error) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the date %q is not like 2026-02-12 21:34 UTC or 2026-02-12", text)
}

// run begins a Run with what is said about it.
func (g *gathering) run() (Run, error) {
	a := g.about
	out := Run{
		Title: a.Title, Branch: a.Branch, Commit: a.Commit, Command: a.Command, Others: a.NotRun,
		Environment: Environment{}, Changes: append([]string{}, a.Changes...),
		RootCause: strings.TrimSpace(a.RootCause), Notes: strings.TrimSpace(a.Notes), Sources: g.sources,
	}
	for key, value := range a.Environment {
		out.Environment[key] = value
	}
	var wrong []error
	if a.Date != "" {
		when, err := parseDate(a.Date)
		wrong = append(wrong, err)
		out.setDate(when)
		if _, err := time.Parse("2006-01-02", strings.TrimSpace(a.Date)); err == nil {
			out.Date = out.when.Format("2006-01-02")
		}
	}
	if a.Duration != "" {
		took, err := time.ParseDuration(a.Duration)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("the duration %q is not like 1h55m", a.Duration))
		}
		out.Duration = took
	}
	return out, errors.Join(wrong...)
}

func (r *Run) setDate(when time.Time) {
	r.when, r.Date = when.UTC(), when.UTC().Format("2006-01-02 15:04 UTC")
}

// label names the environment by what makes two of them two.
func (e Environment) label(by []string) string {
	var parts []string
	for _, key := range by {
		if value := e[key]; value != "" && !slices.Contains(parts, value) {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, ", ")
}
