package drivers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/drivers/disruption"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// named returns a built-in scenario.
func named(t *testing.T, name string) *scenarios.Scenario {
	t.Helper()
	for _, s := range scenarios.Library() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return nil
}

func options(o target.Offers) *Options {
	return &Options{
		Offers: o, Sizing: DefaultSizing(), Timeouts: DefaultTimeouts(), Progress: func(*Run, string, string) {},
	}
}

func TestTheWorstOutcomeCounts(t *testing.T) {
	held, violated, undecided := &Judgement{Exit: 0}, &Judgement{Exit: 1}, &Judgement{Exit: 3}
	for name, test := range map[string]struct {
		results []Result
		want    int
	}{
		"nothing":                      {nil, 0},
		"done":                         {[]Result{{Outcome: Succeeded}}, 0},
		"done and held":                {[]Result{{Outcome: Succeeded, Judgement: held}}, 0},
		"the verifier's passes on":     {[]Result{{Outcome: Succeeded, Judgement: undecided}}, 3},
		"violated before failed":       {[]Result{{Outcome: Failed, Judgement: violated}}, 1},
		"failed before inconclusive":   {[]Result{{Outcome: Failed, Judgement: undecided}}, 6},
		"not exercised is no pass":     {[]Result{{Outcome: Succeeded}, {Outcome: NotExercised, Judgement: held}}, 4},
		"skipped is no pass":           {[]Result{{Outcome: Succeeded}, {Outcome: Skipped}}, 5},
		"inconclusive before skipped":  {[]Result{{Outcome: Skipped}, {Outcome: Succeeded, Judgement: undecided}}, 3},
		"cut is what the user did":     {[]Result{{Outcome: Cut, Judgement: violated}}, 130},
		"one that was violated counts": {[]Result{{Outcome: Succeeded, Judgement: violated}, {Outcome: Skipped}}, 1},
	} {
		if got := Exit(test.results); got != test.want {
			t.Errorf("%s: exit code %d, want %d", name, got, test.want)
		}
	}
}

func TestRunsThatCannotBeAreSkippedWithTheReason(t *testing.T) {
	for name, test := range map[string]struct{ scenario, topology, want string }{
		"needs dynamic sizing":   {"threshold-oscillation", "T1", "static sizing only"},
		"nobody to fail over to": {"failover", "T1", "nobody to fail over to"},
		"nothing shrinks":        {"shrink-spec-mutation", "T3", "--assume shrink"},
		"no class of snapshots":  {"backup", "T2", "no VolumeSnapshotClass"},
		"it can be":              {"operator-restart", "T1", ""},
	} {
		r := New(named(t, test.scenario), test.topology, options(target.Offers{}))
		why := r.Unfit()
		if (why == "") != (test.want == "") || !strings.Contains(why, test.want) {
			t.Errorf("%s: %q, want %q", name, why, test.want)
		}
		if why == "" {
			continue
		}
		if result := r.Do(t.Context()); result.Outcome != Skipped || result.Reason != why || result.Exit() != ExitSkipped {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestTheClusterIsWhatTheCRDOffers(t *testing.T) {
	drain := named(t, "node-drain")
	o := options(target.Offers{})
	o.Image, o.StorageClass = "example/pg:1", "fast"
	static := New(drain, "T1", o).cluster()["spec"].(map[string]any)
	want := map[string]any{"size": "1Gi", "resizeInUseVolumes": true, "storageClass": "fast"}
	if d := cmp.Diff(want, static["storage"]); d != "" {
		t.Errorf("static: want -, got +\n%s", d)
	}
	if static["instances"] != 1 || static["imageName"] != "example/pg:1" || static["enablePDB"] != false {
		t.Errorf("the cluster is %v", static)
	}
	dynamic := New(named(t, "rate-limit-budget"), "T3", options(target.Offers{Dynamic: true, Budget: true}))
	block := dynamic.cluster()["spec"].(map[string]any)["storage"].(map[string]any)
	want = map[string]any{
		"request": "1Gi", "limit": "12Gi", "resizeInUseVolumes": true,
		"emergencyGrow": map[string]any{
			"criticalMinimumFree": "50Mi", "maxActionsPerDay": 2, "reservedActionsForEmergency": 1,
		},
	}
	if d := cmp.Diff(want, block); d != "" {
		t.Errorf("dynamic: want -, got +\n%s", d)
	}
}

func TestTriggersAreFacts(t *testing.T) {
	claim := func(request, capacity string) target.Claim {
		return target.Claim{
			Name: "pg-1", Role: target.RoleData, Bound: true,
			Request: resource.MustParse(request), Capacity: resource.MustParse(capacity),
		}
	}
	grown := resource.MustParse("1536Mi")
	for name, test := range map[string]struct {
		trigger string
		state   target.State
		want    bool
	}{
		"in flight":          {scenarios.TriggerInFlight, target.State{Claims: []target.Claim{claim("2Gi", "1Gi")}}, true},
		"over":               {scenarios.TriggerInFlight, target.State{Claims: []target.Claim{claim("2Gi", "2Gi")}}, false},
		"complete":           {scenarios.TriggerComplete, target.State{Claims: []target.Claim{claim("2Gi", "2Gi")}}, true},
		"not complete":       {scenarios.TriggerComplete, target.State{Claims: []target.Claim{claim("2Gi", "1Gi")}}, false},
		"smaller":            {scenarios.TriggerShrink, target.State{Claims: []target.Claim{claim("1Gi", "1Gi")}}, true},
		"smaller, yet large": {scenarios.TriggerShrink, target.State{Claims: []target.Claim{claim("1900Mi", "0")}}, true},
		"not smaller":        {scenarios.TriggerShrink, target.State{Claims: []target.Claim{claim("2Gi", "2Gi")}}, false},
		"healthy":            {scenarios.TriggerHealthy, target.State{Phase: "Cluster in healthy state", Ready: true}, true},
		"healthy by default": {"", target.State{Phase: "Failing over"}, false},
	} {
		got, why := met(test.trigger, &test.state, grown, resource.MustParse("2Gi"))
		if got != test.want || why == "" {
			t.Errorf("%s: met is %t (%s)", name, got, why)
		}
	}
}

// diary is a recording that keeps what it is told.
type diary struct {
	mutex sync.Mutex
	said  []marks.Mark
}

func (d *diary) Send(_ context.Context, m marks.Mark) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.said = append(d.said, m)
	return m.Validate()
}

func (d *diary) End(context.Context) (string, error) { return "run.trace.db", nil }

// scripted is a disruption that does what a test says.
type scripted struct{ prepare, inject, observe, undo error }

func (s *scripted) Prepare(context.Context, *target.Target) error { return s.prepare }

func (s *scripted) Inject(context.Context, *target.Target) (disruption.Done, error) {
	return disruption.Done{Note: "did it", Details: map[string]any{"pod": "pg-1"}}, s.inject
}

func (s *scripted) Observe(context.Context, *target.Target, time.Duration) (disruption.Done, error) {
	return disruption.Done{Note: "it is over"}, s.observe
}

func (s *scripted) Undo(context.Context, *target.Target) error { return s.undo }

func TestEachStepIsMarkedWithWhatBecameOfIt(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		d    scripted
		want string
	}{
		"all goes well": {scripted{}, "disruption-start disruption-injected:done " +
			"disruption-undo/begin disruption-undo/end:done disruption-end:done"},
		"it cannot be injected": {scripted{inject: broken}, "disruption-start disruption-injected:failed"},
		"it has no end": {scripted{observe: broken}, "disruption-start disruption-injected:done " +
			"disruption-undo/begin disruption-undo/end:done disruption-end:failed"},
		"it cannot be undone": {scripted{undo: broken}, "disruption-start disruption-injected:done " +
			"disruption-undo/begin disruption-undo/end:failed disruption-end:failed"},
	} {
		book := &diary{}
		r := New(named(t, "operator-restart"), "T1", options(target.Offers{}))
		r.recording = book
		r.steps = []*step{{Step: scenarios.Step{Kind: "scripted"}, Disruption: &test.d, number: 1}}
		err := r.disrupt(t.Context())
		if failed := test.d != (scripted{}); failed != (err != nil) || failed && !errors.Is(err, broken) {
			t.Errorf("%s: the error is %v", name, err)
		}
		var words []string
		for _, m := range book.said {
			word := m.Phase
			if m.Side != "" {
				word += "/" + m.Side
			}
			if outcome, there := m.More["outcome"].(string); there {
				word += ":" + outcome
			}
			words = append(words, word)
			if m.More["kind"] != "scripted" || m.More["number"] != 1 || m.Cluster != r.Target.Namespace+"/pg" {
				t.Errorf("%s: the mark %+v does not say what it is about", name, m)
			}
		}
		if got := strings.Join(words, " "); got != test.want {
			t.Errorf("%s: said was %s\nwant %s", name, got, test.want)
		}
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want Outcome
	}{
		"all went well":         {t.Context(), nil, Succeeded},
		"it cannot be done":     {t.Context(), &disruption.Unavailable{Reason: "no"}, Skipped},
		"the trigger":           {t.Context(), &notExercised{errors.New("late")}, NotExercised},
		"something else":        {t.Context(), errors.New("broken"), Failed},
		"interrupted meanwhile": {cut, errors.New("context canceled"), Cut},
	} {
		book := &diary{}
		r := New(named(t, "operator-restart"), "T1", options(target.Offers{}))
		r.recording = book
		r.conclude(test.ctx, test.err)
		last := book.said[len(book.said)-1]
		if r.result.Outcome != test.want || last.Side != marks.End || last.More["outcome"] != string(test.want) {
			t.Errorf("%s: %s, said was %+v", name, r.result.Outcome, last)
		}
	}
}

func TestPreflightNamesTheStorageClass(t *testing.T) {
	yes, no := true, false
	class := func(name string, isDefault bool, expands *bool) storagev1.StorageClass {
		c := storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, AllowVolumeExpansion: expands}
		if isDefault {
			c.Annotations = map[string]string{defaultClass: "true"}
		}
		return c
	}
	all := []storagev1.StorageClass{class("grows", true, &yes), class("fixed", false, &no), class("silent", false, nil)}
	for name, test := range map[string]struct {
		classes     []storagev1.StorageClass
		named, want string
	}{
		"the default one":     {all, "", ""},
		"one that is named":   {all, "grows", ""},
		"one that is fixed":   {all, "fixed", "the StorageClass fixed does not allow expansion"},
		"one that is silent":  {all, "silent", "the StorageClass silent does not allow expansion"},
		"one that is not":     {all, "gone", "there is no StorageClass gone"},
		"no default":          {all[1:], "", "no StorageClass is the default"},
		"no class whatsoever": {nil, "", "no StorageClass is the default"},
	} {
		got := strings.Join(expansion(test.classes, test.named), "; ")
		if !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestWhatARunCannotExerciseIsAllowed(t *testing.T) {
	for name, test := range map[string]struct {
		scenario, topology string
		dynamic            bool
		want               []string
	}{
		"static, alone":        {"operator-restart", "T1", false, []string{"replica-consistency", "status-coherence"}},
		"static, with others":  {"operator-restart", "T2", false, []string{"status-coherence"}},
		"dynamic, with others": {"operator-restart", "T3", true, nil},
		"it gets a replica":    {"replica-scale-up", "T1", true, []string{"convergence-resumes"}},
	} {
		r := New(named(t, test.scenario), test.topology, options(target.Offers{Dynamic: test.dynamic}))
		allowed := r.Allowed()
		if len(allowed) != len(test.want) {
			t.Errorf("%s: %v, want %v", name, allowed, test.want)
		}
		for _, id := range test.want {
			if allowed[id] == "" {
				t.Errorf("%s: %s is not allowed", name, id)
			}
		}
	}
}

func TestTheTableHasARowForEachRun(t *testing.T) {
	results := []Result{
		{
			Scenario: "a", Title: "A", Priority: "P0", Topology: "T1", Outcome: Succeeded, Trigger: "seen | here",
			Disruptions: []string{"did", "over"}, Seconds: 61,
			Judgement: &Judgement{Demanded: map[string]string{"x": "held"}, Counts: map[string]int{"held": 3, "vacuous": 1}},
		},
		{Scenario: "b", Title: "B", Priority: "P1", Topology: "T2", Outcome: Skipped, Reason: "no\nsnapshots"},
	}
	var out strings.Builder
	if err := Markdown(&out, results); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### P0 scenarios", "| a: A | T1 | seen \\| here | did; over | x held | 1 vacuous, 3 held | 1m1s |",
		"### P1 scenarios", "| b: B | T2 | - | **skipped**: no snapshots | - | - | - |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := Summary(&out, results); err != nil || !strings.Contains(out.String(), "b/T2 skipped: no\nsnapshots") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestSerialRunsAreAlone(t *testing.T) {
	o := options(target.Offers{})
	var runs []*Run
	for _, s := range scenarios.Library() {
		for topology := range s.Topologies {
			r := New(s, topology, o)
			r.Scenario = &scenarios.Scenario{Name: s.Name, Serial: s.Serial} // no topology: each is skipped
			runs = append(runs, r)
		}
	}
	var order []bool
	results := Matrix(t.Context(), runs, 3, func(r *Run, _ *Result) { order = append(order, r.Scenario.Serial) })
	if len(results) != len(runs) || len(order) != len(runs) {
		t.Fatalf("%d runs gave %d results and %d calls", len(runs), len(results), len(order))
	}
	for i := 1; i < len(order); i++ {
		if order[i-1] && !order[i] {
			t.Errorf("run %d runs beside others, and came after a serial one", i)
		}
	}
	for i, result := range results {
		if result.Scenario != runs[i].result.Scenario || result.Topology != runs[i].Topology {
			t.Errorf("result %d is that of %s/%s", i, result.Scenario, result.Topology)
		}
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	for _, result := range Matrix(cut, runs, 3, func(*Run, *Result) {}) {
		if result.Outcome != Cut {
			t.Errorf("%s/%s began after the interruption", result.Scenario, result.Topology)
		}
	}
}

func TestObjectsGetTheImage(t *testing.T) {
	object := map[string]any{"spec": []any{map[string]any{"image": "$(image)", "n": 1}}}
	want := map[string]any{"spec": []any{map[string]any{"image": "pg:1", "n": 1}}}
	if d := cmp.Diff(want, substitute(object, "pg:1")); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestADrainNeedsAnotherNode(t *testing.T) {
	o := options(target.Offers{})
	if got := New(named(t, "node-drain"), "T1", o).nodes(); got != 2 {
		t.Errorf("a drain needs %d nodes", got)
	}
	if got := New(named(t, "failover"), "T3", o).nodes(); got != 1 {
		t.Errorf("a failover needs %d nodes", got)
	}
}
