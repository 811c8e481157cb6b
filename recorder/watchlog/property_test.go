package watchlog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// cluster is a model of an API server with pods, and of a watch of it that
// breaks now and then and lists everything anew.
type cluster struct {
	pods    map[string]string // uid@rv by name
	rv, uid int
	now     float64 // seconds
	broken  bool
	log     []string
}

func (c *cluster) write(typ, name string) {
	if !c.broken {
		c.log = append(c.log, pod(fmt.Sprintf("%g %s %s/%s", c.now, typ, name, c.pods[name])))
	}
}

func (c *cluster) change(t *rapid.T) {
	name := string(rapid.RuneFrom([]rune("abcde")).Draw(t, "name"))
	c.now += rapid.Float64Range(0, 3).Draw(t, "pause")
	c.rv++
	current, alive := c.pods[name]
	uid, _, _ := strings.Cut(current, "@")
	switch {
	case !alive:
		c.uid++
		c.pods[name] = fmt.Sprintf("u%d@%d", c.uid, c.rv)
		c.write("ADDED", name)
	case rapid.Bool().Draw(t, "delete"):
		c.pods[name] = fmt.Sprintf("%s@%d", uid, c.rv)
		c.write("DELETED", name)
		delete(c.pods, name)
	default:
		c.pods[name] = fmt.Sprintf("%s@%d", uid, c.rv)
		c.write("MODIFIED", name)
	}
}

func (c *cluster) breakOrList() {
	if !c.broken {
		c.log = append(c.log, watchError(c.now))
		c.broken = true
		return
	}
	c.broken = false
	c.now += 2
	for _, name := range strings.Split("abcdez", "") {
		if c.pods[name] != "" {
			c.write("ADDED", name)
		}
	}
	c.now += 2
}

func importQuietly(t *rapid.T, dir string, log []byte) *trace.Reader {
	out := filepath.Join(dir, "trace.db")
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	if _, err := watchlog.Import(t.Context(), bytes.NewReader(log), watchlog.Options{Out: out}); err != nil {
		t.Fatal(err)
	}
	r, err := trace.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestAfterAnyFaultsTheTraceEndsAsTheCluster breaks the watch at random. One
// pod, z, is never touched: it is how a list is recognised.
func TestAfterAnyFaultsTheTraceEndsAsTheCluster(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := &cluster{pods: map[string]string{"z": "u0@0"}}
		c.write("ADDED", "z")
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.IntRange(0, 5).Draw(t, "fault") == 0 {
				c.breakOrList()
			} else {
				c.change(t)
			}
		}
		if c.broken {
			c.breakOrList()
		}
		r := importQuietly(t, dir, []byte(strings.Join(c.log, "\n")))
		versions, err := r.StateAt(math.MaxUint64, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, v := range versions {
			got[v.Name] = v.UID + "@" + v.ResourceVersion
		}
		if fmt.Sprint(got) != fmt.Sprint(c.pods) {
			t.Fatalf("the trace ends with %v, the cluster with %v", got, c.pods)
		}
		checkGaps(t, r)
		again := importQuietly(t, dir, exported(t, r))
		sameEvents(t, events(t, r), events(t, again))
	})
}

// FuzzImport checks that whatever is in a log, what is made of it can be written
// and imported once more.
func FuzzImport(f *testing.F) {
	f.Add([]byte(strings.Join([]string{
		pod("0 ADDED a/u1@1"), pod("0 ADDED b/u2@2"), pod("1 MODIFIED a/u1@3"), watchError(9),
		pod("10 ADDED a/u3@4"), pod("10 ADDED b/u2@2"), pod("11 DELETED b/u2@2"), pod("12 MODIFIED a/u1@1"),
	}, "\n")))
	f.Add([]byte(`{"time":"2026-11-22T02:00:00Z","type":"GAP","about":{"resource":"pods"},` +
		`"gap":{"id":-1,"side":"x"}}` + "\n" +
		`{"time":"2026-11-22T02:00:00Z","type":"STREAM","stream":{"state":"denied"},"elapsed_ns":-7}` + "\n" +
		`{"time":"2026-11-22T02:00:00Z","type":"EVENT","event":"\u0000","data":""}` + "\nx\n"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, log []byte) {
		out := filepath.Join(t.TempDir(), "trace.db")
		report, err := watchlog.Import(t.Context(), bytes.NewReader(log), watchlog.Options{Out: out})
		if err != nil {
			usable := report.Lines > report.Unusable
			if usable || report.Events > 0 {
				t.Fatalf("%d lines, %d unusable, but: %v", report.Lines, report.Unusable, err)
			}
			return
		}
		r, err := trace.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		again, _ := imported(t, exported(t, r))
		sameEvents(t, events(t, r), events(t, again))
	})
}

// checkGaps checks that gaps are paired and that all that is inferred is inside.
func checkGaps(t *rapid.T, r *trace.Reader) {
	open := map[int]bool{}
	for _, e := range events(t, r) {
		switch {
		case e.Type == trace.Gap:
			var g trace.GapRecord
			if err := json.Unmarshal(e.Data, &g); err != nil {
				t.Fatal(err)
			}
			if open[g.ID] == (g.Side == trace.GapBegin) {
				t.Fatalf("gap %d: unexpected %s", g.ID, g.Side)
			}
			open[g.ID] = g.Side == trace.GapBegin
			if !open[g.ID] {
				delete(open, g.ID)
			}
		case e.Inferred && len(open) == 0:
			t.Fatalf("inferred outside of any gap: %s", tell(e))
		}
	}
	if len(open) > 0 {
		t.Fatalf("gaps without end: %v", open)
	}
}
