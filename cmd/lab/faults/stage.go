package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/watch"
)

// quiet is for servers whose complaints are the purpose.
var quiet = log.New(io.Discard, "", 0)

// stage is a cluster with a load and programs that record it, and all that can
// go wrong between them.
type stage struct {
	options  *Options
	dir      string
	random   *rand.Rand
	cluster  *cluster.Cluster
	config   *rest.Config // past all faults
	history  *history
	truth    *truth
	proxy    *proxy
	front    *front // nil unless the row wants it
	load     *load
	programs []program
	targets  []watch.Target

	compacted uint64   // up to where etcd has forgotten
	nats      *process // the external server, of rows that have one
	disk      *disk    // the small disk, of rows that have one
	user      string   // whom the programs are, of rows in which that is not the administrator
	clock     string   // file that sets the wall clock, of rows that have one

	mu       sync.Mutex
	moments  []moment
	expiries []expiry
	notes    map[string][]string // by program
	acked    []acknowledged
}

// moment tells which revision etcd had when.
type moment struct {
	at       time.Time
	revision uint64
}

// newStage starts a cluster with its truth, and the ways to it.
func newStage(ctx context.Context, o *Options, dir string, h *history) (s *stage, err error) {
	s = &stage{options: o, dir: dir, history: h, random: rand.New(rand.NewPCG(o.Seed, 0)), notes: map[string][]string{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.cluster, err = cluster.Start(ctx, cluster.Options{Dir: filepath.Join(dir, "cluster")}); err != nil {
		return s, err
	}
	s.truth = watchTruth(s.cluster.Etcd())
	if s.config, err = s.cluster.RESTConfig(); err != nil {
		return s, err
	}
	host, err := url.Parse(s.config.Host)
	if err != nil {
		return s, err
	}
	if s.proxy, err = newProxy(host.Host); err != nil {
		return s, err
	}
	if s.front, err = newFront(s.cluster.Dir(), host.Host); err != nil {
		return s, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(s.config)
	if err != nil {
		return s, err
	}
	s.targets, _, err = watch.Resolve(d, watch.Selection{Scope: kube.Scope{Namespace: h.namespace}})
	return s, err
}

// close ends everything that is left, and removes the cluster's files.
func (s *stage) close() error {
	var errs []error
	for _, p := range s.programs {
		for _, q := range p.processes() {
			if q.running() {
				q.kill()
			}
		}
	}
	if s.load != nil {
		errs = append(errs, s.load.end())
	}
	if s.proxy != nil {
		s.proxy.close()
	}
	if s.front != nil {
		s.front.close()
	}
	if s.truth != nil {
		s.truth.close()
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop(), os.RemoveAll(s.cluster.Dir()))
	}
	return errors.Join(errs...)
}

// kubeconfig writes one that leads to the API server over address.
func (s *stage) kubeconfig(address string) (string, error) {
	file, err := clientcmd.LoadFromFile(s.cluster.Kubeconfig())
	if err != nil {
		return "", err
	}
	for _, c := range file.Clusters {
		c.Server = "https://" + address
		c.Extensions = nil
	}
	for _, a := range file.AuthInfos {
		a.Impersonate = s.user
	}
	path := filepath.Join(s.dir, "kubeconfig-"+strings.ReplaceAll(address, ":", "-"))
	return path, clientcmd.WriteToFile(*file, path)
}

// begin starts load and programs, and returns when all of them record.
func (s *stage) begin(programs []program) error {
	s.load = s.history.play(s.config, s.cluster.Etcd(), s.options.Rate, 0)
	time.Sleep(time.Second) // so that there is something to list
	s.programs = programs
	for _, p := range programs {
		for _, q := range p.processes() {
			if err := q.start(); err != nil {
				return err
			}
		}
	}
	for _, p := range programs {
		if err := p.ready(); err != nil {
			return err
		}
	}
	return nil
}

// during lets time pass, and keeps in mind which revision was when.
func (s *stage) during(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		revision, err := s.truth.revision(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.moments = append(s.moments, moment{time.Now(), revision})
		s.mu.Unlock()
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		select {
		case <-time.After(min(left, 250*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// receipt is how long programs have for what is on its way to them in the end;
// slack how long before a fault a version may be written that a program on a busy
// machine has not received when the fault begins; comeback how long after a fault
// they have until they watch again: they pause longer and longer between attempts.
const (
	receipt  = 2 * time.Second
	slack    = 5 * time.Second
	comeback = 15 * time.Second
)

// revisionAt returns the latest revision that was known at a moment.
func (s *stage) revisionAt(at time.Time) (revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.moments {
		if m.at.Before(at) {
			revision = m.revision
		}
	}
	return revision
}

// expired notes how far history was gone after a fault that began at a moment.
func (s *stage) expired(ctx context.Context, since time.Time, floor uint64) error {
	to, err := s.truth.revision(ctx)
	if err != nil {
		return err
	}
	e := expiry{from: s.revisionAt(since.Add(-slack)), to: to, floors: map[string]uint64{}}
	// All at once: what the server remembers moves on.
	asked, ctx := errgroup.WithContext(ctx)
	floors := make([]uint64, len(s.targets))
	for i, t := range s.targets {
		if floors[i] = floor; floor > 0 {
			continue
		}
		asked.Go(func() (err error) {
			floors[i], err = s.floor(ctx, t)
			return err
		})
	}
	if err := asked.Wait(); err != nil {
		return err
	}
	for i, t := range s.targets {
		e.floors[t.Resource.String()] = floors[i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expiries = append(s.expiries, e)
	return nil
}

// floor asks the API server for the oldest version from which it can be watched.
func (s *stage) floor(ctx context.Context, t watch.Target) (uint64, error) {
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return 0, err
	}
	path := "/api/" + t.Version
	if t.Group != "" {
		path = "/apis/" + t.Group + "/" + t.Version
	}
	if t.Namespace != "" {
		path += "/namespaces/" + t.Namespace
	}
	return askFloor(ctx, client.Discovery().RESTClient(), path+"/"+t.Resource.Resource, s.compacted)
}

// askFloor watches from the first revision and reads what comes first: an error
// that names the oldest version, an error of etcd, which does not and means its
// compaction, or no error.
func askFloor(ctx context.Context, client rest.Interface, path string, compacted uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.ReadCloser
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (ok bool, _ error) {
		var err error // that of a server that is not ready: it is asked again
		body, err = client.Get().AbsPath(path).Param("watch", "1").Param("resourceVersion", "1").
			Param("timeoutSeconds", "5").MaxRetries(0).Stream(ctx)
		return err == nil, nil
	})
	if err != nil {
		return 0, fmt.Errorf("ask for the oldest version: %w", err)
	}
	defer body.Close()
	var first struct {
		Type   string `json:"type"`
		Object struct {
			Message string `json:"message"`
		} `json:"object"`
	}
	err = json.NewDecoder(body).Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && first.Type != "ERROR" {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the oldest version: %w", err)
	}
	if m := oldest.FindStringSubmatch(first.Object.Message); m != nil {
		return number(m[1]), nil
	}
	return compacted, nil
}

// oldest is how the API server names the oldest version that it remembers.
var oldest = regexp.MustCompile(`^too old resource version: \d+ \((\d+)\)$`)

func (s *stage) note(program, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes[program], text) {
		s.notes[program] = append(s.notes[program], text)
	}
}
