package recorder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/redact"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watch"
)

// The environment of a wrapped command.
const (
	EnvTrace = "HINDSIGHT_TRACE"  // the file that is written, absolute
	EnvRunID = "HINDSIGHT_RUN_ID" // the run in it
)

// finishTimeout bounds how long the API server is asked for its last word: that
// long after the last event, so that a backlog is taken whole.
const finishTimeout = 20 * time.Second

// ErrAborted is returned when Options.Abort ended a recording into a file.
var ErrAborted error = abortedError(
	"stopped at once: the trace is readable but not sealed; attach with the same --output resumes it")

var errPublishAborted error = abortedError(
	"stopped at once: the run was not ended, and its trace will not be sealed; what was published is collected")

type abortedError string

// Error implements error.
func (e abortedError) Error() string { return string(e) }

// ExitCode is what shells return for a program that Ctrl-C ended.
func (abortedError) ExitCode() int { return 130 }

// Attach records until ctx ends or the command does, then asks the API server
// for its last word, seals the trace and returns its certificate.
//
// The certificate is valid without an error and with a *CommandError. Any other
// error means that the recording could not be made or not be finished; what is
// in the file by then is readable and can be resumed.
func Attach(ctx context.Context, o Options) (trace.Certificate, error) {
	if err := o.Validate(); err != nil {
		return trace.Certificate{}, err
	}
	o.Complete()
	if o.Abort == nil {
		o.Abort = context.Background()
	}
	rules, err := o.rules()
	if err != nil {
		return trace.Certificate{}, err
	}
	a := attachment{o: o, soft: ctx, rules: rules}
	if err := a.discover(ctx); err != nil {
		return trace.Certificate{}, err
	}
	cert, err := a.run()
	switch {
	case o.Abort.Err() == nil || cert.Sealed || err == nil:
		return cert, err
	case o.PublishOnly:
		return cert, errPublishAborted
	default:
		return cert, ErrAborted
	}
}

// attachment is one call of Attach.
type attachment struct {
	o    Options
	soft context.Context // ends the recording in order

	client  *watch.Client
	api     *kube.Client // of what is recorded beside the watches
	scope   kube.Scope
	server  string // version of the API server
	targets []watch.Target
	denials []watch.Denial
	notes   map[watch.StreamKey]string // what the certificate says besides the proof

	rules *redact.Rules
	rec   *recording
}

// discover finds out what is to be recorded, before any file is made.
func (a *attachment) discover(ctx context.Context) error {
	config := rest.CopyConfig(a.o.Config)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS, config.Burst = max(config.QPS, 100), max(config.Burst, 200)
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot use the configuration of the cluster: %w", err)
	}
	version, err := d.ServerVersion()
	if err != nil {
		return fmt.Errorf("the API server at %s cannot be asked: %w; "+
			"check --kubeconfig, --context and that the cluster is up", config.Host, err)
	}
	a.server = version.GitVersion
	if err := a.choose(ctx); err != nil {
		return err
	}
	a.targets, a.denials, err = watch.Resolve(d, watch.Selection{
		Scope: a.scope, OperatorNamespace: a.o.OperatorNamespace,
		Resources: a.o.Resources, KeepHeartbeats: a.o.KeepHeartbeats,
	})
	if err != nil {
		return err
	}
	if len(a.targets) == 0 {
		return fmt.Errorf("the API server at %s serves nothing of what is to be recorded: %s",
			config.Host, a.denials[0].Reason)
	}
	if a.client, err = watch.NewClient(config); err != nil {
		return err
	}
	a.denials = append(a.denials, a.client.Narrow(ctx, a.targets, a.o.Namespace)...)
	a.noteMissingNamespaces(ctx)
	return nil
}

// choose says which namespaces are recorded.
func (a *attachment) choose(ctx context.Context) (err error) {
	config := rest.CopyConfig(a.o.Config)
	config.QPS, config.Burst = max(config.QPS, 50), max(config.Burst, 100)
	if a.api, err = kube.New(config); err != nil {
		return err
	}
	a.scope = kube.Scope{Namespace: a.o.Namespace}
	if a.o.Selector == "" {
		return nil
	}
	selector, err := labels.Parse(a.o.Selector)
	if err != nil {
		return err
	}
	a.scope = kube.Labelled(a.api, selector, a.tell)
	some, err := a.scope.Any(ctx)
	if err == nil && !some {
		a.warn("no namespace has the labels %s yet; those that will have them are recorded", a.o.Selector)
	}
	return err
}

// noteMissingNamespaces keeps in mind which namespaces do not exist yet: they
// are watched all the same, and recorded from their first object on.
func (a *attachment) noteMissingNamespaces(ctx context.Context) {
	a.notes = map[watch.StreamKey]string{}
	missing := map[string]bool{}
	for _, namespace := range []string{a.o.Namespace, a.o.OperatorNamespace} {
		missing[namespace] = namespace != "" && a.client.NamespaceMissing(ctx, namespace)
	}
	for _, t := range a.targets {
		if missing[t.Namespace] {
			a.notes[t.Key()] = "the namespace did not exist at the start"
		}
	}
	if missing[a.o.Namespace] {
		a.warn("namespace %s does not exist yet; it is recorded as soon as it does", a.o.Namespace)
	}
	if missing[a.o.OperatorNamespace] && a.o.OperatorNamespace != a.o.Namespace {
		a.warn("namespace %s does not exist; if the operator is elsewhere, say so with --operator-namespace",
			a.o.OperatorNamespace)
	}
}

// tell tells people something, whether the recording has begun or not.
func (a *attachment) tell(format string, args ...any) {
	if a.rec == nil {
		a.warn(format, args...)
		return
	}
	a.rec.show.notify(format, args...)
}

func (a *attachment) warn(format string, args ...any) {
	fmt.Fprintf(a.o.Stderr, "recorder: "+format+"\n", args...)
}

// run opens trace and bus, records, and closes them in that order.
func (a *attachment) run() (cert trace.Certificate, err error) {
	if a.o.PublishOnly {
		return a.publish()
	}
	w, resumed, err := openTrace(&a.o, a.server, a.rules)
	if err != nil {
		return cert, err
	}
	a.rec = &recording{
		rules: a.rules, redacted: w.Run().Redactions, began: w.Run().Start, announced: map[time.Duration]chan<- error{},
		path: a.o.Output, writer: w, durable: w.Position().Seq, last: time.Duration(w.Certificate().Duration),
		start: time.Now(), wall: a.o.Wall, elapsed: elapsed(w, a.o.Wall()),
	}
	defer func() { err = errors.Join(err, a.rec.writer.Close()) }() // that may be another one by then
	a.rec.resumeGaps()
	detach, err := a.open(bus.Options{RunID: w.Run().ID, Dir: a.natsDir(), Listen: a.o.NATSListen}, w.Position())
	if err != nil {
		if !resumed {
			err = errors.Join(err, os.Remove(a.o.Output))
		}
		return cert, err
	}
	defer detach()
	a.rec.consume(w.Position().Seq)
	defer a.rec.stopConsuming()
	return a.record(resumed)
}

// open connects the recording with the bus and starts to show its progress, until
// detach is called.
func (a *attachment) open(o bus.Options, position trace.Position) (detach func(), err error) {
	r := a.rec
	r.runID = o.RunID
	r.show = newProgress(a.o.Stderr, a.o.Terminal)
	r.show.gaps = r.gaps.Load
	o.NATS, o.Stream, o.Notify = a.o.NATS, a.o.Stream, r.show.notify
	if r.bus, err = bus.Open(a.soft, o, position); err != nil {
		return nil, err
	}
	r.ctx, r.fail = context.WithCancelCause(a.o.Abort)
	var background sync.WaitGroup
	background.Go(func() { r.show.run(r.ctx) })
	return func() {
		r.fail(nil)
		background.Wait()
		r.bus.Close()
	}, nil
}

func (a *attachment) natsDir() string { return a.o.Output + ".nats" }

// elapsed returns how long the run has lasted: by the wall clock since its
// start, but never less than what the trace holds already.
func elapsed(w *trace.Writer, now time.Time) time.Duration {
	return max(now.Sub(w.Run().Start), time.Duration(w.Certificate().Duration))
}

func (a *attachment) record(resumed bool) (cert trace.Certificate, err error) {
	r := a.rec
	hub := &watch.Hub{
		Client: a.client, Scope: a.scope, Emit: r.emit, Now: r.now, NextGap: r.nextGap, Notify: r.show.notify,
		Quiet: a.o.quiet,
	}
	streams := make([]*watch.Stream, len(a.targets))
	for i, t := range a.targets {
		streams[i] = watch.NewStream(hub, t)
	}
	r.adopt(streams)
	if resumed {
		if err := r.drain(); err != nil {
			return cert, err
		}
		if err := r.restore(a.o.Output); err != nil {
			return cert, err
		}
		r.show.notify("resuming %s after %s", a.o.Output, short(r.elapsed))
	}
	if err := a.deny(); err != nil {
		return cert, err
	}
	beside, err := a.startSources(resumed)
	if err != nil {
		return cert, err
	}
	l, err := a.listen(resumed)
	if err != nil {
		beside.stop()
		return cert, err
	}
	watching, stop := context.WithCancel(r.ctx)
	defer stop()
	var running sync.WaitGroup
	for _, s := range streams {
		running.Go(func() { s.Run(watching) })
	}
	end, code, err := a.attend(streams, l)
	a.close(l)
	beside.stop() // first: what it does to the cluster at the end is to be seen as well
	stop()
	running.Wait()
	if err != nil {
		return cert, err
	}
	return a.finish(streams, end, code)
}

// deny writes down what discovery has refused.
func (a *attachment) deny() error {
	for _, d := range a.denials {
		r := a.rec
		r.show.notify("%s: not recorded: %s", watch.Target{Resource: d.Resource, Namespace: d.Namespace}, d.Reason)
		e, err := deniedEvent(d, r.now())
		if err != nil {
			return err
		}
		if err := r.emit(e); err != nil {
			return err
		}
	}
	return nil
}

// attend waits until the recording is to end, and says why.
func (a *attachment) attend(streams []*watch.Stream, l *listener) (end string, code *int, err error) {
	r := a.rec
	denied := 0
	for _, s := range streams {
		select {
		case <-s.Ready():
		case <-a.soft.Done():
			return "interrupted before everything was listed", nil, nil
		case <-r.ctx.Done():
			return "", nil, context.Cause(r.ctx)
		}
		if s.Denied() != "" {
			denied++
		}
	}
	if denied == len(streams) {
		return "", nil, fmt.Errorf("the API server lets us record nothing: %s", streams[0].Denied())
	}
	r.show.notify("recording %s into %s", plural(len(streams)-denied, "stream"), a.destination())
	if len(a.o.Command) > 0 {
		return a.attendCommand(l)
	}
	select {
	case <-a.soft.Done():
		return "interrupted", nil, nil
	case <-r.ctx.Done():
		return "", nil, context.Cause(r.ctx)
	}
}

// environment is what a wrapped command is told.
func (a *attachment) environment(l *listener) []string {
	env := append(l.environment(), EnvRunID+"="+a.rec.runID)
	if !a.o.PublishOnly {
		env = append(env, EnvTrace+"="+absolute(a.o.Output))
	}
	return env
}

func (a *attachment) attendCommand(l *listener) (end string, code *int, err error) {
	r := a.rec
	ctx, cancel := context.WithCancel(a.soft)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	c, err := runCommand(ctx, a.o.Abort, &a.o, a.environment(l))
	if err != nil {
		return "", nil, err
	}
	if err := context.Cause(r.ctx); err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("the command ended with exit code %d", c), &c, nil
}

// finish proves what can be proven and seals the trace.
func (a *attachment) finish(streams []*watch.Stream, end string, code *int) (cert trace.Certificate, err error) {
	r := a.rec
	r.show.notify("%s; comparing with the API server", end)
	ctx, cancel := r.untilQuiet(finishTimeout)
	defer cancel()
	outcomes := map[*watch.Stream]watch.Outcome{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, s := range streams {
		all.Go(func() {
			outcome, failed := s.Finish(ctx)
			mu.Lock()
			defer mu.Unlock()
			outcomes[s] = outcome
			err = errors.Join(err, failed)
		})
	}
	all.Wait()
	if err != nil {
		return cert, err
	}
	if a.o.PublishOnly {
		cert, err = a.publishEnd(outcomes, end, code)
	} else {
		cert, err = a.seal(outcomes, end, code)
	}
	if err != nil {
		return cert, err
	}
	if code != nil && *code != 0 {
		return cert, &CommandError{*code}
	}
	return cert, nil
}

// seal ends the trace with what the streams have proven.
func (a *attachment) seal(
	outcomes map[*watch.Stream]watch.Outcome, end string, code *int,
) (cert trace.Certificate, err error) {
	r := a.rec
	if err := r.drain(); err != nil {
		return cert, err
	}
	if err := r.certify(outcomes, a.notes); err != nil {
		return cert, err
	}
	cert, err = r.seal(end, code)
	if err != nil {
		return cert, err
	}
	r.stopConsuming()
	a.clean()
	return cert, nil
}

// clean removes the bus's stream: everything in it is in the sealed trace.
func (a *attachment) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := a.rec.bus.Remove(ctx); err != nil {
		a.warn("the stream %s could not be removed: %v", bus.StreamName(a.rec.runID), err)
	}
	a.rec.bus.Close()
	if a.o.NATS.URL == "" {
		if err := os.RemoveAll(a.natsDir()); err != nil {
			a.warn("%s could not be removed: %v", a.natsDir(), err)
		}
	}
}
