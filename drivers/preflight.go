package drivers

import (
	"context"
	"fmt"
	"slices"

	authorization "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
)

// defaultClass is the annotation of the StorageClass that claims without one get.
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// right is one that a driver needs, in the namespaces of its runs or everywhere.
type right struct{ verb, group, resource, subresource string }

var rights = []right{
	{"create", "", "namespaces", ""},
	{"delete", "", "namespaces", ""},
	{"create", "coordination.k8s.io", "leases", ""},
	{"create", "postgresql.cnpg.io", "clusters", ""},
	{"patch", "postgresql.cnpg.io", "clusters", ""},
	{"list", "", "pods", ""},
	{"list", "", "persistentvolumeclaims", ""},
}

// needed are the rights that a kind of disruption needs beyond those.
var needed = map[string][]right{
	scenarios.OperatorRestart: {{"delete", "", "pods", ""}},
	scenarios.PrimaryRestart:  {{"delete", "", "pods", ""}},
	scenarios.Failover:        {{"create", "", "pods", "exec"}},
	scenarios.Switchover:      {{"patch", "postgresql.cnpg.io", "clusters", "status"}},
	scenarios.NodeDrain: {
		{"patch", "", "nodes", ""}, {"create", "", "pods", "eviction"}, {"list", "policy", "poddisruptionbudgets", ""},
	},
	scenarios.Backup:           {{"create", "postgresql.cnpg.io", "backups", ""}},
	scenarios.SnapshotRestore:  {{"create", "postgresql.cnpg.io", "backups", ""}},
	scenarios.DiskFill:         {{"create", "", "pods", "exec"}},
	scenarios.TablespaceFill:   {{"create", "", "pods", "exec"}},
	scenarios.Oscillation:      {{"create", "", "pods", "exec"}},
	scenarios.BudgetExhaustion: {{"create", "", "pods", "exec"}},
}

// Preflight lists what the runs need and the cluster does not give. Nothing is
// created. Runs that cannot take place here anyway need nothing.
func Preflight(ctx context.Context, runs []*Run, o *Options) ([]string, error) {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool { return r.Unfit() != "" })
	if len(runs) == 0 {
		return nil, nil
	}
	var missing []string
	for _, check := range []func(context.Context, []*Run, *Options) ([]string, error){
		missingRights, missingExpansion, missingNodes, missingOperator,
	} {
		found, err := check(ctx, runs, o)
		if err != nil {
			return nil, err
		}
		missing = append(missing, found...)
	}
	return missing, nil
}

func missingRights(ctx context.Context, runs []*Run, o *Options) ([]string, error) {
	wanted := slices.Clone(rights)
	for _, r := range runs {
		if r.Scenario.Load.Rows > 0 {
			wanted = append(wanted, right{"create", "", "pods", "exec"})
		}
		for _, s := range r.steps {
			wanted = append(wanted, needed[s.Kind]...)
		}
	}
	var missing []string
	seen := map[right]bool{}
	for _, w := range wanted {
		if seen[w] {
			continue
		}
		seen[w] = true
		review := &authorization.SelfSubjectAccessReview{Spec: authorization.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorization.ResourceAttributes{
				Verb: w.verb, Group: w.group, Resource: w.resource, Subresource: w.subresource, Namespace: o.Namespace,
			},
		}}
		answer, err := o.Client.Kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return nil, fmt.Errorf("the API server does not say what is allowed: %w", err)
		}
		if !answer.Status.Allowed {
			missing = append(missing, "you may not "+w.String())
		}
	}
	return missing, nil
}

// String is the right as kubectl auth can-i has it.
func (r right) String() string {
	text := r.verb + " " + r.resource
	if r.group != "" {
		text += "." + r.group
	}
	if r.subresource != "" {
		text += "/" + r.subresource
	}
	return text
}

// missingExpansion looks for the StorageClass, and whether its volumes can grow.
func missingExpansion(ctx context.Context, _ []*Run, o *Options) ([]string, error) {
	classes, err := o.Client.Kube.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return expansion(classes.Items, o.StorageClass), nil
}

func expansion(classes []storagev1.StorageClass, named string) []string {
	for _, c := range classes {
		if c.Name != named && (named != "" || c.Annotations[defaultClass] != "true") {
			continue
		}
		if c.AllowVolumeExpansion == nil || !*c.AllowVolumeExpansion {
			return []string{"the StorageClass " + c.Name + " does not allow expansion (allowVolumeExpansion: true)"}
		}
		return nil
	}
	if named != "" {
		return []string{"there is no StorageClass " + named}
	}
	return []string{"no StorageClass is the default: name one with --storage-class"}
}

func missingNodes(ctx context.Context, runs []*Run, o *Options) ([]string, error) {
	nodes, err := o.Client.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	usable := 0
	for _, n := range nodes.Items {
		if !n.Spec.Unschedulable && slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			usable++
		}
	}
	var missing []string
	for _, r := range runs {
		if want := r.nodes(); usable < want {
			missing = append(missing, fmt.Sprintf("%s needs %d ready, schedulable nodes, and there are %d",
				r.Name(), want, usable))
		}
	}
	return missing, nil
}

// nodes is how many a run needs: instances do without one of their own, but what
// is evicted needs another.
func (r *Run) nodes() int {
	want := 1
	for _, s := range r.steps {
		if s.Kind == scenarios.NodeDrain || s.Kind == scenarios.NodeLoss {
			want = 2
		}
	}
	return want
}

func missingOperator(ctx context.Context, _ []*Run, o *Options) ([]string, error) {
	pods, err := o.Client.Kube.CoreV1().Pods(o.OperatorNamespace).List(ctx, metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=cloudnative-pg",
	})
	if err != nil {
		return nil, err
	}
	for _, p := range pods.Items {
		if p.Status.Phase == corev1.PodRunning {
			return nil, nil
		}
	}
	return []string{"no operator runs in the namespace " + o.OperatorNamespace +
		": name the right one with --operator-namespace"}, nil
}
