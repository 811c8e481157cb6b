package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/serve"
	"github.com/hindsight-project/hindsight/verifier/travel"
)

// kubectl is the real program, with a home of its own.
type kubectl struct {
	*testing.T
	binary, home string
}

func buildKubectl(t *testing.T) kubectl {
	t.Helper()
	dir := t.TempDir()
	k := kubectl{t, filepath.Join(dir, "kubectl"), dir}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", k.binary, "k8s.io/kubernetes/cmd/kubectl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build kubectl: %v\n%s", err, out)
	}
	return k
}

// run runs kubectl against the past at a moment; a watch is ended as soon as what it
// says has all of the words.
func (k kubectl) run(p *travel.Past, at string, speed float64, words []string, args ...string) string {
	k.Helper()
	m, err := p.At(at)
	if err != nil {
		k.Fatal(err)
	}
	server := httptest.NewServer(serve.New(p, serve.Options{Start: m, Speed: speed}))
	defer server.Close()
	defer server.CloseClientConnections()
	ctx, cancel := context.WithTimeout(k.Context(), 2*time.Minute) // a bound, not a measure
	defer cancel()
	cmd := exec.CommandContext(ctx, k.binary, append([]string{"--server", server.URL}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+k.home, "KUBECONFIG="+filepath.Join(k.home, "none"))
	out := &said{words: words, complete: cancel}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		k.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

// said collects what a program says, and calls complete when it has all words.
type said struct {
	bytes.Buffer
	words    []string
	complete func()
}

func (s *said) Write(text []byte) (int, error) {
	n, err := s.Buffer.Write(text)
	missing := len(s.words) == 0
	for _, w := range s.words {
		missing = missing || !strings.Contains(s.String(), w)
	}
	if !missing {
		s.complete()
	}
	return n, err
}

// TestKubectlAgainstThePast asks the real kubectl about two moments of a recording:
// before the primary's pod is deleted, and after the failover.
func TestKubectlAgainstThePast(t *testing.T) {
	const before, after = "@disruption-10s", "@disruption+40s"
	p := pastOf(t, "primary-restart")
	k := buildKubectl(t)
	const namespace = "ds-primary-restart"
	tests := []struct {
		name, at string
		args     []string
		want     []string
	}{
		{"pods before", before, []string{"get", "pods", "-n", namespace, "-L", "cnpg.io/instanceRole"}, []string{
			"NAME   READY   STATUS    RESTARTS   AGE   INSTANCEROLE", "pg-1   1/1     Running   0          68s   primary",
		}},
		{"pods after", after, []string{"get", "pods", "-n", namespace, "-L", "cnpg.io/instanceRole"}, []string{
			"pg-1   1/1     Running   0          38s   replica", "pg-2   1/1     Running   0          99s   primary",
		}},
		{"wide", after, []string{"get", "po", "-A", "-o", "wide"}, []string{"NOMINATED NODE", "cnpg-controller-manager"}},
		{"several kinds", after, []string{"get", "pvc,cluster,nodes,pv", "-n", namespace}, []string{
			"persistentvolumeclaim/pg-1   Bound", "2Gi", "cluster.postgresql.cnpg.io/pg", "Cluster in healthy state   pg-2",
			"node/n1",
		}},
		{"a claim as YAML, before", "1m", []string{"get", "pvc", "pg-1", "-n", namespace, "-o", "yaml"}, []string{
			"kind: PersistentVolumeClaim", "storage: 1Gi",
		}},
		{"a claim as YAML, after", after, []string{"get", "pvc", "pg-1", "-n", namespace, "-o", "yaml"}, []string{
			"storage: 2Gi",
		}},
		{"by label, a field of each", after, []string{"get", "pods", "-n", namespace, "-l", "cnpg.io/podRole=instance", "-o",
			`jsonpath={range .items[*]}{.metadata.name}={.spec.nodeName} {end}`}, []string{"pg-1=n3 pg-2=n1 pg-3=n2"}},
		{"a pod described, with its events", after, []string{"describe", "pod", "pg-1", "-n", namespace}, []string{
			"Name:             pg-1", "Node:             n3/", "Events:", "Scheduled", "Started",
		}},
		{"a cluster described", after, []string{"describe", "cluster", "pg", "-n", namespace}, []string{
			"Kind:         Cluster", "Current Primary:", "pg-2",
		}},
		{"a node described", before, []string{"describe", "node", "n1"}, []string{"Non-terminated Pods:", "pg-2"}},
		{"events in order", after, []string{"events", "-n", namespace, "--for", "pod/pg-1"}, []string{
			"LAST SEEN", "Killing",
		}},
		{"resources", before, []string{"api-resources"}, []string{"persistentvolumeclaims", "pvc", "postgresql.cnpg.io/v1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k.T = t
			out := k.run(p, test.at, 0, nil, test.args...)
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("kubectl %s does not say %q:\n%s", strings.Join(test.args, " "), want, out)
				}
			}
		})
	}
	t.Run("a watch tells what happens as the clock goes on", func(t *testing.T) {
		k.T = t
		want := []string{"Terminating", "Init:0/1", "PodInitializing"}
		out := k.run(p, "@disruption-5s", 20, want, "get", "pods", "-n", namespace, "-w")
		for _, word := range want {
			if !strings.Contains(out, word) {
				t.Errorf("the watch does not say %q:\n%s", word, out)
			}
		}
	})
	t.Run("a deletion is refused", func(t *testing.T) {
		m, err := p.At(before)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(serve.New(p, serve.Options{Start: m}))
		defer server.Close()
		cmd := exec.CommandContext(t.Context(), k.binary, "--server", server.URL, "delete", "pod", "pg-1", "-n", namespace)
		cmd.Env = append(os.Environ(), "HOME="+k.home, "KUBECONFIG="+filepath.Join(k.home, "none"))
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "the past can be read and not changed") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// pastOf opens one of the shared recordings.
func pastOf(t *testing.T, name string) *travel.Past {
	t.Helper()
	file := watchlogtest.Import(t, "../../recorder/testdata/"+name+".jsonl.zst")
	p, err := travel.Open(watchlogtest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
