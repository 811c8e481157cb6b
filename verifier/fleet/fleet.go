package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Keep is how long traces, jobs and verdicts are kept.
const Keep = 7 * 24 * time.Hour

const (
	attempts = 3                // workers that one trace may end
	patience = 10 * time.Second // for one answer of the server
	pause    = time.Second      // after the server failed
)

// The names on the server.
const (
	bucket        = "hindsight-fleet"
	jobStream     = "HINDSIGHT-FLEET-JOBS"
	verdictStream = "HINDSIGHT-FLEET-VERDICTS"
	jobPrefix     = "hindsight-fleet.job."
	verdictPrefix = "hindsight-fleet.verdict."
	workers       = "workers" // the consumer that all workers share
)

// job names one trace and one question: both are digests, in hexadecimal.
type job struct{ question, trace string }

func (j job) subject() string        { return jobPrefix + j.question + "." + j.trace }
func (j job) verdictSubject() string { return verdictPrefix + j.question + "." + j.trace }

// parseJob is the inverse of subject and of verdictSubject.
func parseJob(subject, prefix string) (job, error) {
	rest, ours := strings.CutPrefix(subject, prefix)
	question, trace, two := strings.Cut(rest, ".")
	if !ours || !two || !isDigest(question) || !isDigest(trace) {
		return job{}, fmt.Errorf("the subject %q is none of a fleet", subject)
	}
	return job{question, trace}, nil
}

// traceObject and questionObject are the names in the object store.
func (j job) traceObject() string    { return "trace/" + j.trace }
func (j job) questionObject() string { return "question/" + j.question }

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// rooms are the places on the server.
type rooms struct {
	store    jetstream.ObjectStore
	jobs     jetstream.Stream
	verdicts jetstream.Stream
}

// open makes what is missing, with so many replicas; what is there is left as it is.
func open(ctx context.Context, js jetstream.JetStream, replicas int) (r rooms, err error) {
	if r.store, err = openStore(ctx, js, replicas); err != nil {
		return r, err
	}
	r.jobs, err = openStream(ctx, js, jetstream.StreamConfig{
		Name: jobStream, Description: "traces that wait for a verdict", Subjects: []string{jobPrefix + ">"},
		Retention: jetstream.WorkQueuePolicy, Replicas: replicas, MaxAge: Keep,
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1,
	})
	if err != nil {
		return r, err
	}
	r.verdicts, err = openStream(ctx, js, jetstream.StreamConfig{
		Name: verdictStream, Description: "verdicts of the fleet", Subjects: []string{verdictPrefix + ">"},
		Replicas: replicas, MaxAge: Keep,
	})
	return r, err
}

func openStore(ctx context.Context, js jetstream.JetStream, replicas int) (store jetstream.ObjectStore, err error) {
	err = again(ctx, func(ctx context.Context) error {
		store, err = js.ObjectStore(ctx, bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			store, err = js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
				Bucket: bucket, Description: "traces and policies of the fleet", TTL: Keep, Replicas: replicas,
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot use the object store %s: %w; does the server have JetStream, and room?", bucket, err)
	}
	return store, nil
}

func openStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (s jetstream.Stream, err error) {
	err = again(ctx, func(ctx context.Context) error {
		s, err = js.Stream(ctx, c.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			s, err = js.CreateStream(ctx, c)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot use the stream %s: %w; does the server have JetStream, and room?", c.Name, err)
	}
	return s, nil
}

// again repeats what fails for a moment: the server elects a leader, a node of it
// is away, or somebody else makes the same at this moment.
func again(ctx context.Context, f func(context.Context) error) error {
	for deadline := time.Now().Add(6 * patience); ; time.Sleep(pause) {
		bounded, cancel := context.WithTimeout(ctx, patience)
		err := f(bounded)
		cancel()
		if err == nil || ctx.Err() != nil || !transient(err) || time.Now().After(deadline) {
			return err
		}
	}
}

func transient(err error) bool {
	return slices.ContainsFunc([]error{
		nats.ErrTimeout, nats.ErrNoResponders, context.DeadlineExceeded, jetstream.ErrNoStreamResponse,
		jetstream.ErrBucketExists, jetstream.ErrStreamNameAlreadyInUse,
	}, func(passing error) bool { return errors.Is(err, passing) })
}

// put stores bytes under the name, unless they are there.
func (r rooms) put(ctx context.Context, name string, content []byte) error {
	if there, err := r.has(ctx, name); there || err != nil {
		return err
	}
	if _, err := r.store.PutBytes(ctx, name, content); err != nil {
		return fmt.Errorf("cannot store %s: %w", name, err)
	}
	return nil
}

// has reports whether an object is there, and young enough to last until it is read.
func (r rooms) has(ctx context.Context, name string) (bool, error) {
	info, err := r.store.GetInfo(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot ask for %s: %w", name, err)
	}
	return time.Since(info.ModTime) < Keep/2, nil
}
