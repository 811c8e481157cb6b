package verdict_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func TestATraceIsTheSameAfterItWasWrittenAndRead(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := verdict.Trace{
		File: "a.db", Digest: "sha256:00", Verdict: verdict.Violated,
		Run:         &trace.Run{ID: "r", Start: start},
		Certificate: &trace.Certificate{Events: 3, Duration: int64(time.Hour)},
		Assumptions: []verdict.Assumption{}, Diagnoses: []verdict.Diagnosis{},
		Policies: []verdict.Policy{{
			ID: "p", Verdict: verdict.Violated,
			Unknowns: []verdict.Unknown{}, Errors: []verdict.Failure{}, Entities: []verdict.Entity{},
			Findings: []verdict.Finding{{
				Code: "c", Seq: []uint64{1 << 60}, Got: int64(1<<62 + 1), Want: 0.5, Windows: []verdict.Window{},
				Detail: map[string]any{
					"whole": int64(-7643385638), "part": 1e300, "list": []any{int64(1), "1", true, nil}, "bad": "\xff",
				},
				Events: []verdict.Event{{Time: 90 * time.Second, Wall: start.Add(1), Changes: []string{}}},
			}},
		}},
	}
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := verdict.DecodeTrace(text)
	if err != nil {
		t.Fatal(err)
	}
	want.Policies[0].Findings[0].Detail["bad"] = "\ufffd"
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
