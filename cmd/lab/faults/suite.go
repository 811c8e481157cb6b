package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options of a run of the suite.
type Options struct {
	Programs Programs
	Rows     *regexp.Regexp // of the ids to run; nil: all
	Quick    bool           // the reduced run
	Kills    int            // how often programs are killed in the full run
	Rate     float64        // versions per second
	Seed     uint64         // of the random moments
	Parallel int            // rows at a time, each in a cluster of its own; 0: 1
	Dir      string         // for everything that is written; must exist
	RateOnly bool           // measure no costs, only how much the recorder takes at once
	Keep     bool           // what the programs wrote; it stays always where a bar was missed
	Progress io.Writer      // what goes on, for people
}

// Result is what came of one row.
type Result struct {
	ID      string
	Title   string
	Skipped string             // why the row was not run
	Broken  string             // why it came to no end
	Expired bool               // history was gone after a fault
	Acked   int                // events that a killed or stopped recorder had made durable
	Lost    int                // of these, not there in the end
	Order   []string           // of the programs
	By      map[string]Figures // by program
	Took    time.Duration
	Load    float64 // average of the machine, in its last minute
}

// errSkip is wrapped by what a machine may not let us do: the row is skipped then.
var (
	errSkip       = errors.New("not here")
	errNoDisk     = fmt.Errorf("%w: a small disk takes Linux with user and mount namespaces", errSkip)
	errNoSlowDisk = fmt.Errorf("%w: a slow disk takes Linux 5.5 with seccomp user notification", errSkip)
)

// memoryBound is what the recorder may use at most, whatever happens.
const memoryBound = 256 << 20

// Failures says which bars the recorder has missed.
func (r Result) Failures() (missed []string) {
	if r.Broken != "" {
		return []string{r.ID + ": " + r.Broken}
	}
	f, ok := r.By[nameRecorder]
	if !ok {
		return nil
	}
	bar := func(met bool, format string, args ...any) {
		if !met {
			missed = append(missed, r.ID+": "+fmt.Sprintf(format, args...))
		}
	}
	bar(f.Truth > 0, "nothing happened")
	bar(f.HeldSeen == f.Held, "%d of %d versions that history still holds were not recorded", f.Held-f.HeldSeen, f.Held)
	bar(f.Undeclared == 0, "%d missing versions are in no declared gap", f.Undeclared)
	bar(f.RealGaps == f.Gaps, "%d of %d declared gaps are not real", f.Gaps-f.RealGaps, f.Gaps)
	bar(f.False == 0, "%d events did not happen", f.False)
	bar(f.Twice == 0, "%d versions were recorded twice", f.Twice)
	bar(r.Lost == 0, "%d of %d acknowledged events are lost", r.Lost, r.Acked)
	bar(f.Peak <= memoryBound, "the recorder used %d MB", f.Peak>>20)
	bar(len(f.Wrong) == 0, "%s", strings.Join(f.Wrong, "; "))
	return missed
}

// Run runs the suite, row after row, each in a cluster of its own.
func Run(ctx context.Context, o Options) (Report, error) {
	report := Report{Options: o, Began: time.Now()}
	h, err := openHistory(ctx)
	if err != nil {
		return report, err
	}
	report.Size = h.size()
	var wanted []row
	for _, r := range rows {
		if (!o.Quick || r.quick) && (o.Rows == nil || o.Rows.MatchString(r.id)) {
			wanted = append(wanted, r)
		}
	}
	results := make([]Result, len(wanted))
	var mu sync.Mutex // of the progress
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(max(o.Parallel, 1))
	for i, r := range wanted {
		all.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			result, err := runRow(ctx, &o, r, h)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				result.Broken = err.Error()
			}
			results[i] = result
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(o.Progress, "%-14s %6.1f s  %s\n", r.id, result.Took.Seconds(), result.summary())
			return nil
		})
	}
	err = all.Wait()
	report.Results, report.Took = results, time.Since(report.Began)
	return report, err
}

func (r Result) summary() string {
	if r.Skipped != "" {
		return "skipped: " + r.Skipped
	}
	var parts []string
	for _, name := range r.Order {
		f := r.By[name]
		parts = append(parts, fmt.Sprintf("%s %d/%d", name, f.Seen, f.Truth))
	}
	if missed := r.Failures(); len(missed) > 0 {
		parts = append(parts, "MISSED: "+strings.Join(missed, "\n    "))
	}
	return strings.Join(parts, ", ")
}

func runRow(ctx context.Context, o *Options, r row, h *history) (result Result, err error) {
	start := time.Now()
	result = Result{ID: r.id, Title: r.title, By: map[string]Figures{}}
	dir := filepath.Join(o.Dir, r.id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return result, err
	}
	s, err := newStage(ctx, o, dir, h)
	if err != nil {
		return result, err
	}
	with := &setup{dir: dir, recorder: o.Programs.Recorder}
	defer func() {
		err = errors.Join(err, s.close())
		for _, clean := range with.cleanup {
			clean()
		}
		result.Took, result.Load = time.Since(start), loadAverage()
		if err == nil && len(result.Failures()) == 0 && !o.Keep {
			err = os.RemoveAll(dir)
		}
	}()
	if r.prepare != nil {
		if err := r.prepare(s, with); errors.Is(err, errSkip) {
			result.Skipped = err.Error()
			return result, nil
		} else if err != nil {
			return result, err
		}
	}
	programs, err := s.cast(r, with)
	if err != nil {
		return result, err
	}
	if err := s.begin(programs); errors.Is(err, errSkip) {
		result.Skipped = err.Error()
		return result, nil
	} else if err != nil {
		return result, err
	}
	return result, s.perform(ctx, r, &result)
}

// cast makes the programs of a row.
func (s *stage) cast(r row, with *setup) ([]program, error) {
	address := s.proxy.address()
	if r.front {
		address = s.front.address()
	}
	kubeconfig, err := s.kubeconfig(address)
	if err != nil {
		return nil, err
	}
	namespace := s.history.namespace
	rec := newRecorder(with.recorder, with.dir, kubeconfig, namespace, with.extra...)
	rec.p.env, rec.p.spawn = with.env, with.spawn
	if s.options.Quick && !r.compared {
		return []program{rec}, nil
	}
	return []program{
		rec,
		newKubectl(s.options.Programs.Kubectl, with.dir, kubeconfig, namespace,
			"--output-watch-events", "--show-managed-fields"),
		newInformer(s.options.Programs.Informer, with.dir, kubeconfig, namespace),
	}, nil
}

// perform lets the fault happen, ends everything and judges it.
func (s *stage) perform(ctx context.Context, r row, result *Result) error {
	after, err := s.truth.revision(ctx)
	if err != nil {
		return err
	}
	if err := r.fault(ctx, s); err != nil {
		return err
	}
	if err := s.programs[0].ready(); err != nil {
		return err
	}
	if err := s.during(ctx, s.long(5*time.Second, time.Second)); err != nil {
		return err
	}
	if err := s.load.end(); err != nil {
		return err
	}
	upTo, err := s.truth.revision(ctx)
	if err != nil {
		return err
	}
	if err := s.truth.upTo(ctx, upTo); err != nil {
		return err
	}
	if err := s.dismiss(ctx); err != nil {
		return err
	}
	truth, err := s.truth.versions(s.history.namespace)
	if err != nil {
		return err
	}
	for _, p := range s.programs {
		said, err := p.read(s.history.namespace)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
		f := judge(truth, said, s.expiries, after, upTo)
		for _, q := range p.processes() {
			f.Peak += q.peak
		}
		f.Note = strings.Join(s.notes[p.name()], "; ")
		result.By[p.name()] = f
		result.Order = append(result.Order, p.name())
		result.Expired = result.Expired || f.Held < f.Truth
	}
	result.Acked, result.Lost, err = s.compareAcknowledged()
	return err
}

// dismiss ends the programs, when they have had the time to receive all.
func (s *stage) dismiss(ctx context.Context) error {
	if err := s.during(ctx, receipt); err != nil {
		return err
	}
	for _, p := range s.programs {
		for _, q := range p.processes() {
			if !q.running() {
				s.note(p.name(), "%s", q.lastWords())
			}
		}
	}
	for _, p := range s.programs {
		for _, q := range p.processes() {
			if err := q.end(3 * time.Minute); err != nil {
				return err
			}
			if p.name() == nameRecorder && q.err != nil {
				return fmt.Errorf("the recorder could not finish: %w; it said:\n%s", q.err, q.stderr)
			}
		}
	}
	return nil
}

// compareAcknowledged looks for every event that was durable at some time.
func (s *stage) compareAcknowledged() (acked, lost int, err error) {
	for _, a := range s.acked {
		if a.events == 0 {
			continue
		}
		now, err := readAcknowledged(s.recorder().file, a.events)
		if err != nil {
			return 0, 0, err
		}
		acked = int(a.events)
		lost = max(lost, int(a.events-now.events))
		for _, e := range a.last {
			if !slices.Contains(now.last, e) {
				lost++
			}
		}
	}
	return acked, lost, nil
}
