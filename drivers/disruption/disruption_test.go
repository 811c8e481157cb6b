package disruption

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
)

func TestEveryKindHasItsDisruption(t *testing.T) {
	for _, kind := range scenarios.Kinds() {
		if New(scenarios.Step{Kind: kind}) == nil {
			t.Errorf("there is no disruption %s", kind)
		}
	}
}

func TestParametersReachTheDisruption(t *testing.T) {
	step := func(kind string, p scenarios.Params) Disruption { return New(scenarios.Step{Kind: kind, Params: p}) }
	if d := step(scenarios.NodeDrain, scenarios.Params{Role: "replica"}).(*nodeDrain); d.role != "replica" {
		t.Errorf("a drain of the node of a %q", d.role)
	}
	if d := step(scenarios.ScaleUp, scenarios.Params{}).(*scaleUp); d.add != 1 {
		t.Errorf("a scale-up by %d, want 1 where nothing is said", d.add)
	}
	if d := step(scenarios.Backup, scenarios.Params{Class: "c", Online: true}).(*backup); d.class != "c" || !d.online {
		t.Errorf("a backup as %+v", d)
	}
	fill := step(scenarios.TablespaceFill, scenarios.Params{Name: "hot", Method: "sql", Percent: 85}).(*Fill)
	if *fill != (Fill{SQL: true, Percent: 85, Tablespace: "hot"}) {
		t.Errorf("a fill as %+v", fill)
	}
}

func TestNothingIsSaidOfAnEndThatDidNotCome(t *testing.T) {
	late := errors.New("late")
	if done, err := over(Done{Note: "it is over"}, late); !errors.Is(err, late) || done.Note != "" {
		t.Errorf("%+v, %v", done, err)
	}
	if done, err := over(Done{Note: "it is over"}, nil); err != nil || done.Note != "it is over" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestDFIsRead(t *testing.T) {
	got, err := parseDF("   1B-blocks       Used\n 1006632960  104857600")
	if err != nil || got != (Disk{1006632960, 104857600}) || got.Percent() < 10.4 || got.Percent() > 10.5 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "df: no such file", "1B-blocks Used\n0 0"} {
		if _, err := parseDF(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func budget(name, label string, allowed int32) policyv1.PodDisruptionBudget {
	return policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": label}},
		},
		Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
	}
}

func TestTheBudgetThatBlocksIsNamed(t *testing.T) {
	all := []policyv1.PodDisruptionBudget{
		budget("other", "db", 0), budget("generous", "web", 1), budget("strict", "web", 0),
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", Labels: map[string]string{"app": "web"}}}
	if got := blocking(all, p); !slices.Equal(got, []string{"budget ns/strict"}) {
		t.Errorf("blocked by %v", got)
	}
}

func TestWhatTheServerSaysOfABudgetIsKept(t *testing.T) {
	refusal := apierrors.NewTooManyRequests("Cannot evict pod", 10)
	refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Message: "The disruption budget strict needs 1 healthy pods"}}
	if got := firstCause(refusal); got != "The disruption budget strict needs 1 healthy pods" {
		t.Errorf("the cause is %q", got)
	}
	if got := firstCause(errors.New("otherwise")); got != "otherwise" {
		t.Errorf("the cause is %q", got)
	}
}

func TestADrainSaysWhatIsLeft(t *testing.T) {
	d := &nodeDrain{
		node: "n1", evicted: map[string]bool{"ns/pg-1": true}, blocked: map[string]string{"ns/web": "budget ns/strict (no)"},
	}
	left := []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pg-1"}},
	}
	want := "cordoned n1 and evicted ns/pg-1; left: ns/web is blocked by budget ns/strict (no); ns/pg-1 is there"
	if got := d.done(left); got.Note != want {
		t.Errorf("%q, want %q", got.Note, want)
	}
	if got := d.done(nil); got.Note != "cordoned n1 and evicted ns/pg-1" {
		t.Errorf("in the end: %q", got.Note)
	}
}

func TestOnlyReadySuccessorsCountAsReplaced(t *testing.T) {
	pod := func(name string, uid types.UID, ready corev1.ConditionStatus) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid},
			Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}
	}
	d := &rollingUpgrade{pods: map[string]types.UID{"a": "1", "b": "2", "c": "3"}}
	now := []corev1.Pod{
		pod("a", "1", corev1.ConditionTrue), pod("b", "9", corev1.ConditionFalse),
		pod("c", "8", corev1.ConditionTrue), pod("d", "7", corev1.ConditionTrue),
	}
	if got := d.replaced(now); got != 1 {
		t.Errorf("%d were replaced, want 1", got)
	}
}

func TestARoleNeedsSomebody(t *testing.T) {
	var u *Unavailable
	if _, err := instanceOf(&target.State{}, "primary"); !errors.As(err, &u) {
		t.Errorf("without a primary: %v", err)
	}
	_, err := instanceOf(&target.State{Primary: "pg-1"}, "replica")
	if !errors.As(err, &u) || !strings.Contains(u.Reason, "no replica") {
		t.Errorf("without a replica: %v", err)
	}
	if got, err := instanceOf(&target.State{Primary: "pg-1"}, ""); err != nil || got != "pg-1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAMutationIsThatOfTheSizing(t *testing.T) {
	static, dynamic := map[string]any{"a": 1}, map[string]any{"b": 2}
	for name, test := range map[string]struct {
		d    specMutation
		on   bool
		want string
	}{
		"static":             {specMutation{static: static, dynamic: dynamic}, false, "a"},
		"dynamic":            {specMutation{static: static, dynamic: dynamic}, true, "b"},
		"none for this one":  {specMutation{dynamic: dynamic}, false, ""},
		"none for the other": {specMutation{static: static}, true, ""},
	} {
		err := test.d.Prepare(t.Context(), &target.Target{Offers: target.Offers{Dynamic: test.on}})
		if (err != nil) != (test.want == "") || test.want != "" && test.d.change[test.want] == nil {
			t.Errorf("%s: %v, %v", name, test.d.change, err)
		}
	}
}

func TestAContainerThatJustStartedIsNotKilledAgain(t *testing.T) {
	running := func(since time.Duration) corev1.Pod {
		return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{
				Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now().Add(-since))},
			},
		}}}}
	}
	young, old := running(time.Second), running(time.Minute)
	dead := corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{}}}}
	if runs(&young) || !runs(&old) || runs(&dead) {
		t.Errorf("young %t, old %t, dead %t", runs(&young), runs(&old), runs(&dead))
	}
}

func TestAFillMakesGrowthDue(t *testing.T) {
	const mib = int64(1) << 20
	for name, c := range map[string]struct {
		disk         Disk
		size, buffer int64
		want         int64
	}{
		"a volume much like its file system":      {Disk{Total: 5000 * mib}, 5000 * mib, 20, 4150 * mib},
		"a small one, of which the log takes 6 %": {Disk{Total: 960 * mib}, 1000 * mib, 20, 830 * mib},
		"nobody says how large the volume is":     {Disk{Total: 1000 * mib}, 0, 20, 830 * mib},
		"the file system bounds it":               {Disk{Total: 1000 * mib}, 1100 * mib, 5, 970 * mib},
	} {
		if got := due(c.disk, c.size, c.buffer); got != c.want {
			t.Errorf("%s: %d MiB, want %d", name, got/mib, c.want/mib)
		}
	}
}

func TestAClusterFromASnapshotIsAsLarge(t *testing.T) {
	block := func(request, limit string) map[string]any {
		return map[string]any{"request": request, "limit": limit, "targetBuffer": int64(20)}
	}
	for name, c := range map[string]struct{ block, want map[string]any }{
		"it has grown":                   {block("1Gi", "3Gi"), block("2Gi", "3Gi")},
		"above a limit that was lowered": {block("1Gi", "1280Mi"), block("2Gi", "2Gi")},
		"it has not":                     {block("2Gi", "3Gi"), block("2Gi", "3Gi")},
		"sizing is static after all":     {map[string]any{"size": "1Gi"}, map[string]any{"size": "1Gi"}},
	} {
		if diff := cmp.Diff(c.want, asLarge(c.block, resource.MustParse("2Gi"))); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
