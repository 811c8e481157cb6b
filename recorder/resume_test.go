package recorder

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// again attaches to a trace that an earlier recorder left.
func (a *attached) again() *attached {
	a.t.Helper()
	return attachTo(a.t, a.server, func(o *Options) { o.Output = a.path })
}

// breakOff stops at once, as a second Ctrl-C does.
func (a *attached) breakOff() {
	a.t.Helper()
	a.abort()
	<-a.done
	if a.err != ErrAborted {
		a.t.Fatalf("got %v, want %v", a.err, ErrAborted)
	}
}

func TestARecorderThatWasStoppedGoesOn(t *testing.T) {
	for _, c := range []struct {
		says      string
		meanwhile func(s *apiServer)
		want      []string
		proof     string
	}{
		{
			"what happened meanwhile is recorded version by version while the server remembers it",
			func(s *apiServer) {
				s.put(pods, "ds/a", map[string]any{"x": 1})
				s.put(pods, "ds/a", map[string]any{"x": 2})
				s.remove(pods, "ds/a")
				s.put(pods, "ds/a", nil)
			},
			[]string{
				"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102", "modified pods/ds/a u101 at 103",
				"deleted pods/ds/a u101 at 104", "added pods/ds/a u105 at 105",
			},
			trace.ProofComplete,
		},
		{
			"what the server has forgotten meanwhile is a gap from the last version in the trace",
			func(s *apiServer) {
				s.put(pods, "ds/b", nil)
				s.put(pods, "ds/a", map[string]any{"x": 1})
				s.compact()
			},
			[]string{
				"added pods/ds/a u101 at 101", "gap pods/ds begin: 101 to 103",
				"inferred modified pods/ds/a u101 at 103", "inferred added pods/ds/b u102 at 102",
				"gap pods/ds end: 101 to 103",
			},
			trace.ProofGaps,
		},
		{
			"where nothing happened, nothing is recorded twice",
			func(*apiServer) {},
			[]string{"added pods/ds/a u101 at 101"},
			trace.ProofComplete,
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			s := newAPIServer(t)
			s.put(pods, "ds/a", nil)
			first := attachTo(t, s)
			first.sees("stream pods/ds watching")
			first.breakOff()
			c.meanwhile(s)
			second := first.again()
			got := second.end("pods")
			same(t, second.history("pods"), c.want)
			if got.Proof != c.proof {
				t.Errorf("proof is %q (%s), want %q", got.Proof, got.Reason, c.proof)
			}
			timesNeverDecrease(t, second.path)
		})
	}
}

func timesNeverDecrease(t *testing.T, path string) {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var last time.Duration
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Time < last || e.NotBefore > e.Time {
			t.Errorf("event %d is at (%v, %v], the one before at %v", e.Seq, e.NotBefore, e.Time, last)
		}
		last = e.Time
	}
}

func TestAFinishedRecordingIsNotTouched(t *testing.T) {
	s := newAPIServer(t)
	a := attachTo(t, s)
	a.end("pods")
	b := begin(t, s, func(o *Options) { o.Output = a.path })
	<-b.done
	if b.err == nil || !strings.Contains(b.err.Error(), "finished recording") {
		t.Errorf("got %v", b.err)
	}
}

func TestARecordingOfAnotherNamespaceIsNotResumed(t *testing.T) {
	s := newAPIServer(t)
	a := attachTo(t, s)
	a.breakOff()
	b := begin(t, s, func(o *Options) { o.Output, o.Namespace = a.path, "other" })
	<-b.done
	if b.err == nil || !strings.Contains(b.err.Error(), "cannot be resumed with namespace other") {
		t.Errorf("got %v", b.err)
	}
}

// TestKilledRecorder is the program that TestKilledAtAnyMoment kills.
func TestKilledRecorder(t *testing.T) {
	host, path := os.Getenv("TEST_HOST"), os.Getenv("TEST_TRACE")
	if host == "" {
		t.Skip("run by TestKilledAtAnyMoment")
	}
	_, err := Attach(t.Context(), Options{
		Config: &rest.Config{Host: host}, Namespace: "ds", Output: path, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	t.Fatal(err)
}

// A recorder is killed again and again while objects change. In the end every
// version is in the trace once.
func TestKilledAtAnyMoment(t *testing.T) {
	s := newAPIServer(t)
	path := filepath.Join(t.TempDir(), "trace.db")
	var want []string
	write := func() {
		rv := s.put(pods, "ds/a", nil)
		typ := "modified"
		if len(want) == 0 {
			typ = "added"
		}
		want = append(want, typ+" pods/ds/a u101 at "+rv)
	}
	write()
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRecorder$")
		cmd.Env = append(os.Environ(), "TEST_HOST="+s.http.URL, "TEST_TRACE="+path)
		out := &output{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), " streams into "); {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: not recording\n%s", round, out)
			}
			time.Sleep(time.Millisecond)
		}
		for range 20 + 40*round {
			write()
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	last := attachTo(t, s, func(o *Options) { o.Output = path })
	end := last.end("pods")
	got, proof := last.history("pods"), trace.ProofComplete
	after := func(rv string) []string {
		i := slices.IndexFunc(want, func(e string) bool { return strings.HasSuffix(e, " at "+rv) })
		return want[i+1:]
	}
	// Killed before its first list was on disk, a recorder begins anew; killed before
	// that list was there as a whole, it has no place to go on from, and says so.
	_, first, _ := strings.Cut(got[0], " at ")
	got, want = got[1:], after(first)
	if strings.HasPrefix(got[0], "gap pods/ds begin:  to ") {
		const listed = "gap pods/ds end:  to "
		over := slices.IndexFunc(got, func(e string) bool { return strings.HasPrefix(e, listed) })
		if over < 0 {
			t.Fatal("the first gap has no end")
		}
		got, want, proof = got[over+1:], after(strings.TrimPrefix(got[over], listed)), trace.ProofGaps
	}
	if len(want) < 600 {
		t.Errorf("only %d versions came after the first list", len(want))
	}
	if end.Proof != proof {
		t.Errorf("proof is %q (%s), want %q", end.Proof, end.Reason, proof)
	}
	same(t, got, want)
	timesNeverDecrease(t, path)
}
