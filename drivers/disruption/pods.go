package disruption

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// operatorPods select the pods of the operator.
const operatorPods = "app.kubernetes.io/name=cloudnative-pg"

// operatorLease is the Lease of the leading operator; its holder begins with the
// name of the pod.
const operatorLease = "db9c8771.cnpg.io"

// operatorRestart deletes the pod of the leading operator.
type operatorRestart struct {
	pod string
	uid types.UID
}

func (d *operatorRestart) Prepare(ctx context.Context, t *target.Target) error {
	pods, err := t.Kube.CoreV1().Pods(t.OperatorNamespace).List(ctx, metav1.ListOptions{LabelSelector: operatorPods})
	if err != nil {
		return err
	}
	if len(pods.Items) == 0 {
		return unavailable("no pod in %s has the label %s: name the operator's namespace with --operator-namespace",
			t.OperatorNamespace, operatorPods)
	}
	leader := ""
	lease, err := t.Kube.CoordinationV1().Leases(t.OperatorNamespace).Get(ctx, operatorLease, metav1.GetOptions{})
	if err == nil && lease.Spec.HolderIdentity != nil {
		leader = *lease.Spec.HolderIdentity
	}
	for _, p := range pods.Items {
		if len(pods.Items) == 1 || strings.HasPrefix(leader, p.Name) {
			d.pod, d.uid = p.Name, p.UID
		}
	}
	if d.pod == "" {
		return unavailable("none of the %d operator pods holds the lease %s", len(pods.Items), operatorLease)
	}
	return nil
}

func (d *operatorRestart) Inject(ctx context.Context, t *target.Target) (Done, error) {
	err := deletePod(ctx, t, t.OperatorNamespace, d.pod, d.uid)
	return Done{"deleted the operator's pod " + d.pod, map[string]any{"pod": d.pod}}, err
}

// Observe waits until another operator holds the lease and is ready.
func (d *operatorRestart) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	successor := ""
	err := t.Until(ctx, atMost, "another operator to lead", func(ctx context.Context) (bool, string, error) {
		lease, err := t.Kube.CoordinationV1().Leases(t.OperatorNamespace).Get(ctx, operatorLease, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		leader := ""
		if lease.Spec.HolderIdentity != nil {
			leader = *lease.Spec.HolderIdentity
		}
		pods, err := t.Kube.CoreV1().Pods(t.OperatorNamespace).List(ctx, metav1.ListOptions{LabelSelector: operatorPods})
		if err != nil {
			return false, "", err
		}
		for i := range pods.Items {
			p := &pods.Items[i]
			if p.UID != d.uid && target.IsReady(p) && strings.HasPrefix(leader, p.Name) {
				successor = p.Name
				return true, "", nil
			}
		}
		return false, "the lease is held by " + leader, nil
	})
	return over(Done{"the operator's pod " + successor + " leads", map[string]any{"successor": successor}}, err)
}

func (d *operatorRestart) Undo(context.Context, *target.Target) error { return nil }

// deletePod deletes this very pod, with a grace of a second.
func deletePod(ctx context.Context, t *target.Target, namespace, name string, uid types.UID) error {
	grace := int64(1)
	return t.Kube.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{
		GracePeriodSeconds: &grace, Preconditions: &metav1.Preconditions{UID: &uid},
	})
}

// primaryRestart deletes the pod of the primary.
type primaryRestart struct {
	pod string
	uid types.UID
}

func (d *primaryRestart) Prepare(ctx context.Context, t *target.Target) error {
	s, err := t.State(ctx)
	if err != nil {
		return err
	}
	p := s.Pod(s.Primary)
	if p == nil {
		return unavailable("the primary %q has no pod", s.Primary)
	}
	d.pod, d.uid = p.Name, p.UID
	return nil
}

func (d *primaryRestart) Inject(ctx context.Context, t *target.Target) (Done, error) {
	err := deletePod(ctx, t, t.Namespace, d.pod, d.uid)
	return Done{"deleted the primary's pod " + d.pod, map[string]any{"pod": d.pod}}, err
}

// Observe waits until the instance has another pod that is ready.
func (d *primaryRestart) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	err := t.Until(ctx, atMost, "the pod "+d.pod+" to come back", func(ctx context.Context) (bool, string, error) {
		p, err := t.Kube.CoreV1().Pods(t.Namespace).Get(ctx, d.pod, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return false, "it is gone", nil
		case err != nil:
			return false, "", err
		case p.UID == d.uid:
			return false, "it is terminating", nil
		}
		return target.IsReady(p), "it is " + string(p.Status.Phase) + ", not ready", nil
	})
	return over(Done{Note: "the pod " + d.pod + " is ready again"}, err)
}

func (d *primaryRestart) Undo(context.Context, *target.Target) error { return nil }

// failover makes the primary fail until the operator gives it up.
type failover struct {
	primary string
	kills   int
}

// killPostgres kills the postmaster, of which the others die as well.
const killPostgres = `kill -9 "$(head -n 1 "$PGDATA/postmaster.pid")"`

func (d *failover) Prepare(ctx context.Context, t *target.Target) error {
	s, err := t.State(ctx)
	if err != nil {
		return err
	}
	d.primary, err = instanceOf(s, "primary")
	if err == nil && s.Replica() == "" {
		err = unavailable("no replica is ready, to which the cluster could fail over")
	}
	return err
}

func (d *failover) Inject(ctx context.Context, t *target.Target) (Done, error) {
	_, err := t.Exec(ctx, d.primary, "sh", "-c", killPostgres)
	if err == nil {
		d.kills = 1
	}
	return Done{"killed PostgreSQL of the primary " + d.primary, map[string]any{"instance": d.primary}}, err
}

// Observe kills PostgreSQL again whenever it came back before the operator had
// noticed, until another primary is at work.
func (d *failover) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	elected := ""
	err := t.Until(ctx, atMost, "another primary", func(ctx context.Context) (bool, string, error) {
		s, err := t.State(ctx)
		if err != nil {
			return false, "", err
		}
		if s.Primary != d.primary {
			elected = s.Primary
			return s.TargetPrimary == s.Primary, "the primary is to be " + s.TargetPrimary, nil
		}
		if p := s.Pod(d.primary); s.TargetPrimary == d.primary && p != nil && target.IsReady(p) && runs(p) {
			if _, err := t.Exec(ctx, d.primary, "sh", "-c", killPostgres); err == nil {
				d.kills++
			}
		}
		return false, "the primary is still " + d.primary, nil
	})
	return over(Done{
		fmt.Sprintf("%s was elected after PostgreSQL of %s was killed (%d times)", elected, d.primary, d.kills),
		map[string]any{"elected": elected, "kills": d.kills},
	}, err)
}

func (d *failover) Undo(context.Context, *target.Target) error { return nil }

// runs reports whether the containers of a pod have run for some seconds: what
// was killed a moment ago is still called ready.
func runs(p *corev1.Pod) bool {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Running == nil || time.Since(c.State.Running.StartedAt.Time) < 5*time.Second {
			return false
		}
	}
	return true
}

// switchover asks for another primary, as the operator's plugin does it.
type switchover struct{ from, to string }

func (d *switchover) Prepare(ctx context.Context, t *target.Target) error {
	s, err := t.State(ctx)
	if err != nil {
		return err
	}
	d.from = s.Primary
	d.to, err = instanceOf(s, "replica")
	return err
}

func (d *switchover) Inject(ctx context.Context, t *target.Target) (Done, error) {
	err := t.PatchStatus(ctx, map[string]any{"status": map[string]any{
		"targetPrimary": d.to, "targetPrimaryTimestamp": time.Now().Format(metav1.RFC3339Micro),
		"phase": "Switchover in progress", "phaseReason": "Switching over to " + d.to,
	}})
	return Done{"asked for " + d.to + " as the primary", map[string]any{"from": d.from, "to": d.to}}, err
}

func (d *switchover) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	err := t.Until(ctx, atMost, d.to+" to be the primary", func(ctx context.Context) (bool, string, error) {
		s, err := t.State(ctx)
		if err != nil {
			return false, "", err
		}
		return s.Primary == d.to && s.TargetPrimary == d.to, "the primary is " + s.Primary, nil
	})
	return over(Done{Note: d.to + " is the primary"}, err)
}

func (d *switchover) Undo(context.Context, *target.Target) error { return nil }
