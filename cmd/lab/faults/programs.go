package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Programs are the paths of what is put to the test.
type Programs struct {
	Recorder string // recorder of the main module
	Stepped  string // recorder with a wall clock that can be set, package stepped
	Kubectl  string
	Informer string // package informer
	NATS     string // nats-server
}

// Names of the programs in the table.
const (
	nameRecorder = "recorder attach"
	nameKubectl  = "kubectl get -w"
	nameInformer = "informer"
)

// seen is what a program says about a version.
type seen struct {
	resource string
	uid      string
	rv       uint64
	op       op // deleted or not is what a version is told by; created is an opinion
	inferred bool
	other    bool // reported as an update of an object with another UID
	digest   uint64
}

// gap is history that a program says it has not seen: versions in (from, to].
type gap struct {
	resource string
	from, to uint64
	reason   string
}

// testimony is all that a program has recorded.
type testimony struct {
	seen    []seen
	gaps    []gap
	wrong   []string          // what contradicts itself
	streams map[string]string // proof by resource, of the recorder
}

// program is something that records, as one or more processes.
type program interface {
	name() string
	processes() []*process
	ready() error // waits until it records
	read(namespace string) (testimony, error)
}

const readyTimeout = 60 * time.Second

// recorder is `recorder attach`.
type recorder struct {
	p    *process
	file string
}

func newRecorder(path, dir, kubeconfig, namespace string, extra ...string) *recorder {
	file := filepath.Join(dir, "recorder.trace.db")
	args := append([]string{path, "attach", "--kubeconfig", kubeconfig, "-n", namespace, "--operator-namespace", "",
		"--logs=false", "--sentinel", "off", "--usage-interval", "0", "-o", file}, extra...)
	return &recorder{&process{args: args, out: filepath.Join(dir, "recorder.out"), ending: os.Interrupt}, file}
}

func (r *recorder) name() string          { return nameRecorder }
func (r *recorder) processes() []*process { return []*process{r.p} }
func (r *recorder) ready() error          { return r.p.says("  recording ", readyTimeout) }

func (r *recorder) read(namespace string) (t testimony, err error) {
	reader, err := trace.Open(r.file)
	if err != nil {
		return t, err
	}
	defer reader.Close()
	if err := reader.Verify(); err != nil {
		return t, err
	}
	cert := reader.Certificate()
	if !cert.Sealed {
		t.wrong = append(t.wrong, "the trace is not sealed")
	}
	t.streams = map[string]string{}
	for _, s := range cert.Streams {
		t.streams[s.Resource.String()] = s.Proof
		if s.Proof == trace.ProofMismatch {
			t.wrong = append(t.wrong, fmt.Sprintf("%s: %s: %s", s.Resource, s.Proof, s.Reason))
		}
	}
	for _, g := range cert.Gaps {
		t.gaps = append(t.gaps, gap{g.Resource.String(), number(g.FromRV), number(g.ToRV), g.Reason})
	}
	var last time.Duration
	for e, err := range reader.Events(0) {
		if err != nil {
			return t, err
		}
		if e.Time < last || e.NotBefore > e.Time {
			t.wrong = append(t.wrong, fmt.Sprintf("event %d is at (%v, %v], the one before at %v",
				e.Seq, e.NotBefore, e.Time, last))
		}
		last = e.Time
		if !e.Type.IsObject() || !isLoad(e.Object) || e.Object.Namespace != namespace {
			continue
		}
		uid, digest, err := identify(e.Data)
		if err != nil {
			return t, err
		}
		t.seen = append(t.seen, seen{
			resource: e.Object.Resource.String(), uid: uid, rv: number(e.ResourceVersion),
			op: opOf[string(e.Type)], inferred: e.Inferred, digest: digest,
		})
	}
	return t, nil
}

// number reads a resourceVersion, as Kubernetes allows since 1.35; 0 if there is none.
func number(rv string) uint64 {
	n, _ := strconv.ParseUint(rv, 10, 64)
	return n
}

var opOf = map[string]op{
	"added": created, "modified": updated, "deleted": deleted,
	"ADDED": created, "MODIFIED": updated, "DELETED": deleted,
}

// kubectl is one `kubectl get -w -o json` a kind: it watches no more than one.
type kubectl struct {
	ps []*process
}

func newKubectl(path, dir, kubeconfig, namespace string, flags ...string) *kubectl {
	k := &kubectl{}
	for _, r := range resources {
		args := append([]string{path, "--kubeconfig", kubeconfig, "--cache-dir", filepath.Join(dir, "cache"),
			"-n", namespace, "get", plural(r), "-w", "-o", "json"}, flags...)
		k.ps = append(k.ps, &process{
			args: args, out: filepath.Join(dir, "kubectl-"+plural(r)+".json"), ending: syscall.SIGTERM,
		})
	}
	return k
}

func (k *kubectl) name() string          { return nameKubectl }
func (k *kubectl) processes() []*process { return k.ps }

// ready waits for the first output: kubectl does not say that it watches.
func (k *kubectl) ready() error {
	for _, p := range k.ps {
		for deadline := time.Now().Add(readyTimeout); ; time.Sleep(20 * time.Millisecond) {
			if info, err := os.Stat(p.out); err == nil && info.Size() > 1 {
				break
			}
			if !p.running() || time.Now().After(deadline) {
				return fmt.Errorf("kubectl writes nothing; it said:\n%s", p.stderr)
			}
		}
	}
	return nil
}

func (k *kubectl) read(string) (t testimony, err error) {
	for i, p := range k.ps {
		err := eachLine(p.out, func(line []byte) error { return t.note(plural(resources[i]), line) })
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// informer is a bare client-go informer, package informer.
type informer struct{ p *process }

func newInformer(path, dir, kubeconfig, namespace string) *informer {
	return &informer{&process{
		args: append([]string{path, namespace}, resources...), env: []string{"KUBECONFIG=" + kubeconfig},
		out: filepath.Join(dir, "informer.jsonl"), ending: syscall.SIGTERM,
	}}
}

func (i *informer) name() string          { return nameInformer }
func (i *informer) processes() []*process { return []*process{i.p} }
func (i *informer) ready() error          { return i.p.says("ready", readyTimeout) }
func (i *informer) read(string) (t testimony, err error) {
	err = eachLine(i.p.out, func(line []byte) error { return t.note("", line) })
	return t, err
}

func eachLine(path string, do func([]byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err := do(line); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// note takes one document of kubectl or of the informer. What was cut by a kill
// is left out.
func (t *testimony) note(resource string, document []byte) error {
	var line struct {
		Type     string         `json:"type"`
		Resource string         `json:"resource"`
		OldUID   string         `json:"old_uid"`
		Inferred bool           `json:"inferred"`
		Object   map[string]any `json:"object"`
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if decoder.Decode(&line) != nil || opOf[line.Type] == "" {
		return nil
	}
	uid, rv, digest, err := identifyMap(line.Object)
	if err != nil {
		return err
	}
	if line.Resource != "" {
		resource = line.Resource
	}
	t.seen = append(t.seen, seen{
		resource: resource, uid: uid, rv: number(rv), op: opOf[line.Type], inferred: line.Inferred,
		other: line.OldUID != "" && line.OldUID != uid, digest: digest,
	})
	return nil
}
