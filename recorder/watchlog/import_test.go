package watchlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// at is the time of a line, in seconds since the start of the logs in tests.
func at(seconds float64) string {
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	return start.Add(time.Duration(seconds * float64(time.Second))).Format(time.RFC3339Nano)
}

// pod is a line about a pod: `1 ADDED a/u1@10` is the pod a with UID u1 at
// resourceVersion 10, added after one second.
func pod(short string) string {
	var seconds float64
	var typ, object string
	if _, err := fmt.Sscan(short, &seconds, &typ, &object); err != nil {
		panic(err)
	}
	name, rest, _ := strings.Cut(object, "/")
	uid, rv, _ := strings.Cut(rest, "@")
	return fmt.Sprintf(`{"time":%q,"type":%q,"object":{"apiVersion":"v1","kind":"Pod","metadata":`+
		`{"name":%q,"namespace":"ns","uid":%q,"resourceVersion":%q}}}`, at(seconds), typ, name, uid, rv)
}

func watchError(seconds float64) string {
	return fmt.Sprintf(`{"time":%q,"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired",`+
		`"message":"too old resource version"}}`, at(seconds))
}

// tell renders an event like the lines of pod, with what was inferred behind it.
func tell(e trace.Event) string {
	text := fmt.Sprintf("%g %s", e.Time.Seconds(), e.Type)
	switch e.Type {
	case trace.Gap:
		var g trace.GapRecord
		if err := json.Unmarshal(e.Data, &g); err != nil {
			panic(err)
		}
		return fmt.Sprintf("%s %s %d: %s to %s", text, g.Side, g.ID, g.FromRV, g.ToRV)
	case "error":
		return text
	}
	text += fmt.Sprintf(" %s/%s@%s", e.Object.Name, e.Object.UID, e.ResourceVersion)
	if e.Inferred {
		text += fmt.Sprintf(" inferred since %g", e.NotBefore.Seconds())
	}
	return text
}

func told(t testing.TB, r *trace.Reader) []string {
	t.Helper()
	var all []string
	for _, e := range events(t, r) {
		all = append(all, tell(e))
	}
	return all
}

func reasons(r watchlog.Report) []string {
	var all []string
	for _, rejected := range r.Rejected {
		all = append(all, fmt.Sprintf("%d: %s", rejected.Line, rejected.Reason))
	}
	return all
}

func TestImportDeclaresWhatTheOrderOfLinesImplies(t *testing.T) {
	tests := []struct {
		name       string
		lines      []string
		want       []string
		noted      []string // parts of the reasons
		duplicates int
	}{{
		name:  "an ordinary life",
		lines: []string{pod("0 ADDED a/u1@1"), pod("1 MODIFIED a/u1@2"), pod("2 DELETED a/u1@3"), pod("3 ADDED a/u2@4")},
		want:  []string{"0 added a/u1@1", "1 modified a/u1@2", "2 deleted a/u1@3", "3 added a/u2@4"},
	}, {
		name:  "a log that begins in the middle",
		lines: []string{pod("0 MODIFIED a/u1@5"), pod("1 DELETED b/u2@6")},
		want:  []string{"0 modified a/u1@5", "1 deleted b/u2@6"},
	}, {
		name:  "a deletion that repeats the last resourceVersion",
		lines: []string{pod("0 ADDED a/u1@1"), pod("1 DELETED a/u1@1")},
		want:  []string{"0 added a/u1@1", "1 deleted a/u1@1"},
	}, {
		name: "lines that come twice, as from two watches",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("0.1 ADDED a/u1@1"), pod("2 MODIFIED a/u1@2"), pod("2 MODIFIED a/u1@2"),
		},
		want:       []string{"0 added a/u1@1", "2 modified a/u1@2"},
		duplicates: 2,
	}, {
		name: "an old line again, as from a second watch that is behind",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("1 MODIFIED a/u1@2"), pod("2 MODIFIED a/u1@3"), pod("2 MODIFIED a/u1@2"),
			pod("3 DELETED a/u1@4"), pod("3 MODIFIED a/u1@3"), pod("3 DELETED a/u1@4"),
		},
		want:       []string{"0 added a/u1@1", "1 modified a/u1@2", "2 modified a/u1@3", "3 deleted a/u1@4"},
		duplicates: 3,
	}, {
		name:  "a modification under another uid",
		lines: []string{pod("0 ADDED a/u1@1"), pod("5 MODIFIED a/u2@9")},
		want: []string{
			"0 added a/u1@1", "5 gap begin 1: 1 to 9", "5 deleted a/u1@1 inferred since 1e-09",
			"5 gap end 1: 1 to 9", "5 modified a/u2@9",
		},
	}, {
		name:  "an addition under another uid",
		lines: []string{pod("0 ADDED a/u1@1"), pod("1 MODIFIED a/u1@2"), pod("5 ADDED a/u2@9"), pod("9 MODIFIED a/u2@10")},
		want: []string{
			"0 added a/u1@1", "1 modified a/u1@2", "5 gap begin 1: 2 to 9", "5 deleted a/u1@2 inferred since 1",
			"5 added a/u2@9 inferred since 1", "5 gap end 1: 2 to 9", "9 modified a/u2@10",
		},
	}, {
		name: "a list after a pause: changed, new, replaced, unchanged and missing objects",
		lines: []string{
			pod("0 ADDED b/u1@1"), pod("0 ADDED c/u2@2"), pod("0 ADDED d/u3@3"), pod("0 ADDED e/u4@4"),
			pod("2 MODIFIED b/u1@5"),
			pod("60 ADDED a/u5@20"), pod("60 ADDED b/u1@21"), pod("60 ADDED c/u6@22"), pod("60 ADDED d/u3@3"),
			pod("70 MODIFIED a/u5@30"),
		},
		want: []string{
			"0 added b/u1@1", "0 added c/u2@2", "0 added d/u3@3", "0 added e/u4@4", "2 modified b/u1@5",
			"60 gap begin 1: 5 to 20", "60 added a/u5@20 inferred since 2", "60 modified b/u1@21 inferred since 2",
			"60 deleted c/u2@2 inferred since 2", "60 added c/u6@22 inferred since 2",
			"60 deleted e/u4@4 inferred since 2", "60 gap end 1: 5 to 22", "70 modified a/u5@30",
		},
		duplicates: 1,
	}, {
		name: "a list after an error in which nothing changed is still a gap",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("0 ADDED b/u2@2"), watchError(9), pod("10 ADDED a/u1@1"), pod("10 ADDED b/u2@2"),
		},
		want: []string{
			"0 added a/u1@1", "0 added b/u2@2", "9 error",
			"10 gap begin 1: 2 to 1", "10 gap end 1: 2 to 2",
		},
		duplicates: 2,
	}, {
		name: "a list after an error: few are repeated, and yet the others are gone",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("0 ADDED b/u2@2"), pod("0 ADDED c/u3@3"), watchError(9), pod("10 ADDED b/u2@2"),
		},
		want: []string{
			"0 added a/u1@1", "0 added b/u2@2", "0 added c/u3@3",
			"9 error", "10 gap begin 1: 3 to 2",
			"10 deleted a/u1@1 inferred since 1e-09", "10 deleted c/u3@3 inferred since 1e-09", "10 gap end 1: 3 to 3",
		},
		duplicates: 1,
	}, {
		name: "a list of a part is no proof of deletion",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("0 ADDED b/u2@2"), pod("0 ADDED c/u3@3"), pod("10 ADDED b/u2@4"),
		},
		want: []string{
			"0 added a/u1@1", "0 added b/u2@2", "0 added c/u3@3",
			"10 gap begin 1: 3 to 4", "10 modified b/u2@4 inferred since 1e-09", "10 gap end 1: 3 to 4",
		},
		noted: []string{"4: a list of pods in namespace \"ns\" repeated 1 live objects and left out 2"},
	}, {
		name: "an object that was inferred to be gone and is not",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("0 ADDED b/u2@2"), pod("10 ADDED b/u2@4"), pod("20 MODIFIED a/u1@5"),
		},
		want: []string{
			"0 added a/u1@1", "0 added b/u2@2", "10 gap begin 1: 2 to 4", "10 modified b/u2@4 inferred since 1e-09",
			"10 deleted a/u1@1 inferred since 1e-09", "10 gap end 1: 2 to 4", "20 modified a/u1@5",
		},
		noted: []string{"4: pods/ns/a is alive at resourceVersion 5 although its deletion was inferred"},
	}, {
		name: "an older version that was never seen",
		lines: []string{
			pod("0 ADDED a/u1@1"), pod("1 MODIFIED a/u1@9"), pod("2 MODIFIED a/u1@5"), pod("3 MODIFIED a/u1@10"),
		},
		want:  []string{"0 added a/u1@1", "1 modified a/u1@9", "2 modified a/u1@5", "3 modified a/u1@10"},
		noted: []string{"3: out of order: pods/ns/a at resourceVersion 5 came after 9; recorded as it arrived"},
	}, {
		name:  "a version from before the deletion",
		lines: []string{pod("0 ADDED a/u1@1"), pod("1 DELETED a/u1@9"), pod("2 MODIFIED a/u1@5")},
		want:  []string{"0 added a/u1@1", "1 deleted a/u1@9", "2 modified a/u1@5"},
		noted: []string{"3: out of order: pods/ns/a at resourceVersion 5 came after its deletion at 9"},
	}, {
		name:  "a clock that goes back",
		lines: []string{pod("5 ADDED a/u1@1"), pod("3 MODIFIED a/u1@2"), pod("6 MODIFIED a/u1@3")},
		want:  []string{"0 added a/u1@1", "0 modified a/u1@2", "1 modified a/u1@3"},
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, report := imported(t, []byte(strings.Join(test.lines, "\n")+"\n"))
			if diff := cmp.Diff(test.want, told(t, r)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if report.Duplicates != test.duplicates {
				t.Errorf("%d duplicates, want %d", report.Duplicates, test.duplicates)
			}
			if len(report.Rejected) != len(test.noted) {
				t.Fatalf("noted %q, want %q", reasons(report), test.noted)
			}
			for i, want := range test.noted {
				if got := reasons(report)[i]; !strings.HasPrefix(got, want) {
					t.Errorf("noted %q, want %q", got, want)
				}
			}
			again, _ := imported(t, exported(t, r))
			sameEvents(t, events(t, r), events(t, again))
		})
	}
}

func TestImportReportsWhatItCannotUse(t *testing.T) {
	// typed is a line with a time, a type and the members given.
	typed := func(members string) string { return `{"time":"2026-11-22T02:00:00Z","type":` + members + `}` }
	object := func(members string) string { return typed(`"ADDED","object":{` + members + `}`) }
	tests := []struct{ name, line, reason string }{
		{"no JSON", `hello`, "not a JSON object of a watch log"},
		{"an array", `[1]`, "not a JSON object of a watch log"},
		{"two values", `{} {}`, "not a JSON object of a watch log"},
		{"two readings", `{"type":"MARK","type":"ADDED"}`, "not a JSON object of a watch log: jsontext: duplicate"},
		{"an empty line", ``, "empty"},
		{"no time", `{"type":"MARK","mark":{}}`, "no time"},
		{"a time of another format", `{"time":"Nov 22","type":"MARK","mark":{}}`, `time "Nov 22" is not RFC 3339`},
		{"a time before Unix", `{"time":"0001-01-01T00:00:00Z","type":"MARK","mark":{}}`, "time"},
		{"a broken clock", `{"time":"2200-01-01T00:00:00Z","type":"MARK","mark":{}}`,
			"time 2200-01-01T00:00:00Z is more than a year away from the start of the log, 2026-11-22T02:00:00Z"},
		{"no type", `{"time":"2026-11-22T02:00:00Z"}`, "no type"},
		{"an unknown type", typed(`"PATCHED"`), `unknown type "PATCHED"`},
		{"no object", typed(`"ADDED"`), "no object"},
		{"an object that is null", typed(`"ADDED","object":null`), "no object"},
		{"an object that is a string", typed(`"ADDED","object":"pod"`), "not an object of Kubernetes"},
		{"no kind", object(`"apiVersion":"v1"`), "the object has no kind"},
		{"no apiVersion", object(`"kind":"Pod"`), "the object has no apiVersion"},
		{"a strange apiVersion", object(`"kind":"Pod","apiVersion":"a/b/c"`), `the object's apiVersion "a/b/c" is not one`},
		{"no name", object(`"apiVersion":"v1","kind":"Pod"`), "the object has no metadata.name"},
		{"a Secret", object(`"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}`),
			"a Secret: its content is never recorded"},
		{"a MARK that says nothing", typed(`"MARK"`), `a line of event "mark" without "mark"`},
		{"an ERROR without Status", typed(`"ERROR"`), "ERROR without object"},
		{"a GAP that is none", typed(`"GAP","gap":7`), `"gap" of a GAP line`},
		{"a GAP with keys that only look right", typed(`"GAP","gap":{"ID":"x"}`), `"gap" of a GAP line`},
		{"a time that is no time of a log", typed(`"MARK","mark":1,"elapsed_ns":9000000000000000000`), "elapsed_ns"},
		{"an EVENT that has its own line", typed(`"EVENT","event":"added","data":{}`),
			`EVENT with event "added"`},
		{"too deep", typed(`"MARK","mark":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000)),
			"nested more than 1000 deep"},
		{"too long", strings.Repeat("x", 17<<20), "longer than 16 MiB"},
	}
	var log bytes.Buffer
	fmt.Fprintln(&log, pod("0 ADDED a/u1@1"))
	for _, test := range tests {
		fmt.Fprintln(&log, test.line)
	}
	fmt.Fprintln(&log, pod("9 MODIFIED a/u1@2"))
	r, report := imported(t, log.Bytes())
	if diff := cmp.Diff([]string{"0 added a/u1@1", "9 modified a/u1@2"}, told(t, r)); diff != "" {
		t.Errorf("the usable lines (-want +got):\n%s", diff)
	}
	if report.Unusable != len(tests) || report.RejectedTotal != len(tests) {
		t.Fatalf("%d unusable of %d rejected, want %d: %q",
			report.Unusable, report.RejectedTotal, len(tests), reasons(report))
	}
	got := map[int]string{}
	for _, rejected := range report.Rejected {
		got[rejected.Line] = rejected.Reason
	}
	for i, test := range tests {
		if !strings.Contains(got[i+2], test.reason) {
			t.Errorf("%s: reason %q, want %q", test.name, got[i+2], test.reason)
		}
	}
	if n := r.Certificate().RejectedTotal; n != uint64(len(tests)) {
		t.Errorf("the certificate counts %d rejections, want %d", n, len(tests))
	}
}

func TestImportOfATruncatedLog(t *testing.T) {
	whole := pod("0 ADDED a/u1@1") + "\n" + pod("1 MODIFIED a/u1@2")
	if _, report := imported(t, []byte(whole)); report.Events != 2 || report.Unusable != 0 {
		t.Errorf("a last line without line end gave %+v", report)
	}
	_, report := imported(t, []byte(whole[:len(whole)-5]))
	if report.Events != 1 || !strings.Contains(reasons(report)[0], "2: the input ends in the middle of this line") {
		t.Errorf("half a last line gave %d events, %q", report.Events, reasons(report))
	}
}

func TestImportOfDamagedZstdKeepsWhatIsBeforeTheDamage(t *testing.T) {
	packed, err := os.ReadFile(filepath.Join("..", "testdata", "growth.jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	_, whole := imported(t, recording(t, "growth"))
	_, report := imported(t, append(packGrowthTwice(t), packed[:len(packed)/2]...))
	if report.Lines < 2*whole.Lines || report.Unusable != 1 ||
		!strings.Contains(reasons(report)[0], "the compressed input is damaged or cut off from here on") {
		t.Errorf("%d lines, %q", report.Lines, reasons(report))
	}
}

// packGrowthTwice is a whole zstd frame with more than one block of lines.
func packGrowthTwice(t *testing.T) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	log := recording(t, "growth")
	return w.EncodeAll(append(bytes.Clone(log), log...), nil)
}

type brokenReader struct{ text io.Reader }

var errDisk = errors.New("input/output error")

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if err == io.EOF {
		err = errDisk
	}
	return n, err
}

func TestImportLeavesNothingBehindWhenItFails(t *testing.T) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	one := pod("0 ADDED a/u1@1") + "\n"
	tests := []struct {
		name string
		ctx  context.Context
		in   io.Reader
		want string
	}{
		{"an empty input", t.Context(), strings.NewReader(""), "the input is empty"},
		{"a foreign file", t.Context(), strings.NewReader("\x89PNG\r\n\x1a\n…\nIHDR\n"),
			"not a watch log: none of 4 lines is usable; line 1"},
		{"a disk that fails", t.Context(), brokenReader{strings.NewReader(one)}, "read line 2: input/output error"},
		{"an interruption", done, strings.NewReader(one), "import interrupted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "trace.db")
			_, err := watchlog.Import(test.ctx, test.in, watchlog.Options{Out: out})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			left, _ := os.ReadDir(filepath.Dir(out))
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestImportNeverOverwrites(t *testing.T) {
	out := filepath.Join(t.TempDir(), "trace.db")
	if err := os.WriteFile(out, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := watchlog.Import(t.Context(), strings.NewReader(pod("0 ADDED a/u1@1")), watchlog.Options{Out: out})
	if err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("error %v", err)
	}
	if text, _ := os.ReadFile(out); string(text) != "precious" {
		t.Errorf("the file is now %q", text)
	}
}

func TestImportNamesResources(t *testing.T) {
	for kind, want := range map[string]string{
		"v1 Endpoints":                                   "endpoints",
		"v1 PersistentVolumeClaim":                       "persistentvolumeclaims",
		"networking.k8s.io/v1 Ingress":                   "ingresses.networking.k8s.io",
		"policy/v1 PodDisruptionBudget":                  "poddisruptionbudgets.policy",
		"gateway.networking.k8s.io/v1 Gateway":           "gateways.gateway.networking.k8s.io",
		"networking.k8s.io/v1 NetworkPolicy":             "networkpolicies.networking.k8s.io",
		"snapshot.storage.k8s.io/v1 VolumeSnapshotClass": "volumesnapshotclasses.snapshot.storage.k8s.io",
		"postgresql.cnpg.io/v1 Cluster":                  "clusters.postgresql.cnpg.io",
	} {
		apiVersion, kind, _ := strings.Cut(kind, " ")
		line := fmt.Sprintf(`{"time":%q,"type":"ADDED","object":{"apiVersion":%q,"kind":%q,"metadata":{"name":"a"}}}`,
			at(0), apiVersion, kind)
		r, _ := imported(t, []byte(line))
		if got := events(t, r)[0].Object.Resource.String(); got != want {
			t.Errorf("%s %s is %s, want %s", apiVersion, kind, got, want)
		}
	}
}

func TestExportSaysWhatALineCannotSay(t *testing.T) {
	pods := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	event := func(typ trace.Type, source trace.Source, o trace.Object, data string) trace.Event {
		return trace.Event{Wall: start, Source: source, Type: typ, Object: o, Data: json.RawMessage(data)}
	}
	geese := trace.Object{
		Resource:  trace.Resource{Group: "zoo.example", Version: "v1", Resource: "geese", Kind: "Goose"},
		Namespace: "ns", Name: "g", UID: "u",
	}
	history := []trace.Event{
		event(trace.Stream, trace.SourceRecorder, trace.Object{Resource: pods}, `{"state":"listed","rv":"5","items":3}`),
		event(trace.Added, trace.SourceWatch, geese,
			`{"apiVersion":"zoo.example/v1","kind":"Goose",`+
				`"metadata":{"name":"g","namespace":"ns","uid":"u","resourceVersion":"7"}}`),
		event(trace.Mark, trace.SourceRecorder, trace.Object{}, `"a mark may be any JSON: 1.0"`),
		event("sentinel.ack", trace.SourceSentinel, trace.Object{}, `{"id":18446744073709551615}`),
		event("error", trace.SourceWatch, trace.Object{}, `{"kind":"Status","code":410}`),
		event(trace.Gap, trace.SourceRecorder, trace.Object{Resource: pods, Namespace: "ns"},
			`{"id":4,"side":"begin","from_rv":"7","to_rv":"","reason":"outage"}`),
		event(trace.Bookmark, trace.SourceWatch, trace.Object{Resource: pods, Namespace: "ns"},
			`{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"9"}}`),
	}
	for i := range history {
		history[i].Time = time.Duration(i)*time.Second + time.Millisecond // the wall clock stands still
	}
	history[4].NotBefore = time.Second
	out := filepath.Join(t.TempDir(), "trace.db")
	w, err := trace.Create(out, trace.Run{ID: "r", Origin: trace.OriginAttach, Start: start, Namespaces: []string{"ns"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(nil, history...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	r, err := trace.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	again, report := imported(t, exported(t, r))
	if report.RejectedTotal != 0 {
		t.Errorf("rejected: %q", reasons(report))
	}
	sameEvents(t, events(t, r), events(t, again))
}
