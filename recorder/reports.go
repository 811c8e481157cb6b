package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-project/hindsight/recorder/marks"
	"github.com/hindsight-project/hindsight/recorder/redact"
	"github.com/hindsight-project/hindsight/recorder/suite"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// reportInterval is how often it is looked whether a report has come or changed.
const reportInterval = time.Second

// reports record what is in the reports of suites, as soon as it is there.
type reports struct {
	rec     *recording
	files   []string
	cancel  context.CancelFunc
	running sync.WaitGroup

	looked map[string]os.FileInfo // as they were when they were read
	failed map[string]error       // why the last reading failed
	seen   map[string]bool        // marks that are in the trace, as JSON
	others map[string]int         // specs of other runs, by file
}

// watchReports begins to look for reports. A trace that is resumed has what was
// recorded of them before.
func (a *attachment) watchReports(resumed bool) (*reports, error) {
	p := &reports{
		rec: a.rec, files: a.o.Reports, looked: map[string]os.FileInfo{}, failed: map[string]error{},
		seen: map[string]bool{}, others: map[string]int{},
	}
	if len(p.files) > 0 && resumed {
		if err := p.remember(a.o.Output); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(a.rec.ctx)
	p.cancel = cancel
	if len(p.files) > 0 {
		p.running.Go(func() { p.run(ctx) })
	}
	return p, nil
}

// remember notes which marks of specs are in the trace.
func (p *reports) remember(path string) error {
	p.rec.writing.Lock()
	defer p.rec.writing.Unlock()
	r, err := trace.Open(path)
	if err != nil {
		return err
	}
	err = r.Scan(trace.Selection{Types: []trace.Type{trace.Mark}}, func(c *trace.Change) error {
		if c.Type != trace.Mark || c.State.At("phase").String() != marks.Spec {
			return nil
		}
		text, err := canonical(c.State.JSON())
		p.seen[text] = true
		return err
	})
	return errors.Join(err, r.Close())
}

// canonical writes a mark in the one way in which it can be compared.
func canonical(data []byte) (string, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return "", err
	}
	text, err := json.Marshal(v)
	return string(text), err
}

func (p *reports) run(ctx context.Context) {
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		p.look()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look reads the reports that have changed.
func (p *reports) look() {
	for _, file := range p.files {
		info, err := os.Stat(file)
		if err != nil {
			p.failed[file] = err
			continue
		}
		last := p.looked[file]
		if last != nil && os.SameFile(last, info) && last.Size() == info.Size() && last.ModTime().Equal(info.ModTime()) {
			continue
		}
		p.looked[file] = info
		p.failed[file] = p.read(file)
	}
}

// read records what is new in a report.
func (p *reports) read(file string) error {
	specs, err := readReport(file)
	if err != nil {
		return err
	}
	list, others := during(specs, p.rec.began, p.rec.wall())
	p.others[file] = others
	added := 0
	for _, m := range list {
		e, err := p.rec.markEvent(m)
		if err != nil {
			return err
		}
		e.Data = p.rec.rules.Apply(e) // as it is remembered after a crash
		text, err := canonical(e.Data)
		if err != nil {
			return err
		}
		if p.seen[text] {
			continue
		}
		if err := p.rec.emit(e); err != nil {
			return err
		}
		p.seen[text] = true
		added++
	}
	if added > 0 {
		p.rec.show.notify("%s: %s recorded of %s", file, plural(added, "mark"), plural(len(specs), "spec"))
	}
	return nil
}

// close reads the reports for the last time and says what is missing of them.
func (p *reports) close() {
	p.cancel()
	p.running.Wait()
	p.look()
	for _, file := range p.files {
		if err := p.failed[file]; err != nil {
			p.rec.reject(fmt.Sprintf("report %s: %v", file, err))
		}
		if n := p.others[file]; n > 0 {
			p.rec.show.notify("%s: %s left out, which ran before this recording", file, plural(n, "spec"))
		}
	}
}

// reject notes input that could not be used.
func (r *recording) reject(reason string) {
	r.show.notify("%s", reason)
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.writer != nil {
		r.writer.Reject(trace.Rejection{Reason: reason})
	}
}

func readReport(file string) ([]suite.Spec, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	specs, err := suite.Read(f)
	return specs, errors.Join(err, f.Close())
}

// during returns the marks of the specs that ran between two times, in order of
// time, and how many specs did not.
func during(specs []suite.Spec, from, until time.Time) (list []marks.Mark, others int) {
	all := len(specs)
	specs = slices.DeleteFunc(specs, func(s suite.Spec) bool { return !s.Overlaps(from, until) })
	list = suite.Marks(specs)
	slices.SortStableFunc(list, func(a, b marks.Mark) int { return a.Time.Compare(b.Time) })
	return list, all - len(specs)
}

// Amended is what AddReports has done.
type Amended struct {
	Specs  int // whose marks were added
	Others int // that did not run while the trace was recorded
	Marks  int
}

// AddReports writes a new trace, to, that is the sealed trace from and, behind
// its events, the marks of the specs in the reports. A mark's NotBefore is when
// it happened by the report's clock, which is taken to be that of the recorder.
func AddReports(from, to string, files []string, tool string) (done Amended, err error) {
	r, err := trace.Open(from)
	if err != nil {
		return done, err
	}
	start, lasted := r.Run().Start, time.Duration(r.Certificate().Duration)
	if err := r.Close(); err != nil {
		return done, err
	}
	var specs []suite.Spec
	for _, file := range files {
		more, err := readReport(file)
		if err != nil {
			return done, fmt.Errorf("report %s: %w", file, err)
		}
		specs = append(specs, more...)
	}
	total := len(specs)
	list, others := during(specs, start, start.Add(lasted))
	if len(list) == 0 {
		return done, fmt.Errorf("none of %s ran while %s was recorded, %s to %s: "+
			"are they of another run, or in another zone?",
			plural(total, "spec"), from, start.Format(time.RFC3339), start.Add(lasted).Format(time.RFC3339))
	}
	done = Amended{Specs: total - others, Others: others, Marks: len(list)}
	w, end, err := trace.Amend(from, to, trace.Amendment{
		Added: fmt.Sprintf("%s of %s", plural(len(list), "mark"), plural(done.Specs, "spec")), Tool: tool,
	})
	if err != nil {
		return done, err
	}
	err = appendMarks(w, list, start, lasted)
	if err == nil {
		_, err = w.Seal(end)
	}
	if err != nil {
		return done, errors.Join(err, w.Close(), os.Remove(to))
	}
	return done, nil
}

func appendMarks(w *trace.Writer, list []marks.Mark, start time.Time, at time.Duration) error {
	var texts []string
	for _, r := range w.Run().Redactions { // what holds for the trace holds for what is added
		texts = append(texts, r.Rule)
	}
	rules, err := redact.Parse(texts...)
	if err != nil {
		return err
	}
	events := make([]trace.Event, len(list))
	for i, m := range list {
		data, err := m.MarshalJSON()
		if err != nil {
			return err
		}
		e := trace.Event{
			Time: at, NotBefore: min(max(m.Time.Sub(start), 1), at), Wall: time.Now().UTC(),
			Source: trace.SourceMark, Type: trace.Mark, Data: data,
		}
		e.Data = rules.Apply(e)
		events[i] = e
	}
	run := w.Run()
	run.Redactions = addRedactions(rules.Redactions(), run.Redactions)
	w.SetRun(run)
	_, err = w.Append(nil, events...)
	return err
}
