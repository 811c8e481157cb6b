package lag_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/lag"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

var (
	pods  = trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	nodes = trace.Resource{Version: "v1", Resource: "nodes", Kind: "Node"}
)

func TestQuantilesOfEachStream(t *testing.T) {
	w, err := trace.Create(filepath.Join(t.TempDir(), "trace.db"), trace.Run{ID: "r", Start: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	lags := lag.New([]lag.Stream{{Resource: pods, Namespace: "ds"}, {Resource: nodes}})
	event := func(r trace.Resource, namespace string, typ trace.Type, source trace.Source) trace.Event {
		return trace.Event{Source: source, Type: typ, Object: trace.Object{Resource: r, Namespace: namespace, Name: "a"}}
	}
	for n := 1; n <= 100; n++ {
		age := time.Duration(n) * time.Millisecond
		lags.Measure([]trace.Event{
			event(pods, "ds", trace.Modified, trace.SourceWatch),
			event(pods, "elsewhere", trace.Modified, trace.SourceWatch), // not measured
			event(pods, "ds", trace.Bookmark, trace.SourceWatch),        // no version
			event(pods, "ds", trace.Modified, trace.SourceRecorder),     // not of a watch
		}, func(*trace.Event) time.Duration { return age })
	}
	lags.Measure([]trace.Event{event(nodes, "", trace.Added, trace.SourceWatch)},
		func(*trace.Event) time.Duration { return -time.Second }) // clocks that do not agree
	lags.Certify(w)
	got := map[string]trace.StreamCert{}
	for _, s := range w.Certificate().Streams {
		got[s.Resource.String()] = s
	}
	p := got["pods"]
	for says, c := range map[string]struct{ got, want int64 }{
		"the median":          {p.LagP50, 50e6},
		"the 99th percentile": {p.LagP99, 99e6},
	} {
		if c.got < c.want || float64(c.got) > 1.1*float64(c.want) {
			t.Errorf("%s is %v, want %v or up to 10 %% more", says, time.Duration(c.got), time.Duration(c.want))
		}
	}
	if p.LagMax != 100e6 || got["nodes"].LagMax != 0 || len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}
