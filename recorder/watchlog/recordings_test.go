package watchlog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryLineOfTheRecordingsComesBack(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			log := recording(t, name)
			r, report := imported(t, log)
			if report.RejectedTotal != 0 || report.Duplicates != 0 || report.Inferred != 0 || report.Gaps != 0 {
				t.Errorf("a clean log gave %+v", report)
			}
			want, got := canonical(t, log), canonical(t, exported(t, r))
			if len(want) != len(got) || report.Events != len(want) {
				t.Fatalf("%d lines gave %d events and came back as %d", len(want), report.Events, len(got))
			}
			for i := range want {
				if want[i] != got[i] {
					t.Fatalf("line %d: %s", i+1, cmp.Diff(want[i], got[i]))
				}
			}
			if err := r.Verify(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestImportOfAnExportHasTheSameEvents(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			first, _ := imported(t, recording(t, name))
			again, _ := imported(t, exported(t, first))
			sameEvents(t, events(t, first), events(t, again))
			if diff := cmp.Diff(first.Run(), again.Run()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
