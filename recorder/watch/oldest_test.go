package watch

import "testing"

func TestAMemoryThatMovesOnIsGivenAHeadStart(t *testing.T) {
	for _, c := range []struct {
		says     string
		refusals []string
		futile   int
		want     string
	}{
		{"nothing was refused", nil, 0, ""},
		{"etcd does not name the version", []string{"The resourceVersion for the provided watch is too old."}, 0, ""},
		{"a memory that stands still is taken at its word",
			[]string{"too old resource version: 3 (120)", "too old resource version: 3 (120)"}, 0, "120"},
		{"one that moved by 10 may move by a quarter of that, rounded up",
			[]string{"too old resource version: 3 (120)", "too old resource version: 3 (130)"}, 0, "133"},
		{"and by four times as much when it was forgotten twice",
			[]string{"too old resource version: 3 (120)", "too old resource version: 3 (130)"}, 2, "140"},
		{"one refusal says nothing of how fast it moves", []string{"too old resource version: 3 (120)"}, 1, "120"},
		{"an older server that takes over is taken at its word",
			[]string{"too old resource version: 3 (120)", "too old resource version: 3 (90)"}, 0, "90"},
		{"a number that is none is none", []string{"too old resource version: 3 (99999999999999999999)"}, 0, ""},
	} {
		t.Run(c.says, func(t *testing.T) {
			var m memory
			for _, r := range c.refusals {
				m.note(r)
			}
			if got := m.start(c.futile); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
