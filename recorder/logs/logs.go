package logs

import (
	"context"
	"encoding/json"
	"fmt"
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
	Line        trace.Type = "log"
	Gap         trace.Type = "log.gap"
	Unavailable trace.Type = "log.unavailable"
	Overflow    trace.Type = "log.overflow"
	Summary     trace.Type = "log.summary"
)

// DefaultBudget is what the lines of one run may take, in bytes of their events.
const DefaultBudget = 32 << 20

// DefaultDiscoverEvery is how often new pods are looked for.
const DefaultDiscoverEvery = 3 * time.Second

// Options say which logs are recorded.
type Options struct {
	Scope             kube.Scope // of the instances
	OperatorNamespace string     // empty: no operator
	Rules             *Rules     // nil: DefaultRules
	Budget            int64      // bytes; 0: DefaultBudget
	DiscoverEvery     time.Duration
	Since             map[string]time.Time // where to go on, by container: see Checkpoints

	// API asks the API server.
	API *kube.Client

	source.Sink
}

// selections are the pods whose logs are read.
func (o *Options) selections() []selection {
	out := []selection{{o.Scope, "cnpg.io/podRole=instance"}}
	if o.OperatorNamespace != "" {
		out = append(out, selection{kube.Scope{Namespace: o.OperatorNamespace}, "app.kubernetes.io/name=cloudnative-pg"})
	}
	return out
}

type selection struct {
	scope  kube.Scope
	labels string
}

// Run follows the logs until ctx ends, reads what was written until then, and
// tells what was left out.
func Run(ctx context.Context, o Options) {
	if o.Rules == nil {
		o.Rules = DefaultRules()
	}
	if o.Budget == 0 {
		o.Budget = DefaultBudget
	}
	if o.DiscoverEvery == 0 {
		o.DiscoverEvery = DefaultDiscoverEvery
	}
	c := &collector{Options: o, followers: map[string]*follower{}, told: map[string]bool{}}
	var following sync.WaitGroup
	for {
		c.discover(ctx, &following)
		if !source.Pause(ctx, o.DiscoverEvery) {
			break
		}
	}
	following.Wait()
	c.emit(Summary, trace.Object{}, c.total())
}

// collector is what all followers share.
type collector struct {
	Options
	followers map[string]*follower // by container

	mu    sync.Mutex
	count counts
	told  map[string]bool // what was complained of
}

// counts is the Data of Overflow and Summary. Lines are those of the containers;
// bytes are those of events.
type counts struct {
	Read         int64 `json:"lines_read"`
	Kept         int64 `json:"lines_kept"`
	Filtered     int64 `json:"lines_filtered"` // by rule
	Dropped      int64 `json:"lines_dropped"`  // because the budget was used up
	KeptBytes    int64 `json:"bytes_kept"`
	DroppedBytes int64 `json:"bytes_dropped"`
	Budget       int64 `json:"bytes_budget"`
}

func (c *collector) total() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count.Budget = c.Budget
	return c.count
}

// discover starts a follower for every container that has none.
func (c *collector) discover(ctx context.Context, following *sync.WaitGroup) {
	for _, s := range c.selections() {
		pods, err := c.pods(ctx, s)
		if err != nil {
			c.complain(ctx, "pods", unavailable{Namespace: s.scope.Namespace}, err)
			continue
		}
		for _, p := range pods {
			for _, status := range p.Status.ContainerStatuses {
				c.observe(ctx, p, status, following)
			}
		}
	}
}

func (c *collector) observe(
	ctx context.Context, p corev1.Pod, status corev1.ContainerStatus, following *sync.WaitGroup,
) {
	if status.RestartCount == 0 && status.State.Waiting != nil {
		return // it was never started
	}
	key := string(p.UID) + "/" + status.Name
	if c.followers[key] == nil {
		f := newFollower(c, p, status.Name, c.Since[checkpointKey(p.Namespace, p.Name, status.Name)])
		c.followers[key] = f
		following.Go(func() { f.run(ctx) })
	}
}

func (c *collector) pods(ctx context.Context, s selection) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var list corev1.PodList
	err := c.API.Get(ctx, s.scope.Path("/api/v1", "pods"), url.Values{"labelSelector": {s.labels}}, &list)
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return !s.scope.Has(ctx, p.Namespace) }), err
}

// unavailable is the Data of Unavailable.
type unavailable struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	Reason    string `json:"reason"`
}

// complain writes a refusal into the certificate, and records other failures,
// once each.
func (c *collector) complain(ctx context.Context, resource string, u unavailable, err error) {
	if ctx.Err() != nil {
		return
	}
	u.Reason = err.Error()
	key := fmt.Sprint(resource, u)
	if kube.Denied(err) {
		key = resource + "/" + u.Namespace
	}
	c.mu.Lock()
	known := c.told[key]
	c.told[key] = true
	c.mu.Unlock()
	switch {
	case known:
	case kube.Denied(err):
		c.Notify("logs: %s is denied: %v", resource, err)
		c.emit(trace.Stream, trace.Object{
			Resource: trace.Resource{Version: "v1", Resource: "pods/log"}, Namespace: u.Namespace,
		}, trace.StreamRecord{State: trace.StreamDenied, Reason: u.Reason})
	default:
		object := trace.Object{}
		if u.Pod != "" {
			object = podOf(u.Namespace, u.Pod)
		}
		c.emit(Unavailable, object, u)
	}
}

// reservedShare of the budget is for warnings and errors: whatever else floods
// the log cannot push them out.
const reservedShare = 4

// take records a line unless the rules or the budget say no.
func (c *collector) take(l *line) {
	keep := c.Rules.keeps(l)
	c.mu.Lock()
	c.count.Read++
	if !keep {
		c.count.Filtered++
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	raw, err := json.Marshal(l)
	if err != nil {
		c.Notify("logs: a line of %s cannot be recorded: %v", l.Pod, err)
		return
	}
	size := int64(len(raw))
	limit := c.Budget
	if !l.serious() {
		limit -= c.Budget / reservedShare
	}
	c.mu.Lock()
	first := false
	over := c.count.KeptBytes+size > limit
	if over {
		first = c.count.Dropped == 0
		c.count.Dropped++
		c.count.DroppedBytes += size
	} else {
		c.count.Kept++
		c.count.KeptBytes += size
	}
	c.mu.Unlock()
	if !over {
		c.send(Line, podOf(l.Namespace, l.Pod), raw)
		return
	}
	if first {
		c.Notify("logs: the budget of %d bytes is used up: lines are counted from here on, and not recorded", c.Budget)
		c.emit(Overflow, trace.Object{}, c.total())
	}
}

func podOf(namespace, name string) trace.Object {
	return trace.Object{
		Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Namespace: namespace, Name: name,
	}
}

func (c *collector) emit(typ trace.Type, object trace.Object, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		c.Notify("logs: %s cannot be recorded: %v", typ, err)
		return
	}
	c.send(typ, object, raw)
}

// send hands an event over. An error has ended the whole recording: there is
// nothing to do about it here.
func (c *collector) send(typ trace.Type, object trace.Object, raw json.RawMessage) {
	e := trace.Event{Time: c.Now(), Source: trace.SourceLog, Type: typ, Object: object, Data: raw}
	e.NotBefore = e.Time
	if typ == Line {
		e.NotBefore = min(1, e.Time) // it may be of long ago: ts tells
	}
	_ = c.Emit(e)
}

func checkpointKey(namespace, pod, container string) string {
	return namespace + "/" + pod + "/" + container
}

// Checkpoints returns how far the logs were read in a trace that is continued,
// for Options.Since. Lines at the very moment may come twice then.
func Checkpoints(r *trace.Reader) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := r.Scan(trace.Selection{Types: []trace.Type{Line}}, func(c *trace.Change) error {
		text := func(name string) string { return c.State.At(name).String() }
		if t, ok := parseStamp(text("at")); ok {
			key := checkpointKey(text("namespace"), text("pod"), text("container"))
			if t.After(out[key]) {
				out[key] = t
			}
		}
		return nil
	})
	return out, err
}
