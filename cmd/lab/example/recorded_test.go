package example

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) {
	cluster.RunComponent()
	os.Exit(m.Run())
}

// What docs/suites.md promises: the specs and what the suite says of itself are in
// the trace, and the spec demands its policy.
func TestTheSuiteIsRecorded(t *testing.T) {
	bin := programs(t)
	lab, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Stop(); err != nil {
			t.Error(err)
		}
	})
	play(t, lab)
	dir := t.TempDir()
	run := filepath.Join(dir, "run.trace.db")
	attach := exec.CommandContext(t.Context(), filepath.Join(bin, "recorder"),
		"attach", "-n", "ds-e2e", "-o", run, "--report", "suite.json",
		"--", os.Args[0], "-test.run=^TestSuite$", "-ginkgo.json-report=suite.json")
	attach.Dir = dir
	attach.Env = append(os.Environ(), "KUBECONFIG="+lab.Kubeconfig(), envNamespace+"=ds-e2e")
	if out, err := attach.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	spec := "Dynamic storage resumes growth operation after operator pod restart"
	want := []string{
		"disruption-end the operator's pods are deleted", "disruption-start delete the operator's pods",
		"spec " + spec + " begin", "spec " + spec + " end passed",
	}
	if diff := cmp.Diff(want, said(t, run)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	check, _ := exec.CommandContext(t.Context(), filepath.Join(bin, "verifier"), "check", run).Output()
	if !strings.Contains(string(check), "scenario-operator-restart — ") {
		t.Errorf("the spec does not demand its policy:\n%s", check)
	}
}

// said lists the marks of a trace.
func said(t *testing.T, path string) []string {
	t.Helper()
	reader, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	found := map[string]bool{}
	for e, err := range reader.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != trace.Mark {
			continue
		}
		var m struct{ Phase, Spec, Note, Side, Outcome string }
		if err := json.Unmarshal(e.Data, &m); err != nil {
			t.Fatal(err)
		}
		line := strings.Join([]string{m.Phase, m.Spec, m.Note, m.Side, m.Outcome}, " ")
		found[strings.Join(strings.Fields(line), " ")] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// programs builds the recorder and the verifier and returns their directory.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "./cmd/recorder", "./cmd/verifier")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// play makes the namespaces, and is operator and kubelet until the test ends: what
// a Cluster asks for is there half a second later.
func play(t *testing.T, lab *cluster.Cluster) {
	t.Helper()
	config, err := lab.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	kube := kubernetes.NewForConfigOrDie(config)
	objects := dynamic.NewForConfigOrDie(config).Resource(clusters).Namespace("ds-e2e")
	for _, name := range []string{"ds-e2e", operatorNamespace} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := kube.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	grows := true
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "example.com/fast", AllowVolumeExpansion: &grows,
	}
	if _, err := kube.StorageV1().StorageClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			reconcile(ctx, kube, objects) // what fails is tried again
			time.Sleep(500 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
}

// reconcile takes one step for the Cluster pg: its claim, then the size of that.
func reconcile(ctx context.Context, kube *kubernetes.Clientset, objects dynamic.ResourceInterface) {
	c, err := objects.Get(ctx, "pg", metav1.GetOptions{})
	if err != nil {
		return
	}
	size, _, _ := unstructured.NestedString(c.Object, "spec", "storage", "size")
	wanted := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	claims := kube.CoreV1().PersistentVolumeClaims("ds-e2e")
	claim, err := claims.Get(ctx, "pg-1", metav1.GetOptions{})
	if err != nil {
		_, _ = claims.Create(ctx, newClaim(wanted), metav1.CreateOptions{})
		return
	}
	if claim.Spec.Resources.Requests.Storage().Cmp(*wanted.Storage()) != 0 {
		claim.Spec.Resources.Requests = wanted
		_, _ = claims.Update(ctx, claim, metav1.UpdateOptions{})
		return
	}
	claim.Status.Phase, claim.Status.Capacity = corev1.ClaimBound, wanted
	_, _ = claims.UpdateStatus(ctx, claim, metav1.UpdateOptions{})
	_ = unstructured.SetNestedField(c.Object, int64(1), "status", "readyInstances")
	_, _ = objects.UpdateStatus(ctx, c, metav1.UpdateOptions{})
}

func newClaim(size corev1.ResourceList) *corev1.PersistentVolumeClaim {
	class := "fast"
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "pg-1", Labels: map[string]string{
			"cnpg.io/cluster": "pg", "cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": "PG_DATA",
		}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeName: "v", StorageClassName: &class,
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}
}
