package recorder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/marks"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// envSay makes the test binary a driver that says a phase.
const envSay = "HINDSIGHT_TEST_SAY"

// say is that driver. It returns false in a process that is a test.
func say() bool {
	phase := os.Getenv(envSay)
	if phase == "" {
		return false
	}
	client, err := marks.Find(marks.Where{})
	if err == nil {
		_, err = client.Send(context.Background(), marks.Mark{Phase: phase})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// said returns the marks of a trace.
func said(t *testing.T, path string) []trace.Event {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var found []trace.Event
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == trace.Mark {
			found = append(found, e)
		}
	}
	return found
}

func texts(events []trace.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, string(e.Data))
	}
	return all
}

// tell says something into a recording that is under way.
func tell(t *testing.T, where marks.Where, m marks.Mark) marks.Receipt {
	t.Helper()
	client, err := marks.Find(where)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	receipt, err := client.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func TestWhatAWrappedCommandSaysIsInTheTraceBeforeItGoesOn(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`%[2]s=one %[1]s && (cd / && sh -c '%[2]s=two %[1]s') && %[2]s=three %[1]s`, self, envSay)
	a := begin(t, newAPIServer(t), func(o *Options) { o.Command = []string{"sh", "-c", script} })
	<-a.done
	if a.err != nil {
		t.Fatalf("%v\n%s", a.err, a.stderr)
	}
	events := said(t, a.path)
	same(t, texts(events), []string{`{"phase":"one"}`, `{"phase":"two"}`, `{"phase":"three"}`})
	for _, e := range events {
		if e.Source != trace.SourceMark || e.NotBefore != e.Time || e.Time == 0 {
			t.Errorf("got %+v", e)
		}
	}
	if _, err := os.Stat(a.path + ".marks"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

// The receipt is not given before the mark can be read: each is looked for at
// once, while a load keeps the bus busy.
func TestAMarkIsDurableWhenItIsAcknowledged(t *testing.T) {
	s := newAPIServer(t)
	a := attachTo(t, s)
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		for n := range 300 {
			s.put(pods, "ds/a", map[string]any{"n": n})
		}
	}()
	for n := range 5 {
		receipt := tell(t, marks.Where{Trace: a.path}, marks.Mark{Phase: fmt.Sprint("p", n)})
		events := said(t, a.path)
		if len(events) != n+1 || events[n].Time != receipt.Time {
			t.Fatalf("after %d receipts, the last with %v, the trace has %v", n+1, receipt.Time, events)
		}
	}
	<-loaded
	a.end("pods")
}

func TestAMarkOfThePastSaysWhenItHappened(t *testing.T) {
	a := attachTo(t, newAPIServer(t))
	began := time.Now()
	now := tell(t, marks.Where{Trace: a.path}, marks.Mark{Phase: "now"})
	past := tell(t, marks.Where{Trace: a.path}, marks.Mark{Phase: "past", Time: began})
	before := tell(t, marks.Where{Trace: a.path}, marks.Mark{Phase: "before the trace", Time: began.Add(-time.Hour)})
	future := tell(t, marks.Where{Trace: a.path}, marks.Mark{Phase: "future", Time: began.Add(time.Hour)})
	a.end("pods")
	events := said(t, a.path)
	if e := events[1]; e.Time != past.Time || e.NotBefore > now.Time || now.Time-e.NotBefore > time.Since(began) {
		t.Errorf("a mark of %v says (%v, %v]", now.Time, e.NotBefore, e.Time)
	}
	if e := events[2]; e.Time != before.Time || e.NotBefore != 1 {
		t.Errorf("a mark of before the trace says (%v, %v]", e.NotBefore, e.Time)
	}
	if e := events[3]; e.Time != future.Time || e.NotBefore > e.Time {
		t.Errorf("a mark of the future says (%v, %v]", e.NotBefore, e.Time)
	}
}

// The clock of the machine may be stepped while we record: a moment is never
// later than it was.
func TestAStepOfTheClockDoesNotMakeAMarkTooLate(t *testing.T) {
	now := time.Now()
	for says, began := range map[string]time.Time{
		"no step":                 now.Add(-time.Minute),
		"one hour ahead since":    now.Add(-time.Minute - time.Hour),
		"back by one hour since ": now.Add(-time.Minute + time.Hour),
	} {
		r := recording{began: began, start: now, wall: time.Now, elapsed: time.Minute}
		got := r.moment(time.Now().Add(-10 * time.Second))
		if truth := time.Since(now) + time.Minute - 10*time.Second; got > truth+time.Second {
			t.Errorf("%s: %v is later than %v", says, got, truth)
		}
	}
}

func TestAMarkThatTheTraceCannotTakeIsRefused(t *testing.T) {
	a := attachTo(t, newAPIServer(t))
	deep := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	m, err := marks.Parse([]byte(`{"phase": "deep", "deep": ` + deep + `}`))
	if err != nil {
		t.Fatal(err)
	}
	client, err := marks.Find(marks.Where{Trace: a.path})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("got %v", err)
	}
	a.end("pods")
	if got := said(t, a.path); len(got) != 0 {
		t.Errorf("recorded is %s", texts(got))
	}
}

func TestMarksOfAnotherMachineComeThroughNATS(t *testing.T) {
	js := startJetStream(t)
	a := attachTo(t, newAPIServer(t), func(o *Options) { o.NATS.URL = js.URL() })
	_, rest, _ := strings.Cut(a.stderr.String(), "--run ")
	run, _, _ := strings.Cut(rest, "\n")
	where := marks.Where{Run: run}
	where.NATS.URL = js.URL()
	receipt := tell(t, where, marks.Mark{Phase: "far"})
	if receipt.Run != run {
		t.Errorf("the receipt is of run %q, recorded is %q", receipt.Run, run)
	}
	tell(t, marks.Where{Trace: a.path}, marks.Mark{Phase: "near"})
	a.end("pods")
	same(t, texts(said(t, a.path)), []string{`{"phase":"far"}`, `{"phase":"near"}`})
}

func TestARecordingThatIsResumedTakesMarksAgain(t *testing.T) {
	first := attachTo(t, newAPIServer(t))
	tell(t, marks.Where{Trace: first.path}, marks.Mark{Phase: "one"})
	first.breakOff()
	second := first.again()
	tell(t, marks.Where{Trace: first.path}, marks.Mark{Phase: "two"})
	second.end("pods")
	same(t, texts(said(t, first.path)), []string{`{"phase":"one"}`, `{"phase":"two"}`})
}

func TestARecorderThatOnlyPublishesTakesMarks(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	js := startJetStream(t)
	script := fmt.Sprintf("%s=published %s", envSay, self)
	a := begin(t, newAPIServer(t), func(o *Options) {
		o.Output, o.PublishOnly, o.NATS.URL, o.Command = "", true, js.URL(), []string{"sh", "-c", script}
	})
	<-a.done
	if a.err != nil {
		t.Fatalf("%v\n%s", a.err, a.stderr)
	}
	files, err := collected(t, js, t.TempDir())
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	same(t, texts(said(t, files[0].Path)), []string{`{"phase":"published"}`})
}

func TestTheBuiltInServerTakesMarksWhereItListens(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	a := attachTo(t, newAPIServer(t), func(o *Options) { o.NATSListen = address })
	_, rest, _ := strings.Cut(a.stderr.String(), "--run ")
	run, _, _ := strings.Cut(rest, "\n")
	where := marks.Where{Run: run}
	where.NATS.URL, where.NATS.TokenFile = "nats://"+address, filepath.Join(a.path+".nats", "token")
	tell(t, where, marks.Mark{Phase: "near"})
	a.end("pods")
	same(t, texts(said(t, a.path)), []string{`{"phase":"near"}`})
}
