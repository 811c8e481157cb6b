package target

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// labelCluster is on all that belongs to a Cluster.
const labelCluster = "cnpg.io/cluster"

// State is what the API shows of a Cluster at one moment.
type State struct {
	Phase          string
	Ready          bool
	Wanted         int64 // spec.instances
	ReadyInstances int64
	Primary        string // status.currentPrimary
	TargetPrimary  string
	Generation     int64
	Sizing         map[string]any // status.storageSizing.data
	Pods           []corev1.Pod   // of instances
	Claims         []Claim
}

// Claim is a PersistentVolumeClaim of an instance.
type Claim struct {
	Name, Instance, Role, Tablespace string
	Volume                           string // the PersistentVolume, once bound
	Bound                            bool
	Request, Capacity                resource.Quantity
	Resizing                         []string // its conditions and allocated statuses about resizing
}

// InFlight reports whether the claim is being expanded.
func (c Claim) InFlight() bool {
	return c.Bound && (c.Request.Cmp(c.Capacity) > 0 || len(c.Resizing) > 0)
}

// String says how the expansion of the claim stands.
func (c Claim) String() string {
	text := fmt.Sprintf("%s requests %s and has %s", c.Name, &c.Request, &c.Capacity)
	if len(c.Resizing) > 0 {
		text += " (" + strings.Join(c.Resizing, ", ") + ")"
	}
	return text
}

// State reads the Cluster, its pods and its claims.
func (t *Target) State(ctx context.Context) (*State, error) {
	c, err := t.Get(ctx)
	if err != nil {
		return nil, err
	}
	s := stateOf(c)
	selector := metav1.ListOptions{LabelSelector: labelCluster + "=" + t.Name}
	pods, err := t.Kube.CoreV1().Pods(t.Namespace).List(ctx, selector)
	if err != nil {
		return nil, err
	}
	for _, p := range pods.Items {
		if p.Labels["cnpg.io/podRole"] == "instance" {
			s.Pods = append(s.Pods, p)
		}
	}
	claims, err := t.Kube.CoreV1().PersistentVolumeClaims(t.Namespace).List(ctx, selector)
	if err != nil {
		return nil, err
	}
	for _, c := range claims.Items {
		s.Claims = append(s.Claims, claimOf(c))
	}
	return s, nil
}

func stateOf(c *unstructured.Unstructured) *State {
	s := &State{Generation: c.GetGeneration()}
	text := func(path ...string) string {
		value, _, _ := unstructured.NestedString(c.Object, path...)
		return value
	}
	number := func(path ...string) int64 {
		value, _, _ := unstructured.NestedInt64(c.Object, path...)
		return value
	}
	s.Phase, s.Primary = text("status", "phase"), text("status", "currentPrimary")
	s.TargetPrimary = text("status", "targetPrimary")
	s.Wanted, s.ReadyInstances = number("spec", "instances"), number("status", "readyInstances")
	s.Sizing, _, _ = unstructured.NestedMap(c.Object, "status", "storageSizing", "data")
	conditions, _, _ := unstructured.NestedSlice(c.Object, "status", "conditions")
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if condition["type"] == "Ready" {
			s.Ready = condition["status"] == "True"
		}
	}
	return s
}

func claimOf(c corev1.PersistentVolumeClaim) Claim {
	out := Claim{
		Name: c.Name, Instance: c.Labels["cnpg.io/instanceName"], Role: c.Labels["cnpg.io/pvcRole"],
		Tablespace: c.Labels["cnpg.io/tablespaceName"],
		Volume:     c.Spec.VolumeName, Bound: c.Status.Phase == corev1.ClaimBound,
		Request: c.Spec.Resources.Requests[corev1.ResourceStorage], Capacity: c.Status.Capacity[corev1.ResourceStorage],
	}
	for _, condition := range c.Status.Conditions {
		if strings.Contains(string(condition.Type), "Resiz") {
			out.Resizing = append(out.Resizing, string(condition.Type))
		}
	}
	if status, there := c.Status.AllocatedResourceStatuses[corev1.ResourceStorage]; there {
		out.Resizing = append(out.Resizing, string(status))
	}
	return out
}

// healthyPhase is the phase of a Cluster that is well.
const healthyPhase = "Cluster in healthy state"

// Healthy reports whether the cluster is as its specification wants it, and what
// is missing.
func (s *State) Healthy() (bool, string) {
	going := slices.IndexFunc(s.Pods, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	switch {
	case s.ReadyInstances != s.Wanted:
		return false, fmt.Sprintf("%d of %d instances are ready, phase %q", s.ReadyInstances, s.Wanted, s.Phase)
	case s.Phase != healthyPhase || !s.Ready:
		return false, fmt.Sprintf("phase %q", s.Phase)
	case s.Primary != s.TargetPrimary:
		return false, fmt.Sprintf("the primary is %s and is to be %s", s.Primary, s.TargetPrimary)
	case going >= 0:
		return false, fmt.Sprintf("the pod %s is terminating", s.Pods[going].Name)
	}
	return true, ""
}

// InFlight lists the claims that are being expanded.
func (s *State) InFlight() []Claim {
	var all []Claim
	for _, c := range s.Claims {
		if c.InFlight() {
			all = append(all, c)
		}
	}
	return all
}

// Complete reports whether every claim of the data volumes has at least the
// given size, requests the same as the others and is not being expanded.
func (s *State) Complete(grown resource.Quantity) (bool, string) {
	var first *Claim
	for _, c := range s.Claims {
		if c.Role != RoleData {
			continue
		}
		switch {
		case c.InFlight() || c.Request.Cmp(grown) < 0:
			return false, c.String()
		case first != nil && first.Request.Cmp(c.Request) != 0:
			return false, first.String() + ", but " + c.String()
		}
		first = &c
	}
	return first != nil, "there is no claim"
}

// Size is that of the volume of an instance in bytes, the data volume where no
// tablespace is named; 0 when there is none.
func (s *State) Size(instance, tablespace string) int64 {
	role := map[bool]string{true: RoleData, false: RoleTablespace}[tablespace == ""]
	for _, c := range s.Claims {
		if c.Instance == instance && c.Role == role && c.Tablespace == tablespace {
			return c.Capacity.Value()
		}
	}
	return 0
}

// Largest is the highest request of the claims of the data volumes.
func (s *State) Largest() resource.Quantity {
	var most resource.Quantity
	for _, c := range s.Claims {
		if c.Role == RoleData && c.Request.Cmp(most) > 0 {
			most = c.Request
		}
	}
	return most
}

// The roles of claims.
const (
	RoleData       = "PG_DATA"
	RoleTablespace = "PG_TABLESPACE"
)

// Pod returns the pod of an instance, nil when there is none.
func (s *State) Pod(instance string) *corev1.Pod {
	for i := range s.Pods {
		if s.Pods[i].Labels["cnpg.io/instanceName"] == instance && s.Pods[i].DeletionTimestamp == nil {
			return &s.Pods[i]
		}
	}
	return nil
}

// Replica returns the name of a ready instance that is not the primary, the
// last by name; empty when there is none.
func (s *State) Replica() string {
	var names []string
	for i := range s.Pods {
		p := &s.Pods[i]
		if p.Name != s.Primary && p.DeletionTimestamp == nil && IsReady(p) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Max(names)
}

// IsReady reports whether a pod is ready.
func IsReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Volumes lists the PersistentVolumes of the claims.
func (s *State) Volumes() []string {
	var names []string
	for _, c := range s.Claims {
		if c.Volume != "" {
			names = append(names, c.Volume)
		}
	}
	return names
}

// UntilHealthy waits until the cluster is as its specification wants it.
func (t *Target) UntilHealthy(ctx context.Context, atMost time.Duration) error {
	return t.Until(ctx, atMost, "the cluster to be healthy", func(ctx context.Context) (bool, string, error) {
		s, err := t.State(ctx)
		if err != nil {
			return false, "", err
		}
		ok, why := s.Healthy()
		return ok, why, nil
	})
}

// UntilInstances waits until as many instances are ready as the specification
// wants.
func (t *Target) UntilInstances(ctx context.Context, atMost time.Duration) error {
	return t.Until(ctx, atMost, "all instances to be ready", func(ctx context.Context) (bool, string, error) {
		s, err := t.State(ctx)
		if err != nil {
			return false, "", err
		}
		return s.ReadyInstances == s.Wanted && int64(len(s.Pods)) >= s.Wanted,
			fmt.Sprintf("%d of %d are ready, phase %q", s.ReadyInstances, s.Wanted, s.Phase), nil
	})
}

// UntilAvailable waits until a Deployment has all its replicas.
func (t *Target) UntilAvailable(ctx context.Context, name string, atMost time.Duration) error {
	return t.Until(ctx, atMost, "the Deployment "+name, func(ctx context.Context) (bool, string, error) {
		d, err := t.Kube.AppsV1().Deployments(t.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		wanted := int32(1)
		if d.Spec.Replicas != nil {
			wanted = *d.Spec.Replicas
		}
		ready := d.Status.AvailableReplicas
		return ready == wanted, fmt.Sprintf("%d of %d replicas are available", ready, wanted), nil
	})
}
