package usage

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// The types of the events.
const (
	Sample      trace.Type = "usage"
	Unavailable trace.Type = "usage.unavailable"
)

// The defaults of Options.
const (
	DefaultInterval = 15 * time.Second
	DefaultEvery    = 20
)

// requestTimeout is how long one kubelet or instance may take.
const requestTimeout = 10 * time.Second

// deniedRest is after how long something that was denied is asked for again.
const deniedRest = 5 * time.Minute

// Options say what is sampled, and how often.
type Options struct {
	Scope    kube.Scope    // of the instances
	Interval time.Duration // between two samples; 0: DefaultInterval
	Every    int           // record each n-th sample that tells nothing new; 0: DefaultEvery

	// API asks the API server.
	API *kube.Client

	source.Sink
}

// Run samples until ctx ends, and once more then: the end of a run is what its
// last growth is judged by. What did not answer before is not waited for again.
func Run(ctx context.Context, o Options) {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	s := &sampler{
		Options: o, last: map[string]sample{}, silent: map[string]int{},
		failed: map[string]string{}, denied: map[string]time.Duration{},
	}
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for {
		s.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(o.Last(), requestTimeout)
			defer cancel()
			s.ending = true
			s.round(last)
			return
		}
	}
}

// sampler knows what was recorded last.
type sampler struct {
	Options
	ending bool // this is the last round

	mu     sync.Mutex
	last   map[string]sample        // by claim
	silent map[string]int           // samples since last
	failed map[string]string        // reason by what could not be asked
	denied map[string]time.Duration // resource: when it was denied
}

func (s *sampler) round(ctx context.Context) {
	pods, err := s.pods(ctx)
	if err != nil {
		s.fail(ctx, failure{From: "pods"}, err)
		return
	}
	s.recovered(failure{From: "pods"})
	byNode := map[string][]corev1.Pod{}
	for _, p := range pods {
		if p.Spec.NodeName != "" && p.Status.Phase == corev1.PodRunning {
			byNode[p.Spec.NodeName] = append(byNode[p.Spec.NodeName], p)
		}
	}
	var asking sync.WaitGroup
	for node, pods := range byNode {
		asking.Go(func() { s.node(ctx, node, pods) })
	}
	asking.Wait()
}

func (s *sampler) pods(ctx context.Context) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	query := url.Values{"labelSelector": {"cnpg.io/podRole=instance"}}
	var list corev1.PodList
	err := s.API.Get(ctx, s.Scope.Path("/api/v1", "pods"), query, &list)
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return !s.Scope.Has(ctx, p.Namespace) }), err
}

// node samples the pods of one node: what its kubelet does not tell, they are
// asked themselves.
func (s *sampler) node(ctx context.Context, node string, pods []corev1.Pod) {
	since := s.Now()
	told := s.kubelet(ctx, node)
	for _, p := range pods {
		samples := told.samples(p)
		if len(samples) == 0 {
			since = s.Now()
			samples = s.instance(ctx, p)
		}
		for _, v := range samples {
			s.record(since, v)
		}
	}
}

// The resources that the API server may deny.
const (
	nodesProxy = "nodes/proxy"
	podsProxy  = "pods/proxy"
)

func (s *sampler) kubelet(ctx context.Context, node string) *summary {
	var out summary
	f := failure{Node: node, From: fromKubelet}
	if s.ask(ctx, nodesProxy, "/api/v1/nodes/"+url.PathEscape(node)+"/proxy/stats/summary", f, &out) {
		s.recovered(f)
	}
	return &out
}

func (s *sampler) instance(ctx context.Context, p corev1.Pod) []sample {
	var out status
	f := failure{Node: p.Spec.NodeName, Instance: p.Name, From: fromInstance}
	if !s.ask(ctx, podsProxy, statusPath(p), f, &out) {
		return nil
	}
	samples := out.samples(p)
	if len(samples) == 0 && out.Error != "" {
		s.fail(ctx, f, errors.New(out.Error))
	} else {
		s.recovered(f)
	}
	return samples
}

// ask reads one document, unless it was denied lately.
func (s *sampler) ask(ctx context.Context, resource, path string, f failure, out any) bool {
	s.mu.Lock()
	at, denied := s.denied[resource]
	_, failed := s.failed[f.key()]
	s.mu.Unlock()
	if denied && s.Now()-at < deniedRest || s.ending && failed {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := s.API.Get(limited, path, nil, out)
	switch {
	case err == nil:
		return true
	case kube.Denied(err):
		s.deny(resource, err)
	default:
		s.fail(ctx, f, err)
	}
	return false
}

// deny writes a refusal into the certificate, once.
func (s *sampler) deny(resource string, err error) {
	s.mu.Lock()
	_, known := s.denied[resource]
	s.denied[resource] = s.Now()
	s.mu.Unlock()
	if known {
		return
	}
	s.Notify("usage: %s is denied: %v", resource, err)
	s.emit(trace.Stream, s.Now(), trace.Object{
		Resource: trace.Resource{Version: "v1", Resource: resource}, Namespace: namespaceOf(resource, s.Scope.Namespace),
	}, trace.StreamRecord{State: trace.StreamDenied, Reason: err.Error()})
}

func namespaceOf(resource, namespace string) string {
	if resource == nodesProxy {
		return ""
	}
	return namespace
}

// failure is the Data of Unavailable.
type failure struct {
	Node     string `json:"node,omitempty"`
	Instance string `json:"instance,omitempty"`
	From     string `json:"from"`
	Reason   string `json:"reason"`
}

func (f failure) key() string { return f.From + "/" + f.Node + "/" + f.Instance }

func (s *sampler) fail(ctx context.Context, f failure, err error) {
	if ctx.Err() != nil {
		return // the recording ends
	}
	f.Reason = err.Error()
	s.mu.Lock()
	known := s.failed[f.key()] == f.Reason
	s.failed[f.key()] = f.Reason
	s.mu.Unlock()
	if !known {
		s.emit(Unavailable, s.Now(), trace.Object{}, f)
	}
}

func (s *sampler) recovered(f failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failed, f.key())
}

// record emits a sample that tells something new, or has not been told for long.
func (s *sampler) record(since time.Duration, v sample) {
	key := v.Namespace + "/" + v.PVC
	s.mu.Lock()
	last, known := s.last[key]
	s.silent[key]++
	told := known && same(last, v) && s.silent[key] < s.Every
	if !told {
		s.last[key], s.silent[key] = v, 0
	}
	s.mu.Unlock()
	if told {
		return
	}
	s.emit(Sample, since, trace.Object{
		Resource:  trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"},
		Namespace: v.Namespace, Name: v.PVC,
	}, v)
}

// same reports whether two samples say the same but for when they were taken.
func same(a, b sample) bool {
	equal := func(x, y *uint64) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	pairs := [][2]*uint64{{a.Inodes, b.Inodes}, {a.InodesUsed, b.InodesUsed}, {a.InodesFree, b.InodesFree}}
	if !slices.ContainsFunc(pairs, func(p [2]*uint64) bool { return !equal(p[0], p[1]) }) {
		a.At, a.Inodes, a.InodesUsed, a.InodesFree = b.At, b.Inodes, b.InodesUsed, b.InodesFree
	}
	return a == b
}

func (s *sampler) emit(typ trace.Type, since time.Duration, object trace.Object, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		s.Notify("usage: %s cannot be recorded: %v", typ, err)
		return
	}
	// An error has ended the whole recording: there is nothing to do about it here.
	_ = s.Emit(trace.Event{
		Time: s.Now(), NotBefore: since, Source: trace.SourceUsage, Type: typ, Object: object, Data: raw,
	})
}
