package trace_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

var pods = trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}

func pod(name, uid string) trace.Object {
	return trace.Object{Resource: pods, Namespace: "ns", Name: name, UID: uid}
}

func event(typ trace.Type, o trace.Object, rv string) trace.Event {
	return trace.Event{
		Type: typ, Source: trace.SourceWatch, Object: o,
		Data: fmt.Appendf(nil, `{"metadata":{"name":%q,"uid":%q,"resourceVersion":%q}}`, o.Name, o.UID, rv),
	}
}

func inferred(ev trace.Event) trace.Event {
	ev.Inferred = true
	return ev
}

func TestVersionsAreRecordedOnce(t *testing.T) {
	a, b := pod("a", "1"), pod("a", "2")
	tests := []struct {
		name       string
		events     []trace.Event
		written    int
		duplicates uint64
		outOfOrder uint64
	}{
		{"two versions are two events",
			[]trace.Event{event(trace.Added, a, "5"), event(trace.Modified, a, "6")}, 2, 0, 0},
		{"the same version again is a duplicate",
			[]trace.Event{event(trace.Added, a, "5"), event(trace.Modified, a, "5")}, 1, 1, 0},
		{"an older version that is in the trace is a duplicate", []trace.Event{
			event(trace.Added, a, "5"), event(trace.Modified, a, "6"), event(trace.Added, a, "5"),
		}, 2, 1, 0},
		{"an older version that is not in the trace is kept and counted", []trace.Event{
			event(trace.Added, a, "5"), event(trace.Modified, a, "7"), event(trace.Modified, a, "6"),
		}, 3, 0, 1},
		{"versions are compared as numbers",
			[]trace.Event{event(trace.Added, a, "9"), event(trace.Modified, a, "10")}, 2, 0, 0},
		{"another uid under the same name is another object",
			[]trace.Event{event(trace.Added, a, "5"), event(trace.Added, b, "5")}, 2, 0, 0},
		{"an inferred deletion repeats the last version",
			[]trace.Event{event(trace.Added, a, "5"), inferred(event(trace.Deleted, a, "5"))}, 2, 0, 0},
		{"a deletion comes once",
			[]trace.Event{event(trace.Added, a, "5"), event(trace.Deleted, a, "6"), event(trace.Deleted, a, "6")}, 2, 1, 0},
		{"what a deleted object was before is a duplicate",
			[]trace.Event{event(trace.Added, a, "5"), event(trace.Deleted, a, "6"), event(trace.Added, a, "5")}, 2, 1, 0},
		{"an object without a uid is never a duplicate",
			[]trace.Event{event(trace.Added, pod("a", ""), "5"), event(trace.Added, pod("a", ""), "5")}, 2, 0, 0},
	}
	for _, tt := range tests {
		for _, resumed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, resumed=%v", tt.name, resumed), func(t *testing.T) {
				path, w := write(t, trace.Run{ID: "r", Origin: trace.OriginAttach, Start: time.Now()}, nil, 1)
				written := 0
				for _, ev := range tt.events {
					n, err := w.Append(nil, ev)
					if err != nil {
						t.Fatal(err)
					}
					written += n
					if resumed {
						if err := w.Close(); err != nil {
							t.Fatal(err)
						}
						if w, err = trace.Resume(path); err != nil {
							t.Fatal(err)
						}
					}
				}
				s := w.Certificate().Streams[0]
				if written != tt.written || s.Duplicates != tt.duplicates || s.OutOfOrder != tt.outOfOrder {
					t.Errorf("%d written, %d duplicates, %d out of order; want %d, %d, %d",
						written, s.Duplicates, s.OutOfOrder, tt.written, tt.duplicates, tt.outOfOrder)
				}
			})
		}
	}
}

func TestTheCertificateAgreesWithTheHistory(t *testing.T) {
	a, b := pod("a", "1"), pod("b", "2")
	stream := trace.Object{Resource: pods, Namespace: "ns"}
	payload := func(typ trace.Type, o trace.Object, v any) trace.Event {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return trace.Event{Type: typ, Object: o, Data: raw, Source: trace.SourceRecorder, Time: time.Second}
	}
	path, w := write(t, trace.Run{ID: "r", Origin: trace.OriginAttach, Start: time.Now()}, []trace.Event{
		payload(trace.Stream, stream, trace.StreamRecord{State: trace.StreamListed, RV: "4"}),
		event(trace.Added, a, "3"),
		event(trace.Added, b, "4"),
		event(trace.Modified, a, "12"),
		payload(trace.Bookmark, stream, map[string]any{"metadata": map[string]any{"resourceVersion": "20"}}),
		payload(trace.Stream, stream, trace.StreamRecord{State: trace.StreamReopened, RV: "20"}),
		payload(trace.Gap, stream, trace.GapRecord{ID: 1, Side: trace.GapBegin, FromRV: "20", Reason: "410 Gone"}),
		inferred(event(trace.Deleted, b, "4")),
		payload(trace.Gap, stream, trace.GapRecord{ID: 1, Side: trace.GapEnd, FromRV: "20", ToRV: "90"}),
	}, 2)
	w.Certify(pods, "ns", func(s *trace.StreamCert) { s.Coalesced = 7 })
	w.Reject(trace.Rejection{Line: 3, Reason: "no kind"})
	if _, err := w.Seal("the test is over"); err != nil {
		t.Fatal(err)
	}
	cert := open(t, path).Certificate()
	s := cert.Streams[0]
	want := trace.StreamCert{
		Resource: pods, Namespace: "ns", Proof: trace.ProofGaps, FirstRV: "3", LastRV: "20", Added: 2, Modified: 1,
		Deleted: 1, Inferred: 1, Bookmarks: 1, Coalesced: 7, Reopened: 1, Gaps: 1,
	}
	if s != want {
		t.Errorf("stream certified as\n%+v, want\n%+v", s, want)
	}
	if len(cert.Gaps) != 1 || cert.Gaps[0].FirstSeq != 7 || cert.Gaps[0].LastSeq != 9 || cert.Gaps[0].ToRV != "90" {
		t.Errorf("gaps %+v", cert.Gaps)
	}
	if !cert.Sealed || cert.End != "the test is over" || cert.Events != 9 || cert.RejectedTotal != 1 {
		t.Errorf("certificate %+v", cert)
	}
}

func TestAnEventThatCannotBeWrittenIsRefusedAndNothingElseHappens(t *testing.T) {
	good := event(trace.Added, pod("a", "1"), "5")
	tests := []struct {
		name string
		ev   trace.Event
	}{
		{"no type", trace.Event{}},
		{"an object without a name", event(trace.Added, trace.Object{Resource: pods}, "1")},
		{"an object without a resource", event(trace.Added, trace.Object{Name: "x"}, "1")},
		{"broken JSON", trace.Event{Type: trace.Mark, Data: []byte(`{"a":`)}},
		{"two values", trace.Event{Type: trace.Mark, Data: []byte(`{}{}`)}},
		{"a key twice", trace.Event{Type: trace.Mark, Data: []byte(`{"a":1,"a":2}`)}},
		{"invalid UTF-8", trace.Event{Type: trace.Mark, Data: []byte("\"\xff\"")}},
		{"an object that is a number", trace.Event{Type: trace.Added, Object: pod("a", "1"), Data: []byte(`3`)}},
		{"a gap without sense", trace.Event{Type: trace.Gap, Data: []byte(`"gap"`)}},
		{"not before the event itself", trace.Event{Type: trace.Mark, Time: 1, NotBefore: 2}},
		{"too much data", trace.Event{Type: trace.Mark, Data: make([]byte, 5<<20)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, w := write(t, trace.Run{ID: "r", Start: time.Now()}, nil, 1)
			_, err := w.Append(nil, good, tt.ev)
			var invalid *trace.InvalidEvent
			if !errors.As(err, &invalid) || invalid.Index != 1 {
				t.Fatalf("error %v, want an InvalidEvent for the second", err)
			}
			if n, err := w.Append(nil, good); n != 1 || err != nil {
				t.Fatalf("the good event alone: %d written, %v", n, err)
			}
		})
	}
}

func TestWhatExistsIsNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := trace.Run{ID: "r", Start: time.Now()}
	if _, err := trace.Create(path, run); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create over a file: %v", err)
	}
	if _, err := trace.Resume(path); !errors.Is(err, trace.ErrFormat) {
		t.Errorf("Resume of a foreign file: %v", err)
	}
	sealed, w := write(t, run, []trace.Event{event(trace.Added, pod("a", "1"), "5")}, 1)
	if _, err := trace.Resume(sealed); err == nil {
		t.Error("two writers on one file")
	}
	if _, err := w.Seal("end"); err != nil {
		t.Fatal(err)
	}
	if _, err := trace.Resume(sealed); !errors.Is(err, trace.ErrSealed) {
		t.Errorf("Resume of a sealed trace: %v", err)
	}
	if _, err := w.Append(nil, event(trace.Modified, pod("a", "1"), "6")); !errors.Is(err, trace.ErrSealed) {
		t.Errorf("Append after Seal: %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("the file is %q now, %v", data, err)
	}
}

func TestLiveIsWhatARelistIsComparedWith(t *testing.T) {
	for _, resumed := range []bool{false, true} {
		path, w := write(t, trace.Run{ID: "r", Start: time.Now()}, []trace.Event{
			event(trace.Added, pod("a", "1"), "5"), event(trace.Added, pod("b", "2"), "6"),
			event(trace.Modified, pod("b", "2"), "7"), event(trace.Deleted, pod("a", "1"), "8"),
			event(trace.Added, pod("a", "3"), "9"), {Type: trace.Mark, Data: []byte(`"m"`)},
		}, 2)
		if resumed {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			var err error
			if w, err = trace.Resume(path); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		err := w.Live(func(o trace.Object, rv string, data json.RawMessage) error {
			got = append(got, fmt.Sprintf("%s %s %s %s", o, o.UID, rv, data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			`pods/ns/b 2 7 {"metadata":{"name":"b","resourceVersion":"7","uid":"2"}}`,
			`pods/ns/a 3 9 {"metadata":{"name":"a","resourceVersion":"9","uid":"3"}}`,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("resumed=%v: live %v, want %v", resumed, got, want)
		}
	}
}
