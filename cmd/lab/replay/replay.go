package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Options of a replay. The zero value replays as fast as possible.
type Options struct {
	// Speed is how many seconds of the recording pass in one second. 0 means
	// without waiting.
	Speed float64

	// MoveTimes maps the times in the objects to the time of the replay: a stamp
	// of the moment at which an object was recorded becomes one of the moment at
	// which it is replayed. Durations between stamps shrink by Speed, which must
	// not be 0. Whoever compares stamps with a clock, such as a verifier or a
	// controller, needs it; the objects are then not as recorded.
	MoveTimes bool

	// OnMark is called for each mark of the recording, at its moment.
	OnMark func(trace.Event) error
}

// Result counts what a replay did.
type Result struct {
	Versions int // versions put, Restored ones excluded
	Deleted  int // objects deleted as recorded
	Restored int // writes that the recording lacks: see the package documentation
	Marks    int

	// Unknown is the number of versions with fields that the API server does
	// not know and therefore will not serve; UnknownFields is the first such
	// complaint, with the object.
	Unknown       int
	UnknownFields error
}

// Run replays a history, in its order, into the cluster that config and etcd
// lead to. Objects of the recording that the cluster has already are deleted
// when their first event comes.
func Run(ctx context.Context, config *rest.Config, etcd *clientv3.Client,
	history iter.Seq2[trace.Event, error], o Options) (Result, error) {
	if o.Speed < 0 || math.IsNaN(o.Speed) || math.IsInf(o.Speed, 0) {
		return Result{}, fmt.Errorf("speed %v: give a number above 0, or 0 for as fast as possible", o.Speed)
	}
	if o.MoveTimes && o.Speed == 0 {
		return Result{}, errors.New("times can only be moved at a speed above 0: without one the replay has no clock")
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return Result{}, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kube.Discovery()))
	encoder, err := newEncoder(mapper)
	if err != nil {
		return Result{}, err
	}
	p := &player{
		Options:    o,
		encoder:    encoder,
		etcd:       etcd,
		kube:       kube,
		present:    map[string]present{},
		namespaces: map[string]bool{},
	}
	err = p.play(ctx, history)
	return p.result, err
}

// player is one replay.
type player struct {
	Options
	encoder    *encoder
	etcd       *clientv3.Client
	kube       kubernetes.Interface
	present    map[string]present // what is under a key; absent: not touched yet
	namespaces map[string]bool    // that exist
	clock      clock
	result     Result
}

// present is the last version put under a key, the zero value after a deletion.
type present struct {
	uid   string
	value []byte
}

func (p *player) play(ctx context.Context, history iter.Seq2[trace.Event, error]) error {
	for event, err := range history {
		if err != nil {
			return err
		}
		if p.clock.replayed.IsZero() {
			p.clock = clock{
				recorded: event.Wall.Add(-event.Time),
				replayed: time.Now().Add(-p.scaled(event.Time)),
				speed:    p.Speed,
			}
		}
		if err := sleepUntil(ctx, p.clock.replayed.Add(p.scaled(event.Time))); err != nil {
			return err
		}
		if err := p.apply(ctx, event); err != nil {
			return fmt.Errorf("replay event %d: %w", event.Seq, err)
		}
	}
	return nil
}

// scaled is the time of the replay that corresponds to a time of the trace.
func (p *player) scaled(t time.Duration) time.Duration {
	if p.Speed == 0 {
		return 0
	}
	return time.Duration(float64(t) / p.Speed)
}

func sleepUntil(ctx context.Context, t time.Time) error {
	if wait := time.Until(t); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

func (p *player) apply(ctx context.Context, event trace.Event) error {
	switch {
	case event.Type == trace.Mark:
		p.result.Marks++
		if p.OnMark == nil {
			return nil
		}
		return p.OnMark(event)
	case !event.Type.IsObject():
		return nil
	}
	if p.MoveTimes {
		moved, err := moveTimes(event.Data, p.clock)
		if err != nil {
			return err
		}
		event.Data = moved
	}
	version, err := p.encoder.encode(event.Object, event.Data)
	if err != nil {
		return err
	}
	if version.unknown != nil {
		p.result.Unknown++
		if p.result.UnknownFields == nil {
			p.result.UnknownFields = fmt.Errorf("%s: %w", event.Object, version.unknown)
		}
	}
	if err := p.makeWay(ctx, event.Object, version.key); err != nil {
		return err
	}
	if event.Type == trace.Deleted {
		return p.remove(ctx, event.Object, version)
	}
	p.result.Versions++
	return p.put(ctx, event.Object, version)
}

// makeWay sees to it that the namespace exists and that nothing else is under
// the key.
func (p *player) makeWay(ctx context.Context, object trace.Object, key string) error {
	if err := p.ensureNamespace(ctx, object.Namespace); err != nil {
		return err
	}
	there, touched := p.present[key]
	if touched && (there.value == nil || there.uid == object.UID) {
		return nil
	}
	if touched {
		p.result.Restored++
	}
	return p.delete(ctx, key)
}

func (p *player) ensureNamespace(ctx context.Context, name string) error {
	if name == "" || p.namespaces[name] {
		return nil
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := p.kube.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create namespace %s: %w", name, err)
	}
	p.namespaces[name] = true
	return nil
}

func (p *player) remove(ctx context.Context, object trace.Object, version stored) error {
	if !bytes.Equal(p.present[version.key].value, version.value) {
		p.result.Restored++
		if err := p.put(ctx, object, version); err != nil {
			return err
		}
	}
	p.result.Deleted++
	return p.delete(ctx, version.key)
}

func (p *player) put(ctx context.Context, object trace.Object, version stored) error {
	if _, err := p.etcd.Put(ctx, version.key, string(version.value)); err != nil {
		return etcdError(err)
	}
	p.present[version.key] = present{object.UID, version.value}
	return nil
}

func (p *player) delete(ctx context.Context, key string) error {
	if _, err := p.etcd.Delete(ctx, key); err != nil {
		return etcdError(err)
	}
	p.present[key] = present{}
	return nil
}

func etcdError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("write to the lab's etcd (is `lab up` still running?): %w", err)
}
