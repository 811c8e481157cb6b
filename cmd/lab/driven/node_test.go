package driven

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"github.com/hindsight-project/hindsight/drivers/disruption"
)

// node is what a kubelet is to the drivers: it runs commands in the containers of
// pods. They are really run, by the shell and the tools of this machine, in a
// folder for each pod. Four tools are ours: what df, fallocate and sync would do
// to a disk is done to numbers, and psql takes everything. PostgreSQL is a process
// that can be killed.
type node struct {
	dir    string
	server *httptest.Server

	mutex       sync.Mutex
	postmasters map[string]*exec.Cmd // namespace/pod
	waiting     sync.WaitGroup
}

const (
	ballast = "hindsight-ballast"

	// overhead is what a file system keeps of a volume, and what a new database uses.
	overhead = 64 << 20
	empty    = 100 << 20
)

// tools replace those of the machine. A disk is its size in the file total, and
// the file that the drivers write, which has holes.
var tools = map[string]string{
	"df": `#!/bin/sh
disk=${3%/data}
used=$(stat -c %s "$disk/data/hindsight-ballast" 2>/dev/null || echo 0)
echo "1B-blocks Used"
echo "$(cat "$disk/total") $((used + 104857600))"
`,
	"fallocate": `#!/bin/sh
total=$(cat "$(dirname "$3")/../total")
[ $(($2 + 104857600)) -le "$total" ] && truncate -s "$2" "$3"
`,
	"sync": "#!/bin/sh\n",
	"psql": "#!/bin/sh\n",
}

func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{dir: t.TempDir(), postmasters: map[string]*exec.Cmd{}}
	if err := os.Mkdir(filepath.Join(n.dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range tools {
		if err := os.WriteFile(filepath.Join(n.dir, "bin", name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n.server = httptest.NewTLSServer(n)
	t.Cleanup(func() {
		n.server.Close()
		for _, pod := range n.running() {
			n.halt(pod)
		}
		n.waiting.Wait()
	})
	return n
}

// port is where the API server finds the kubelet.
func (n *node) port(t *testing.T) int32 {
	t.Helper()
	at := must[*url.URL](t)(url.Parse(n.server.URL))
	_, text, err := net.SplitHostPort(at.Host)
	if err != nil {
		t.Fatal(err)
	}
	return int32(must[int](t)(strconv.Atoi(text)))
}

// ServeHTTP answers /exec/NAMESPACE/POD/CONTAINER as a kubelet does.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 4 || parts[0] != "exec" {
		http.Error(w, "only exec is served", http.StatusNotFound)
		return
	}
	streams, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !n.runs(parts[1] + "/" + parts[2]) {
		http.Error(w, "container not found", http.StatusInternalServerError)
		return
	}
	remotecommand.ServeExec(w, r, n, parts[1]+"/"+parts[2], "", parts[3], r.URL.Query()["command"], streams,
		time.Minute, time.Minute, remotecommand.SupportedStreamingProtocols)
}

// ExecInContainer runs a command in the folder of a pod.
func (n *node) ExecInContainer(
	ctx context.Context, pod, _, _ string, command []string, _ io.Reader, out, failure io.WriteCloser,
	_ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	data := filepath.Join(n.dir, pod, "data")
	var args []string
	for _, arg := range command {
		args = append(args, strings.ReplaceAll(arg, disruption.DataPath, data))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(n.dir, "bin", args[0]), args[1:]...)
	if _, ours := tools[args[0]]; !ours {
		cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	}
	cmd.Env = []string{"PATH=" + filepath.Join(n.dir, "bin") + ":/usr/bin:/bin", "PGDATA=" + data + "/pgdata"}
	cmd.Stdout, cmd.Stderr = out, failure
	err := cmd.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		return utilexec.CodeExitError{Err: err, Code: exited.ExitCode()}
	}
	return err
}

// boot starts the PostgreSQL of a pod, on the volume that is there.
func (n *node) boot(pod string) error {
	data := filepath.Join(n.dir, pod, "data", "pgdata")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	p := exec.Command("sleep", "3600")
	if err := p.Start(); err != nil {
		return err
	}
	n.mutex.Lock()
	n.postmasters[pod] = p
	n.mutex.Unlock()
	n.waiting.Go(func() {
		_ = p.Wait() // it is killed sooner or later
		n.mutex.Lock()
		defer n.mutex.Unlock()
		if n.postmasters[pod] == p {
			delete(n.postmasters, pod)
		}
	})
	return os.WriteFile(filepath.Join(data, "postmaster.pid"), fmt.Appendf(nil, "%d\n", p.Process.Pid), 0o600)
}

// runs reports whether the PostgreSQL of a pod is at work.
func (n *node) runs(pod string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.postmasters[pod] != nil
}

func (n *node) running() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.Collect(maps.Keys(n.postmasters))
}

// halt ends the PostgreSQL of a pod that is deleted.
func (n *node) halt(pod string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if p := n.postmasters[pod]; p != nil {
		_ = p.Process.Kill() // it may be dead
		delete(n.postmasters, pod)
	}
}

// resize gives the volume of a pod its size.
func (n *node) resize(pod string, bytes int64) error {
	if err := os.MkdirAll(filepath.Join(n.dir, pod, "data"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.dir, pod, "total"), fmt.Appendf(nil, "%d", bytes-overhead), 0o600)
}

// drop removes the volume of a pod.
func (n *node) drop(pod string) error { return os.RemoveAll(filepath.Join(n.dir, pod)) }

// usage tells the operator what the manager of an instance would.
func (n *node) usage(_ context.Context, namespace, pod string) (disruption.Disk, error) {
	at := filepath.Join(n.dir, namespace, pod)
	text, err := os.ReadFile(filepath.Join(at, "total"))
	if err != nil {
		return disruption.Disk{}, err
	}
	total, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return disruption.Disk{}, err
	}
	file, err := os.Stat(filepath.Join(at, "data", ballast))
	if errors.Is(err, fs.ErrNotExist) {
		return disruption.Disk{Total: total, Used: empty}, nil
	}
	if err != nil {
		return disruption.Disk{}, err
	}
	return disruption.Disk{Total: total, Used: empty + file.Size()}, nil
}
