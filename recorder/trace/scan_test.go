package trace_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestAScanTellsWhichTopicsChanged(t *testing.T) {
	run, events := load(t, recordings(t)[0])
	path, w := write(t, run, events, 100)
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	const spec, status trace.Topic = 1, 2
	claims := func(topic trace.Topic, path ...string) trace.Fields {
		return trace.Fields{Resource: "persistentvolumeclaims", Paths: [][]string{path}, Topic: topic}
	}
	last := map[*trace.Object][2]string{}
	seen := map[trace.Topic]int{}
	selection := trace.Selection{
		Fields: []trace.Fields{claims(0, "metadata"), claims(spec, "spec"), claims(status, "status")},
	}
	err := open(t, path).Scan(selection, func(c *trace.Change) error {
		now := [2]string{string(c.State.At("spec").JSON()), string(c.State.At("status").JSON())}
		want := trace.EveryTopic
		if c.Type == trace.Modified {
			want = 0
			if now[0] != last[c.Object][0] {
				want |= spec
			}
			if now[1] != last[c.Object][1] {
				want |= status
			}
		}
		if c.Topics != want {
			t.Errorf("event %d, %s: topics %b, want %b", c.Seq, c.Type, c.Topics, want)
		}
		last[c.Object] = now
		seen[c.Topics]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, topics := range []trace.Topic{0, spec, status, trace.EveryTopic} {
		if seen[topics] == 0 {
			t.Errorf("no change had the topics %b", topics)
		}
	}
}

// everything selects all of the objects of these events.
func everything(events []trace.Event) (all trace.Selection) {
	for _, e := range events {
		one := trace.Fields{Group: e.Object.Group, Resource: e.Object.Resource.Resource, Paths: [][]string{{}}}
		known := slices.ContainsFunc(all.Fields, func(f trace.Fields) bool {
			return f.Group == one.Group && f.Resource == one.Resource
		})
		if e.Type.IsObject() && !known {
			all.Fields = append(all.Fields, one)
		}
	}
	return all
}

func TestAScanOfEverythingIsTheHistoryOfTheObjects(t *testing.T) {
	run, events := load(t, recordings(t)[0])
	path, w := write(t, run, events, 100)
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	ends, err := r.Ends()
	if err != nil {
		t.Fatal(err)
	}
	var want []trace.Event
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type.IsObject() {
			want = append(want, e)
		}
	}
	stamped := 0
	err = r.Scan(everything(events), func(c *trace.Change) error {
		e := want[0]
		want = want[1:]
		if c.Seq != e.Seq || c.Type != e.Type || *c.Object != e.Object || string(c.State.JSON()) != string(e.Data) {
			t.Fatalf("event %d, %s of %s:\n%s\nwant event %d, %s of %s:\n%s",
				c.Seq, c.Type, c.Object, c.State.JSON(), e.Seq, e.Type, e.Object, e.Data)
		}
		if end := ends[e.Object.Namespace]; end < e.Seq {
			t.Errorf("the namespace %q ends with event %d, before event %d", e.Object.Namespace, end, e.Seq)
		}
		created := c.State.At("metadata", "creationTimestamp")
		if at, ok := created.Time(); ok {
			stamped++
			if parsed, err := time.Parse(time.RFC3339, created.String()); err != nil || !parsed.Equal(at) {
				t.Errorf("event %d: %s is read as %v", c.Seq, created.String(), at)
			}
		}
		if _, ok := c.State.At("metadata", "name").Time(); ok {
			t.Errorf("event %d: a name is read as a time", c.Seq)
		}
		return nil
	})
	if err != nil || len(want) > 0 || stamped == 0 {
		t.Errorf("%d events were not visited, %d had a time: %v", len(want), stamped, err)
	}
}

func TestAScanEndsWhereItsVisitorWantsItTo(t *testing.T) {
	run, events := load(t, recordings(t)[0])
	path, w := write(t, run, events, 20) // many blocks
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	failed := errors.New("failed")
	for _, with := range []error{trace.ErrStop, failed} {
		for _, after := range []int{1, 30} {
			n := 0
			err := r.Scan(everything(events), func(*trace.Change) error {
				if n++; n == after {
					return with
				}
				return nil
			})
			if n != after || errors.Is(err, failed) != (with == failed) || with == trace.ErrStop && err != nil {
				t.Errorf("%v after %d visits ends it after %d: %v", with, after, n, err)
			}
		}
	}
}
