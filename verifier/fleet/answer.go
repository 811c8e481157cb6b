package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// answerMax bounds the verdict of one trace as JSON, in bytes.
const answerMax = 256 << 20

// answer stores the verdict of a job, unless there is one. It reports whether ours
// was the first. A verdict may be larger than a message: the message has the name
// of an object.
func (r rooms) answer(ctx context.Context, js jetstream.JetStream, j job, t verdict.Trace) (first bool, err error) {
	t.File = "" // how it is called is the asker's business
	text, err := t.Encode()
	if err != nil {
		return false, err
	}
	name := fmt.Sprintf("verdict/%s/%s/%s", j.question, j.trace, rand.Text())
	if _, err := r.store.PutBytes(ctx, name, compress(text)); err != nil {
		return false, fmt.Errorf("cannot store a verdict: %w", err)
	}
	_, err = js.Publish(ctx, j.verdictSubject(), []byte(name), jetstream.WithExpectLastSequencePerSubject(0))
	if err == nil {
		return true, nil
	}
	// Ours may have arrived although we did not hear so.
	taken, found, lookErr := r.verdictName(ctx, j)
	switch {
	case lookErr != nil:
		return false, fmt.Errorf("cannot publish a verdict: %w", errors.Join(err, lookErr))
	case !found:
		return false, fmt.Errorf("cannot publish a verdict: %w", err)
	case taken == name:
		return true, nil
	}
	return false, r.store.Delete(ctx, name)
}

// verdictName returns the name of the object with the verdict of a job.
func (r rooms) verdictName(ctx context.Context, j job) (name string, found bool, err error) {
	m, err := r.verdicts.GetLastMsgForSubject(ctx, j.verdictSubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return string(m.Data), true, nil
}

// read reads the verdict of the object.
func (r rooms) read(ctx context.Context, name string) (t verdict.Trace, err error) {
	packed, err := r.store.GetBytes(ctx, name)
	if err != nil {
		return t, fmt.Errorf("cannot read a verdict: %w", err)
	}
	text, err := decompress(packed)
	if err != nil {
		return t, fmt.Errorf("the verdict %s is damaged: %w", name, err)
	}
	if t, err = verdict.DecodeTrace(text); err != nil {
		return t, fmt.Errorf("the verdict %s is damaged: %w", name, err)
	}
	return t, nil
}

func compress(text []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err) // of wrong options only
	}
	defer w.Close()
	return w.EncodeAll(text, nil)
}

func decompress(packed []byte) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(answerMax))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.DecodeAll(packed, nil)
}
