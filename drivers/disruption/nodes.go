package disruption

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/kubectl/pkg/drain"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// nodeOf returns the node of the instance that has the role.
func nodeOf(ctx context.Context, t *target.Target, role string) (node, instance string, err error) {
	s, err := t.State(ctx)
	if err != nil {
		return "", "", err
	}
	if instance, err = instanceOf(s, role); err != nil {
		return "", "", err
	}
	if p := s.Pod(instance); p != nil && p.Spec.NodeName != "" {
		return p.Spec.NodeName, instance, nil
	}
	return "", "", unavailable("the instance %s is on no node", instance)
}

// nodeDrain drains the node of an instance as kubectl drain does, with evictions
// that a PodDisruptionBudget may refuse.
type nodeDrain struct {
	role, node string
	cordoned   bool

	mutex   sync.Mutex
	evicted map[string]bool
	blocked map[string]string // pod → what blocks it
}

func (d *nodeDrain) Prepare(ctx context.Context, t *target.Target) (err error) {
	d.evicted, d.blocked = map[string]bool{}, map[string]string{}
	if d.node, _, err = nodeOf(ctx, t, d.role); err != nil {
		return err
	}
	nodes, err := t.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	others := 0
	for i := range nodes.Items {
		if n := &nodes.Items[i]; n.Name != d.node && !n.Spec.Unschedulable {
			others++
		}
	}
	if others == 0 {
		return unavailable("there is no other node to which the pods of %s could go", d.node)
	}
	return nil
}

// Inject cordons the node and asks for the first evictions.
func (d *nodeDrain) Inject(ctx context.Context, t *target.Target) (Done, error) {
	if err := t.Hold.Owe(ctx, "uncordon", target.Undo{Uncordon: d.node}); err != nil {
		return Done{}, err
	}
	if err := t.Cordon(ctx, d.node, true); err != nil {
		return Done{}, err
	}
	d.cordoned = true
	left, err := d.evict(ctx, t)
	return d.done(left), err
}

// Observe evicts again what was refused, until nothing that has to go is left.
func (d *nodeDrain) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	var left []corev1.Pod
	err := t.Until(ctx, atMost, "the node "+d.node+" to be drained", func(ctx context.Context) (bool, string, error) {
		var err error
		left, err = d.evict(ctx, t)
		return err == nil && len(left) == 0, d.remaining(left), err
	})
	return d.done(left), err
}

// Undo makes the node schedulable again.
func (d *nodeDrain) Undo(ctx context.Context, t *target.Target) error {
	if !d.cordoned {
		return nil
	}
	if err := t.Cordon(ctx, d.node, false); err != nil {
		return err
	}
	d.cordoned = false
	return t.Hold.Paid(ctx, "uncordon")
}

// evict asks for the eviction of what is on the node and has to go, and returns
// what is still there. The operator's own pod goes as well, as in a real drain.
func (d *nodeDrain) evict(ctx context.Context, t *target.Target) ([]corev1.Pod, error) {
	helper := &drain.Helper{
		Ctx: ctx, Client: t.Kube, IgnoreAllDaemonSets: true, DeleteEmptyDirData: true,
		GracePeriodSeconds: -1, Out: io.Discard, ErrOut: io.Discard,
	}
	version, err := drain.CheckEvictionSupport(t.Kube)
	if err != nil {
		return nil, err
	}
	if version.Empty() {
		return nil, unavailable("the cluster has no eviction API")
	}
	list, wrong := helper.GetPodsForDeletion(d.node)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("the node %s cannot be drained: %w", d.node, errors.Join(wrong...))
	}
	for _, p := range list.Pods() {
		if p.DeletionTimestamp != nil {
			continue
		}
		if err := d.outcome(ctx, t, &p, helper.EvictPod(p, version)); err != nil {
			return list.Pods(), err
		}
	}
	return list.Pods(), nil
}

// outcome keeps what became of the eviction of a pod.
func (d *nodeDrain) outcome(ctx context.Context, t *target.Target, p *corev1.Pod, err error) error {
	name := p.Namespace + "/" + p.Name
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch {
	case err == nil:
		d.evicted[name] = true
		delete(d.blocked, name)
	case apierrors.IsNotFound(err):
	case apierrors.IsTooManyRequests(err):
		budgets, unlisted := budgetsOf(ctx, t, p)
		if unlisted != nil {
			return unlisted
		}
		d.blocked[name] = fmt.Sprintf("%s (%s)", target.Names(budgets), firstCause(err))
	default:
		return fmt.Errorf("the pod %s cannot be evicted: %w", name, err)
	}
	return nil
}

// budgetsOf names the budgets that cover a pod and allow no disruption now.
func budgetsOf(ctx context.Context, t *target.Target, p *corev1.Pod) ([]string, error) {
	all, err := t.Kube.PolicyV1().PodDisruptionBudgets(p.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return blocking(all.Items, p), nil
}

func blocking(all []policyv1.PodDisruptionBudget, p *corev1.Pod) []string {
	var names []string
	for _, b := range all {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(p.Labels)) && b.Status.DisruptionsAllowed == 0 {
			names = append(names, "budget "+b.Namespace+"/"+b.Name)
		}
	}
	return names
}

// firstCause is what the API server says of the budget that refused.
func firstCause(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			return cause.Message
		}
	}
	return err.Error()
}

func (d *nodeDrain) remaining(left []corev1.Pod) string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var lines []string
	for _, p := range left {
		name := p.Namespace + "/" + p.Name
		if why, is := d.blocked[name]; is {
			lines = append(lines, name+" is blocked by "+why)
		} else {
			lines = append(lines, name+" is there")
		}
	}
	return strings.Join(lines, "; ")
}

func (d *nodeDrain) done(left []corev1.Pod) Done {
	text := d.remaining(left)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	evicted := slices.Sorted(maps.Keys(d.evicted))
	note := fmt.Sprintf("cordoned %s and evicted %s", d.node, cmp.Or(target.Names(evicted), "nothing"))
	if text != "" {
		note += "; left: " + text
	}
	return Done{note, map[string]any{"node": d.node, "evicted": evicted, "blocked": maps.Clone(d.blocked)}}
}

// nodeLoss switches off the node of an instance, and on again.
type nodeLoss struct {
	role, node, instance string
	down                 bool
}

func (d *nodeLoss) Prepare(ctx context.Context, t *target.Target) (err error) {
	for _, name := range []string{target.HookNodeDown, target.HookNodeUp} {
		if t.Hooks[name] == "" {
			return unavailable("no node can be switched off and on: there is no hook %s", name)
		}
	}
	d.node, d.instance, err = nodeOf(ctx, t, d.role)
	return err
}

func (d *nodeLoss) env() string { return "HINDSIGHT_NODE=" + d.node }

func (d *nodeLoss) Inject(ctx context.Context, t *target.Target) (Done, error) {
	if err := t.Hold.Owe(ctx, "node-up", target.Undo{Hook: target.HookNodeUp, Env: []string{d.env()}}); err != nil {
		return Done{}, err
	}
	d.down = true
	err := t.Hook(ctx, target.HookNodeDown, d.env())
	return Done{"switched off the node " + d.node, map[string]any{"node": d.node, "instance": d.instance}}, err
}

// Observe waits until the cluster knows that the node is lost, and lets it
// return: what is to be seen is that everything goes on.
func (d *nodeLoss) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	if err := d.untilReady(ctx, t, atMost, false); err != nil {
		return Done{Note: "the node " + d.node + " was never called lost"}, err
	}
	if err := d.Undo(ctx, t); err != nil {
		return Done{Note: "the node " + d.node + " is lost"}, err
	}
	err := d.untilReady(ctx, t, atMost, true)
	return over(Done{Note: "the node " + d.node + " was lost and returned"}, err)
}

func (d *nodeLoss) untilReady(ctx context.Context, t *target.Target, atMost time.Duration, want bool) error {
	what := map[bool]string{true: "to return", false: "to be called lost"}[want]
	return t.Until(ctx, atMost, "the node "+d.node+" "+what, func(ctx context.Context) (bool, string, error) {
		n, err := t.Kube.CoreV1().Nodes().Get(ctx, d.node, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		return ready == want, fmt.Sprintf("ready: %t", ready), nil
	})
}

func (d *nodeLoss) Undo(ctx context.Context, t *target.Target) error {
	if !d.down {
		return nil
	}
	if err := t.Hook(ctx, target.HookNodeUp, d.env()); err != nil {
		return err
	}
	d.down = false
	return t.Hold.Paid(ctx, "node-up")
}
