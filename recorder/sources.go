package recorder

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/drain"
	"github.com/hindsight-project/hindsight/recorder/logs"
	"github.com/hindsight-project/hindsight/recorder/sentinel"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/usage"
)

// Sentinel says what is done in the databases. The zero value does nothing.
type Sentinel struct {
	Mode    sentinel.Mode
	URL     string  // of the servers; empty: found through the API
	Cluster string  // only this one; empty: all in the namespace
	Table   string  // what is read; empty: tables whose name begins with "sentinel"
	Rate    float64 // writes per second; 0: sentinel.DefaultRate
}

// Logs says which logs are recorded. The zero value records none.
type Logs struct {
	Record bool
	Rules  string // a file; empty: the default rules
	Budget int64  // bytes; 0: logs.DefaultBudget
}

// sources are what is recorded beside the watches.
type sources struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// stop ends the sources in order: each has its last word first.
func (s *sources) stop() {
	s.cancel()
	s.running.Wait()
}

// startSources starts what the options ask for. A trace that is resumed says
// where they go on.
func (a *attachment) startSources(resumed bool) (*sources, error) {
	r := a.rec
	ctx, cancel := context.WithCancel(r.ctx)
	s := &sources{cancel: cancel}
	data := a.sentinelOptions()
	lines, err := a.logOptions()
	if err == nil && resumed {
		data.After, lines.Since, err = a.resumeSources()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	if a.o.Sentinel.Mode != "" && a.o.Sentinel.Mode != sentinel.ModeOff {
		s.running.Go(func() {
			if err := sentinel.Run(ctx, data); err != nil {
				r.show.notify("sentinel: %v", err)
			}
		})
	}
	if a.o.UsageInterval > 0 {
		s.running.Go(func() {
			usage.Run(ctx, usage.Options{
				Scope: a.scope, Interval: a.o.UsageInterval, API: a.api,
				Sink: r.sink(),
			})
		})
	}
	if !a.scope.All() { // else the watches record all pods
		s.running.Go(func() {
			drain.Run(ctx, drain.Options{
				Scope: a.scope, API: a.api, Sink: r.sink(),
			})
		})
	}
	if a.o.Logs.Record {
		s.running.Go(func() { logs.Run(ctx, lines) })
	}
	return s, nil
}

// sink is where sources give their events to.
func (r *recording) sink() source.Sink {
	return source.Sink{Abort: r.ctx, Emit: r.emit, Now: r.now, Notify: r.show.notify}
}

func (a *attachment) sentinelOptions() sentinel.Options {
	r := a.rec
	return sentinel.Options{
		Mode: a.o.Sentinel.Mode, URL: a.o.Sentinel.URL, Cluster: a.o.Sentinel.Cluster, Table: a.o.Sentinel.Table,
		Rate: a.o.Sentinel.Rate, RunID: r.runID, Scope: a.scope,
		API: a.api, InCluster: inCluster(a.o.Config),
		Sink: r.sink(),
	}
}

func (a *attachment) logOptions() (logs.Options, error) {
	r := a.rec
	o := logs.Options{
		Scope: a.scope, OperatorNamespace: a.o.OperatorNamespace, Budget: a.o.Logs.Budget, API: a.api,
		Sink: r.sink(),
	}
	if a.o.Logs.Record && a.o.Logs.Rules != "" {
		rules, err := logs.LoadRules(a.o.Logs.Rules)
		if err != nil {
			return o, err
		}
		o.Rules = rules
	}
	return o, nil
}

// resumeSources reads from the trace how far the sources had come.
func (a *attachment) resumeSources() (highest int64, since map[string]time.Time, err error) {
	a.rec.writing.Lock()
	defer a.rec.writing.Unlock()
	reader, err := trace.Open(a.o.Output)
	if err != nil {
		return 0, nil, err
	}
	highest, err1 := sentinel.Highest(reader)
	since, err2 := logs.Checkpoints(reader)
	return highest, since, errors.Join(err1, err2, reader.Close())
}

// inCluster reports whether we run in a pod of the cluster that config is of, so
// that addresses of Services and Pods mean something.
func inCluster(config *rest.Config) bool {
	own, err := rest.InClusterConfig()
	return err == nil && own.Host == config.Host
}

// validateSources checks what can be checked without the cluster.
func (o *Options) validateSources() error {
	options := sentinel.Options{URL: o.Sentinel.URL, Table: o.Sentinel.Table, Rate: o.Sentinel.Rate}
	if err := options.Validate(); err != nil {
		return err
	}
	if o.UsageInterval < 0 {
		return errors.New("--usage-interval cannot be negative; 0 records no usage")
	}
	if o.Logs.Budget < 0 {
		return errors.New("--log-budget cannot be negative; leave the logs out with --logs=false")
	}
	if o.Logs.Record && o.Logs.Rules != "" {
		_, err := logs.LoadRules(o.Logs.Rules)
		return err
	}
	return nil
}
