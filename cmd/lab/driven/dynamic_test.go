package driven

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/cmd/lab/sizing"
	"github.com/hindsight-project/hindsight/drivers"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
)

// furnish makes what scenarios want of a cluster: three nodes, one kubelet that
// answers for all of them, a class of volumes that grow, one of snapshots, and the
// namespace of the operator.
func furnish(t *testing.T, client *target.Client, n *node) {
	t.Helper()
	ctx := t.Context()
	for _, name := range []string{"n1", "n2", "n3"} {
		one := must[*corev1.Node](t)(client.Kube.CoreV1().Nodes().Create(ctx, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name},
		}, create))
		one.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
		one.Status.DaemonEndpoints.KubeletEndpoint.Port = n.port(t)
		must[*corev1.Node](t)(client.Kube.CoreV1().Nodes().UpdateStatus(ctx, one, metav1.UpdateOptions{}))
	}
	yes := true
	must[*storagev1.StorageClass](t)(client.Kube.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "grows"}, Provisioner: "nobody", AllowVolumeExpansion: &yes,
	}, create))
	must[*unstructured.Unstructured](t)(client.Dynamic.Resource(target.SnapshotClasses).Create(ctx,
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass",
			"metadata": map[string]any{"name": "copies"}, "driver": "nobody", "deletionPolicy": "Delete",
		}}, create))
	makeNamespace(t, client, operatorNamespace)
	if err := sizing.Extend(ctx, client.Dynamic); err != nil {
		t.Fatal(err)
	}
}

// work lets the operator that is played go on until the test ends.
func work(t *testing.T, client *target.Client, n *node) {
	ctx, end := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { newKeeper(client, n).run(ctx, t) })
	working.Go(func() {
		(&sizing.Operator{
			Client: client, Every: 100 * time.Millisecond, Usage: n.usage, Say: func(text string) { t.Log(text) },
		}).Run(ctx)
	})
	t.Cleanup(func() { end(); working.Wait() })
}

// TestEveryScenarioRunsWithDynamicSizing carries out all scenarios of the
// requirements in all topologies: growth by filling the disk, budgets that are used
// up, usage that oscillates, and volumes that become smaller.
func TestEveryScenarioRunsWithDynamicSizing(t *testing.T) {
	_, client := start(t, cluster.Options{})
	n := startNode(t)
	furnish(t, client, n)
	work(t, client, n)
	offers, err := client.Discover(t.Context(), nil, []string{scenarios.NeedsShrink})
	if want := (target.Offers{Dynamic: true, Budget: true, Shrink: true, Snapshots: true}); err != nil || offers != want {
		t.Fatalf("the cluster offers %+v, %v", offers, err)
	}
	times := drivers.Timeouts{
		Healthy: time.Minute, Trigger: time.Minute, Disruption: time.Minute, Settle: time.Minute, Cleanup: time.Minute,
	}
	options := &drivers.Options{
		Client: client, Offers: offers, OperatorNamespace: operatorNamespace, StorageClass: "grows",
		Sizing:   drivers.DefaultSizing(),
		Timeouts: map[string]drivers.Timeouts{scenarios.Medium: times, scenarios.Slow: times},
		Interval: 100 * time.Millisecond, Evaluation: 300 * time.Millisecond,
		Progress: func(*drivers.Run, string, string) {},
	}
	var runs []*drivers.Run
	for _, s := range scenarios.Library() {
		if s.Priority == scenarios.Fault {
			continue
		}
		s.Settle.Watch = time.Millisecond
		for _, topology := range []string{scenarios.T1, scenarios.T2, scenarios.T3} {
			runs = append(runs, drivers.New(s, topology, options))
		}
	}
	said := map[string][]string{}
	drivers.Matrix(t.Context(), runs, 6, func(r *drivers.Run, result *drivers.Result) {
		t.Logf("%s: %s in %.1f s; %s; %s", r.Name(), result.Outcome, result.Seconds, result.Trigger,
			names(result.Disruptions))
		said[r.Name()] = append(result.Disruptions, result.Trigger)
		skips := r.Scenario.Topologies[r.Topology].Skip != ""
		if want := map[bool]drivers.Outcome{true: drivers.Skipped, false: drivers.Succeeded}[skips]; result.Outcome != want {
			t.Errorf("%s: %s: %s", r.Name(), result.Outcome, result.Reason)
		}
	})
	for name, want := range map[string]string{
		"rate-limit-budget/T1":     "the volume grew 1 times; budget used up: true",
		"rate-limit-budget/T3":     "the volume grew 1 times; budget used up: true",
		"threshold-oscillation/T2": "usage went over the threshold 4 times",
		"operator-restart/T3":      "the operator's pod cnpg-controller-manager-",
		"spec-mutation/T1":         `changed the specification: {"storage":{"limit":"4Gi","targetBuffer":30}}`,
		"volume-snapshots/T1":      "the Cluster pg-restored was made from it",
		"switchover/T2":            "expansion-in-flight: pg-1 requests 2Gi and has 1Gi",
		"replica-scale-up/T3":      "expansion-complete: every claim has 2Gi",
	} {
		if !slices.ContainsFunc(said[name], func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("%s says %q, and not %q", name, said[name], want)
		}
	}
	left := must[*corev1.NamespaceList](t)(client.Kube.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{
		LabelSelector: target.LabelManaged + "=" + target.Manager,
	}))
	if len(left.Items) > 0 {
		t.Errorf("%d namespaces are left", len(left.Items))
	}
}
