package story_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/story"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// tell tells the story of a recording, and what else is put behind its end.
func tell(t *testing.T, file string, more ...trace.Event) *verdict.Story {
	t.Helper()
	path := watchlogtest.Import(t, file)
	if len(more) > 0 {
		amended := filepath.Join(t.TempDir(), "amended.db")
		w, end, err := trace.Amend(path, amended, trace.Amendment{Added: "marks"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Append(nil, more...); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Seal(end); err != nil {
			t.Fatal(err)
		}
		path = amended
	}
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	documents, err := views.Project(r, story.Views())
	if err != nil {
		t.Fatal(err)
	}
	told := story.New(r.Run())
	err = r.Scan(trace.Selection{Types: []trace.Type{trace.Mark}}, func(c *trace.Change) error {
		if c.Type == trace.Mark {
			told.Mark(c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	told.Add(documents)
	return told.Story(r.Certificate())
}

// line is a moment in short.
type line struct {
	From, Until float64 // seconds
	Kind, Text  string
	Cause       string
	Open        bool
}

func short(list []verdict.Moment) []line {
	var out []line
	for _, m := range list {
		out = append(out, line{
			time.Duration(m.From).Round(100 * time.Millisecond).Seconds(),
			time.Duration(m.Until).Round(100 * time.Millisecond).Seconds(), m.Kind, m.Text, m.Cause, m.Open,
		})
	}
	return out
}

func TestStoryOfADeadlock(t *testing.T) {
	s := tell(t, "../../policies/testdata/diagnosis/resize-deadlock.jsonl.zst")
	want := []line{
		{0.7, 0.7, "spec_mutation", "the spec is changed: spec.storage.size", "", false},
		{1.8, 175.7, "growth", "PG_DATA grows from 1Gi to 2Gi", "dead/pg/spec_mutation#1", true},
		{2.5, 5.3, "primary_restart", "the pod of the primary pg-1 is restarted", "", false},
		{4.4, 175.7, "phase", "phase: Failing over", "", true},
		{4.4, 7.6, "failover", "failover from pg-1 to pg-2", "dead/pg/primary_restart#1", false},
	}
	if diff := cmp.Diff(want, short(s.Moments)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"dead/pg: 3 instances, PG_DATA static 1Gi"}, s.Setup); diff != "" {
		t.Error(diff)
	}
	if len(s.Asked) != 0 {
		t.Errorf("nobody asked anything, but %q", s.Asked)
	}
}

func TestStoryOfADrainThatTheRunDeclares(t *testing.T) {
	s := tell(t, "../../recorder/testdata/node-drain.jsonl.zst")
	got := short(s.Moments)
	for _, want := range []line{
		{1.6, 55.2, "setup", "the cluster is set up", "", false},
		{86.5, 94.7, "mark", "the run says that it disrupts drain n3", "", false},
		{86.7, 109.8, "node_drain", "the node n3 is drained", "", false},
		{87, 88.7, "switchover", "switchover from pg-1 to pg-2", "ds-node-drain/pg/node_drain#1", false},
		{148.1, 148.1, "deleted", "the cluster is deleted", "", false},
	} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no %+v in %+v", want, got)
		}
	}
	if diff := cmp.Diff([]string{"the run node-drain T3"}, s.Asked); diff != "" {
		t.Error(diff)
	}
}

func TestStoryOfWhatASuiteSays(t *testing.T) {
	mark := func(at time.Duration, data string) trace.Event {
		return trace.Event{
			Time: at, Wall: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC), Type: trace.Mark, Source: trace.SourceMark,
			Data: []byte(data),
		}
	}
	s := tell(t, "../../policies/testdata/diagnosis/resize-deadlock.jsonl.zst",
		mark(200*time.Second, `{"phase": "scenario", "side": "begin", "scenario": "primary-restart", "topology": "T3"}`),
		mark(201*time.Second, `{"requirement": ["a", "b"]}`),
		mark(202*time.Second, `{"phase": "spec", "side": "begin", "spec": "grows", "process": 1, "attempt": 1}`),
		mark(203*time.Second, `{"phase": "spec", "side": "end", "spec": "grows", "process": 1, "outcome": "failed"}`),
		mark(204*time.Second, `{"phase": "spec", "side": "begin", "spec": "waits", "process": 1, "attempt": 1}`),
		mark(205*time.Second, `["no", "mark"]`),
	)
	want := []string{
		"the scenario primary-restart T3", "to exercise a", "to exercise b", "2 specs of a suite: 1 failed, 1 not ended",
	}
	if diff := cmp.Diff(want, s.Asked); diff != "" {
		t.Error(diff)
	}
	failed := func(m verdict.Moment) bool { return m.Failed && m.Text == `spec "grows": failed` }
	open := func(m verdict.Moment) bool { return m.Open && m.Text == `spec "waits": not ended` }
	if !slices.ContainsFunc(s.Moments, failed) || !slices.ContainsFunc(s.Moments, open) {
		t.Errorf("%+v", s.Moments)
	}
}
