package views_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

var classKind = trace.Resource{
	Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses", Kind: "StorageClass",
}

// spec marks one side of a spec.
func (s *story) spec(at float64, title, side string, more object) *story {
	data := object{"phase": "spec", "spec": title, "side": side}
	merge(data, more)
	return s.say(at, trace.Mark, data)
}

func TestSpecsOfASuite(t *testing.T) {
	type row struct {
		Title, Outcome   string
		Process          int
		Begin, End       float64
		BeginSeq, EndSeq int
	}
	tests := []struct {
		name string
		tell func(s *story)
		want []row
	}{
		{"one after the other", func(s *story) {
			s.spec(1, "a", "begin", nil).spec(2, "a", "end", object{"outcome": "passed"}).
				spec(3, "b", "begin", nil).spec(4, "b", "end", object{"outcome": "failed"})
		}, []row{{"a", "passed", 1, 1, 2, 1, 2}, {"b", "failed", 1, 3, 4, 3, 4}}},
		{"two at a time, of one title", func(s *story) {
			s.spec(1, "a", "begin", object{"process": 1}).spec(2, "a", "begin", object{"process": 2}).
				spec(3, "a", "end", object{"process": 2, "outcome": "passed"})
		}, []row{{"a", "", 1, 1, 0, 1, 0}, {"a", "passed", 2, 2, 3, 2, 3}}},
		{"with a retry", func(s *story) {
			s.spec(1, "a", "begin", nil).spec(2, "a", "retry", nil).spec(3, "a", "end", object{"outcome": "passed"})
		}, []row{{"a", "passed", 1, 1, 3, 1, 3}}},
		{"told afterwards", func(s *story) {
			s.spec(9, "a", "begin", nil).since(1).spec(9, "a", "end", object{"outcome": "passed"}).since(5)
		}, []row{{"a", "passed", 1, 1, 5, 1, 2}}},
		{"what is no spec", func(s *story) {
			s.spec(1, "BeforeSuite", "begin", object{"node": "BeforeSuite"}).
				say(2, trace.Mark, object{"phase": "scenario", "spec": "a", "side": "begin"}).spec(3, "", "begin", nil)
		}, []row{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t)
			test.tell(s)
			got := []row{}
			for _, spec := range s.only("suite")["specs"].([]any) {
				spec := plain(t, spec).(map[string]any)
				got = append(got, row{
					spec["title"].(string), spec["outcome"].(string), int(spec["process"].(float64)),
					spec["begin_ns"].(float64) / 1e9, spec["end_ns"].(float64) / 1e9,
					int(spec["begin_seq"].(float64)), int(spec["end_seq"].(float64)),
				})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClaimsAndTheirClasses(t *testing.T) {
	of := func(name, class string) object {
		o := claim(name, "1Gi", "1Gi")
		merge(o, object{"spec": object{"storageClassName": class}})
		return o
	}
	s := tell(t).
		put(1, classKind, "fast", "k1", object{"allowVolumeExpansion": true}).
		put(1, classKind, "stiff", "k2", object{"allowVolumeExpansion": false}).
		put(2, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(3, claimKind, "pg-1", "v1", of("pg-1", "fast")).
		put(4, claimKind, "pg-2", "v2", of("pg-2", "stiff")).
		put(5, claimKind, "pg-3", "v3", of("pg-3", "gone")).
		put(6, claimKind, "pg-4", "v4", of("pg-4", "gone")).
		put(7, claimKind, "pg-4", "v4", claim("pg-4", "2Gi", "1Gi"))
	var got []string
	for _, c := range s.only("suite")["claims"].([]any) {
		c := c.(map[string]any)
		got = append(got, c["volume"].(string)+" "+c["class"].(string)+" "+c["expandable"].(string)+" "+
			string(c["class_seq"].(json.Number)))
		if c["asked"] != true {
			t.Errorf("%s: a dynamic block does not ask for growth", c["volume"])
		}
	}
	want := []string{"pg-1 fast yes 1", "pg-2 stiff no 2", "pg-3 gone unknown 0", "pg-4 gone yes 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsDoneToAllClustersAtOnce(t *testing.T) {
	lease := func(holder string) object { return object{"spec": object{"holderIdentity": holder}} }
	s := tell(t).put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, leaseKind, "x.cnpg.io", "l1", lease("one")).put(5, leaseKind, "x.cnpg.io", "l1", lease("two"))
	shared := s.only("suite")["shared"].([]any)
	if len(shared) != 1 || shared[0].(map[string]any)["kind"] != "operator_restarted" {
		t.Errorf("got %v", shared)
	}
}
