package verdict_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

const second = int64(time.Second)

// cause is a diagnosis of the cluster ds/pg.
func cause(policy string, class verdict.Class, from, until int64) verdict.Diagnosis {
	return verdict.Diagnosis{Entity: "ds/pg", Blame: verdict.Blame{
		Policy: policy, Class: class, Reason: policy, From: from * second, Until: until * second, Seq: []uint64{uint64(from)},
	}}
}

func during(from, until int64) map[string]any {
	return map[string]any{"from_ns": from * second, "until_ns": until * second}
}

func TestWhereTheTimeOfAFindingWent(t *testing.T) {
	part := func(policy string, class verdict.Class, seconds int64, seq ...uint64) verdict.Part {
		return verdict.Part{Policy: policy, Class: class, Reason: policy, NS: seconds * second, Seq: seq}
	}
	infra, test := verdict.Infrastructure, verdict.Test
	tests := []struct {
		name   string
		causes []verdict.Diagnosis
		parts  []verdict.Part // nil: none is beside it
		rest   int64
		class  verdict.Class
	}{
		{"nothing was at work", nil, nil, 0, verdict.Product},
		{"a cause before", []verdict.Diagnosis{cause("a", infra, 0, 100)}, nil, 0, verdict.Product},
		{"a cause after", []verdict.Diagnosis{cause("a", infra, 200, 300)}, nil, 0, verdict.Product},
		{
			"a cause that began before and ended after", []verdict.Diagnosis{cause("a", infra, 0, 300)},
			[]verdict.Part{part("a", infra, 100, 0)}, 0, infra,
		},
		{
			"just half of the time", []verdict.Diagnosis{cause("a", infra, 100, 150)},
			[]verdict.Part{part("a", infra, 50, 100)}, 50, verdict.Product,
		},
		{
			"more than half", []verdict.Diagnosis{cause("a", infra, 100, 151)},
			[]verdict.Part{part("a", infra, 51, 100)}, 49, infra,
		},
		{
			"the same cause twice, overlapping", []verdict.Diagnosis{cause("a", infra, 100, 120), cause("a", infra, 110, 140)},
			[]verdict.Part{part("a", infra, 40, 100, 110)}, 60, verdict.Product,
		},
		{
			"what two claim belongs to the one that claims more",
			[]verdict.Diagnosis{cause("a", infra, 100, 120), cause("b", test, 110, 190)},
			[]verdict.Part{part("b", test, 80, 110), part("a", infra, 10, 100)}, 10, test,
		},
		{
			"one inside another takes nothing of it",
			[]verdict.Diagnosis{cause("a", infra, 120, 130), cause("b", test, 110, 140)},
			[]verdict.Part{part("b", test, 30, 110)}, 70, verdict.Product,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			finding := verdict.Finding{ID: "f", Entity: "ds/pg/PG_DATA", Class: verdict.Product, Detail: during(100, 200)}
			trace := verdict.Trace{
				Policies:  []verdict.Policy{{ID: "p", Findings: []verdict.Finding{finding}}},
				Diagnoses: tt.causes,
			}
			trace.Diagnose()
			got := trace.Policies[0].Findings[0]
			if got.Class != tt.class {
				t.Errorf("class %s, want %s", got.Class, tt.class)
			}
			if tt.parts == nil {
				if got.Took != nil || got.Blame != nil {
					t.Errorf("took %+v, blame %+v", got.Took, got.Blame)
				}
				return
			}
			want := &verdict.Breakdown{From: 100 * second, Until: 200 * second, Parts: tt.parts, Rest: tt.rest * second}
			if diff := cmp.Diff(want, got.Took); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADiagnosisIsPutBesideWhatItExplains(t *testing.T) {
	trace := verdict.Trace{
		Policies: []verdict.Policy{{
			ID: "p",
			Findings: []verdict.Finding{
				{ID: "late", Entity: "ds/pg/PG_DATA", Class: verdict.Product, Detail: during(0, 10)},
				{ID: "blamed already", Entity: "ds/pg", Class: verdict.Test, Detail: during(0, 10)},
				{ID: "another cluster", Entity: "ds/other", Class: verdict.Product, Detail: during(0, 10)},
				{ID: "not about time", Entity: "ds/pg", Class: verdict.Product},
			},
			Unknowns: []verdict.Unknown{{Reason: "pending", Entity: "ds/pg/PG_DATA", Detail: during(0, 20)}},
		}},
		Diagnoses: []verdict.Diagnosis{cause("attach", verdict.Infrastructure, 2, 9)},
	}
	trace.Diagnose()
	if diff := cmp.Diff([]string{"late", "blamed already", "p"}, trace.Diagnoses[0].Explains); diff != "" {
		t.Error(diff)
	}
	var classes []verdict.Class
	for _, f := range trace.Policies[0].Findings {
		classes = append(classes, f.Class)
	}
	want := []verdict.Class{verdict.Infrastructure, verdict.Test, verdict.Product, verdict.Product}
	if diff := cmp.Diff(want, classes); diff != "" {
		t.Error(diff)
	}
	if u := trace.Policies[0].Unknowns[0]; len(u.Blame) != 1 || u.Took == nil || u.Took.Rest != 13*second {
		t.Errorf("the doubt has %+v and took %+v", u.Blame, u.Took)
	}
}
