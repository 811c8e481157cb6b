package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/docs/performance/history"
	"github.com/hindsight-project/hindsight/docs/performance/judgement"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

type finding = judgement.Finding

// stepWord as first argument makes this program a part of itself: a process that
// does one thing, and whose memory is its own.
const stepWord = "step"

func step(ctx context.Context, name string, args []string) error {
	steps := map[string]func(context.Context, []string) error{
		"time": stepTime, "generate": stepGenerate, "faulty": stepFaulty, "many": stepMany,
		"export": stepExport, "log": stepLog, "hand": stepHand, "travel": stepTravel, "pack": stepPack,
		"events": stepEvents,
	}
	run, ok := steps[name]
	if !ok {
		return fmt.Errorf("there is no step %q", name)
	}
	if err := run(ctx, args); err != nil {
		return fmt.Errorf("step %s %v: %w", name, args, err)
	}
	return nil
}

// step runs a step in a process of its own, and returns what it prints.
func (b *bench) step(name string, args ...string) ([]byte, error) {
	cmd := b.command(b.ctx, b.tools.self, append([]string{stepWord, name}, args...)...)
	return cmd.Output()
}

// lanes is how many clusters the generated histories have at the same time.
const lanes = 4

// imported writes a log as a sealed trace.
func imported(ctx context.Context, log io.Reader, out string) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	report, err := watchlog.Import(ctx, log, watchlog.Options{Out: out, Name: filepath.Base(out)})
	if err == nil && report.RejectedTotal > 0 {
		err = fmt.Errorf("line %d of the log: %s", report.Rejected[0].Line, report.Rejected[0].Reason)
	}
	return err
}

// stepGenerate writes a trace: OUT EVENTS QUIET.
func stepGenerate(ctx context.Context, args []string) error {
	events, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	quiet, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	parts, err := recordings()
	if err != nil {
		return err
	}
	return generate(ctx, parts, args[0], history.Options{Seed: 1, Events: events, Lanes: lanes, Quiet: quiet})
}

func recordings() ([]*history.Recording, error) {
	return history.Recordings(filepath.Join("recorder", "testdata"))
}

func generate(ctx context.Context, parts []*history.Recording, out string, o history.Options) error {
	log, into := io.Pipe()
	go func() { into.CloseWithError(history.Write(into, parts, o)) }()
	return errors.Join(imported(ctx, log, out), log.Close())
}

// stepFaulty writes a trace with faults: OUT.
func stepFaulty(ctx context.Context, args []string) error {
	parts, err := recordings()
	if err != nil {
		return err
	}
	var log, faulty bytes.Buffer
	if err := history.Write(&log, parts, history.Options{Seed: 2, Events: 10_000, Lanes: lanes}); err != nil {
		return err
	}
	if _, err := judgement.Inject(&faulty, &log); err != nil {
		return err
	}
	return imported(ctx, &faulty, args[0])
}

// smallEvents is the length of a typical recording.
const smallEvents = 600

// stepMany writes small traces, each another one: DIR NUMBER.
func stepMany(ctx context.Context, args []string) error {
	number, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	parts, err := recordings()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for i := range number {
		g.Go(func() error {
			out := filepath.Join(args[0], fmt.Sprintf("%04d.db", i))
			return generate(ctx, parts, out, history.Options{Seed: uint64(i + 1), Events: smallEvents, Lanes: 1})
		})
	}
	return g.Wait()
}

// stepExport writes a trace for the peers: TRACE FORM LINES DOCUMENT.
func stepExport(_ context.Context, args []string) error {
	return reading(args[0], func(r *trace.Reader) error {
		return judgement.Export(r, judgement.Form(args[1]), args[2], args[3])
	})
}

// stepLog writes a trace as the watch log that it would be imported from: TRACE OUT.
func stepLog(_ context.Context, args []string) error {
	return reading(args[0], func(r *trace.Reader) error {
		f, err := os.Create(args[1])
		if err != nil {
			return err
		}
		_, err = watchlog.Export(r, f)
		return errors.Join(err, f.Close())
	})
}

// stepEvents prints how many events a trace has: TRACE.
func stepEvents(_ context.Context, args []string) error {
	return reading(args[0], func(r *trace.Reader) error {
		_, err := fmt.Print(r.Certificate().Events)
		return err
	})
}

// stepHand prints what the checker by hand finds: TRACE.
func stepHand(_ context.Context, args []string) error {
	return reading(args[0], func(r *trace.Reader) error {
		found, err := judgement.Hand(r)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(append([]finding{}, found...))
	})
}

// travel is the latency of states, in s.
type travel struct {
	Open                    float64
	One, OneP99             float64
	Namespace, NamespaceP99 float64
	Probes                  int
	ObjectsMedian           int
}

// Latency of time travel is measured at so many moments, or fewer if that takes too long.
const (
	probes       = 500
	travelBudget = time.Minute
)

// stepTravel measures the state of one object, and of all of a namespace, at random moments: TRACE.
func stepTravel(_ context.Context, args []string) error {
	start := time.Now()
	r, err := trace.Open(args[0])
	if err != nil {
		return err
	}
	t := travel{Open: time.Since(start).Seconds()}
	err = t.measure(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

func (t *travel) measure(r *trace.Reader) error {
	random := rand.New(rand.NewPCG(1, 2))
	objects, events := r.Objects(), r.Certificate().Events
	var one, all, sizes []float64
	begin := time.Now()
	for range probes {
		if time.Since(begin) > travelBudget {
			break
		}
		t.Probes++
		seq, want := 1+random.Uint64N(events), objects[random.IntN(len(objects))]
		for want.Namespace == "" {
			want = objects[random.IntN(len(objects))]
		}
		start := time.Now()
		if _, err := r.StateOf(seq, want); err != nil {
			return err
		}
		one = append(one, time.Since(start).Seconds())
		start = time.Now()
		found, err := r.StateIn(seq, want.Namespace, nil)
		if err != nil {
			return err
		}
		all = append(all, time.Since(start).Seconds())
		sizes = append(sizes, float64(len(found)))
	}
	slices.Sort(one)
	slices.Sort(all)
	slices.Sort(sizes)
	t.One, t.OneP99 = median(one), one[len(one)*99/100]
	t.Namespace, t.NamespaceP99 = median(all), all[len(all)*99/100]
	t.ObjectsMedian = int(median(sizes))
	return nil
}

func reading(path string, f func(*trace.Reader) error) error {
	r, err := trace.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f(r), r.Close())
}
