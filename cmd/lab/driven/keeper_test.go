package driven

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// keeper does for the Clusters of a lab all that an operator, kubelets, storage and
// the garbage collector do, but sizing: instances with pods and claims, elections,
// roll-outs, backups; volumes that grow when their claims ask for it; and volumes
// that are replaced by smaller ones, which no documented operator does.
type keeper struct {
	client *target.Client
	node   *node

	// growing is how long an expansion takes.
	growing time.Duration

	serials map[types.UID]int       // latest instance of a Cluster
	began   map[types.UID]time.Time // of the expansion of a claim
	backups map[string]int64        // namespace/name → size of the volumes
	lead    int                     // number of the operator's pod
}

const operatorNamespace = "cnpg-system"

func newKeeper(c *target.Client, n *node) *keeper {
	return &keeper{
		client: c, node: n, growing: 500 * time.Millisecond,
		serials: map[types.UID]int{}, began: map[types.UID]time.Time{}, backups: map[string]int64{},
	}
}

func (k *keeper) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if err := k.pass(ctx); err != nil && ctx.Err() == nil {
			t.Logf("the keeper: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// pass looks at everything once. What somebody else has changed meanwhile is seen
// by the next one.
func (k *keeper) pass(ctx context.Context) error {
	failed := []error{k.keepOperator(ctx)}
	namespaces, err := k.client.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{
		LabelSelector: target.LabelManaged + "=" + target.Manager,
	})
	if err != nil {
		return err
	}
	for i := range namespaces.Items {
		n := &namespaces.Items[i]
		if n.DeletionTimestamp != nil {
			failed = append(failed, k.clear(ctx, n))
			continue
		}
		clusters, err := k.client.Dynamic.Resource(target.Clusters).Namespace(n.Name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for j := range clusters.Items {
			failed = append(failed, k.keep(ctx, &clusters.Items[j]))
		}
		failed = append(failed, k.keepBackups(ctx, n.Name))
	}
	return errors.Join(slices.DeleteFunc(failed, func(err error) bool {
		return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)
	})...)
}

var (
	gone = metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
	all  = metav1.ListOptions{}
)

// clear empties a namespace that is deleted, and lets it go.
func (k *keeper) clear(ctx context.Context, n *corev1.Namespace) error {
	core := k.client.Kube.CoreV1()
	pods, err := core.Pods(n.Name).List(ctx, all)
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		k.node.halt(n.Name + "/" + p.Name)
	}
	failed := []error{
		core.Pods(n.Name).DeleteCollection(ctx, gone, all),
		k.client.Kube.CoordinationV1().Leases(n.Name).DeleteCollection(ctx, gone, all),
		k.client.Dynamic.Resource(target.Backups).Namespace(n.Name).DeleteCollection(ctx, gone, all),
		k.client.Dynamic.Resource(target.Clusters).Namespace(n.Name).DeleteCollection(ctx, gone, all),
	}
	claims, err := core.PersistentVolumeClaims(n.Name).List(ctx, all)
	for i := range claims.Items {
		failed = append(failed, k.dropClaim(ctx, &claims.Items[i]))
	}
	if err := errors.Join(append(failed, err)...); err != nil {
		return err
	}
	n.Spec.Finalizers = nil
	_, err = core.Namespaces().Finalize(ctx, n, metav1.UpdateOptions{})
	return err
}

// dropClaim deletes a claim at once, and its volume.
func (k *keeper) dropClaim(ctx context.Context, c *corev1.PersistentVolumeClaim) error {
	claims := k.client.Kube.CoreV1().PersistentVolumeClaims(c.Namespace)
	_, err := claims.Patch(ctx, c.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`),
		metav1.PatchOptions{})
	if err == nil {
		err = claims.Delete(ctx, c.Name, gone)
	}
	return errors.Join(err, k.node.drop(c.Namespace+"/"+c.Name))
}

// keepOperator has a pod that leads, another one when it was deleted.
func (k *keeper) keepOperator(ctx context.Context) error {
	pods := k.client.Kube.CoreV1().Pods(operatorNamespace)
	list, err := pods.List(ctx, all)
	if err != nil {
		return err
	}
	if len(list.Items) > 0 {
		if p := &list.Items[0]; p.DeletionTimestamp != nil {
			return pods.Delete(ctx, p.Name, gone)
		}
		return nil
	}
	k.lead++
	name := fmt.Sprintf("cnpg-controller-manager-%d", k.lead)
	p := podOf(name, "", map[string]string{"app.kubernetes.io/name": "cloudnative-pg"})
	if p, err = pods.Create(ctx, p, create); err != nil {
		return err
	}
	if err := k.ready(ctx, p, true); err != nil {
		return err
	}
	leases, holder := k.client.Kube.CoordinationV1().Leases(operatorNamespace), name+"_1"
	lease := &coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "db9c8771.cnpg.io"}, Spec: coordination.LeaseSpec{HolderIdentity: &holder},
	}
	if _, err = leases.Create(ctx, lease, create); apierrors.IsAlreadyExists(err) {
		_, err = leases.Patch(ctx, lease.Name, types.MergePatchType,
			fmt.Appendf(nil, `{"spec":{"holderIdentity":%q}}`, holder), metav1.PatchOptions{})
	}
	return err
}

func podOf(name, node string, labels map[string]string) *corev1.Pod {
	controls := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: labels, Annotations: map[string]string{}, OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "postgresql.cnpg.io/v1", Kind: "Cluster", Name: "pg", UID: "u", Controller: &controls,
			}},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "postgres", Image: "pg"}}},
	}
}

func (k *keeper) ready(ctx context.Context, p *corev1.Pod, ready bool) error {
	if target.IsReady(p) == ready {
		return nil
	}
	status := map[bool]corev1.ConditionStatus{true: corev1.ConditionTrue, false: corev1.ConditionFalse}[ready]
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	_, err := k.client.Kube.CoreV1().Pods(p.Namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{})
	return err
}

// kept is a Cluster at one moment.
type kept struct {
	*unstructured.Unstructured
	name, namespace string
	wanted          int
	claims          []corev1.PersistentVolumeClaim
	pods            map[string]*corev1.Pod
	primary, target string
}

func (c *kept) text(path ...string) string {
	value, _, _ := unstructured.NestedString(c.Object, path...)
	return value
}

// isReady reports whether an instance has a pod that is ready.
func (c *kept) isReady(instance string) bool {
	return c.pods[instance] != nil && target.IsReady(c.pods[instance])
}

func (c *kept) readyInstances() []string {
	var names []string
	for i := range c.claims {
		if c.isReady(c.claims[i].Name) {
			names = append(names, c.claims[i].Name)
		}
	}
	return names
}

func size(c *corev1.PersistentVolumeClaim) int64 {
	quantity := c.Spec.Resources.Requests[corev1.ResourceStorage]
	return quantity.Value()
}

func bytesOf(text string) int64 {
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return 0
	}
	return quantity.Value()
}

func (k *keeper) look(ctx context.Context, c *unstructured.Unstructured) (*kept, error) {
	out := &kept{Unstructured: c, name: c.GetName(), namespace: c.GetNamespace(), pods: map[string]*corev1.Pod{}}
	wanted, _, _ := unstructured.NestedInt64(c.Object, "spec", "instances")
	out.wanted = int(wanted)
	out.primary, out.target = out.text("status", "currentPrimary"), out.text("status", "targetPrimary")
	selector := metav1.ListOptions{LabelSelector: "cnpg.io/cluster=" + out.name}
	claims, err := k.client.Kube.CoreV1().PersistentVolumeClaims(out.namespace).List(ctx, selector)
	if err != nil {
		return nil, err
	}
	out.claims = claims.Items
	pods, err := k.client.Kube.CoreV1().Pods(out.namespace).List(ctx, selector)
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		out.pods[pods.Items[i].Name] = &pods.Items[i]
	}
	return out, nil
}

func (k *keeper) keep(ctx context.Context, u *unstructured.Unstructured) error {
	c, err := k.look(ctx, u)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *kept) error{
		k.keepClaims, k.keepPods, k.keepVolumes, k.rollOut, k.shrink, k.elect, k.tell,
	} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// begin is the size of new volumes: what is documented, or as a shrink wants it.
func (c *kept) begin() int64 {
	size := max(bytesOf(c.text("status", "storageSizing", "data", "effectiveSize")),
		bytesOf(c.text("spec", "storage", "request")))
	return min(size, bytesOf(c.text("spec", "storage", "limit")))
}

func (k *keeper) keepClaims(ctx context.Context, c *kept) error {
	if len(c.claims) >= c.wanted {
		return nil
	}
	from := c.text("spec", "bootstrap", "recovery", "backup", "name")
	if from != "" && k.backups[c.namespace+"/"+from] > c.begin() {
		return fmt.Errorf("no volume of %d bytes can be made of the larger snapshot %s", c.begin(), from)
	}
	return k.addInstance(ctx, c)
}

func (k *keeper) addInstance(ctx context.Context, c *kept) error {
	k.serials[c.GetUID()]++
	name, class := fmt.Sprintf("%s-%d", c.name, k.serials[c.GetUID()]), "grows"
	labels := instance(c.name, name)
	labels["cnpg.io/pvcRole"] = target.RoleData
	request := *resource.NewQuantity(c.begin(), resource.BinarySI)
	claims := k.client.Kube.CoreV1().PersistentVolumeClaims(c.namespace)
	claim, err := claims.Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class, VolumeName: c.namespace + "-" + name,
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: request}},
		},
	}, create)
	if err != nil {
		return err
	}
	claim.Status.Phase = corev1.ClaimBound
	return k.setCapacity(ctx, claim)
}

// setCapacity ends an expansion, and binds.
func (k *keeper) setCapacity(ctx context.Context, c *corev1.PersistentVolumeClaim) error {
	c.Status.Conditions = nil
	c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: c.Spec.Resources.Requests[corev1.ResourceStorage]}
	_, err := k.client.Kube.CoreV1().PersistentVolumeClaims(c.Namespace).UpdateStatus(ctx, c, metav1.UpdateOptions{})
	return errors.Join(err, k.node.resize(c.Namespace+"/"+c.Name, size(c)))
}

// keepVolumes lets volumes grow whose claims ask for it and that are mounted.
func (k *keeper) keepVolumes(ctx context.Context, c *kept) error {
	for i := range c.claims {
		claim := &c.claims[i]
		has := claim.Status.Capacity[corev1.ResourceStorage]
		began, goesOn := k.began[claim.UID]
		switch {
		case has.Value() >= size(claim):
		case !goesOn:
			k.began[claim.UID] = time.Now()
			claim.Status.Conditions = []corev1.PersistentVolumeClaimCondition{{
				Type: corev1.PersistentVolumeClaimResizing, Status: corev1.ConditionTrue,
			}}
			claims := k.client.Kube.CoreV1().PersistentVolumeClaims(c.namespace)
			if _, err := claims.UpdateStatus(ctx, claim, metav1.UpdateOptions{}); err != nil {
				return err
			}
		case time.Since(began) > k.growing && c.isReady(claim.Name):
			delete(k.began, claim.UID)
			if err := k.setCapacity(ctx, claim); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepPods has a pod for each claim. One whose PostgreSQL was killed is not ready,
// and gets another one in the pass after the next election.
func (k *keeper) keepPods(ctx context.Context, c *kept) error {
	for i := range c.claims {
		name := c.claims[i].Name
		at := c.namespace + "/" + name
		p := c.pods[name]
		switch {
		case p == nil:
			if err := k.addPod(ctx, c, name); err != nil {
				return err
			}
		case p.DeletionTimestamp != nil:
			k.node.halt(at)
			if err := k.client.Kube.CoreV1().Pods(c.namespace).Delete(ctx, name, gone); err != nil {
				return err
			}
			delete(c.pods, name)
		case k.node.runs(at):
			if err := k.ready(ctx, p, true); err != nil {
				return err
			}
		case target.IsReady(p):
			if err := k.ready(ctx, p, false); err != nil {
				return err
			}
		default:
			if err := k.node.boot(at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *keeper) addPod(ctx context.Context, c *kept, name string) error {
	nodes, err := k.client.Kube.CoreV1().Nodes().List(ctx, all)
	if err != nil {
		return err
	}
	free := slices.DeleteFunc(nodes.Items, func(n corev1.Node) bool { return n.Spec.Unschedulable })
	p := podOf(name, free[len(c.pods)%len(free)].Name, instance(c.name, name))
	p.Annotations["rollout"] = c.rollout()
	if p, err = k.client.Kube.CoreV1().Pods(c.namespace).Create(ctx, p, create); err != nil {
		return err
	}
	c.pods[name] = p
	return k.node.boot(c.namespace + "/" + name)
}

// rollout is what makes a pod one of an older specification.
func (c *kept) rollout() string {
	env, _, _ := unstructured.NestedSlice(c.Object, "spec", "env")
	return fmt.Sprint(env)
}

// rollOut deletes one pod of an older specification when all are ready.
func (k *keeper) rollOut(ctx context.Context, c *kept) error {
	if len(c.readyInstances()) < len(c.claims) {
		return nil
	}
	for name, p := range c.pods {
		if p.Annotations["rollout"] != c.rollout() && p.DeletionTimestamp == nil {
			delete(c.pods, name)
			return k.client.Kube.CoreV1().Pods(c.namespace).Delete(ctx, name, metav1.DeleteOptions{})
		}
	}
	return nil
}

// shrink replaces instances whose claims request more than the limit: one more is
// made, one of the old ones is removed, and so on; the primary comes last.
func (k *keeper) shrink(ctx context.Context, c *kept) error {
	limit := bytesOf(c.text("spec", "storage", "limit"))
	var large, small []string
	for i := range c.claims {
		if size(&c.claims[i]) > limit {
			large = append(large, c.claims[i].Name)
		} else {
			small = append(small, c.claims[i].Name)
		}
	}
	switch {
	case len(c.readyInstances()) < len(c.claims), c.primary != c.target:
		return nil
	case len(c.claims) <= c.wanted && len(large) > 0:
		return k.addInstance(ctx, c)
	case len(large) == 0:
		return nil
	case len(large) == 1 && large[0] == c.primary:
		c.target = small[0]
		return nil
	}
	name := large[0]
	if name == c.primary {
		name = large[1]
	}
	at := slices.IndexFunc(c.claims, func(one corev1.PersistentVolumeClaim) bool { return one.Name == name })
	k.node.halt(c.namespace + "/" + name)
	err := k.client.Kube.CoreV1().Pods(c.namespace).Delete(ctx, name, gone)
	return errors.Join(err, k.dropClaim(ctx, &c.claims[at]))
}

// elect makes the target the primary, and another instance the target when the
// primary is not ready.
func (k *keeper) elect(_ context.Context, c *kept) error {
	ready := c.readyInstances()
	switch {
	case len(ready) == 0:
	case c.target == "" || !slices.Contains(ready, c.target):
		c.target, c.primary = ready[0], ready[0]
	default:
		c.primary = c.target
	}
	return nil
}

// tell writes the status when it is another one than before.
func (k *keeper) tell(ctx context.Context, c *kept) error {
	ready := len(c.readyInstances())
	phase, is := "Waiting for the instances to become active", "False"
	if ready == c.wanted && len(c.claims) == c.wanted {
		phase, is = "Cluster in healthy state", "True"
	}
	status := map[string]any{
		"phase": phase, "readyInstances": int64(ready), "currentPrimary": c.primary, "targetPrimary": c.target,
		"image": "pg", "conditions": []any{map[string]any{
			"type": "Ready", "status": is, "reason": "ClusterIsReady", "message": "",
			"lastTransitionTime": "2026-01-01T00:00:00Z",
		}},
	}
	old, _, _ := unstructured.NestedMap(c.Object, "status")
	now, err := json.Marshal(target.Merge(old, status))
	if before, bad := json.Marshal(old); err != nil || bad != nil || string(before) == string(now) {
		return errors.Join(err, bad)
	}
	one := &target.Target{Client: k.client, Namespace: c.namespace, Name: c.name}
	return one.PatchStatus(ctx, map[string]any{"status": status})
}

// keepBackups completes Backups.
func (k *keeper) keepBackups(ctx context.Context, namespace string) error {
	backups := k.client.Dynamic.Resource(target.Backups).Namespace(namespace)
	list, err := backups.List(ctx, all)
	if err != nil {
		return err
	}
	for i := range list.Items {
		b := &list.Items[i]
		if phase, _, _ := unstructured.NestedString(b.Object, "status", "phase"); phase != "" {
			continue
		}
		claims, err := k.client.Kube.CoreV1().PersistentVolumeClaims(namespace).List(ctx, all)
		if err != nil {
			return err
		}
		for j := range claims.Items {
			at := namespace + "/" + b.GetName()
			k.backups[at] = max(k.backups[at], size(&claims.Items[j]))
		}
		_, err = backups.Patch(ctx, b.GetName(), types.MergePatchType,
			[]byte(`{"status":{"phase":"completed"}}`), metav1.PatchOptions{}, "status")
		if err != nil {
			return err
		}
	}
	return nil
}

// names joins names for messages.
func names(list []string) string { return strings.Join(list, ", ") }
