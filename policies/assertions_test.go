package policies_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// assertions judges by the assertions of every scenario, named without their prefix.
func (r *recording) assertions() map[string]string {
	r.t.Helper()
	got := map[string]string{}
	for id, word := range r.judgeThe(func(p verdict.Policy) bool { return strings.HasPrefix(p.ID, "assert-") }) {
		got[strings.TrimPrefix(id, "assert-")] = word
	}
	return got
}

// asserted is what a recording is judged in which every assertion holds; without
// a sentinel there is no word on data.
func asserted(changes ...string) map[string]string {
	want := map[string]string{
		"functional": "held", "storage": "held", "data": "inconclusive no_sentinel", "controller": "held", "timing": "held",
	}
	for _, change := range changes {
		id, word, _ := strings.Cut(change, ": ")
		want[id] = word
	}
	return want
}

// The assertions of every scenario, as it should be and with what may be wrong.
func TestAssertions(t *testing.T) {
	unjudged := asserted("functional: vacuous", "storage: vacuous", "data: vacuous", "controller: vacuous",
		"timing: vacuous")
	tests := []struct {
		name   string
		from   string
		change func(r *recording)
		want   map[string]string
	}{
		{"growth by itself", "growth", func(*recording) {}, asserted()},
		{"the primary is restarted", "primary-restart", func(*recording) {}, asserted()},
		{"a node is drained", "node-drain", func(*recording) {}, asserted()},
		{"a sentinel watches", "primary-restart", func(r *recording) { r.watched(40, 130) }, asserted("data: held")},
		{"without marks", "primary-restart",
			func(r *recording) {
				r.drop(func(kind, _ string, _ float64, _ map[string]any) bool { return kind == "Mark" })
			}, asserted()},
		{"one instance", "growth", func(r *recording) { r.without("pg-2", "pg-3"); r.settle(100) }, asserted()},
		{"a static cluster whose size is raised", "growth", func(r *recording) { r.static() }, asserted()},
		{"a tablespace", "node-drain", func(r *recording) { r.tablespace("archive") }, asserted()},
		{"two clusters", "node-drain", func(r *recording) { r.second("other") }, asserted()},
		{"the operator is restarted", "growth",
			func(r *recording) { r.settle(100); r.restartOperator(88) }, asserted()},
		{"the limit is raised in the middle of it", "growth",
			func(r *recording) {
				r.settle(100)
				r.spec(88, func(s map[string]any) { s["limit"] = "8Gi" })
			}, asserted()},
		{"the provider rounds capacities up", "node-drain", func(r *recording) { r.capacity("3Gi") }, asserted()},
		{"it begins when all is done", "node-drain", func(r *recording) { r.startAt(120) }, unjudged},
		{"it begins in the middle of the growth", "node-drain", func(r *recording) { r.startAt(90) }, asserted()},
		{"it ends in the middle of it", "node-drain", func(r *recording) { r.endAt(90) },
			asserted("functional: inconclusive pending", "storage: inconclusive pending", "controller: vacuous",
				"timing: inconclusive pending")},

		{"an acknowledged write is lost", "primary-restart", func(r *recording) { r.watched(40, 130, 2) },
			asserted("data: inconclusive standby_unknown")},
		{"one expansion never ends", "primary-restart",
			func(r *recording) { r.stuck("pg-3"); r.stays(131, 4000) },
			asserted("functional: violated unsettled", "storage: violated not_provided", "controller: vacuous",
				"timing: violated unfinished")},
		{"the pod is never ready", "primary-restart",
			func(r *recording) { r.unready(97); r.stays(131, 4000) },
			asserted("functional: violated unsettled", "controller: vacuous", "timing: violated unfinished")},
		{"nothing moves for long, then it completes", "primary-restart",
			func(r *recording) { r.later(89.1, 2500) },
			asserted("functional: violated settled_late", "storage: violated not_provided", "timing: violated late")},
		{"a claim is left at the old size", "primary-restart",
			func(r *recording) {
				r.change("PersistentVolumeClaim", "pg-3", 80, func(o map[string]any) {
					set(o, "1Gi", request...)
					set(o, map[string]any{"phase": "Bound", "capacity": map[string]any{"storage": "1Gi"}}, "status")
				})
				r.stays(131, 800)
			},
			asserted("functional: inconclusive pending", "storage: violated wrong_size", "controller: violated silent",
				"timing: inconclusive pending")},
		{"it grows above the limit", "node-drain", func(r *recording) { r.resize("5Gi") },
			asserted("storage: violated above_limit")},
		{"a pod is replaced again and again", "growth",
			func(r *recording) {
				for i, uid := range []string{"a", "b", "c"} {
					r.replace("Pod", "pg-3", 88+3*float64(i), uid, func(o map[string]any) {
						set(o, map[string]any{"phase": "Pending"}, "status")
					})
				}
			},
			asserted("functional: inconclusive deleted", "controller: violated pod_replaced_again",
				"timing: inconclusive deleted")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, tt.from)
			tt.change(r)
			if diff := cmp.Diff(tt.want, r.assertions()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
