package drain

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// List is the type of the events.
const List trace.Type = "drain"

// DefaultInterval is how often nodes are asked for.
const DefaultInterval = 5 * time.Second

// requestTimeout is how long the API server may take.
const requestTimeout = 10 * time.Second

// deniedRest is after how long something that was denied is asked for again.
const deniedRest = 5 * time.Minute

// Options say which pods are foreign, and how often they are looked for.
type Options struct {
	Scope    kube.Scope    // is recorded by watches, and left out here
	Interval time.Duration // between two rounds; 0: DefaultInterval

	// API asks the API server.
	API *kube.Client

	source.Sink
}

// Run looks until ctx ends.
func Run(ctx context.Context, o Options) {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	w := &watcher{Options: o, told: map[string]string{}}
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for {
		w.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watcher knows what was recorded last.
type watcher struct {
	Options
	told   map[string]string // node: the last event
	denied bool
	at     time.Duration // of the last denial
}

func (w *watcher) round(ctx context.Context) {
	if w.denied && w.Now()-w.at < deniedRest {
		return
	}
	var nodes corev1.NodeList
	if !w.ask(ctx, "/api/v1/nodes", "spec.unschedulable=true", &nodes) {
		return
	}
	cordoned := map[string]bool{}
	for _, n := range nodes.Items {
		cordoned[n.Name] = n.Spec.Unschedulable
		if n.Spec.Unschedulable {
			w.node(ctx, n.Name)
		}
	}
	for node := range w.told {
		if !cordoned[node] {
			delete(w.told, node) // the next time is another drain
		}
	}
}

func (w *watcher) node(ctx context.Context, node string) {
	since := w.Now()
	var pods corev1.PodList
	if !w.ask(ctx, "/api/v1/pods", "spec.nodeName="+node, &pods) {
		return
	}
	l := list{Node: node, Pods: []pod{}}
	for _, p := range pods.Items {
		if p.Spec.NodeName == node && isEvicted(p) && !w.Scope.Has(ctx, p.Namespace) {
			l.Pods = append(l.Pods, podOf(p))
		}
	}
	slices.SortFunc(l.Pods, func(a, b pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	raw, err := json.Marshal(l)
	if err != nil {
		w.Notify("drain: the pods of node %s cannot be recorded: %v", node, err)
		return
	}
	if w.told[node] == string(raw) {
		return
	}
	w.told[node] = string(raw)
	w.emit(List, since, trace.Resource{Version: "v1", Resource: "nodes", Kind: "Node"}, node, raw)
}

// list is the Data of an event.
type list struct {
	Node string `json:"node"`
	Pods []pod  `json:"pods"`
}

type pod struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	UID         string            `json:"uid"`
	Owner       string            `json:"owner"`
	Phase       string            `json:"phase"`
	Terminating bool              `json:"terminating"`
	Labels      map[string]string `json:"labels"`
}

func podOf(p corev1.Pod) pod {
	out := pod{
		Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), Phase: string(p.Status.Phase),
		Terminating: p.DeletionTimestamp != nil, Labels: p.Labels,
	}
	if owner := metav1.GetControllerOf(&p); owner != nil {
		out.Owner = owner.Kind + "/" + owner.Name
	}
	return out
}

// isEvicted reports whether a drain has to evict the pod, by the rules of kubectl
// drain --ignore-daemonsets.
func isEvicted(p corev1.Pod) bool {
	owner := metav1.GetControllerOf(&p)
	_, static := p.Annotations[corev1.MirrorPodAnnotationKey]
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return !static && !ended && (owner == nil || owner.Kind != "DaemonSet")
}

// ask reads a list. A refusal is written into the certificate, once.
func (w *watcher) ask(ctx context.Context, path, selector string, out any) bool {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := w.API.Get(limited, path, url.Values{"fieldSelector": {selector}}, out)
	if err == nil || !kube.Denied(err) {
		return err == nil
	}
	known := w.denied
	w.denied, w.at = true, w.Now()
	if known {
		return false
	}
	w.Notify("drain: %s is denied, so that foreign pods on a drained node are not recorded: %v", path, err)
	raw, err := json.Marshal(trace.StreamRecord{State: trace.StreamDenied, Reason: err.Error()})
	if err == nil {
		w.emit(trace.Stream, w.at, trace.Resource{Version: "v1", Resource: "pods/drain"}, "", raw)
	}
	return false
}

// emit hands an event over. An error has ended the whole recording: there is
// nothing to do about it here.
func (w *watcher) emit(typ trace.Type, since time.Duration, resource trace.Resource, name string, raw []byte) {
	_ = w.Emit(trace.Event{
		Time: w.Now(), NotBefore: since, Source: trace.SourceRecorder, Type: typ,
		Object: trace.Object{Resource: resource, Name: name}, Data: raw,
	})
}
