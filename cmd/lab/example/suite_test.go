package example

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hindsight-project/hindsight/recorder/marks"
)

// What the suite is told by its environment.
const (
	envNamespace = "EXAMPLE_NAMESPACE" // in which it makes its Cluster; must be there
	envImage     = "EXAMPLE_IMAGE"     // of PostgreSQL; empty: the operator's
)

var (
	clusters  = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters"}
	operators = metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=cloudnative-pg"}
)

const operatorNamespace = "cnpg-system"

func TestSuite(t *testing.T) {
	if os.Getenv(envNamespace) == "" {
		t.Skip(envNamespace + " names no namespace to make a Cluster in")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "Dynamic storage")
}

var _ = Describe("Dynamic storage", func() {
	var (
		kube      *kubernetes.Clientset
		objects   dynamic.ResourceInterface
		namespace = os.Getenv(envNamespace)
	)

	BeforeEach(func(ctx context.Context) {
		config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
			clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
		Expect(err).NotTo(HaveOccurred())
		kube = kubernetes.NewForConfigOrDie(config)
		objects = dynamic.NewForConfigOrDie(config).Resource(clusters).Namespace(namespace)
		_, err = objects.Create(ctx, newCluster("pg", "1Gi"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega, ctx context.Context) {
			c, err := objects.Get(ctx, "pg", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			ready, _, _ := unstructured.NestedInt64(c.Object, "status", "readyInstances")
			g.Expect(ready).To(BeEquivalentTo(1))
		}).WithContext(ctx).WithTimeout(10 * time.Minute).WithPolling(time.Second).Should(Succeed())
		DeferCleanup(func(ctx context.Context) error { return objects.Delete(ctx, "pg", metav1.DeleteOptions{}) })
	})

	// The verifier knows this title: it demands scenario-operator-restart.
	It("resumes growth operation after operator pod restart", func(ctx context.Context) {
		claim := func(g Gomega) *corev1.PersistentVolumeClaim {
			c, err := kube.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, "pg-1", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			return c
		}
		grow := []byte(`{"spec": {"storage": {"size": "1536Mi"}}}`)
		_, err := objects.Patch(ctx, "pg", types.MergePatchType, grow, metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())

		By("waiting until the expansion is in flight")
		Eventually(func(g Gomega) {
			c := claim(g)
			request := c.Spec.Resources.Requests[corev1.ResourceStorage]
			g.Expect(request.Cmp(c.Status.Capacity[corev1.ResourceStorage])).To(BeNumerically(">", 0))
		}).WithTimeout(5 * time.Minute).WithPolling(100 * time.Millisecond).Should(Succeed())

		By("restarting the operator")
		Expect(say(ctx, marks.DisruptionStart, "delete the operator's pods")).To(Succeed())
		Expect(kube.CoreV1().Pods(operatorNamespace).
			DeleteCollection(ctx, metav1.DeleteOptions{}, operators)).To(Succeed())
		Expect(say(ctx, marks.DisruptionEnd, "the operator's pods are deleted")).To(Succeed())

		By("waiting until the volume has grown")
		Eventually(func(g Gomega) {
			c := claim(g)
			request := c.Spec.Resources.Requests[corev1.ResourceStorage]
			g.Expect(request.Cmp(c.Status.Capacity[corev1.ResourceStorage])).To(BeZero())
			g.Expect(c.Status.Conditions).To(BeEmpty())
		}).WithTimeout(10 * time.Minute).WithPolling(time.Second).Should(Succeed())
	})
})

func newCluster(name, size string) *unstructured.Unstructured {
	spec := map[string]any{"instances": int64(1), "storage": map[string]any{"size": size}}
	if image := os.Getenv(envImage); image != "" {
		spec["imageName"] = image
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": clusters.Group + "/" + clusters.Version, "kind": "Cluster",
		"metadata": map[string]any{"name": name}, "spec": spec,
	}}
}

// say puts a mark into the recording around the suite, if there is one.
func say(ctx context.Context, phase, note string) error {
	client, err := marks.Find(marks.Where{})
	if errors.Is(err, marks.ErrNoRecorder) {
		return nil // nobody records, which is no reason to fail
	}
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Send(ctx, marks.Mark{Phase: phase, Note: note}); err != nil {
		return fmt.Errorf("%s is not in the recording: %w", phase, err)
	}
	return nil
}
