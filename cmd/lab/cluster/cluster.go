package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Options of a cluster. The zero value is a good one.
type Options struct {
	// Dir holds all state and the logs; it is made when missing and kept. Empty:
	// a temporary directory that Stop removes.
	Dir string

	// ControllerManager runs kube-controller-manager too. It acts on whatever
	// objects are there: replayed Pods without nodes are evicted, objects
	// without owners collected.
	ControllerManager bool
}

// startTimeout is how long a component may take to become ready.
const startTimeout = 2 * time.Minute

// Cluster is a running cluster.
type Cluster struct {
	dir        string
	temporary  bool
	port       *port
	etcd       *embed.Etcd
	client     *clientv3.Client
	apiServer  *Component
	controller *Component // nil when not wanted
	stopping   sync.Once
	stopped    error
}

// Start starts a cluster and waits until it serves. ctx limits the start only.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if !prepared {
		return nil, errors.New("this program cannot run the cluster's components: " +
			"call cluster.RunComponent first in main or TestMain")
	}
	c := &Cluster{dir: o.Dir}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o Options) error {
	if err := c.makeDir(); err != nil {
		return err
	}
	var err error
	if c.port, err = reservePort(); err != nil {
		return err
	}
	if c.etcd, err = startEtcd(ctx, c.dir); err != nil {
		return err
	}
	if c.client, err = dialEtcd(c.etcdEndpoint()); err != nil {
		return err
	}
	pki, err := c.issueIdentities()
	if err != nil {
		return err
	}
	c.apiServer = c.component(apiServerName, c.apiServerReady, c.apiServerArgs(pki, o.ControllerManager))
	if err := c.apiServer.Start(ctx); err != nil {
		return err
	}
	if err := c.installCRDs(ctx); err != nil {
		return fmt.Errorf("install the custom resources: %w", err)
	}
	if !o.ControllerManager {
		return nil
	}
	c.controller = c.component(controllerManagerName, c.controllerManagerReady, c.controllerManagerArgs(pki))
	return c.controller.Start(ctx)
}

func (c *Cluster) makeDir() (err error) {
	if c.dir == "" {
		c.temporary = true
		c.dir, err = os.MkdirTemp("", "hindsight-lab-")
		return err
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.dir)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("directory %s is not empty: name another, or remove it", c.dir)
	}
	return err
}

// issueIdentities makes the certificates and kubeconfigs of the server, its
// administrator and the controller manager.
func (c *Cluster) issueIdentities() (*authority, error) {
	pki, err := newAuthority(filepath.Join(c.dir, "pki"))
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		pki.issue("apiserver", apiServerName),
		pki.issue("admin", "lab-admin", "system:masters"),
		pki.issue(controllerManagerName, "system:"+controllerManagerName),
		c.writeKubeconfig(c.Kubeconfig(), pki, "admin"),
		c.writeKubeconfig(c.kubeconfigOf(controllerManagerName), pki, controllerManagerName),
	)
	return pki, err
}

func (c *Cluster) component(name string, ready func(context.Context) error, args []string) *Component {
	return &Component{
		name: name,
		args: args,
		log:  filepath.Join(c.dir, name+".log"),
		wait: func(ctx context.Context) error {
			return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true,
				func(ctx context.Context) (bool, error) { return ready(ctx) == nil, nil })
		},
	}
}

func (c *Cluster) apiServerArgs(pki *authority, controllerManager bool) []string {
	args := []string{
		"--etcd-servers=" + c.etcdEndpoint(),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", c.port.number),
		"--permit-port-sharing=true", // see port
		"--tls-cert-file=" + pki.path("apiserver.crt"),
		"--tls-private-key-file=" + pki.path("apiserver.key"),
		"--client-ca-file=" + pki.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + pki.path("sa.key"),
		"--service-account-key-file=" + pki.path("sa.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC",
		// A loopback address may not be an Endpoints address.
		"--endpoint-reconciler-type=none",
	}
	if !controllerManager {
		// Nobody would make the service accounts that this plugin asks for.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	return args
}

func (c *Cluster) controllerManagerArgs(pki *authority) []string {
	kubeconfig := c.kubeconfigOf(controllerManagerName)
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--secure-port=0", // nothing asks it, and fixed ports collide
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + pki.path("sa.key"),
		"--root-ca-file=" + pki.path("ca.crt"),
	}
}

func (c *Cluster) apiServerReady(ctx context.Context) error {
	kube, err := c.kube()
	if err != nil {
		return err
	}
	if err := kube.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	_, err = kube.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
	return err
}

// controllerManagerReady takes the first service account for its sign of life.
func (c *Cluster) controllerManagerReady(ctx context.Context) error {
	kube, err := c.kube()
	if err != nil {
		return err
	}
	_, err = kube.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err
}

func (c *Cluster) kube() (*kubernetes.Clientset, error) {
	config, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// Dir is where the state and the logs of the components are.
func (c *Cluster) Dir() string { return c.dir }

// Kubeconfig is the path of the administrator's kubeconfig file.
func (c *Cluster) Kubeconfig() string { return c.kubeconfigOf("admin") }

func (c *Cluster) kubeconfigOf(user string) string { return filepath.Join(c.dir, user+".kubeconfig") }

// RESTConfig is a new configuration of the administrator's client.
func (c *Cluster) RESTConfig() (*rest.Config, error) { return loadConfig(c.Kubeconfig()) }

// Etcd is a client of the cluster's etcd; Stop closes it.
func (c *Cluster) Etcd() *clientv3.Client { return c.client }

// APIServer is the API server, to be stopped, killed and started again. Its
// port and its etcd stay the same.
func (c *Cluster) APIServer() *Component { return c.apiServer }

func (c *Cluster) etcdEndpoint() string { return "http://" + c.etcd.Clients[0].Addr().String() }

func (c *Cluster) serverURL() string { return fmt.Sprintf("https://127.0.0.1:%d", c.port.number) }

// Stop ends everything and removes a temporary directory. Only the first call
// does something; all return what came of it.
func (c *Cluster) Stop() error {
	c.stopping.Do(func() { c.stopped = c.stop() })
	return c.stopped
}

func (c *Cluster) stop() error {
	for _, component := range []*Component{c.controller, c.apiServer} {
		if component != nil {
			component.Stop()
		}
	}
	var errs []error
	if c.client != nil {
		errs = append(errs, c.client.Close())
	}
	if c.etcd != nil {
		c.etcd.Close()
	}
	if c.port != nil {
		c.port.release()
	}
	if c.temporary && c.dir != "" {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}
