package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// doomedEnv makes the test binary start a cluster and kill itself.
const doomedEnv = "HINDSIGHT_LAB_TEST_DOOMED"

func TestMain(m *testing.M) {
	RunComponent()
	if os.Getenv(doomedEnv) != "" {
		startAndDie()
	}
	os.Exit(m.Run())
}

// startAndDie prints the address of its API server and ends as by kill -9.
func startAndDie() {
	c, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(strings.TrimPrefix(c.serverURL(), "https://"))
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func start(t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	return c
}

// client reads the kubeconfig as any user's program does.
func client(t *testing.T, c *Cluster) *kubernetes.Clientset {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return kube
}

func namespaceExists(ctx context.Context, kube *kubernetes.Clientset) error {
	_, err := kube.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
	return err
}

// One cluster for all that only looks.
func TestCluster(t *testing.T) {
	c := start(t, Options{ControllerManager: true})
	t.Run("serves the release in go.mod", func(t *testing.T) { servesTheRelease(t, c) })
	t.Run("serves the custom resources", func(t *testing.T) { servesTheCustomResources(t, c) })
	t.Run("the controller manager works", func(t *testing.T) {
		accounts := client(t, c).CoreV1().ServiceAccounts("default")
		if _, err := accounts.Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("its etcd is reached by the kubeconfig", func(t *testing.T) { connects(t, c) })
	t.Run("nothing is left after the end", func(t *testing.T) {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(c.Dir()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", c.Dir(), err)
		}
	})
}

func servesTheRelease(t *testing.T, c *Cluster) {
	t.Helper()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "k8s.io/kubernetes "+Version+"\n") {
		t.Errorf("go.mod does not require k8s.io/kubernetes %s", Version)
	}
	version, err := client(t, c).Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.GitVersion != Version || "v"+version.Major+"."+version.Minor != Version[:len("v1.36")] {
		t.Errorf("server says it is %+v, want %s", version, Version)
	}
}

func servesTheCustomResources(t *testing.T, c *Cluster) {
	t.Helper()
	kube := client(t, c)
	for groupVersion, kinds := range map[string]string{
		"postgresql.cnpg.io/v1":      "Backup Cluster ScheduledBackup",
		"snapshot.storage.k8s.io/v1": "VolumeSnapshot VolumeSnapshotClass VolumeSnapshotContent",
	} {
		list, err := kube.Discovery().ServerResourcesForGroupVersion(groupVersion)
		if err != nil {
			t.Fatal(err)
		}
		served := map[string]bool{}
		for _, r := range list.APIResources {
			served[r.Kind] = true
		}
		for kind := range strings.FieldsSeq(kinds) {
			if !served[kind] {
				t.Errorf("%s of %s is not served", kind, groupVersion)
			}
		}
	}
}

func connects(t *testing.T, c *Cluster) {
	t.Helper()
	config, etcd, err := Connect(c.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	if config.Host != c.serverURL() {
		t.Errorf("API server at %s, want %s", config.Host, c.serverURL())
	}
	key := "/registry/namespaces/default"
	if got, err := etcd.Get(t.Context(), key); err != nil || len(got.Kvs) != 1 {
		t.Errorf("get %s: %v, %v", key, got, err)
	}
}

func TestTwoClustersSideBySide(t *testing.T) {
	var both [2]*Cluster
	var starting sync.WaitGroup
	for i := range both {
		starting.Go(func() {
			c, err := Start(t.Context(), Options{})
			if err != nil {
				t.Error(err)
				return
			}
			both[i] = c
			t.Cleanup(func() { _ = c.Stop() })
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	if a, b := both[0].serverURL(), both[1].serverURL(); a == b {
		t.Errorf("both serve on %s", a)
	}
	for _, c := range both {
		if err := namespaceExists(t.Context(), client(t, c)); err != nil {
			t.Error(err)
		}
	}
}

func TestFaultsOfTheAPIServer(t *testing.T) {
	c := start(t, Options{})
	t.Run("it can be frozen", func(t *testing.T) { canBeFrozen(t, c) })
	t.Run("it comes back after it was killed", func(t *testing.T) { comesBack(t, c) })
}

func comesBack(t *testing.T, c *Cluster) {
	t.Helper()
	kube := client(t, c)
	c.APIServer().Stop()
	err := namespaceExists(t.Context(), kube)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while the API server is away clients get %v, want that they are refused", err)
	}
	if err := c.APIServer().Signal(syscall.SIGCONT); err == nil {
		t.Error("a component that is not running takes a signal")
	}
	if err := c.APIServer().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := namespaceExists(t.Context(), kube); err != nil {
		t.Errorf("the same client after the restart: %v", err)
	}
	if err := c.APIServer().Start(t.Context()); err == nil {
		t.Error("a running component is started once more")
	}
}

func canBeFrozen(t *testing.T, c *Cluster) {
	t.Helper()
	kube := client(t, c)
	if err := c.APIServer().Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil { // a signal takes a moment
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err = namespaceExists(ctx, kube)
		cancel()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a frozen API server answers with %v", err)
	}
	if err := c.APIServer().Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := namespaceExists(t.Context(), kube); err != nil {
		t.Error(err)
	}
}

func TestComponentsEndWithTheirParent(t *testing.T) {
	doomed := exec.CommandContext(t.Context(), os.Args[0])
	doomed.Env = append(os.Environ(), doomedEnv+"=1", "TMPDIR="+t.TempDir())
	out, err := doomed.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := doomed.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := doomed.Wait(); err == nil {
		t.Fatalf("the parent was not killed: %s", address)
	}
	for t.Context().Err() == nil { // go test's own time limit ends a loop without end
		connection, err := net.Dial("tcp", strings.TrimSpace(address))
		if err != nil {
			return
		}
		_ = connection.Close()
		time.Sleep(10 * time.Millisecond)
	}
}

func TestADirectoryThatIsInUseIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("Start says %v, want that the directory is not empty", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestAProgramThatForgetsRunComponentIsTold(t *testing.T) {
	prepared = false
	defer func() { prepared = true }()
	if _, err := Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "RunComponent") {
		t.Errorf("Start says %v, want how to make it work", err)
	}
}

func TestConnectRefusesOtherClusters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	config := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"hindsight-lab","cluster":{"server":"https://x"}}]}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Connect(path); err == nil || !strings.Contains(err.Error(), "lab up") {
		t.Errorf("Connect says %v, want how to get a lab", err)
	}
	if _, _, err := Connect(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Connect says %v of a file that is not there", err)
	}
}
