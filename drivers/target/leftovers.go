package target

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Leftovers undoes and removes what dead runs have left, and says what that was.
func (c *Client) Leftovers(ctx context.Context, hooks map[string]string, atMost time.Duration) ([]string, error) {
	selector := metav1.ListOptions{LabelSelector: LabelManaged + "=" + Manager}
	leases, err := c.Kube.CoordinationV1().Leases("").List(ctx, selector)
	if err != nil {
		return nil, fmt.Errorf("what earlier runs left cannot be listed: %w", err)
	}
	var done []string
	var failed []error
	alive := map[string]bool{}
	for i := range leases.Items {
		lease := &leases.Items[i]
		if !isDead(lease, time.Now()) {
			alive[lease.Namespace] = true
			continue
		}
		said, err := c.clear(ctx, lease, hooks, atMost)
		done, failed = append(done, said...), append(failed, err)
	}
	namespaces, err := c.Kube.CoreV1().Namespaces().List(ctx, selector)
	if err != nil {
		return done, errors.Join(append(failed, err)...)
	}
	for i := range namespaces.Items {
		// Between the creation of a namespace and that of its lease is a moment.
		n := &namespaces.Items[i]
		if !alive[n.Name] && time.Since(n.CreationTimestamp.Time) > leaseTime {
			failed = append(failed, c.DeleteNamespace(ctx, n.Name, atMost))
			done = append(done, "removed the namespace "+n.Name)
		}
	}
	return done, errors.Join(failed...)
}

// clear undoes what a dead run owes and removes what it made.
func (c *Client) clear(
	ctx context.Context, lease *coordination.Lease, hooks map[string]string, atMost time.Duration,
) (done []string, err error) {
	owed, err := debts(lease)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(owed)) {
		if err := c.Undo(ctx, owed[key], hooks); err != nil {
			return done, fmt.Errorf("an earlier run in %s was cut and could not be undone: %w", lease.Namespace, err)
		}
		done = append(done, owed[key].String())
	}
	run := lease.Labels[LabelRun]
	if err := c.Remove(ctx, lease.Namespace, run, atMost); err != nil {
		return done, err
	}
	done = append(done, fmt.Sprintf("removed what the run %s left in the namespace %s", run, lease.Namespace))
	err = c.Kube.CoordinationV1().Leases(lease.Namespace).Delete(ctx, lease.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	return done, err
}

// Undo does what is owed.
func (c *Client) Undo(ctx context.Context, u Undo, hooks map[string]string) error {
	if u.Uncordon != "" {
		return c.Cordon(ctx, u.Uncordon, false)
	}
	return runHook(ctx, u.Hook, hooks[u.Hook], u.Env)
}

// Cordon makes a node unschedulable, or schedulable again. A node that is gone is
// as good as either.
func (c *Client) Cordon(ctx context.Context, node string, unschedulable bool) error {
	text := fmt.Sprintf(`{"spec":{"unschedulable":%t}}`, unschedulable)
	_, err := c.Kube.CoreV1().Nodes().Patch(ctx, node, types.StrategicMergePatchType, []byte(text), metav1.PatchOptions{})
	if apierrors.IsNotFound(err) && !unschedulable {
		return nil
	}
	return err
}

// made are the kinds of which a driver makes objects, or lets them be made.
var made = []schema.GroupVersionResource{
	Clusters, Backups, Snapshots,
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Version: "v1", Resource: "pods"},
}

// Remove removes what a run made in a namespace: all of it, if the run made the
// namespace as well. It waits until that is gone.
func (c *Client) Remove(ctx context.Context, namespace, run string, atMost time.Duration) error {
	n, err := c.Kube.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if n.Labels[LabelManaged] == Manager {
		return c.DeleteNamespace(ctx, namespace, atMost)
	}
	selector := metav1.ListOptions{LabelSelector: LabelRun + "=" + run}
	clusters, err := c.Dynamic.Resource(Clusters).Namespace(namespace).List(ctx, selector)
	if err != nil {
		return err
	}
	for _, kind := range made {
		err := c.Dynamic.Resource(kind).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, selector)
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s in %s cannot be removed: %w", kind.Resource, namespace, err)
		}
	}
	for i := range clusters.Items {
		if err := c.removeCluster(ctx, namespace, clusters.Items[i].GetName(), atMost); err != nil {
			return err
		}
	}
	return nil
}

// removeCluster waits until pods and claims of a Cluster are gone, and removes
// its snapshots, which belong to nobody.
func (c *Client) removeCluster(ctx context.Context, namespace, name string, atMost time.Duration) error {
	selector := metav1.ListOptions{LabelSelector: labelCluster + "=" + name}
	err := c.Dynamic.Resource(Snapshots).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, selector)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return until(ctx, atMost, func(ctx context.Context) (bool, error) {
		if err := c.hasten(ctx, namespace, selector); err != nil {
			return false, err
		}
		claims, err := c.Kube.CoreV1().PersistentVolumeClaims(namespace).List(ctx, selector)
		return err == nil && len(claims.Items) == 0, err
	})
}

// hasten deletes pods that would take their time to end in order.
func (c *Client) hasten(ctx context.Context, namespace string, selector metav1.ListOptions) error {
	now := int64(1)
	return c.Kube.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, selector)
}

// CreateNamespace makes a namespace for a run. One that is there already is used
// as it is, and stays.
func (c *Client) CreateNamespace(ctx context.Context, name, run string) error {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Mark(n, run)
	_, err := c.Kube.CoreV1().Namespaces().Create(ctx, n, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// DeleteNamespace removes a namespace and waits until it is gone.
func (c *Client) DeleteNamespace(ctx context.Context, name string, atMost time.Duration) error {
	err := c.Kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = until(ctx, atMost, func(ctx context.Context) (bool, error) {
		_, err := c.Kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, errors.Join(err, c.hasten(ctx, name, metav1.ListOptions{}))
	})
	if err != nil {
		return fmt.Errorf("the namespace %s is still there: %w", name, err)
	}
	return nil
}

func until(ctx context.Context, atMost time.Duration, gone func(context.Context) (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, time.Second, atMost, true, gone)
}

// Disown lets a namespace stay: no later driver takes it for a leftover.
func (c *Client) Disown(ctx context.Context, namespace string) error {
	text := []byte(`{"metadata":{"labels":{"` + LabelManaged + `":null}}}`)
	_, err := c.Kube.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, text, metav1.PatchOptions{})
	return err
}
