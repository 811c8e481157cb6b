package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// WorkOptions say how a worker works.
type WorkOptions struct {
	Parallel  int           // traces at a time; at least 1
	Replicas  int           // of what has to be made on the server; at least 1
	UntilIdle time.Duration // ends Work when there was no job for so long; 0: never
	Silence   time.Duration // a worker that says nothing for so long is taken for dead; 0: DefaultSilence

	Notify func(format string, args ...any) // tells of what happens; nil: nobody
}

// worker is one call of Work.
type worker struct {
	WorkOptions
	rooms
	js       jetstream.JetStream
	consumer jetstream.Consumer

	mu       sync.Mutex
	question string // whose policies are loaded
	set      *policy.Set
	asked    verifier.Options
	last     time.Time // when there was a job
}

// DefaultSilence is a few times what a network is ever away for.
const DefaultSilence = 30 * time.Second

// Work judges traces until ctx ends, which is no error, or until there is nothing
// left to do, if the options say so. It survives the absence of the server. What
// it has in hand when ctx ends goes back into the queue.
func Work(ctx context.Context, js jetstream.JetStream, o WorkOptions) error {
	o.Silence = cmp.Or(o.Silence, DefaultSilence)
	w := &worker{WorkOptions: o, js: js, last: time.Now()}
	if w.Notify == nil {
		w.Notify = func(string, ...any) {}
	}
	if err := w.prepare(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	var running sync.WaitGroup
	for range max(1, o.Parallel) {
		running.Go(func() { w.loop(ctx) })
	}
	running.Wait()
	return nil
}

// prepare makes sure that there is a queue.
func (w *worker) prepare(ctx context.Context) (err error) {
	if w.rooms, err = open(ctx, w.js, max(1, w.Replicas)); err != nil {
		return err
	}
	err = again(ctx, func(ctx context.Context) error {
		w.consumer, err = w.jobs.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: workers, Description: "whoever judges", AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: w.Silence, MaxDeliver: -1, MaxAckPending: 10_000,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot use the queue of jobs: %w", err)
	}
	w.Notify("waiting for traces")
	return nil
}

// loop takes one job after the other.
func (w *worker) loop(ctx context.Context) {
	complaint := ""
	for ctx.Err() == nil && !w.idle() {
		message, err := w.next()
		switch {
		case err == nil:
			complaint = ""
		case err.Error() != complaint:
			complaint = err.Error()
			w.Notify("cannot take a job: %v", err)
		}
		if message == nil {
			if err != nil {
				time.Sleep(pause)
			}
			continue
		}
		w.busy()
		w.attend(ctx, message)
		w.busy()
	}
}

// next returns a job, nil when there is none at this moment.
func (w *worker) next() (jetstream.Msg, error) {
	batch, err := w.consumer.Fetch(1, jetstream.FetchMaxWait(2*time.Second))
	if err != nil {
		return nil, err
	}
	for m := range batch.Messages() {
		return m, nil
	}
	return nil, batch.Error()
}

func (w *worker) busy() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
}

func (w *worker) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.UntilIdle > 0 && time.Since(w.last) > w.UntilIdle
}

// attend does one job, and says that it is at work meanwhile. What fails for a
// reason that is not in the trace goes back into the queue.
func (w *worker) attend(ctx context.Context, message jetstream.Msg) {
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(w.Silence / 3)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_ = message.InProgress() // when it does not arrive, another worker takes the job
			}
		}
	}()
	if err := w.do(ctx, message); err != nil {
		if ctx.Err() == nil {
			w.Notify("%s: %v; it goes back into the queue", message.Subject(), err)
		}
		_ = message.NakWithDelay(pause) // or it is given away after its silence
	}
}

// do judges the trace of a job, stores the verdict, and takes the job from the queue.
func (w *worker) do(ctx context.Context, message jetstream.Msg) error {
	j, err := parseJob(message.Subject(), jobPrefix)
	if err != nil {
		w.Notify("%v; it is thrown away", err)
		return message.Term()
	}
	if _, found, err := w.verdictName(ctx, j); err != nil {
		return err
	} else if found {
		return message.DoubleAck(ctx)
	}
	w.Notify("%s: judging", j.trace[:12])
	t, err := w.judge(ctx, message, j)
	if err != nil {
		return err
	}
	first, err := w.answer(ctx, w.js, j, t)
	if err != nil {
		return err
	}
	if first {
		w.Notify("%s: %s", j.trace[:12], t.Verdict)
	} else {
		w.Notify("%s: judged by another worker already", j.trace[:12])
	}
	return message.DoubleAck(ctx)
}

// judge returns the verdict of a job. Its error is not of the trace.
func (w *worker) judge(ctx context.Context, message jetstream.Msg, j job) (verdict.Trace, error) {
	about, err := message.Metadata()
	if err != nil {
		return verdict.Trace{}, err
	}
	if about.NumDelivered > attempts {
		t := verdict.Trace{Error: fmt.Sprintf("%d workers were given this trace and none of them answered; "+
			"check it on one machine, with enough memory", about.NumDelivered-1)}
		t.Judge()
		return t, nil
	}
	set, asked, err := w.policies(ctx, j)
	if err != nil {
		return verdict.Trace{}, err
	}
	path, err := w.fetch(ctx, j)
	if err != nil {
		return verdict.Trace{}, err
	}
	defer os.Remove(path)
	return verifier.CheckTrace(ctx, path, set, asked)
}

// policies returns those of the job's question. The last ones are kept.
func (w *worker) policies(ctx context.Context, j job) (*policy.Set, verifier.Options, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.question == j.question {
		return w.set, w.asked, nil
	}
	archive, err := w.store.GetBytes(ctx, j.questionObject())
	if err != nil {
		return nil, verifier.Options{}, fmt.Errorf("cannot read the policies: %w", err)
	}
	asked, err := unpack(archive)
	if err != nil {
		return nil, verifier.Options{}, err
	}
	set, err := verifier.LoadPolicies(asked)
	if err != nil {
		return nil, verifier.Options{}, fmt.Errorf("this version cannot judge by these policies: %w", err)
	}
	w.question, w.set, w.asked = j.question, set, asked
	return set, asked, nil
}

// fetch copies the trace of a job into a file, which the caller removes.
func (w *worker) fetch(ctx context.Context, j job) (path string, err error) {
	object, err := w.store.Get(ctx, j.traceObject())
	if err != nil {
		return "", fmt.Errorf("cannot read the trace: %w", err)
	}
	defer object.Close()
	f, err := os.CreateTemp("", "hindsight-*.db")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, object)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("cannot copy the trace: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}
