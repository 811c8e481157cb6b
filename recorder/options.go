package recorder

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/redact"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Options say what Attach records, and where to.
type Options struct {
	// Config describes the API server.
	Config *rest.Config

	// Namespace is recorded; empty means all of them, or those whose labels
	// Selector matches, if there is one: see kube.Labelled.
	Namespace string
	Selector  string

	// OperatorNamespace is where the Pods and Leases of the operator are; empty
	// means that they are not recorded.
	OperatorNamespace string

	// Resources are recorded beyond the default ones: plural, plural.group or
	// plural.version.group.
	Resources []string

	// KeepHeartbeats records Lease renewals and Node status stamps as well.
	KeepHeartbeats bool

	// Sentinel, UsageInterval and Logs are what is recorded beside the API: the
	// data, how full the volumes are (0: not at all), and what was logged.
	Sentinel      Sentinel
	UsageInterval time.Duration
	Logs          Logs

	// Reports are files in which a suite will report, or has: see package suite.
	Reports []string

	// Redact are rules of package redact, applied beside redact.Defaults before
	// anything leaves the process; WithoutDefaults leaves those out.
	Redact          []string
	WithoutDefaults bool

	// Output is the trace file. If it exists and is not sealed, the recording
	// is resumed. Empty: "<run id>.trace.db" in the current directory.
	Output string

	// NATS is an external server; without URL one is built in. Stream is how the
	// external one keeps what is published.
	NATS   broker.Options
	Stream bus.StreamOptions

	// NATSListen is where the built-in server listens: see bus.Options.Listen.
	NATSListen string

	// PublishOnly leaves the trace to somebody who collects the run from NATS, see
	// the package collect. There is no Output then.
	PublishOnly bool

	// Command is run while recording, and ends it. Empty: record until the
	// context ends.
	Command []string

	// Tool names the program and its version, for Run.Tool.
	Tool string

	// Wall is the wall clock; nil: time.Now. Nothing but the start of the run, the
	// wall times of events and the time that passed while no recorder ran depends
	// on it.
	Wall func() time.Time

	runID string // of a new trace
	start time.Time
	quiet time.Duration // watch.Hub.Quiet; 0: the default

	// Abort, when it is done, ends everything at once: nothing more is recorded,
	// the file stays readable and can be resumed. nil: never.
	Abort context.Context

	Stdin    io.Reader
	Stdout   io.Writer // of Command
	Stderr   io.Writer // of Command, and progress
	Terminal bool      // Stderr is a terminal: show a live line
}

// Complete gives the run its clock, its id, the moment of its start, and Output
// its default. Attach calls it where the caller has not.
func (o *Options) Complete() {
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.runID == "" {
		o.start = o.Wall()
		o.runID = newRunID(cmp.Or(o.Namespace, o.several()), o.start)
	}
	if !o.PublishOnly {
		o.Output = cmp.Or(o.Output, o.runID+".trace.db")
	}
}

// RunID returns the id of a new run, once Complete was called.
func (o *Options) RunID() string { return o.runID }

// Validate checks what can be checked without the cluster.
func (o *Options) Validate() error {
	if err := errors.Join(o.NATS.Validate(), o.Stream.Validate()); err != nil {
		return err
	}
	switch _, err := labels.Parse(o.Selector); {
	case err != nil:
		return fmt.Errorf("--selector %q is no label selector, such as suite=e2e: %w", o.Selector, err)
	case o.Selector != "" && o.Namespace != "":
		return errors.New("--selector chooses among all namespaces: leave --namespace out")
	case o.NATS.URL == "" && o.Stream != bus.StreamOptions{}:
		return errors.New("--nats-replicas and --nats-max-bytes need --nats URL")
	case o.PublishOnly && o.NATS.URL == "":
		return errors.New("--publish-only needs --nats URL: without it there is nowhere to publish to")
	case o.PublishOnly && o.Output != "":
		return errors.New("--publish-only writes no trace, so --output cannot be given: recorder collect writes it")
	}
	if err := o.validateListen(); err != nil {
		return err
	}
	if _, err := o.rules(); err != nil {
		return err
	}
	if len(o.Command) > 0 {
		if _, err := exec.LookPath(o.Command[0]); err != nil {
			return fmt.Errorf("cannot run the command: %w", err)
		}
	}
	return o.validateSources()
}

// several says in a word which namespaces are recorded if not one.
func (o *Options) several() string {
	if o.Selector != "" {
		return "labelled"
	}
	return "all"
}

// newRunID makes an id that sorts by time: "<namespace>-<UTC start>-<short id>".
func newRunID(namespaces string, start time.Time) string {
	id := strings.ToLower(rand.Text()[:5])
	return fmt.Sprintf("%s-%s-%s", namespaces, start.UTC().Format("20060102t150405z"), id)
}

func (o *Options) validateListen() error {
	switch {
	case o.NATSListen == "":
		return nil
	case o.NATS.URL != "":
		return errors.New("--nats-listen is of the built-in NATS server, --nats names another one: choose")
	}
	return bus.ValidateListen(o.NATSListen)
}

// rules returns what is taken out of events.
func (o *Options) rules() (*redact.Rules, error) {
	if o.WithoutDefaults {
		return redact.Parse(o.Redact...)
	}
	return redact.Parse(slices.Concat(redact.Defaults, o.Redact)...)
}

// run describes a new run.
func (o *Options) run(server string, rules *redact.Rules) trace.Run {
	run := trace.Run{
		ID: o.runID, Origin: trace.OriginAttach, Start: o.start.UTC(), Tool: o.Tool,
		Namespaces: []string{}, Selector: o.Selector, Server: server, Redactions: rules.Redactions(),
	}
	for _, word := range o.Command {
		run.Command = append(run.Command, rules.Text(word))
	}
	if o.Namespace != "" {
		run.Namespaces = []string{o.Namespace}
	}
	return run
}

// openTrace creates the trace, or resumes it where its recorder was stopped.
func openTrace(o *Options, server string, rules *redact.Rules) (w *trace.Writer, resumed bool, err error) {
	run := o.run(server, rules)
	if _, err := os.Stat(o.Output); errors.Is(err, os.ErrNotExist) {
		w, err := trace.Create(o.Output, run)
		return w, false, err
	}
	w, err = trace.Resume(o.Output)
	switch {
	case errors.Is(err, trace.ErrSealed):
		return nil, false, fmt.Errorf("%s is a finished recording and is not written again: "+
			"name another file with --output", o.Output)
	case err != nil:
		return nil, false, fmt.Errorf("%s exists, and the recording in it cannot be resumed: %w", o.Output, err)
	}
	was, now := describe(w.Run()), describe(run)
	if was != now || w.Run().Origin != trace.OriginAttach {
		return nil, false, errors.Join(w.Close(), fmt.Errorf("%s is a recording of %s (%s) and cannot be resumed with %s: "+
			"name another file with --output", o.Output, was, w.Run().Origin, now))
	}
	if !sameRules(w.Run().Redactions, run.Redactions) {
		return nil, false, errors.Join(w.Close(), fmt.Errorf("%s was recorded with other rules of what is redacted, and its "+
			"header must be true of all of it: attach with the same --redact, or name another file with --output", o.Output))
	}
	return w, true, nil
}

func sameRules(a, b []trace.Redaction) bool {
	return slices.EqualFunc(a, b, func(a, b trace.Redaction) bool { return a.Rule == b.Rule })
}

// describe says of which namespaces a run is.
func describe(run trace.Run) string {
	switch {
	case len(run.Namespaces) > 0:
		return "namespace " + strings.Join(run.Namespaces, ", ")
	case run.Selector != "":
		return "the namespaces with " + run.Selector
	default:
		return "all namespaces"
	}
}

// absolute returns path as a wrapped command finds it wherever it works.
func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}
