package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/lag"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// removeTimeout bounds how long the stream of a sealed run is tried to be deleted.
const removeTimeout = 5 * time.Second

// errEnded ends Consume when the end of the run has come.
var errEnded = errors.New("the run has ended")

// write follows one run into its file and returns when that is sealed. What there
// is to say about the file goes to say.
func (c *collector) write(ctx context.Context, offer bus.Offer, say func(string, ...any)) (f File, err error) {
	path := c.path(offer.Run.ID)
	w, err := openTrace(path, offer.Published, say)
	if errors.Is(err, trace.ErrSealed) { // and killed before the stream was deleted
		c.remove(offer)
		return readSealed(path)
	}
	if err != nil {
		return f, err
	}
	end, err := c.consume(ctx, w, offer)
	if err == nil {
		f.Certificate, err = seal(w, end)
	}
	f.Path, f.Run = path, w.Run()
	if err = errors.Join(err, w.Close()); err != nil {
		return f, err
	}
	c.remove(offer)
	return f, nil
}

// consume writes what the stream of a run has, until the end of the run comes.
func (c *collector) consume(ctx context.Context, w *trace.Writer, offer bus.Offer) (end bus.End, err error) {
	var streams []lag.Stream
	for _, s := range offer.Published.Streams {
		streams = append(streams, lag.Stream{Resource: s.Resource, Namespace: s.Namespace})
	}
	lags := lag.New(streams)
	err = offer.Source.Consume(ctx, w.Position().Seq, func(b bus.Batch) error {
		lags.Certify(w)
		n, _, err := bus.Write(w, b, c.notify)
		if err != nil {
			return err
		}
		c.wrote(n)
		now := time.Now()
		lags.Measure(b.Events, func(e *trace.Event) time.Duration { return now.Sub(e.Wall) })
		if b.End != nil {
			end = *b.End
			return errEnded
		}
		return nil
	})
	lags.Certify(w)
	switch {
	case errors.Is(err, errEnded):
		return end, nil
	case errors.Is(err, bus.ErrGone):
		return end, fmt.Errorf("%w before the end of the run had come: was it collected elsewhere?", err)
	}
	return end, err
}

// roomPause is the time between two attempts to write on a disk that is full.
const roomPause = time.Second

// writeWithRoom is write, again and again while the disk is full: what has not
// been written stays in the stream.
func (c *collector) writeWithRoom(ctx context.Context, offer bus.Offer) (File, error) {
	for say := c.notify; ; say = func(string, ...any) {} { // once is enough
		f, err := c.write(ctx, offer, say)
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			return f, err
		}
		say("run %s: the disk is full: %v; waiting for room", offer.Run.ID, err)
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-time.After(roomPause):
		}
	}
}

// openTrace creates the file of a run, or resumes it where a collector was
// stopped.
func openTrace(path string, p bus.Published, say func(string, ...any)) (*trace.Writer, error) {
	w, err := trace.Resume(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if w, err = create(path, p.Run); err != nil {
			return nil, err
		}
		say("collecting %s", path)
	case err != nil:
		return nil, err
	case w.Run().ID != p.Run.ID:
		return nil, errors.Join(w.Close(), fmt.Errorf("%s is the recording %s: collect into another directory",
			path, w.Run().ID))
	default:
		say("resuming %s after %d messages", path, w.Position().Seq)
	}
	for _, s := range p.Streams {
		w.Certify(s.Resource, s.Namespace, func(*trace.StreamCert) {})
	}
	return w, nil
}

// create makes a trace that is there at once or not at all, so that a collector
// killed meanwhile leaves nothing that cannot be resumed.
func create(path string, run trace.Run) (*trace.Writer, error) {
	unnamed := path + ".new"
	if err := os.RemoveAll(unnamed); err != nil {
		return nil, err
	}
	w, err := trace.Create(unnamed, run)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), os.Rename(unnamed, path)); err != nil {
		return nil, err
	}
	return trace.Resume(path)
}

// lock makes a directory that of one collector, until release.
func lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot write into %s: %w", dir, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot write into %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(f.Close(), fmt.Errorf("%s is in use by another collector: name another directory", dir))
	}
	return func() { _ = f.Close() }, nil
}

// remove deletes the stream of a sealed run.
func (c *collector) remove(offer bus.Offer) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	if err := offer.Source.Remove(ctx); err != nil {
		c.notify("the stream %s could not be removed: %v", bus.StreamName(offer.Run.ID), err)
	}
}

// seal ends a trace with what its recorder has proven.
func seal(w *trace.Writer, end bus.End) (trace.Certificate, error) {
	live, err := versions(w, end.Streams)
	if err != nil {
		return trace.Certificate{}, err
	}
	for i, s := range end.Streams {
		proof, reason := conclude(s, live[i])
		w.Certify(s.Resource, s.Namespace, func(c *trace.StreamCert) {
			c.Coalesced += s.Coalesced
			c.Conclude(proof, reason)
		})
	}
	run := w.Run()
	run.ExitCode = end.ExitCode
	if end.Redactions != nil {
		run.Redactions = end.Redactions
	}
	w.SetRun(run)
	return w.Seal(end.Reason)
}

// conclude holds what the recorder has proven against what the trace ends with.
func conclude(s bus.StreamEnd, live []bus.Version) (proof, reason string) {
	if s.Proof != trace.ProofComplete || bus.Digest(live) == s.Digest {
		return s.Proof, s.Reason
	}
	return trace.ProofMismatch, fmt.Sprintf(
		"the trace ends with other versions (%d objects) than the recorder has seen (%d objects)", len(live), s.Objects)
}

// versions returns what exists at the end of the trace, by stream.
func versions(w *trace.Writer, streams []bus.StreamEnd) ([][]bus.Version, error) {
	live := make([][]bus.Version, len(streams))
	err := w.Live(func(o trace.Object, rv string, _ json.RawMessage) error {
		for i, s := range streams {
			if s.Resource == o.Resource && (s.Namespace == "" || s.Namespace == o.Namespace) {
				live[i] = append(live[i], bus.Version{
					Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: rv,
				})
			}
		}
		return nil
	})
	return live, err
}

// readSealed reads the certificate of a sealed trace.
func readSealed(path string) (File, error) {
	r, err := trace.Open(path)
	if err != nil {
		return File{}, err
	}
	defer r.Close()
	if !r.Certificate().Sealed {
		return File{}, fmt.Errorf("%s is not sealed", path)
	}
	return File{Path: path, Run: r.Run(), Certificate: r.Certificate()}, nil
}
