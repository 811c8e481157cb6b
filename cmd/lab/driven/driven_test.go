package driven

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/drivers"
	"github.com/hindsight-project/hindsight/drivers/disruption"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// victim makes this program the driver that is killed: it is the kubeconfig.
const victim = "HINDSIGHT_TEST_VICTIM"

func TestMain(m *testing.M) {
	cluster.RunComponent()
	if kubeconfig := os.Getenv(victim); kubeconfig != "" {
		leaveThings(kubeconfig)
	}
	os.Exit(m.Run())
}

func connect(config *rest.Config) (*target.Client, error) {
	c := &target.Client{Config: config}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	if c.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(kube.Discovery())
	if err != nil {
		return nil, err
	}
	c.Kube, c.Mapper = kube, restmapper.NewDiscoveryRESTMapper(groups)
	return c, nil
}

// start starts an API server, and more.
func start(t *testing.T, o cluster.Options) (*cluster.Cluster, *target.Client) {
	t.Helper()
	lab, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Stop(); err != nil {
			t.Error(err)
		}
	})
	config, err := lab.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1 // many runs at once
	client, err := connect(config)
	if err != nil {
		t.Fatal(err)
	}
	return lab, client
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var create = metav1.CreateOptions{}

// leaveThings is a driver in the middle of a scenario. It does not return.
func leaveThings(kubeconfig string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	fail(err)
	client, err := connect(config)
	fail(err)
	fail(client.CreateNamespace(ctx, "hs-cut", "cut"))
	lease, err := client.Acquire(ctx, "hs-cut", "cut")
	fail(err)
	_, err = client.Acquire(ctx, "hs-cut", "other")
	if err == nil {
		fail(fmt.Errorf("two runs hold one namespace"))
	}
	o := &target.Target{Client: client, Namespace: "hs-cut", Name: "pg", Run: "cut"}
	_, err = o.Apply(ctx, map[string]any{
		"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": map[string]any{"name": "pg"},
	})
	fail(err)
	fail(lease.Owe(ctx, "uncordon", target.Undo{Uncordon: "n1"}))
	fail(client.Cordon(ctx, "n1", true))
	fail(lease.Owe(ctx, "storage", target.Undo{Hook: target.HookStorageNormal, Env: []string{"HINDSIGHT_VOLUMES=v"}}))
	fmt.Println("in the middle of it")
	select {}
}

func TestNothingIsLeftOfADriverThatWasKilled(t *testing.T) {
	lab, client := start(t, cluster.Options{ControllerManager: true})
	ctx := t.Context()
	must[*corev1.Node](t)(client.Kube.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1"},
	}, create))
	driver := exec.Command(os.Args[0], "-test.run=^$")
	driver.Env = append(os.Environ(), victim+"="+lab.Kubeconfig())
	driver.Stderr = os.Stderr
	out := must[interface{ Read([]byte) (int, error) }](t)(driver.StdoutPipe())
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "in the middle of it\n" {
		t.Fatalf("the driver said %q, %v", line, err)
	}
	said := t.TempDir() + "/hook"
	hooks := map[string]string{target.HookStorageNormal: `echo "$HINDSIGHT_VOLUMES" >>` + said}
	if done, err := client.Leftovers(ctx, hooks, time.Minute); err != nil || len(done) != 0 {
		t.Errorf("a driver that is at work was taken for dead: %v, %v", done, err)
	}
	if err := driver.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = driver.Wait() // it was killed
	done, err := client.Leftovers(ctx, hooks, time.Minute)
	if err != nil || !slices.Contains(done, "uncordon node n1") || !slices.Contains(done, "hook storage-normal") {
		t.Errorf("done was %v, %v", done, err)
	}
	if _, err := client.Kube.CoreV1().Namespaces().Get(ctx, "hs-cut", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace is there: %v", err)
	}
	if n := must[*corev1.Node](t)(client.Kube.CoreV1().Nodes().Get(ctx, "n1", metav1.GetOptions{})); n.Spec.Unschedulable {
		t.Error("the node is cordoned")
	}
	if text, err := os.ReadFile(said); err != nil || string(text) != "v\n" {
		t.Errorf("the hook said %q, %v", text, err)
	}
	if again, err := client.Leftovers(ctx, hooks, time.Minute); err != nil || len(again) != 0 {
		t.Errorf("something was left after all: %v, %v", again, err)
	}
}

// makePod makes a pod of an instance on a node, ready.
func makePod(t *testing.T, c *target.Client, namespace, name, node string, labels map[string]string) *corev1.Pod {
	t.Helper()
	controls := true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: labels, OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "of-" + name, UID: "u", Controller: &controls,
			}},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "postgres", Image: "pg"}}},
	}
	p = must[*corev1.Pod](t)(c.Kube.CoreV1().Pods(namespace).Create(t.Context(), p, create))
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return must[*corev1.Pod](t)(c.Kube.CoreV1().Pods(namespace).UpdateStatus(t.Context(), p, metav1.UpdateOptions{}))
}

func instance(clusterName, name string) map[string]string {
	return map[string]string{
		"cnpg.io/cluster": clusterName, "cnpg.io/podRole": "instance", "cnpg.io/instanceName": name,
	}
}

// makeNamespace makes a namespace that is not the driver's, with what pods need.
func makeNamespace(t *testing.T, c *target.Client, name string) {
	t.Helper()
	must[*corev1.Namespace](t)(c.Kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}, create))
	must[*corev1.ServiceAccount](t)(c.Kube.CoreV1().ServiceAccounts(name).Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
	}, create))
}

func TestAnEvictionThatIsRefusedNamesTheBudget(t *testing.T) {
	_, client := start(t, cluster.Options{})
	ctx := t.Context()
	makeNamespace(t, client, "ds")
	for _, name := range []string{"n1", "n2"} {
		must[*corev1.Node](t)(client.Kube.CoreV1().Nodes().Create(ctx, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name},
		}, create))
	}
	makePod(t, client, "ds", "pg-1", "n1", instance("pg", "pg-1"))
	foreign := makePod(t, client, "ds", "web", "n1", map[string]string{"app": "web"})
	one := intstr.FromInt32(1)
	budget := must[*policyv1.PodDisruptionBudget](t)(client.Kube.PolicyV1().PodDisruptionBudgets("ds").Create(ctx,
		&policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: "strict"},
			Spec: policyv1.PodDisruptionBudgetSpec{
				MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			},
		}, create))
	budget.Status = policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: budget.Generation, CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1,
	}
	must[*policyv1.PodDisruptionBudget](t)(client.Kube.PolicyV1().PodDisruptionBudgets("ds").UpdateStatus(
		ctx, budget, metav1.UpdateOptions{}))
	lease := must[*target.Lease](t)(client.Acquire(ctx, "ds", "one"))
	o := &target.Target{
		Client: client, Namespace: "ds", Name: "pg", Run: "one", Hold: lease, Interval: 50 * time.Millisecond,
		Waiting: func(string, string) {},
	}
	must[*unstructured.Unstructured](t)(o.Apply(ctx, map[string]any{
		"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": map[string]any{"name": "pg"},
		"spec": map[string]any{"instances": 1},
	}))
	if err := o.PatchStatus(ctx, map[string]any{"status": map[string]any{"currentPrimary": "pg-1"}}); err != nil {
		t.Fatal(err)
	}
	drain := disruption.New(scenarios.Step{Kind: scenarios.NodeDrain})
	if err := drain.Prepare(ctx, o); err != nil {
		t.Fatal(err)
	}
	done, err := drain.Inject(ctx, o)
	blocked, _ := done.Details["blocked"].(map[string]string)
	if err != nil || !strings.HasPrefix(blocked["ds/web"], "budget ds/strict (The disruption budget strict needs 1") {
		t.Errorf("the drain says %+v, %v", done, err)
	}
	if !slices.Contains(done.Details["evicted"].([]string), "ds/pg-1") {
		t.Errorf("what may go does not: %+v", done)
	}
	done, err = drain.Observe(ctx, o, time.Second)
	if err == nil || !strings.Contains(err.Error(), "blocked by budget ds/strict") {
		t.Errorf("the end of a drain that is blocked: %+v, %v", done, err)
	}
	now := int64(0) // there is no kubelet that would end them
	for _, name := range []string{"pg-1", foreign.Name} {
		gone := metav1.DeleteOptions{GracePeriodSeconds: &now}
		if err := client.Kube.CoreV1().Pods("ds").Delete(ctx, name, gone); err != nil {
			t.Fatal(err)
		}
	}
	if done, err = drain.Observe(ctx, o, time.Minute); err != nil || !strings.Contains(done.Note, "evicted ds/pg-1") {
		t.Errorf("the end of the drain: %+v, %v", done, err)
	}
	if err := drain.Undo(ctx, o); err != nil {
		t.Fatal(err)
	}
	if n := must[*corev1.Node](t)(client.Kube.CoreV1().Nodes().Get(ctx, "n1", metav1.GetOptions{})); n.Spec.Unschedulable {
		t.Error("the node is cordoned")
	}
}

// small is a scenario for an operator that has no PostgreSQL.
const small = `name: small
title: Small
priority: P1
requirement: scenario-primary-restart
class: medium
topologies: {T1: {}}
growth: {}
trigger: expansion-in-flight
disruptions: [{kind: primary-restart}]
settle: {watch: 1ms}
`

// diary is a recording that keeps what it is told.
type diary struct {
	mutex sync.Mutex
	said  []string
}

func (d *diary) Send(_ context.Context, m marks.Mark) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	word := m.Phase
	if m.Side != "" {
		word += "/" + m.Side
	}
	if outcome, there := m.More["outcome"].(string); there {
		word += ":" + outcome
	}
	d.said = append(d.said, word)
	return m.Validate()
}

func (d *diary) End(context.Context) (string, error) { return "", nil }

// operator does for the one cluster of a namespace what a real one would, and
// what kubelets and storage would: it expands a volume only after the primary's
// pod was replaced.
type operator struct {
	client    *target.Client
	namespace string
	first     map[string]string // UID of the first pod of a cluster
}

func (o *operator) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if err := o.pass(ctx); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			t.Errorf("the operator: %v", err)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (o *operator) pass(ctx context.Context) error {
	list, err := o.client.Dynamic.Resource(target.Clusters).Namespace(o.namespace).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return err
	}
	c := &list.Items[0]
	name := c.GetName() + "-1"
	pod, err := o.ensurePod(ctx, c.GetName(), name)
	if err != nil {
		return err
	}
	if o.first[c.GetName()] == "" {
		o.first[c.GetName()] = string(pod.UID)
	}
	size, _, _ := unstructured.NestedString(c.Object, "spec", "storage", "size")
	replaced := o.first[c.GetName()] != string(pod.UID)
	if err := o.ensureClaim(ctx, c.GetName(), name, resource.MustParse(size), replaced); err != nil {
		return err
	}
	driven := &target.Target{Client: o.client, Namespace: o.namespace, Name: c.GetName()}
	return driven.PatchStatus(ctx, map[string]any{"status": map[string]any{
		"phase": "Cluster in healthy state", "readyInstances": 1, "currentPrimary": name, "targetPrimary": name,
		"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "ClusterIsReady", "message": "",
			"lastTransitionTime": "2026-01-01T00:00:00Z",
		}},
	}})
}

func (o *operator) ensurePod(ctx context.Context, clusterName, name string) (*corev1.Pod, error) {
	pods := o.client.Kube.CoreV1().Pods(o.namespace)
	p, err := pods.Get(ctx, name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return p, err
	}
	p, err = pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: instance(clusterName, name)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "postgres", Image: "pg"}}},
	}, create)
	if err != nil {
		return nil, err
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
}

func (o *operator) ensureClaim(
	ctx context.Context, clusterName, name string, size resource.Quantity, expand bool,
) error {
	claims := o.client.Kube.CoreV1().PersistentVolumeClaims(o.namespace)
	class := "grows"
	c, err := claims.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		labels := instance(clusterName, name)
		labels["cnpg.io/pvcRole"] = target.RoleData
		c, err = claims.Create(ctx, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &class, VolumeName: "v", AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
			},
		}, create)
		expand = true
	}
	if err != nil {
		return err
	}
	if request := c.Spec.Resources.Requests[corev1.ResourceStorage]; request.Cmp(size) < 0 {
		c.Spec.Resources.Requests[corev1.ResourceStorage] = size
		if c, err = claims.Update(ctx, c, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if !expand {
		return nil
	}
	c.Status.Phase = corev1.ClaimBound
	c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: size}
	_, err = claims.UpdateStatus(ctx, c, metav1.UpdateOptions{})
	return err
}

// TestARunHitsTheMoment carries a scenario out: the volume is expanded only after
// its disruption, so that the run comes to its end only if the trigger was seen
// while the expansion was in flight.
func TestARunHitsTheMoment(t *testing.T) {
	_, client := start(t, cluster.Options{})
	makeNamespace(t, client, "ds")
	yes := true
	must[*storagev1.StorageClass](t)(client.Kube.StorageV1().StorageClasses().Create(t.Context(), &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "grows"}, Provisioner: "nobody", AllowVolumeExpansion: &yes,
	}, create))
	s, err := scenarios.Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	offers, err := client.Discover(t.Context(), nil, nil)
	if err != nil || offers.Dynamic {
		t.Fatalf("the CRD offers %+v, %v", offers, err)
	}
	ctx, end := context.WithCancel(t.Context())
	work := &operator{client: client, namespace: "ds", first: map[string]string{}}
	var working sync.WaitGroup
	working.Go(func() { work.run(ctx, t) })
	defer working.Wait()
	defer end()
	book := &diary{}
	times := drivers.Timeouts{
		Healthy: time.Minute, Trigger: time.Minute, Disruption: time.Minute, Settle: time.Minute, Cleanup: time.Second,
	}
	run := drivers.New(s, scenarios.T1, &drivers.Options{
		Client: client, Offers: offers, Namespace: "ds", StorageClass: "grows", Sizing: drivers.DefaultSizing(),
		Timeouts: map[string]drivers.Timeouts{scenarios.Medium: times}, Keep: true, Interval: 20 * time.Millisecond,
		Progress: func(*drivers.Run, string, string) {},
		Recorder: func(context.Context, *drivers.Run) (drivers.Recording, error) { return book, nil },
	})
	result := run.Do(t.Context())
	if result.Outcome != drivers.Succeeded || !strings.HasPrefix(result.Trigger, "expansion-in-flight: ") {
		t.Errorf("the run: %+v", result)
	}
	want := "scenario/begin cluster-healthy disruption-prepare/begin disruption-prepare/end:done growth-requested " +
		"trigger:met disruption-start disruption-injected:done disruption-undo/begin disruption-undo/end:done " +
		"disruption-end:done growth-complete settled scenario/end:done"
	if got := strings.Join(book.said, " "); got != want {
		t.Errorf("said was %s\nwant     %s", got, want)
	}
}
