package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/cmd/lab/recordings"
	"github.com/hindsight-project/hindsight/cmd/lab/replay"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// history is what happens in a cluster under test: the recording of a real
// operator's run, over and over. Each round has UIDs of its own and the names
// of the one before, so whatever that left is deleted and created again.
type history struct {
	namespace string
	steps     []step
}

// step is one event, and the UIDs of the history that its object mentions.
type step struct {
	trace.Event
	uids []string
}

// resources are the kinds of the load, as the programs are told them.
var resources = []string{"pods.v1.", "persistentvolumeclaims.v1.", "events.v1.", "clusters.v1.postgresql.cnpg.io"}

func openHistory(ctx context.Context) (*history, error) {
	name := recordings.Names()[0]
	file, err := recordings.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	recording, err := replay.Import(ctx, file, name)
	if err != nil {
		return nil, err
	}
	h, err := newHistory(recording.Events(0))
	return h, errors.Join(err, recording.Close())
}

func newHistory(events iter.Seq2[trace.Event, error]) (*history, error) {
	h := &history{}
	var uids []string
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if e.Object.Group == "postgresql.cnpg.io" && e.Object.Kind == "Cluster" {
			h.namespace = e.Object.Namespace
		}
		if e.Type.IsObject() && isLoad(e.Object) {
			h.steps = append(h.steps, step{Event: e})
			uids = append(uids, e.Object.UID)
		}
	}
	h.steps = slices.DeleteFunc(h.steps, func(s step) bool { return s.Object.Namespace != h.namespace })
	slices.Sort(uids)
	uids = slices.Compact(uids)
	for i := range h.steps {
		for _, uid := range uids {
			if bytes.Contains(h.steps[i].Data, []byte(uid)) {
				h.steps[i].uids = append(h.steps[i].uids, uid)
			}
		}
	}
	return h, nil
}

func isLoad(o trace.Object) bool {
	for _, resource := range prefixes {
		if resource == o.Resource.String() {
			return true
		}
	}
	return false
}

// size is the mean size of a version, as JSON.
func (h *history) size() int {
	sum := 0
	for _, s := range h.steps {
		sum += len(s.Data)
	}
	return sum / len(h.steps)
}

// rounds yields the history at a rate of events per second, 0 for as fast as
// they are taken, until ctx ends or limit events (0: no limit) were yielded.
func (h *history) rounds(ctx context.Context, rate float64, limit int) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		start := time.Now()
		for i := 0; ctx.Err() == nil && (limit == 0 || i < limit); i++ {
			round, s := i/len(h.steps), h.steps[i%len(h.steps)]
			e := s.Event
			e.Time = 0
			if rate > 0 {
				e.Time = time.Duration(float64(i) / rate * float64(time.Second))
			}
			e.NotBefore, e.Wall = e.Time, start.Add(e.Time)
			e.Object.UID = renew(e.Object.UID, round)
			for _, uid := range s.uids {
				e.Data = bytes.ReplaceAll(e.Data, []byte(uid), []byte(renew(uid, round)))
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// renew makes the UID of a round.
func renew(uid string, round int) string { return fmt.Sprintf("%08x%s", round, uid[8:]) }

// load is a history that is happening.
type load struct {
	stop context.CancelFunc
	done chan struct{}
	err  error
}

// play lets the history happen in a cluster until stopped.
func (h *history) play(config *rest.Config, etcd *clientv3.Client, rate float64, limit int) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		speed := 1.0
		if rate == 0 {
			speed = 0
		}
		_, l.err = replay.Run(ctx, config, etcd, h.rounds(ctx, rate, limit), replay.Options{Speed: speed})
		if errors.Is(l.err, context.Canceled) && ctx.Err() != nil {
			l.err = nil
		}
	}()
	return l
}

// end stops the load, and waits for it.
func (l *load) end() error {
	l.stop()
	<-l.done
	if l.err != nil {
		return fmt.Errorf("the load: %w", l.err)
	}
	return nil
}

// plural is the resource of an argument such as "pods.v1.".
func plural(arg string) string {
	parts := strings.SplitN(arg, ".", 3)
	if parts[2] == "" {
		return parts[0]
	}
	return parts[0] + "." + parts[2]
}
