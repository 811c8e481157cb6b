package travel_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/travel"
)

// recorded opens one of the shared recordings.
func recorded(t *testing.T, name string) *travel.Past {
	t.Helper()
	return open(t, watchlogtest.Import(t, "../../recorder/testdata/"+name+".jsonl.zst"))
}

func open(t *testing.T, path string) *travel.Past {
	t.Helper()
	p, err := travel.Open(watchlogtest.Open(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMoments(t *testing.T) {
	p := recorded(t, "primary-restart")
	tests := []struct {
		text string
		at   time.Duration // rounded to ms
		err  string
	}{
		{text: "", at: 144151 * time.Millisecond},
		{text: "1m30s", at: 90 * time.Second},
		{text: "+90s", at: 90 * time.Second},
		{text: "-5s", at: 139151 * time.Millisecond},
		{text: "0s"},
		{text: "2026-11-22T02:12:00Z", at: 64383 * time.Millisecond},
		{text: "02:12:00", at: 64383 * time.Millisecond},
		{text: "seq:1"},
		{text: "seq:571", at: 144151 * time.Millisecond},
		{text: "rv:1595", at: 44146 * time.Millisecond},
		{text: "@start"},
		{text: "@end", at: 144151 * time.Millisecond},
		{text: "@trigger", at: 85636 * time.Millisecond},
		{text: "@disruption", at: 85915 * time.Millisecond},
		{text: "@disruption+2s", at: 87915 * time.Millisecond},
		{text: "@disruption-500ms", at: 85415 * time.Millisecond},
		{text: "@disruption#2", at: 86033 * time.Millisecond},
		{text: "@fill-start#1", at: 63271 * time.Millisecond},

		{text: "-5m", err: "nobody recorded what was then"},
		{text: "3m", err: "nobody recorded what was then"},
		{text: "2026-11-22T02:00:00Z", err: "the trace goes from 2026-11-22T02:10:55Z to 2026-11-22T02:13:19Z"},
		{text: "seq:0", err: "seq:1 to seq:571"},
		{text: "seq:572", err: "seq:1 to seq:571"},
		{text: "rv:1", err: "which has rv:"},
		{text: "rv:99999", err: "which has rv:"},
		{text: "rv:x", err: "want a number"},
		{text: "@nothing", err: "no moment @nothing#1; it has @cluster-healthy (2)"},
		{text: "@disruption#9", err: "no moment @disruption#9"},
		{text: "@disruption+x", err: "no moment"},
		{text: "yesterday", err: "no moment: want 1m30s"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			m, err := p.At(test.text)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v and the error %v, want one with %q", m, err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Time.Round(time.Millisecond); got != test.at && m.Seq != 1 {
				t.Errorf("it is at %s, want %s", got, test.at)
			}
		})
	}
}

// shown is the table of a kind at a moment.
func shown(t *testing.T, p *travel.Past, kind, at string) string {
	t.Helper()
	k, err := p.Kind(kind)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.At(at)
	if err != nil {
		t.Fatal(err)
	}
	list, err := p.List(m, k, "")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printers.NewTablePrinter(printers.PrintOptions{}).PrintObj(travel.Table(k, list, m.Wall), &out); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func TestTablesAreThoseOfKubectl(t *testing.T) {
	p := recorded(t, "primary-restart")
	tests := []struct{ kind, at, want string }{
		{"po", "@disruption+2s", "NAME READY STATUS RESTARTS AGE " +
			"cnpg-controller-manager-78df9c44c6-6dmgt 1/1 Running 0 5m18s " +
			"pg-1 0/1 Init:0/1 0 0s pg-2 1/1 Running 0 61s pg-3 1/1 Running 0 44s"},
		{"pods", "@disruption+1s", "pg-1 0/1 Terminating"},
		{"pvc", "1m30s", "pg-1 Bound pvc-f402fda5-aa72-4f32-b767-701ca8a417a3 2Gi RWO loop <unset> 88s"},
		{"Cluster", "@disruption+1s", "NAME AGE INSTANCES READY STATUS PRIMARY pg 85s 3 2 Failing over pg-1"},
		{"clusters.postgresql.cnpg.io", "10s", "pg 8s 1 <none> Waiting for the instances to become active pg-1"},
		{"no", "10s", "NAME STATUS ROLES AGE VERSION n1 Ready <none> 3m50s v1.36.3"},
		{"pv", "1m", "1Gi RWO Delete Bound ds-primary-restart/pg-2 loop <unset>"},
		{"jobs", "20s", "NAME STATUS COMPLETIONS DURATION AGE pg-1-initdb Complete 1/1"},
		{"leases", "20s", "NAME HOLDER AGE db9c8771.cnpg.io cnpg-controller-manager-78df9c44c6-6dmgt_"},
		{"pdb", "20s", "NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE"},
		{"sc", "20s", "loop (default) loop.csi.lab Delete WaitForFirstConsumer true"},
		{"ev", "20s", "LAST SEEN TYPE REASON OBJECT MESSAGE"},
		{"backups", "20s", ""},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			if got := shown(t, p, test.kind, test.at); !strings.Contains(got, test.want) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestAKindThatIsNotThere(t *testing.T) {
	p := recorded(t, "growth")
	for name, want := range map[string]string{
		"secrets": "never recorded", "ingresses": `no resource "ingresses" (it has: events, nodes`,
	} {
		if _, err := p.Kind(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDiffTellsWhatCameWentAndChanged(t *testing.T) {
	p := recorded(t, "primary-restart")
	at := func(text string) travel.Moment {
		m, err := p.At(text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	pods := func(o trace.Object) bool { return o.Kind == "Pod" || o.Kind == "PersistentVolumeClaim" }
	list, err := p.Diff(at("@disruption"), at("@disruption+2s"), pods)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range list {
		got[d.What+" "+d.Object.String()] = ""
		for _, c := range d.Changes {
			got[d.What+" "+d.Object.String()] += c.String() + "\n"
		}
	}
	const pod, claim = "pods/ds-primary-restart/pg-1", "changed persistentvolumeclaims/ds-primary-restart/pg-1"
	if _, there := got["added "+pod]; !there {
		t.Errorf("the new pod is not told: %v", got)
	}
	if _, there := got["removed "+pod]; !there {
		t.Errorf("the old pod is not told: %v", got)
	}
	if !strings.Contains(got[claim], "status.capacity.storage: 1Gi → 2Gi") {
		t.Errorf("the growth of the volume is not told: %v", got)
	}
	if list, err = p.Diff(at("@disruption"), at("@disruption"), nil); err != nil || len(list) != 0 {
		t.Errorf("a moment differs from itself: %v, %v", list, err)
	}
}

func TestTwoRunsPartWhereTheyDo(t *testing.T) {
	restart, drain := recorded(t, "primary-restart"), recorded(t, "node-drain")
	c, err := travel.Compare(restart, drain)
	if err != nil {
		t.Fatal(err)
	}
	var after []string
	for _, part := range c.Parts {
		after = append(after, part.After)
	}
	if got := strings.Join(after, " "); got != "start trigger disruption converged" {
		t.Errorf("the parts are %s", got)
	}
	if n := len(c.Parts[0].Partings) + len(c.Parts[1].Partings); n != 0 {
		t.Errorf("they part before the disruption: %v", c.Parts[:2])
	}
	phase := ""
	for _, p := range c.Parts[2].Partings {
		if p.Lane == "phase" {
			phase = p.Said[0] + " / " + p.Said[1]
		}
	}
	if phase != "Failing over / Switchover in progress" {
		t.Errorf("the phases part with %q", phase)
	}
	if c, err = travel.Compare(restart, restart); err != nil {
		t.Fatal(err)
	}
	for _, part := range c.Parts {
		if len(part.Partings) > 0 {
			t.Errorf("a run parts from itself: %v", part)
		}
	}
	c, err = travel.Compare(recorded(t, "growth"), drain)
	if err != nil || len(c.Notes) != 1 || c.Notes[0] != "only the second run has a @disruption" {
		t.Errorf("got the notes %q, %v", c.Notes, err)
	}
}

// TestWhatAGapHidesIsDoubtful has a gap of pods, and a claim of which an event came late.
func TestWhatAGapHidesIsDoubtful(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gap.db")
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w, err := trace.Create(path, trace.Run{ID: "r", Origin: trace.OriginAttach, Start: start, Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	pods := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	claims := trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
	seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
	version := func(r trace.Resource, kind trace.Type, rv string, from, at int) trace.Event {
		return trace.Event{
			Type: kind, Source: trace.SourceWatch, Object: trace.Object{Resource: r, Namespace: "ds", Name: "x", UID: r.Kind},
			Time: seconds(at), NotBefore: seconds(from), Wall: start.Add(seconds(at)),
			Data: json.RawMessage(`{"apiVersion":"v1","kind":"` + r.Kind + `","metadata":{"name":"x","namespace":"ds",` +
				`"uid":"` + r.Kind + `","resourceVersion":"` + rv + `"}}`),
		}
	}
	gap := func(side string, from, at int) trace.Event {
		return trace.Event{
			Type: trace.Gap, Source: trace.SourceWatch, Object: trace.Object{Resource: pods, Namespace: "ds"},
			Time: seconds(at), NotBefore: seconds(from), Wall: start.Add(seconds(at)),
			Data: json.RawMessage(`{"id":1,"side":"` + side + `","from_rv":"1","to_rv":"9","reason":"expired"}`),
		}
	}
	_, err = w.Append(nil,
		version(pods, trace.Added, "1", 1, 1), version(claims, trace.Added, "2", 1, 1),
		gap("begin", 10, 20), gap("end", 10, 20),
		version(claims, trace.Modified, "3", 30, 40))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("done"); err != nil {
		t.Fatal(err)
	}
	p := open(t, path)
	tests := []struct {
		kind, at string
		doubts   int
	}{{"pods", "5s", 0}, {"pods", "15s", 1}, {"pods", "25s", 0}, {"pvc", "15s", 0}, {"pvc", "35s", 1}, {"pvc", "40s", 0}}
	for _, test := range tests {
		k, err := p.Kind(test.kind)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.At(test.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Doubts(m, k); len(got) != test.doubts {
			t.Errorf("%s at %s: %v, want %d doubts", test.kind, test.at, got, test.doubts)
		}
	}
}
