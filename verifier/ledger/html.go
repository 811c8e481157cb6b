package ledger

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

//go:embed page.html.tmpl
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"at":       func(l *Ledger, run int) string { return l.Runs[run].name() },
	"nothing":  orNothing,
	"cssLeft":  func(i Interval) template.CSS { return css("left", i.Low) },
	"cssRight": func(i Interval) template.CSS { return css("right", 1-i.High) },
	"column":   func(run int) template.CSS { return template.CSS("grid-column:" + strconv.Itoa(run+1)) },
}).Parse(pageText))

func css(side string, share float64) template.CSS {
	return template.CSS(fmt.Sprintf("%s:%.1f%%", side, 100*share))
}

// writeHTML writes one page that needs nothing else: no network, no font, no image.
// Without scripts it is complete but for the details of a single result.
func writeHTML(w io.Writer, l *Ledger) error {
	// What stands in a script must not end it: <, > and & are written as escapes.
	data, err := json.Marshal(l.details(), json.Deterministic(true), jsontext.EscapeForHTML(true),
		jsonv1.OmitEmptyWithLegacySemantics(true), jsonv1.FormatDurationAsNano(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"L": l, "Data": template.JS(data), "Style": template.CSS(pageStyle), "Script": template.JS(pageScript),
		"Outcomes": legend,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// legend are the marks of the history, as letters and as classes of the style.
var legend = []struct{ Letter, Class, Says string }{
	{"P", "passed", "passed"},
	{"R", "retried", "passed only when retried"},
	{"V", "vacuous", "passed, put nothing to the test"},
	{"U", "undecided", "the recording cannot tell"},
	{"F", "failed", "failed"},
	{"I", "infra", "failed or skipped for infrastructure, by evidence"},
	{"S", "skipped", "skipped"},
	{"-", "not_run", "not run"},
}

// detail is what the page tells of one result when it is chosen.
type detail struct {
	Head  string      `json:"head"`
	Facts [][2]string `json:"facts"`
	Why   []string    `json:"why"`
}

// details are keyed by the id of a mark: test, series and result.
func (l *Ledger) details() map[string]detail {
	out := map[string]detail{}
	for i, t := range l.Tests {
		for j, s := range t.Series {
			for k, p := range s.Results {
				out[fmt.Sprintf("c-%d-%d-%d", i, j, k)] = l.detail(s, p)
			}
		}
	}
	return out
}

func (l *Ledger) detail(s Series, p Point) detail {
	run, r := l.Runs[p.Run], p.Result
	d := detail{Head: r.Test + ", " + run.name(), Why: []string{}}
	fact := func(name, value string) {
		if value != "" {
			d.Facts = append(d.Facts, [2]string{name, value})
		}
	}
	fact("Outcome", r.says())
	fact("Topology", r.Topology)
	fact("Environment", s.Environment)
	fact("The suite says", r.Suite)
	if r.Verdict != nil {
		fact("The recording says", r.Verdict.String())
	}
	if r.Attempts > 1 {
		fact("Attempts", strconv.Itoa(r.Attempts))
	}
	if r.Took > 0 {
		fact("Took", fmt.Sprintf("%.1fs", r.Took.Seconds()))
	}
	fact("Commit", run.Commit)
	fact("Spec", r.Title)
	fact("Message", r.Failure)
	fact("Place", r.Location)
	fact("Source", r.Source)
	for _, c := range r.Causes {
		d.Why = append(d.Why, c.String())
	}
	return d
}

func (r *Run) name() string {
	if r.Title == "" {
		return r.Date
	}
	return r.Date + " (" + r.Title + ")"
}

// class is the class of a result in the style of the page.
func (r Result) class() string {
	if r.infra() {
		return "infra"
	}
	return string(r.Outcome)
}

// says tells an outcome in words.
func (r Result) says() string {
	text := strings.ReplaceAll(string(r.Outcome), "_", " ")
	switch {
	case r.undiagnosed():
		return text + ", undiagnosed"
	case r.Class != "":
		return text + ", " + r.Class
	}
	return text
}

// Letter is the mark of the result.
func (p Point) Letter() string { return p.Result.letter() }

// Class is the class of the mark.
func (p Point) Class() string { return p.Result.class() }

// Says is the outcome in words.
func (p Point) Says() string { return p.Result.says() }

// Name is how the run is called.
func (r *Run) Name() string { return r.name() }

// Sums are the totals in words.
func (r *Run) Sums() string { return r.totals() }

// Told are the lines of the root cause analysis of the run, by evidence.
func (r *Run) Told() []string {
	var out []string
	for _, res := range r.Results {
		out = append(out, res.told()...)
	}
	return out
}

// Alarming reports whether people have to look after the test.
func (t *Test) Alarming() bool { return t.Assessment.alarming() }

// Notes are what is written by hand and what the columns leave out.
func (t *Test) Notes() string { return t.notes() }
