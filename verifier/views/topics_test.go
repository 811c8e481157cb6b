package views

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
)

// Topics save reading what has not changed: who reads every version whole is told the same.
func TestTopicsChangeNothingOfWhatIsTold(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../recorder/testdata/*.zst", "../../policies/testdata/*/*.zst"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no recordings in %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	saved := map[trace.Topic]int{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := watchlogtest.Open(t, watchlogtest.Import(t, file))
			heeded, err := Project(r, Names())
			if err != nil {
				t.Fatal(err)
			}
			whole := readWhole(t, r, saved)
			if len(whole) != len(heeded) {
				t.Fatalf("%d documents, want %d", len(heeded), len(whole))
			}
			for i := range whole {
				if diff := cmp.Diff(whole[i].Value(), heeded[i].Value()); diff != "" {
					t.Errorf("%s %s: -whole +by topics:\n%s", whole[i].View, whole[i].Entity, diff)
				}
			}
		})
	}
	for _, topic := range []trace.Topic{
		topicSpec, topicSizing, topicHealth, topicPod, topicWait, topicMaking,
	} {
		if saved[topic] == 0 {
			t.Errorf("no version was without a change of topic %b", topic)
		}
	}
}

// readWhole makes all documents as if every version had changed everything. It counts
// the versions that did not touch each topic.
func readWhole(t *testing.T, r *trace.Reader, saved map[trace.Topic]int) []Document {
	t.Helper()
	all := needsOf(All(Names()))
	p := &Projection{history: newHistory(r, all), want: Names()}
	if _, err := foresee(r, p.history, nil); err != nil {
		t.Fatal(err)
	}
	err := r.Scan(all.selection(), func(c *trace.Change) error {
		for topic := topicSpec; topic != 0; topic <<= 1 {
			if c.Topics&topic == 0 {
				saved[topic]++
			}
		}
		c.Topics |= trace.EveryTopic &^ topicBody // a write that changes nothing is told of
		return p.history.observe(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	p.finish()
	var documents []Document
	for i := range p.Parts() {
		part, err := p.Part(i)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, part...)
	}
	sortDocuments(documents)
	return documents
}
