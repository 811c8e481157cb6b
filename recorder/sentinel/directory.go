package sentinel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	corev1 "k8s.io/api/core/v1"

	"github.com/hindsight-project/hindsight/recorder/kube"
)

// instance is a PostgreSQL server and the way to it.
type instance struct {
	name   string // empty: the server tells
	key    string // tells it from the others
	config *pgconn.Config
}

// instances are the servers of a cluster.
type instances struct {
	writers []instance        // where the primary may be, the likeliest first
	readers []instance        // every one
	names   map[string]string // of instances by address
}

// directory knows the servers of a cluster.
type directory interface {
	// list may answer from memory.
	list(ctx context.Context) (instances, error)

	// forget makes the next list ask anew: what it said before did not work.
	forget()
}

// urlDirectory takes the servers from a connection string, and their names from
// the pods where it is known of which Cluster they are.
type urlDirectory struct {
	known              instances
	api                *kube.Client // nil: no names
	namespace, cluster string

	mu    sync.Mutex
	asked time.Time
}

// newURLDirectory makes one instance of every host.
func newURLDirectory(o *Options) (*urlDirectory, error) {
	all, err := pgconn.ParseConfig(o.URL)
	if err != nil {
		return nil, err
	}
	d := &urlDirectory{namespace: o.Scope.Namespace, cluster: o.Cluster}
	if d.namespace != "" && d.cluster != "" {
		d.api = o.API
	}
	hosts := append([]*pgconn.FallbackConfig{{Host: all.Host, Port: all.Port, TLSConfig: all.TLSConfig}}, all.Fallbacks...)
	for _, h := range hosts {
		key := net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port)))
		if at := slices.IndexFunc(d.known.readers, func(i instance) bool { return i.key == key }); at >= 0 {
			c := d.known.readers[at].config // the same host again: with TLS, and without where that is allowed
			c.Fallbacks = append(c.Fallbacks, h)
			continue
		}
		c := all.Copy()
		c.Host, c.Port, c.TLSConfig, c.Fallbacks, c.ValidateConnect = h.Host, h.Port, h.TLSConfig, nil, nil
		d.known.readers = append(d.known.readers, instance{key: key, config: c})
	}
	d.known.writers = d.known.readers
	return d, nil
}

func (d *urlDirectory) list(ctx context.Context) (instances, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.api != nil && time.Since(d.asked) >= directoryAge {
		d.asked = time.Now()
		if pods, err := runningPods(ctx, d.api, d.namespace, d.cluster); err == nil { // names are a help, not a need
			d.known.names = namesOf(pods)
		}
	}
	return d.known, nil
}

func (*urlDirectory) forget() {}

// podDirectory finds the servers of a Cluster: its credentials in the Secret of
// the application, its instances among the pods.
type podDirectory struct {
	api                *kube.Client
	namespace, cluster string
	inCluster          bool

	mu     sync.Mutex
	known  instances
	asked  time.Time
	stale  bool
	failed error
}

const (
	directoryAge  = 5 * time.Second // how long an answer is believed
	directoryRest = time.Second     // between two questions
)

func (d *podDirectory) list(ctx context.Context) (instances, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := time.Since(d.asked)
	if !d.asked.IsZero() && age < directoryAge && (!d.stale || age < directoryRest) {
		return d.known, d.failed
	}
	known, err := d.ask(ctx)
	if ctx.Err() != nil {
		return instances{}, errNoAnswer
	}
	d.known, d.failed, d.asked, d.stale = known, err, time.Now(), false
	return known, err
}

func (d *podDirectory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stale = true
}

func (d *podDirectory) ask(ctx context.Context) (instances, error) {
	base, err := d.credentials(ctx)
	if err != nil {
		return instances{}, err
	}
	pods, err := runningPods(ctx, d.api, d.namespace, d.cluster)
	if err != nil {
		return instances{}, err
	}
	known := instances{names: namesOf(pods)}
	for _, p := range pods {
		i := instance{name: p.Name, key: p.Name + "/" + string(p.UID), config: d.route(base, p)}
		known.readers = append(known.readers, i)
		if cmp.Or(p.Labels["cnpg.io/instanceRole"], p.Labels["role"]) == "primary" {
			known.writers = append([]instance{i}, known.writers...)
		} else {
			known.writers = append(known.writers, i)
		}
	}
	if d.inCluster {
		host := fmt.Sprintf("%s-rw.%s.svc", d.cluster, d.namespace)
		known.writers = []instance{{key: host, config: at(base, host, defaultPort)}}
	}
	if len(known.readers) == 0 {
		return known, errors.New("no instance of the cluster is running")
	}
	return known, nil
}

// runningPods lists the instances of a Cluster that run.
func runningPods(ctx context.Context, api *kube.Client, namespace, cluster string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	query := url.Values{"labelSelector": {"cnpg.io/cluster=" + cluster + ",cnpg.io/podRole=instance"}}
	if err := api.Get(ctx, "/api/v1/namespaces/"+namespace+"/pods", query, &pods); err != nil {
		return nil, fmt.Errorf("list the pods of the cluster: %w", err)
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.Status.Phase != corev1.PodRunning }), nil
}

// namesOf maps the addresses of pods to their names.
func namesOf(pods []corev1.Pod) map[string]string {
	names := map[string]string{}
	for _, p := range pods {
		if p.Status.PodIP != "" {
			names[p.Status.PodIP] = p.Name
		}
	}
	return names
}

// credentials reads the Secret of the application. Only the driver ever sees
// what is in it.
func (d *podDirectory) credentials(ctx context.Context) (*pgconn.Config, error) {
	name := d.cluster + "-app"
	var secret corev1.Secret
	if err := d.api.Get(ctx, "/api/v1/namespaces/"+d.namespace+"/secrets/"+name, nil, &secret); err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", name, err)
	}
	// Everything that the environment could decide is said here.
	config, err := pgconn.ParseConfig("host=localhost port=5432 user=x dbname=x sslmode=prefer target_session_attrs=any")
	if err != nil {
		return nil, err
	}
	config.User, config.Password = string(secret.Data["username"]), string(secret.Data["password"])
	config.Database = string(secret.Data["dbname"])
	if config.User == "" || config.Database == "" {
		return nil, fmt.Errorf("the Secret %s has no username or no dbname: name the database with --sentinel-url", name)
	}
	// A server that asks for the password itself does not get it.
	config.RequireAuth = "scram-sha-256,none"
	return config, nil
}

// route is how a pod is reached: at its address inside the cluster, through the
// API server from outside.
func (d *podDirectory) route(base *pgconn.Config, p corev1.Pod) *pgconn.Config {
	port := postgresPort(p)
	if d.inCluster {
		return at(base, p.Status.PodIP, port)
	}
	name := p.Name
	config := at(base, name, port)
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.api.Forward(ctx, d.namespace, name, int(port))
	}
	return config
}

// at returns base for another server.
func at(base *pgconn.Config, host string, port uint16) *pgconn.Config {
	config := base.Copy()
	config.Host, config.Port = host, port
	for _, f := range config.Fallbacks { // the same without TLS
		f.Host, f.Port = host, port
	}
	return config
}

const defaultPort = 5432

// postgresPort is the port that the pod calls postgresql.
func postgresPort(p corev1.Pod) uint16 {
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == "postgresql" && port.ContainerPort > 0 && port.ContainerPort <= 65535 {
				return uint16(port.ContainerPort)
			}
		}
	}
	return defaultPort
}
