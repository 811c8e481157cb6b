package recorder

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/logs"
	"github.com/hindsight-project/hindsight/recorder/sentinel"
	"github.com/hindsight-project/hindsight/recorder/sentinel/pgtest"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// numbers returns the n of all events of a type, in order.
func numbers(t *testing.T, path string, typ trace.Type) []int64 {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []int64
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != typ {
			continue
		}
		var d struct{ N int64 }
		if err := json.Unmarshal(e.Data, &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, d.N)
	}
	return out
}

func TestTheSentinelIsInTheTrace(t *testing.T) {
	database := pgtest.NewPrimary(t, "pg-1")
	server := newAPIServer(t)
	server.put(pods, "ds/pg-1", nil)
	write := func(o *Options) {
		o.Sentinel = Sentinel{Mode: sentinel.ModeWrite, URL: pgtest.URL(database), Cluster: "pg", Rate: 100}
		o.Logs, o.UsageInterval = Logs{Record: true}, time.Second
	}
	first := attachTo(t, server, write)
	first.until("acknowledged writes", func() bool { return len(numbers(t, first.path, sentinel.Acknowledged)) >= 10 })
	first.abort() // at once: the schema is left behind
	<-first.done

	second := attachTo(t, server, write, func(o *Options) { o.Output = first.path })
	before := len(numbers(t, first.path, sentinel.Acknowledged))
	second.until("acknowledged writes", func() bool {
		return len(numbers(t, second.path, sentinel.Acknowledged)) > before+10
	})
	second.stop()
	<-second.done
	if second.err != nil || !second.cert.Sealed {
		t.Fatalf("the recording ended with %v", second.err)
	}
	used := numbers(t, second.path, sentinel.Invoked)
	if slices.Sort(used); len(slices.Compact(slices.Clone(used))) != len(used) {
		t.Errorf("numbers were used twice: %v", used)
	}
	skipped := numbers(t, second.path, sentinel.Unknown)
	if len(skipped) < 100 || slices.Contains(used, skipped[len(skipped)-1]) {
		t.Errorf("what the first recorder may have written is not unknown: %v", skipped)
	}
	lines := strings.Join(second.events(), "\n")
	for _, want := range []string{
		string(sentinel.Read) + " clusters.postgresql.cnpg.io/ds/pg", string(sentinel.Ended), string(logs.Summary),
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("there is no %s in the trace", want)
		}
	}
	if got := database.Query(t, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'hindsight%'"); got != "0" {
		t.Errorf("%s schemas are left", got)
	}
}

func TestSourcesAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"--sentinel-rate":  func(o *Options) { o.Sentinel.Rate = -1 },
		"--sentinel-url":   func(o *Options) { o.Sentinel.URL = "postgres://%%" },
		"--usage-interval": func(o *Options) { o.UsageInterval = -1 },
		"--log-budget":     func(o *Options) { o.Logs.Budget = -1 },
		"no-such-rules":    func(o *Options) { o.Logs = Logs{Record: true, Rules: "no-such-rules"} },
	} {
		o := Options{}
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
