package trace_test

import (
	"testing"

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
