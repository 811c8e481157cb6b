package sizing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/drivers/disruption"
	"github.com/hindsight-project/hindsight/drivers/target"
)

// Operator keeps the data volumes of dynamic Clusters as large as they have to be.
type Operator struct {
	Client    *target.Client
	Namespace string // empty: all

	// Every is how often clusters are looked at.
	Every time.Duration

	// Usage asks how full the data volume of an instance is.
	Usage func(ctx context.Context, namespace, pod string) (disruption.Disk, error)

	// Say is told of each action.
	Say func(text string)

	actions map[types.UID][]time.Time // by Cluster
	last    map[types.UID]action
}

// action is the latest growth of a volume.
type action struct {
	kind, instance string
	from, to       int64
	at             time.Time
}

// Run looks at the clusters again and again, until ctx ends. What goes wrong with
// one is said, and tried again.
func (o *Operator) Run(ctx context.Context) {
	o.actions, o.last = map[types.UID][]time.Time{}, map[types.UID]action{}
	for {
		if err := o.pass(ctx); err != nil && ctx.Err() == nil {
			o.Say(err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(o.Every):
		}
	}
}

func (o *Operator) pass(ctx context.Context) error {
	list, err := o.Client.Dynamic.Resource(target.Clusters).Namespace(o.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var failed []error
	for i := range list.Items {
		c := &list.Items[i]
		// Somebody was quicker, or it is gone: the next pass sees that.
		if err := o.reconcile(ctx, c); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			failed = append(failed, fmt.Errorf("%s/%s: %w", c.GetNamespace(), c.GetName(), err))
		}
	}
	return errors.Join(failed...)
}

func (o *Operator) reconcile(ctx context.Context, c *unstructured.Unstructured) error {
	storage, _, _ := unstructured.NestedMap(c.Object, "spec", "storage")
	b, err := ReadBlock(storage)
	if err != nil || b == nil || c.GetDeletionTimestamp() != nil {
		return err
	}
	claims, err := o.claims(ctx, c)
	if err != nil || len(claims) == 0 {
		return err
	}
	now, uid := time.Now(), c.GetUID()
	v := Volume{Actions: o.actions[uid]}
	for i := range claims {
		v.Size = max(v.Size, request(&claims[i]))
	}
	fullest := ""
	v.Disk, fullest = o.fullest(ctx, c.GetNamespace(), claims)
	d := Decide(*b, v, now)
	if d.Kind != "" && grows(claims) {
		d.Kind, d.To = "", v.Size // one after the other
	}
	if d.Kind != "" {
		o.last[uid] = action{d.Kind, fullest, v.Size, d.To, now}
		o.actions[uid] = append(o.actions[uid], now)
		o.Say(fmt.Sprintf("%s/%s: %s from %s to %s, since %s is %d %% full", c.GetNamespace(), c.GetName(),
			d.Kind, quantity(v.Size), quantity(d.To), fullest, v.Disk.Used*100/v.Disk.Total))
	}
	to := d.To
	if d.Kind == "" {
		to = min(to, b.Limit) // what is above a limit that was lowered is no measure for the others
	}
	for i := range claims {
		if err := o.raise(ctx, &claims[i], to); err != nil {
			return err
		}
	}
	return o.tell(ctx, c, *b, d, claims, now)
}

// claims lists the claims of the data volumes of a Cluster.
func (o *Operator) claims(ctx context.Context, c *unstructured.Unstructured) ([]corev1.PersistentVolumeClaim, error) {
	list, err := o.Client.Kube.CoreV1().PersistentVolumeClaims(c.GetNamespace()).List(ctx, metav1.ListOptions{
		LabelSelector: "cnpg.io/cluster=" + c.GetName() + ",cnpg.io/pvcRole=" + target.RoleData,
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(c corev1.PersistentVolumeClaim) bool {
		return c.DeletionTimestamp != nil
	}), nil
}

func request(c *corev1.PersistentVolumeClaim) int64 {
	size := c.Spec.Resources.Requests[corev1.ResourceStorage]
	return size.Value()
}

func capacity(c *corev1.PersistentVolumeClaim) int64 {
	size, there := c.Status.Capacity[corev1.ResourceStorage]
	if !there {
		return request(c)
	}
	return size.Value()
}

// grows reports whether an expansion is under way.
func grows(claims []corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(claims, func(c corev1.PersistentVolumeClaim) bool { return capacity(&c) < request(&c) })
}

// fullest asks all instances and returns the one that uses most. One that does not
// answer, as it has no pod, is left out.
func (o *Operator) fullest(
	ctx context.Context, namespace string, claims []corev1.PersistentVolumeClaim,
) (disruption.Disk, string) {
	var most disruption.Disk
	who := ""
	for _, c := range claims {
		pod := c.Labels["cnpg.io/instanceName"]
		disk, err := o.Usage(ctx, namespace, pod)
		if err == nil && (who == "" || disk.Used > most.Used) {
			most, who = disk, pod
		}
	}
	return most, who
}

func (o *Operator) raise(ctx context.Context, c *corev1.PersistentVolumeClaim, to int64) error {
	if request(c) >= to {
		return nil
	}
	text, err := json.Marshal(map[string]any{"spec": map[string]any{"resources": map[string]any{
		"requests": map[string]any{"storage": quantity(to)},
	}}})
	if err != nil {
		return err
	}
	_, err = o.Client.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).Patch(
		ctx, c.Name, types.MergePatchType, text, metav1.PatchOptions{})
	return err
}

func quantity(bytes int64) string { return resource.NewQuantity(bytes, resource.BinarySI).String() }

// tell writes the status of the data volume, when it is another one than before.
func (o *Operator) tell(
	ctx context.Context, c *unstructured.Unstructured, b Block, d Decision,
	claims []corev1.PersistentVolumeClaim, now time.Time,
) error {
	status := map[string]any{"state": o.state(d, c.GetUID(), claims), "actualSizes": map[string]any{}}
	for i := range claims {
		status["actualSizes"].(map[string]any)[claims[i].Labels["cnpg.io/instanceName"]] = quantity(capacity(&claims[i]))
	}
	if d.Target > 0 {
		status["targetSize"] = quantity(d.Target)
	}
	if d.Why != "" {
		status["message"] = d.Why
	}
	if last, there := o.last[c.GetUID()]; there {
		status["effectiveSize"] = quantity(last.to)
		status["lastAction"] = map[string]any{
			"kind": last.kind, "from": quantity(last.from), "to": quantity(last.to), "instance": last.instance,
			"timestamp": last.at.UTC().Format(time.RFC3339), "result": "Success",
		}
	}
	left := BudgetOf(b.Emergency, o.actions[c.GetUID()], now)
	budget := map[string]any{}
	for name, count := range map[string]int{
		"actionsLast24h": left.Used, "availableForPlanned": left.Planned, "availableForEmergency": left.Emergency,
	} {
		if count != 0 {
			budget[name] = int64(count)
		}
	}
	status["budget"] = budget
	old, _, _ := unstructured.NestedMap(c.Object, "status", "storageSizing", "data")
	if reflect.DeepEqual(old, status) {
		return nil
	}
	one := &target.Target{Client: o.Client, Namespace: c.GetNamespace(), Name: c.GetName()}
	return one.PatchStatus(ctx, map[string]any{"status": map[string]any{
		"storageSizing": map[string]any{"data": change(old, status)},
	}})
}

// change is the merge patch that makes an object of another: null removes.
func change(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for name := range from {
		patch[name] = nil
	}
	for name, value := range to {
		patch[name] = value
		before, is := from[name].(map[string]any)
		if after, too := value.(map[string]any); is && too {
			patch[name] = change(before, after)
		}
	}
	return patch
}

// state is that of the decision, and while an expansion is under way that of the
// action which it comes from.
func (o *Operator) state(d Decision, uid types.UID, claims []corev1.PersistentVolumeClaim) string {
	if d.Kind != "" || !grows(claims) {
		return d.State
	}
	if o.last[uid].kind == EmergencyGrow {
		return Emergent
	}
	return Resizing
}
