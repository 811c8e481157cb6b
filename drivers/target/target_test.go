package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
)

func TestMergeIsAMergePatch(t *testing.T) {
	base := map[string]any{"a": map[string]any{"b": 1, "c": 2}, "d": []any{1}}
	got := Merge(base, map[string]any{
		"a": map[string]any{"c": nil, "e": 3}, "d": []any{2, 3}, "f": map[string]any{"g": nil},
	})
	want := map[string]any{"a": map[string]any{"b": 1, "e": 3}, "d": []any{2, 3}, "f": map[string]any{}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	if d := cmp.Diff(map[string]any{"a": map[string]any{"b": 1, "c": 2}, "d": []any{1}}, base); d != "" {
		t.Errorf("the base was changed:\n%s", d)
	}
}

// definition is a CRD with this storage block.
func definition(t *testing.T, storage string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	text := `{spec: {versions: [{name: v1, schema: {openAPIV3Schema: {properties: {spec: {properties: {storage: ` +
		storage + `}}}}}}]}}`
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestWhatAnOperatorOffersStandsInItsSchema(t *testing.T) {
	for name, test := range map[string]struct {
		storage string
		want    Offers
	}{
		"the released one":  {`{properties: {size: {}, resizeInUseVolumes: {}}}`, Offers{}},
		"request alone":     {`{properties: {size: {}, request: {}}}`, Offers{}},
		"request and limit": {`{properties: {size: {}, request: {}, limit: {}}}`, Offers{Dynamic: true}},
		"no schema at all":  {`{type: object}`, Offers{}},
		"with a daily budget": {
			`{properties: {request: {}, limit: {}, emergencyGrow: {properties: {maxActionsPerDay: {}}}}}`,
			Offers{Dynamic: true, Budget: true},
		},
		"a budget of nothing": {`{properties: {emergencyGrow: {properties: {maxActionsPerDay: {}}}}}`, Offers{}},
	} {
		if got := OffersOf(definition(t, test.storage)); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestWhatIsLackingIsSaid(t *testing.T) {
	all := []string{
		scenarios.NeedsDynamic, scenarios.NeedsBudget, scenarios.NeedsShrink, scenarios.NeedsSnapshots,
		scenarios.NeedsNodeHooks,
	}
	if why := (Offers{true, true, true, true, true}).Lacks(all); why != "" {
		t.Errorf("nothing is lacking, but: %s", why)
	}
	why := Offers{}.Lacks(all)
	for _, want := range []string{
		"static sizing only", "daily budget", "smaller", "VolumeSnapshotClass", "--hook node-down",
	} {
		if !strings.Contains(why, want) {
			t.Errorf("%q does not say %q", why, want)
		}
	}
}

// claim is one of PG_DATA that is bound.
func claim(name, request, capacity string, conditions ...string) Claim {
	c := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"cnpg.io/pvcRole": RoleData, "cnpg.io/instanceName": name},
	}}
	c.Status.Phase = corev1.ClaimBound
	c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(request)}
	c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(capacity)}
	for _, one := range conditions {
		c.Status.Conditions = append(c.Status.Conditions, corev1.PersistentVolumeClaimCondition{
			Type: corev1.PersistentVolumeClaimConditionType(one),
		})
	}
	return claimOf(c)
}

func TestAnExpansionIsInFlightUntilNothingTellsOfIt(t *testing.T) {
	for name, test := range map[string]struct {
		claims             []Claim
		inFlight, complete bool
	}{
		"asked for":                 {[]Claim{claim("a", "2Gi", "1Gi")}, true, false},
		"equal in other units":      {[]Claim{claim("a", "2Gi", "2048Mi")}, false, true},
		"rounded up":                {[]Claim{claim("a", "1536Mi", "2Gi")}, false, true},
		"the file system is left":   {[]Claim{claim("a", "2Gi", "2Gi", "FileSystemResizePending")}, true, false},
		"one of two":                {[]Claim{claim("a", "2Gi", "2Gi"), claim("b", "2Gi", "1Gi")}, true, false},
		"one was not asked":         {[]Claim{claim("a", "2Gi", "2Gi"), claim("b", "1536Mi", "1536Mi")}, false, false},
		"not asked for":             {[]Claim{claim("a", "1Gi", "1Gi")}, false, false},
		"a condition of other sort": {[]Claim{claim("a", "2Gi", "2Gi", "ModifyingVolume")}, false, true},
		"no claim":                  {nil, false, false},
	} {
		s := &State{Claims: test.claims}
		if got := len(s.InFlight()) > 0; got != test.inFlight {
			t.Errorf("%s: in flight is %t", name, got)
		}
		if got, why := s.Complete(resource.MustParse("1536Mi")); got != test.complete {
			t.Errorf("%s: complete is %t (%s)", name, got, why)
		}
	}
	unbound := claim("a", "2Gi", "0")
	unbound.Bound = false
	if unbound.InFlight() {
		t.Error("a claim that is not bound yet is no expansion")
	}
}

// podOf is a pod of an instance.
func podOf(name string, ready, going bool) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"cnpg.io/instanceName": name}}}
	if ready {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	if going {
		p.DeletionTimestamp = &metav1.Time{}
	}
	return p
}

func TestAClusterIsHealthyWhenNothingIsMissing(t *testing.T) {
	well := func() *State {
		return &State{
			Phase: healthyPhase, Ready: true, Wanted: 2, ReadyInstances: 2, Primary: "pg-1", TargetPrimary: "pg-1",
			Pods: []corev1.Pod{podOf("pg-1", true, false), podOf("pg-2", true, false)},
		}
	}
	if ok, why := well().Healthy(); !ok {
		t.Errorf("it is well, but: %s", why)
	}
	for want, change := range map[string]func(*State){
		"1 of 2 instances are ready":            func(s *State) { s.ReadyInstances = 1 },
		`phase "Failing over"`:                  func(s *State) { s.Phase = "Failing over" },
		`phase "Cluster in healthy state"`:      func(s *State) { s.Ready = false },
		"the primary is pg-1 and is to be pg-2": func(s *State) { s.TargetPrimary = "pg-2" },
		"the pod pg-2 is terminating":           func(s *State) { s.Pods[1] = podOf("pg-2", true, true) },
	} {
		s := well()
		change(s)
		if ok, why := s.Healthy(); ok || !strings.HasPrefix(why, want) {
			t.Errorf("healthy: %t, %q, want %q", ok, why, want)
		}
	}
}

func TestAReplicaIsReadyAndNotThePrimary(t *testing.T) {
	s := &State{Primary: "pg-1", Pods: []corev1.Pod{
		podOf("pg-1", true, false), podOf("pg-2", true, false), podOf("pg-3", true, true), podOf("pg-4", false, false),
	}}
	if got := s.Replica(); got != "pg-2" {
		t.Errorf("the replica is %q", got)
	}
	if s.Pod("pg-3") != nil || s.Pod("pg-1") == nil || s.Pod("pg-9") != nil {
		t.Error("a pod that is terminating is nobody's pod")
	}
	s.Pods = s.Pods[:1]
	if got := s.Replica(); got != "" {
		t.Errorf("there is no replica, but %q", got)
	}
}

func TestWhoIsDead(t *testing.T) {
	here, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, test := range map[string]struct {
		holder  string
		renewed time.Duration // before now; 0: never
		dead    bool
	}{
		"this process":                         {fmt.Sprintf("%s/%d", here, os.Getpid()), time.Hour, false},
		"a process of this machine that ended": {fmt.Sprintf("%s/%d", here, ended.Process.Pid), time.Second, true},
		"somebody elsewhere who renews":        {"elsewhere/1", leaseTime - time.Second, false},
		"somebody elsewhere who does not":      {"elsewhere/1", leaseTime + time.Second, true},
		"nobody":                               {"", 0, true},
		"no pid":                               {here + "/x", leaseTime + time.Second, true},
	} {
		lease := &coordination.Lease{Spec: coordination.LeaseSpec{HolderIdentity: &test.holder}}
		if test.renewed != 0 {
			lease.Spec.RenewTime = &metav1.MicroTime{Time: now.Add(-test.renewed)}
		}
		if got := isDead(lease, now); got != test.dead {
			t.Errorf("%s: dead is %t", name, got)
		}
	}
}

func TestDebtsAreReadFromTheLease(t *testing.T) {
	lease := &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{
		undoPrefix + "uncordon": `{"uncordon":"n2"}`, undoPrefix + "storage": `{"hook":"storage-normal","env":["A=b"]}`,
		"other": "{",
	}}}
	got, err := debts(lease)
	want := map[string]Undo{"uncordon": {Uncordon: "n2"}, "storage": {Hook: "storage-normal", Env: []string{"A=b"}}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v, want -, got +\n%s", err, d)
	}
	lease.Annotations[undoPrefix+"broken"] = "{"
	if _, err := debts(lease); err == nil || !strings.Contains(err.Error(), "undo.hindsight/broken") {
		t.Errorf("of a broken one: %v", err)
	}
}

func TestAHookHasWhatItIsAbout(t *testing.T) {
	file := t.TempDir() + "/said"
	o := &Target{Namespace: "ns", Name: "pg", Hooks: map[string]string{
		HookNodeDown: `echo "$HINDSIGHT_NAMESPACE/$HINDSIGHT_CLUSTER $HINDSIGHT_NODE" >` + file,
		HookNodeUp:   "echo no >&2; exit 3",
	}}
	if err := o.Hook(t.Context(), HookNodeDown, "HINDSIGHT_NODE=n2"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "ns/pg n2\n" {
		t.Errorf("the hook said %q, %v", text, err)
	}
	if err := o.Hook(t.Context(), HookNodeUp); err == nil || !strings.Contains(err.Error(), "exit status 3: no") {
		t.Errorf("of a hook that fails: %v", err)
	}
	if err := o.Hook(t.Context(), HookStorageSlow); err == nil || !strings.Contains(err.Error(), "--hook storage-slow=") {
		t.Errorf("of a hook that is not there: %v", err)
	}
}

func TestUntilSaysWhatItWaitedFor(t *testing.T) {
	told := ""
	o := &Target{Interval: time.Millisecond, Waiting: func(what, detail string) { told = what + ": " + detail }}
	never := func(context.Context) (bool, string, error) { return false, "not yet", nil }
	err := o.Until(t.Context(), 5*time.Millisecond, "rain", never)
	var late *TimeoutError
	if !errors.As(err, &late) || !strings.Contains(err.Error(), "for rain: not yet") || told != "rain: not yet" {
		t.Errorf("the error is %v, told was %q", err, told)
	}
	tries := 0
	if err := o.Until(t.Context(), time.Minute, "rain", func(context.Context) (bool, string, error) {
		tries++
		if tries == 1 {
			return false, "", errors.New("away") // the API server is back the next time
		}
		return true, "", nil
	}); err != nil || tries != 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Until(cut, time.Minute, "rain", never); !errors.Is(err, context.Canceled) {
		t.Errorf("when cut: %v", err)
	}
}
