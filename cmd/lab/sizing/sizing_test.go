package sizing

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/drivers/disruption"
)

func disk(total, used int64) disruption.Disk { return disruption.Disk{Total: total, Used: used} }

const mib = int64(1) << 20

// small is a block for volumes of a few GiB.
func small(change func(*Block)) Block {
	b := Block{Request: GiB, Limit: 4 * GiB, Buffer: 20, Emergency: Emergency{
		Enabled: true, Threshold: 95, MinimumFree: 100 * mib, MaxActions: 4, Reserved: 1,
	}}
	if change != nil {
		change(&b)
	}
	return b
}

func TestAVolumeGrowsByTheDocumentedRules(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ago := func(hours ...time.Duration) []time.Time {
		var all []time.Time
		for _, h := range hours {
			all = append(all, now.Add(-h*time.Hour))
		}
		return all
	}
	window := func(schedule string) func(*Block) {
		return func(b *Block) {
			r := reader{storage: map[string]any{"maintenanceWindow": map[string]any{"schedule": schedule, "duration": "2h"}}}
			if b.Window = r.window(); r.err != nil {
				t.Fatal(r.err)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*Block)
		v      Volume
		want   Decision
	}{
		"free at the buffer": {nil, Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1600*mib)},
			Decision{State: Balanced, Target: 2 * GiB, To: 2 * GiB}},
		"the example of the documentation": {func(b *Block) { b.Limit = 20 * GiB },
			Volume{Size: 9 * GiB, Disk: disk(9*GiB, 8*GiB)},
			Decision{State: Resizing, Target: 10 * GiB, Kind: ScheduledGrow, To: 10 * GiB}},
		"less free, and rounded up it is what there is": {nil, Volume{Size: GiB, Disk: disk(960*mib, 800*mib)},
			Decision{State: Balanced, Target: GiB, To: GiB}},
		"used at the threshold": {nil, Volume{Size: 2 * GiB, Disk: disk(4000*mib, 3800*mib)},
			Decision{State: Emergent, Target: 3 * GiB, Kind: EmergencyGrow, To: 3 * GiB}},
		"free at the minimum, on a large volume": {func(b *Block) { b.Limit = 20 * GiB },
			Volume{Size: 8 * GiB, Disk: disk(1000*mib, 900*mib)},
			Decision{State: Emergent, Target: 10 * GiB, Kind: EmergencyGrow, To: 10 * GiB}},
		"emergencies are off": {func(b *Block) { b.Emergency.Enabled = false },
			Volume{Size: GiB, Disk: disk(960*mib, 950*mib)},
			Decision{State: Resizing, Target: 2 * GiB, Kind: ScheduledGrow, To: 2 * GiB}},
		"an emergency at the limit": {nil, Volume{Size: 4 * GiB, Disk: disk(4000*mib, 3900*mib)},
			Decision{State: AtLimit, Target: 4 * GiB, To: 4 * GiB}},
		"an emergency that may exceed the limit": {func(b *Block) { b.Emergency.ExceedLimit = true },
			Volume{Size: 4 * GiB, Disk: disk(4000*mib, 3900*mib)},
			Decision{State: Emergent, Target: 5 * GiB, Kind: EmergencyGrow, To: 5 * GiB}},
		"an emergency below the limit stops there": {func(b *Block) { b.Limit = GiB * 5 / 4 },
			Volume{Size: GiB, Disk: disk(960*mib, 950*mib)},
			Decision{State: Emergent, Target: GiB * 5 / 4, Kind: EmergencyGrow, To: GiB * 5 / 4}},
		"the share of planned growth is used up": {nil,
			Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1700*mib), Actions: ago(1, 2, 23)},
			Decision{State: Pending, Target: 3 * GiB, To: 2 * GiB, Why: "the daily budget of planned actions is used up"}},
		"actions of the day before do not count": {nil,
			Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1700*mib), Actions: ago(1, 2, 24)},
			Decision{State: Resizing, Target: 3 * GiB, Kind: ScheduledGrow, To: 3 * GiB}},
		"the reserve is there for an emergency": {nil,
			Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1950*mib), Actions: ago(1, 2, 23)},
			Decision{State: Emergent, Target: 3 * GiB, Kind: EmergencyGrow, To: 3 * GiB}},
		"nothing of the budget is left": {nil,
			Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1950*mib), Actions: ago(1, 2, 3, 4)},
			Decision{State: Pending, Target: 3 * GiB, To: 2 * GiB, Why: "the daily budget of actions is used up"}},
		"the window is closed": {window("0 0 3 * * *"), Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1700*mib)},
			Decision{State: Pending, Target: 3 * GiB, To: 2 * GiB, Why: "the maintenance window is closed"}},
		"the window opens just now": {window("0 0 12 * * *"), Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1700*mib)},
			Decision{State: Resizing, Target: 3 * GiB, Kind: ScheduledGrow, To: 3 * GiB}},
		"the window closed just now": {window("0 0 10 * * *"), Volume{Size: 2 * GiB, Disk: disk(2000*mib, 1700*mib)},
			Decision{State: Pending, Target: 3 * GiB, To: 2 * GiB, Why: "the maintenance window is closed"}},
		"nobody knows the usage": {nil, Volume{Size: GiB}, Decision{State: WaitsDisk, To: GiB}},
		"the request was raised": {func(b *Block) { b.Request = 2 * GiB }, Volume{Size: GiB},
			Decision{State: Balanced, Target: 2 * GiB, To: 2 * GiB}},
		"at the limit, and the limit was lowered": {func(b *Block) { b.Limit = 2 * GiB },
			Volume{Size: 3 * GiB, Disk: disk(3000*mib, 2000*mib)},
			Decision{State: AtLimit, Target: 2 * GiB, To: 3 * GiB}},
	} {
		if diff := cmp.Diff(c.want, Decide(small(c.change), c.v, now)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestTheThreePartsOfABudgetAddUp(t *testing.T) {
	now := time.Now()
	for used, want := range []Budget{{0, 1, 1}, {1, 0, 1}, {2, 0, 0}, {3, 0, 0}} {
		var actions []time.Time
		for range used {
			actions = append(actions, now.Add(-time.Hour))
		}
		if got := BudgetOf(Emergency{MaxActions: 2, Reserved: 1}, actions, now); got != want {
			t.Errorf("%d used: %+v, want %+v", used, got, want)
		}
	}
}

func TestABlockHasTheDocumentedDefaults(t *testing.T) {
	got, err := ReadBlock(map[string]any{"request": "5Gi", "limit": "20Gi"})
	want := &Block{Request: 5 * GiB, Limit: 20 * GiB, Buffer: 20, Emergency: Emergency{
		Enabled: true, Threshold: 95, MinimumFree: GiB, MaxActions: 4, Reserved: 1,
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := ReadBlock(map[string]any{"size": "1Gi", "targetBuffer": int64(20)}); got != nil || err != nil {
		t.Errorf("a static block: %+v, %v", got, err)
	}
	for _, wrong := range []map[string]any{
		{"request": "much", "limit": "20Gi"},
		{"request": "1Gi", "limit": "2Gi", "targetBuffer": "20"},
		{"request": "1Gi", "limit": "2Gi", "maintenanceWindow": map[string]any{"schedule": "0 3 * * *"}},
	} {
		if got, err := ReadBlock(wrong); err == nil {
			t.Errorf("%v is taken for %+v", wrong, got)
		}
	}
}

func TestAPatchMakesOneStatusOfTheOther(t *testing.T) {
	from := map[string]any{"state": "Resizing", "message": "m", "budget": map[string]any{"a": int64(1), "b": int64(1)}}
	to := map[string]any{"state": "Balanced", "budget": map[string]any{"b": int64(2)}, "targetSize": "1Gi"}
	want := map[string]any{
		"state": "Balanced", "message": nil, "budget": map[string]any{"a": nil, "b": int64(2)}, "targetSize": "1Gi",
	}
	if diff := cmp.Diff(want, change(from, to)); diff != "" {
		t.Error(diff)
	}
}
