package fleet

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// workerURL makes this program a worker: a process of its own can be killed.
const workerURL = "HINDSIGHT_TEST_WORKER"

// testSilence is short, so that a killed worker's job is given away soon.
const testSilence = 3 * time.Second

func TestMain(m *testing.M) {
	natstest.RunNode()
	if url := os.Getenv(workerURL); url != "" {
		if err := work(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work works until its parent, who holds the other end of standard input, is gone.
func work(url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
		cancel()
	}()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	return Work(ctx, js, WorkOptions{Replicas: 3, Silence: testSilence, Notify: func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
	}})
}

// cluster starts nodes and connects to them.
func cluster(t *testing.T, nodes int) (jetstream.JetStream, string) {
	t.Helper()
	c, err := natstest.Start(t.Context(), t.TempDir(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	nc, err := nats.Connect(c.URL(), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js, c.URL()
}

// traces imports the recordings of real faults that the policies are tested with.
func traces(t *testing.T) []string {
	t.Helper()
	logs, err := filepath.Glob("../../policies/testdata/diagnosis/*.jsonl.zst")
	if err != nil || len(logs) < 5 {
		t.Fatalf("%d recordings, %v", len(logs), err)
	}
	var files []string
	for _, log := range logs {
		files = append(files, watchlogtest.Import(t, log))
	}
	return files
}

// question asks few policies, which are compiled soon.
func question() verifier.Options {
	return verifier.Options{
		Only:    []string{"policy-bounds", "convergence-resumes"},
		Require: []string{"convergence-resumes"}, Today: time.Now(), Story: true,
		Allow: []verdict.Allowance{{Verdict: verdict.Vacuous, Policy: "convergence-resumes"}},
	}
}

// startWorker starts a worker as a process, and says when it is ready. A deadly
// one ends as soon as it has a trace in hand.
func startWorker(t *testing.T, url string, deadly bool, ready *sync.WaitGroup) {
	t.Helper()
	w := exec.Command(os.Args[0])
	w.Env = append(os.Environ(), workerURL+"="+url)
	w.Stderr = t.Output()
	lifeline, err := w.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "waiting") {
				ready.Done()
			}
			if deadly && strings.HasSuffix(lines.Text(), "judging") {
				_ = w.Process.Kill()
			}
			fmt.Fprintf(t.Output(), "worker %d: %s\n", w.Process.Pid, lines.Text())
		}
	}()
	t.Cleanup(func() {
		_ = lifeline.Close()
		<-ended
		killed := w.Wait() != nil
		if killed != deadly {
			t.Errorf("worker %d: killed is %t, want %t", w.Process.Pid, killed, deadly)
		}
	})
}

// text is a run as the report has it.
func text(t *testing.T, run verdict.Run) string {
	t.Helper()
	var out bytes.Buffer
	for _, name := range []string{"json", "text"} {
		format, err := report.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := format.Write(&out, run, report.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// Three servers, four workers of which one is killed in the middle of a trace.
func TestEachTraceIsJudgedOnceAlthoughAWorkerIsKilled(t *testing.T) {
	js, url := cluster(t, 3)
	files := traces(t)
	paths := slices.Concat(files, []string{files[0], filepath.Join(t.TempDir(), "missing.db")})
	var ready sync.WaitGroup
	for i := range 4 {
		ready.Add(1)
		startWorker(t, url, i == 0, &ready)
	}
	ready.Wait()
	got, err := Check(t.Context(), js, paths, question(), CheckOptions{Replicas: 3, Notify: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	want, err := verifier.Check(t.Context(), paths, question())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(t, want), text(t, got)); diff != "" {
		t.Errorf("the fleet says something else (-one machine +fleet):\n%s", diff)
	}
	stream, err := js.Stream(t.Context(), verdictStream)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != uint64(len(files)) {
		t.Errorf("%d verdicts of %d traces", n, len(files))
	}
	drained(t, js)
}

// drained waits until no job is left.
func drained(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for {
		stream, err := js.Stream(t.Context(), jobStream)
		if err != nil {
			t.Fatal(err)
		}
		if stream.CachedInfo().State.Msgs == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestAskingAgainTakesTheVerdictsThatAreThere(t *testing.T) {
	js, _ := cluster(t, 1)
	files := traces(t)[:2]
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Work(ctx, js, WorkOptions{Parallel: 2}) }()
	first, err := Check(t.Context(), js, files, question(), CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	again, err := Check(t.Context(), js, files, question(), CheckOptions{}) // and nobody works
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(t, first), text(t, again)); diff != "" {
		t.Error(diff)
	}
}

func TestATraceThatEndsEveryWorkerIsAnError(t *testing.T) {
	js, _ := cluster(t, 1)
	r, err := open(t.Context(), js, 1)
	if err != nil {
		t.Fatal(err)
	}
	j := job{digest([]byte("question")), digest([]byte("trace"))}
	if _, err := js.Publish(t.Context(), j.subject(), nil); err != nil {
		t.Fatal(err)
	}
	consumer, err := r.jobs.CreateConsumer(t.Context(), jetstream.ConsumerConfig{
		Durable: workers, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range attempts { // as many workers take it and are gone
		m, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Nak(); err != nil {
			t.Fatal(err)
		}
	}
	if err := Work(t.Context(), js, WorkOptions{UntilIdle: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	name, found, err := r.verdictName(t.Context(), j)
	if err != nil || !found {
		t.Fatalf("no verdict, %v", err)
	}
	got, err := r.read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	want := "3 workers were given this trace and none of them answered; check it on one machine, with enough memory"
	if got.Verdict != verdict.Error || got.Error != want {
		t.Errorf("got %s, %q", got.Verdict, got.Error)
	}
}

func TestOnlyTheFirstVerdictCounts(t *testing.T) {
	js, _ := cluster(t, 1)
	r, err := open(t.Context(), js, 1)
	if err != nil {
		t.Fatal(err)
	}
	j := job{digest([]byte("question")), digest([]byte("trace"))}
	for i, want := range []bool{true, false} {
		first, err := r.answer(t.Context(), js, j, verdict.Trace{Error: fmt.Sprint(i)})
		if err != nil || first != want {
			t.Errorf("verdict %d: first is %t, %v", i, first, err)
		}
	}
	name, _, err := r.verdictName(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.read(t.Context(), name); err != nil || got.Error != "0" {
		t.Errorf("got %q, %v", got.Error, err)
	}
	if all, err := r.store.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d objects are left, want that of the first verdict only (%v)", len(all), err)
	}
}

func TestAQuestionIsPackedWithAllThatChangesTheAnswer(t *testing.T) {
	own := fstest.MapFS{
		"params.yaml":   {Data: []byte("a: 1")},
		"p/p.rego":      {Data: []byte("package p")},
		"p/p_test.rego": {Data: []byte("package p_test")},
		"README.md":     {Data: []byte("to read")},
	}
	base := verifier.Options{Policies: own, Root: "own", CIClass: "slow", Params: []string{"a.b=1"}, Only: []string{"p"}}
	packed, err := pack(base)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(got.Policies, "params.yaml", "p/p.rego"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"p/p_test.rego", "README.md"} {
		if _, err := got.Policies.Open(name); err == nil {
			t.Errorf("%s was packed, it judges nothing", name)
		}
	}
	got.Policies = base.Policies
	if diff := cmp.Diff(base, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for name, change := range map[string]func(o *verifier.Options){
		"class":     func(o *verifier.Options) { o.CIClass = "medium" },
		"parameter": func(o *verifier.Options) { o.Params = []string{"a.b=2"} },
		"selection": func(o *verifier.Options) { o.Only = nil },
		"demand":    func(o *verifier.Options) { o.Require = []string{"p"} },
		"policies":  func(o *verifier.Options) { o.Policies = fstest.MapFS{"params.yaml": own["params.yaml"]} },
	} {
		other := base
		change(&other)
		if changed, err := pack(other); err != nil || bytes.Equal(changed, packed) {
			t.Errorf("another %s makes the same question (%v)", name, err)
		}
	}
}

func TestPackedBuiltInPoliciesAreKnownAgain(t *testing.T) {
	packed, err := pack(verifier.Options{Only: []string{"policy-bounds"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpack(packed)
	if err != nil || got.Policies != nil {
		t.Errorf("policies are %v, %v", got.Policies, err)
	}
}

func FuzzUnpack(f *testing.F) {
	packed, err := pack(verifier.Options{Policies: fstest.MapFS{"params.yaml": {Data: []byte("a: 1")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, archive []byte) {
		if o, err := unpack(archive); err == nil {
			_, _ = pack(o) // whatever it is, it can be walked
		}
	})
}

func TestSubjectsAreReadBack(t *testing.T) {
	j := job{digest([]byte("q")), digest([]byte("t"))}
	for _, tc := range []struct{ subject, prefix string }{
		{j.subject(), jobPrefix}, {j.verdictSubject(), verdictPrefix},
	} {
		if got, err := parseJob(tc.subject, tc.prefix); err != nil || got != j {
			t.Errorf("%s: %v, %v", tc.subject, got, err)
		}
	}
	for _, bad := range []string{"", jobPrefix, jobPrefix + "a.b", j.verdictSubject(), j.subject() + ".x"} {
		if _, err := parseJob(bad, jobPrefix); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
