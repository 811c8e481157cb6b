package target

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// leaseName is the name of the Lease of a run; there is one run a namespace.
const leaseName = "hindsight-driver"

// A lease that was not renewed for leaseTime is that of a dead run, unless its
// process can be asked.
const (
	leaseTime  = 60 * time.Second
	renewEvery = 15 * time.Second
)

// undoPrefix begins the annotations of a Lease that say what has to be undone.
const undoPrefix = "undo.hindsight/"

// Undo is what has to be undone outside of the namespace of a run.
type Undo struct {
	Uncordon string   `json:"uncordon,omitempty"` // name of a node
	Hook     string   `json:"hook,omitempty"`     // name of a hook
	Env      []string `json:"env,omitempty"`
}

// String says it for people.
func (u Undo) String() string {
	if u.Uncordon != "" {
		return "uncordon node " + u.Uncordon
	}
	return "hook " + u.Hook
}

// Lease says that a run is at work, and what it owes.
type Lease struct {
	client    *Client
	namespace string
	stop      context.CancelFunc
	renewing  sync.WaitGroup
}

// holder identifies this process: host and pid.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// Acquire makes the Lease of a run and renews it until Release. A namespace in
// which another run is at work is refused.
func (c *Client) Acquire(ctx context.Context, namespace, run string) (*Lease, error) {
	who, seconds, now := holder(), int32(leaseTime.Seconds()), metav1.NowMicro()
	lease := &coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: leaseName, Namespace: namespace},
		Spec: coordination.LeaseSpec{
			HolderIdentity: &who, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now,
		},
	}
	Mark(lease, run)
	_, err := c.Kube.CoordinationV1().Leases(namespace).Create(ctx, lease, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("another run is at work in the namespace %s: choose another one with -n", namespace)
	}
	if err != nil {
		return nil, err
	}
	renewal, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &Lease{client: c, namespace: namespace, stop: stop}
	l.renewing.Go(func() { l.renew(renewal) })
	return l, nil
}

func (l *Lease) renew(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(renewEvery):
			change := map[string]any{"spec": map[string]any{"renewTime": metav1.NowMicro()}}
			_ = l.patch(ctx, change) // the next one may succeed; there are three before it is too late
		}
	}
}

func (l *Lease) patch(ctx context.Context, change map[string]any) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = l.client.Kube.CoordinationV1().Leases(l.namespace).Patch(
		ctx, leaseName, types.MergePatchType, text, metav1.PatchOptions{})
	return err
}

// Owe writes down what will have to be undone, before it is done.
func (l *Lease) Owe(ctx context.Context, key string, u Undo) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return l.annotate(ctx, key, string(text))
}

// Paid says that it was undone.
func (l *Lease) Paid(ctx context.Context, key string) error { return l.annotate(ctx, key, nil) }

func (l *Lease) annotate(ctx context.Context, key string, value any) error {
	return l.patch(ctx, map[string]any{"metadata": map[string]any{"annotations": map[string]any{undoPrefix + key: value}}})
}

// Release ends the renewal and removes the Lease.
func (l *Lease) Release(ctx context.Context) error {
	l.stop()
	l.renewing.Wait()
	err := l.client.Kube.CoordinationV1().Leases(l.namespace).Delete(ctx, leaseName, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// isDead reports whether nobody is at work on a lease: its process is gone, or it
// was not renewed in time. A process of this machine is asked, so that a driver
// that was killed is found at once.
func isDead(lease *coordination.Lease, now time.Time) bool {
	who := ""
	if lease.Spec.HolderIdentity != nil {
		who = *lease.Spec.HolderIdentity
	}
	host, pid, _ := strings.Cut(who, "/")
	here, err := os.Hostname()
	number, invalid := strconv.Atoi(pid)
	if err == nil && here == host && invalid == nil && number > 0 {
		return syscall.Kill(number, 0) == syscall.ESRCH
	}
	return lease.Spec.RenewTime == nil || now.Sub(lease.Spec.RenewTime.Time) > leaseTime
}

// debts lists what a lease says that has to be undone.
func debts(lease *coordination.Lease) (map[string]Undo, error) {
	all := map[string]Undo{}
	for key, text := range lease.Annotations {
		name, is := strings.CutPrefix(key, undoPrefix)
		if !is {
			continue
		}
		var u Undo
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			return nil, fmt.Errorf("the annotation %s of the lease in %s: %w", key, lease.Namespace, err)
		}
		all[name] = u
	}
	return all, nil
}
