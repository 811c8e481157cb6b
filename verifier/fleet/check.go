package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// CheckOptions say how an asker asks.
type CheckOptions struct {
	Replicas int                              // of what has to be made on the server; at least 1
	Notify   func(format string, args ...any) // tells of progress; nil: nobody
}

// lineEvery is how often an asker tells how far it is.
const lineEvery = 15 * time.Second

// asker is one call of Check.
type asker struct {
	CheckOptions
	rooms
	js jetstream.JetStream
}

// Check lets the fleet judge the traces and waits until all have a verdict. Its
// result is that of verifier.Check of the same paths and options. Asked again
// after an error or an interruption, it goes on where it was.
func Check(
	ctx context.Context, js jetstream.JetStream, paths []string, o verifier.Options, c CheckOptions,
) (verdict.Run, error) {
	if len(paths) == 0 {
		return verdict.Run{}, errors.New("no trace to check")
	}
	set, err := verifier.LoadPolicies(o)
	if err != nil {
		return verdict.Run{}, err
	}
	run, err := verifier.NewRun(set, o)
	if err != nil {
		return verdict.Run{}, err
	}
	a := &asker{CheckOptions: c, js: js}
	if a.Notify == nil {
		a.Notify = func(string, ...any) {}
	}
	if a.rooms, err = open(ctx, js, max(1, c.Replicas)); err != nil {
		return verdict.Run{}, err
	}
	question, err := pack(o)
	if err != nil {
		return verdict.Run{}, err
	}
	wanted, err := a.ask(ctx, question, paths)
	if err != nil {
		return verdict.Run{}, err
	}
	found, err := a.wait(ctx, digest(question), wanted)
	if err != nil {
		return verdict.Run{}, err
	}
	for i, path := range paths {
		t, judged := found[wanted[i].trace]
		if !judged { // it cannot be read, so there is nothing that could be sent
			if t, err = verifier.CheckTrace(ctx, path, set, o); err != nil {
				return verdict.Run{}, err
			}
		}
		t.File = path
		run.Traces = append(run.Traces, t)
	}
	run.Judge()
	return run, nil
}

// ask stores question and traces and puts what has no verdict into the queue. It
// returns a job for each path, with an empty trace for one that cannot be read.
func (a *asker) ask(ctx context.Context, question []byte, paths []string) ([]job, error) {
	wanted := make([]job, len(paths))
	id := digest(question)
	err := again(ctx, func(ctx context.Context) error { return a.put(ctx, job{question: id}.questionObject(), question) })
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		if path == verifier.Stdin {
			return nil, errors.New("a fleet cannot judge standard input (-): name a file")
		}
		trace, err := digestFile(path)
		if err != nil {
			continue
		}
		wanted[i] = job{question: id, trace: trace}
		err = again(ctx, func(ctx context.Context) error { return a.enqueue(ctx, path, wanted[i]) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return wanted, nil
}

// enqueue stores the trace and puts its job into the queue, if there is no verdict.
func (a *asker) enqueue(ctx context.Context, path string, j job) error {
	if _, found, err := a.verdictName(ctx, j); found || err != nil {
		return err
	}
	there, err := a.has(ctx, j.traceObject())
	if err != nil {
		return err
	}
	if !there {
		if err := a.upload(ctx, path, j); err != nil {
			return err
		}
	}
	_, err = a.js.Publish(ctx, j.subject(), nil)
	if queued(err) {
		return nil
	}
	return err
}

func (a *asker) upload(ctx context.Context, path string, j job) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := a.store.Put(ctx, jetstream.ObjectMeta{Name: j.traceObject()}, f); err != nil {
		return fmt.Errorf("cannot store the trace: %w", err)
	}
	return nil
}

// queued reports whether the job was refused because it is in the queue.
func queued(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && strings.Contains(refused.Description, "maximum messages per subject")
}

// wait returns the verdicts of the jobs, by trace.
func (a *asker) wait(ctx context.Context, question string, wanted []job) (map[string]verdict.Trace, error) {
	open := map[string]bool{}
	for _, j := range wanted {
		if j.trace != "" {
			open[j.trace] = true
		}
	}
	all, found := len(open), map[string]verdict.Trace{}
	if all == 0 {
		return found, nil
	}
	consumer, err := a.verdicts.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{verdictPrefix + question + ".>"},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot wait for verdicts: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("cannot wait for verdicts: %w", err)
	}
	defer messages.Stop()
	told := time.Now()
	defer context.AfterFunc(ctx, messages.Stop)()
	for len(open) > 0 {
		m, err := messages.Next(jetstream.NextMaxWait(lineEvery))
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !errors.Is(err, nats.ErrTimeout):
			return nil, fmt.Errorf("cannot wait for verdicts: %w; ask again to go on", err)
		case err == nil:
			if err := a.take(ctx, m, open, found); err != nil {
				return nil, err
			}
		}
		if time.Since(told) >= lineEvery {
			told = time.Now()
			a.tell(len(found), all)
		}
	}
	return found, nil
}

// tell says how far it is, and what to do when nobody works.
func (a *asker) tell(found, all int) {
	advice := ""
	if found == 0 {
		advice = "; is there a worker? (verifier worker --nats URL)"
	}
	a.Notify("%d of %d traces judged%s", found, all, advice)
}

// take reads a verdict that is waited for.
func (a *asker) take(ctx context.Context, m jetstream.Msg, open map[string]bool, found map[string]verdict.Trace) error {
	j, err := parseJob(m.Subject(), verdictPrefix)
	if err != nil || !open[j.trace] {
		return nil // of somebody who asks the same of other traces
	}
	var t verdict.Trace
	err = again(ctx, func(ctx context.Context) (err error) {
		t, err = a.read(ctx, string(m.Data()))
		return err
	})
	if err != nil {
		return err
	}
	found[j.trace] = t
	delete(open, j.trace)
	return nil
}

func digestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
