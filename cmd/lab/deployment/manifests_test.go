package deployment

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
)

func TestMain(m *testing.M) {
	cluster.RunComponent()
	os.Exit(m.Run())
}

// deploy is the directory of the manifests.
const deploy = "../../../deploy"

// build is `kustomize build`.
func build(t *testing.T, fs filesys.FileSystem, dir string) []*unstructured.Unstructured {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, dir)
	if err != nil {
		t.Fatalf("kustomize build %s: %v", dir, err)
	}
	var objects []*unstructured.Unstructured
	for _, r := range built.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	return objects
}

// overlays returns the directories of all overlays.
func overlays(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(deploy, "overlays", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no overlays: %v", err)
	}
	return dirs
}

// inMemory copies the manifests, so that a test can change them.
func inMemory(t *testing.T) filesys.FileSystem {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	err := filepath.WalkDir(deploy, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(deploy, path)
		if err != nil {
			return err
		}
		return fs.WriteFile("/deploy/"+name, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// The three settings of an overlay reach every place that depends on them.
func TestSettingsReachEveryPlace(t *testing.T) {
	for _, dir := range overlays(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			fs := inMemory(t)
			overlay := "/deploy/overlays/" + filepath.Base(dir)
			text, err := fs.ReadFile(overlay + "/settings.yaml")
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.NewReplacer("ds-e2e", "shop", "cnpg-system", "operators", "cluster: pg", "cluster: shop-db").
				Replace(string(text))
			if err := fs.WriteFile(overlay+"/settings.yaml", []byte(changed)); err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, o := range build(t, fs, overlay) {
				text, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, string(text))
			}
			whole := strings.Join(all, "\n")
			for _, old := range []string{"ds-e2e", "cnpg-system", `"pg-app"`, "cluster=pg\""} {
				if strings.Contains(whole, old) {
					t.Errorf("%s is still there", old)
				}
			}
			for _, want := range []string{
				"--namespace=shop", "--operator-namespace=operators", "--sentinel-cluster=shop-db", `"shop-db-app"`,
				`"namespace":"shop"`, `"namespace":"operators"`,
			} {
				if !strings.Contains(whole, want) {
					t.Errorf("%s is missing", want)
				}
			}
		})
	}
}

// lab is a cluster with the namespaces that the manifests speak of.
type lab struct {
	config *rest.Config
	kube   *kubernetes.Clientset
	apply  func(t *testing.T, o *unstructured.Unstructured, dryRun bool)
}

func startLab(t *testing.T) lab {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	config, err := c.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	l := lab{config: config, kube: kube}
	l.apply = applier(t, l)
	for _, name := range []string{recorded, operators} {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := kube.CoreV1().Namespaces().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// applier returns server-side apply with strict validation.
func applier(t *testing.T, l lab) func(*testing.T, *unstructured.Unstructured, bool) {
	t.Helper()
	groups, err := restmapper.GetAPIGroupResources(l.kube.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client, err := dynamic.NewForConfig(l.config)
	if err != nil {
		t.Fatal(err)
	}
	force := true
	return func(t *testing.T, o *unstructured.Unstructured, dryRun bool) {
		t.Helper()
		kind := o.GroupVersionKind()
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			t.Fatal(err)
		}
		text, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		options := metav1.PatchOptions{
			FieldManager: "test", Force: &force, FieldValidation: metav1.FieldValidationStrict,
		}
		if dryRun {
			options.DryRun = []string{metav1.DryRunAll}
		}
		_, err = client.Resource(mapping.Resource).Namespace(o.GetNamespace()).
			Patch(t.Context(), o.GetName(), types.ApplyPatchType, text, options)
		if err != nil {
			t.Errorf("%s %s/%s: %v", kind.Kind, o.GetNamespace(), o.GetName(), err)
		}
	}
}

func TestTheAPIServerAcceptsEveryManifest(t *testing.T) {
	l := startLab(t)
	for _, dir := range overlays(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			pods := 0
			for _, o := range build(t, filesys.MakeFsOnDisk(), dir) {
				l.apply(t, o, false)
				if pod := podOf(t, o); pod != nil {
					pods++
					l.apply(t, pod, true) // admission looks at pods only
				}
			}
			if pods == 0 {
				t.Error("nothing runs")
			}
		})
	}
}

// podOf returns the pod that a workload makes, nil for everything else.
func podOf(t *testing.T, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	template, found, err := unstructured.NestedMap(o.Object, "spec", "template")
	if err != nil || !found {
		return nil
	}
	pod := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(template)}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetNamespace(o.GetNamespace())
	pod.SetName(o.GetName())
	return pod
}

// The flags in the manifests are those of the recorder: each is in its help.
func TestTheArgumentsAreThoseOfTheRecorder(t *testing.T) {
	known := recorderFlags(t)
	for _, dir := range overlays(t) {
		for _, o := range build(t, filesys.MakeFsOnDisk(), dir) {
			pod := podOf(t, o)
			if pod == nil {
				continue
			}
			containers, _, err := unstructured.NestedSlice(pod.Object, "spec", "containers")
			if err != nil || len(containers) != 1 {
				t.Fatalf("%v: %v", containers, err)
			}
			args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
			if err != nil || len(args) < 2 {
				t.Fatalf("%v: %v", args, err)
			}
			for _, arg := range args[1:] {
				flag, _, _ := strings.Cut(arg, "=")
				if !slices.Contains(known[args[0]], flag) {
					t.Errorf("%s %s: recorder %s has no flag %s", o.GetKind(), o.GetName(), args[0], flag)
				}
			}
		}
	}
}
