package sizing

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/drivers/disruption"
)

// GiB is the unit to which planned growth is rounded up, in bytes.
const GiB = int64(1) << 30

// day is the time in which actions are counted.
const day = 24 * time.Hour

// Block is a storage block with dynamic sizing. Sizes are bytes.
type Block struct {
	Request, Limit int64
	Buffer         int64 // wanted free share, percent
	Emergency      Emergency
	Window         *Window // nil: planned growth at any time
}

// Emergency is the block emergencyGrow.
type Emergency struct {
	Enabled, ExceedLimit bool
	Threshold            int64 // used share, percent
	MinimumFree          int64 // bytes
	MaxActions, Reserved int
}

// Window is when planned growth may take place.
type Window struct {
	schedule cron.Schedule
	duration time.Duration
	zone     *time.Location
}

// ReadBlock reads spec.storage of a Cluster, with the documented defaults. A block
// without request and limit is not dynamic: nil.
func ReadBlock(storage map[string]any) (*Block, error) {
	r := reader{storage: storage}
	b := &Block{
		Request: r.bytes("", "request"), Limit: r.bytes("", "limit"), Buffer: r.number(20, "targetBuffer"),
		Emergency: Emergency{
			Enabled:     r.flag(true, "emergencyGrow", "enabled"),
			ExceedLimit: r.flag(false, "emergencyGrow", "exceedLimitOnEmergency"),
			Threshold:   r.number(95, "emergencyGrow", "criticalThreshold"),
			MinimumFree: r.bytes("1Gi", "emergencyGrow", "criticalMinimumFree"),
			MaxActions:  int(r.number(4, "emergencyGrow", "maxActionsPerDay")),
			Reserved:    int(r.number(1, "emergencyGrow", "reservedActionsForEmergency")),
		},
	}
	if _, there := storage["maintenanceWindow"]; there {
		b.Window = r.window()
	}
	if r.err != nil {
		return nil, r.err
	}
	if b.Request == 0 || b.Limit == 0 {
		return nil, nil
	}
	return b, nil
}

// reader reads fields of a storage block and keeps the first error.
type reader struct {
	storage map[string]any
	err     error
}

func (r *reader) keep(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("spec.storage: %w", err)
	}
}

func (r *reader) text(otherwise string, path ...string) string {
	value, found, err := unstructured.NestedString(r.storage, path...)
	r.keep(err)
	if !found {
		return otherwise
	}
	return value
}

func (r *reader) bytes(otherwise string, path ...string) int64 {
	text := r.text(otherwise, path...)
	if text == "" {
		return 0
	}
	quantity, err := resource.ParseQuantity(text)
	r.keep(err)
	return quantity.Value()
}

func (r *reader) number(otherwise int64, path ...string) int64 {
	value, found, err := unstructured.NestedInt64(r.storage, path...)
	r.keep(err)
	if !found {
		return otherwise
	}
	return value
}

func (r *reader) flag(otherwise bool, path ...string) bool {
	value, found, err := unstructured.NestedBool(r.storage, path...)
	r.keep(err)
	if !found {
		return otherwise
	}
	return value
}

// sixFields is how schedules are written: with seconds, and no descriptors.
var sixFields = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

func (r *reader) window() *Window {
	w := &Window{}
	var err error
	w.schedule, err = sixFields.Parse(r.text("0 0 3 * * *", "maintenanceWindow", "schedule"))
	r.keep(err)
	w.duration, err = time.ParseDuration(r.text("2h", "maintenanceWindow", "duration"))
	r.keep(err)
	w.zone, err = time.LoadLocation(r.text("UTC", "maintenanceWindow", "timezone"))
	r.keep(err)
	return w
}

// isOpen reports whether planned growth may take place now.
func (w *Window) isOpen(now time.Time) bool {
	return w == nil || !w.schedule.Next(now.In(w.zone).Add(-w.duration)).After(now)
}

// The states of a volume, as the status has them.
const (
	Balanced  = "Balanced"
	Emergent  = "Emergency"
	Pending   = "PendingGrowth"
	Resizing  = "Resizing"
	AtLimit   = "AtLimit"
	WaitsDisk = "WaitingForDiskStatus"
)

// The kinds of actions, as the status has them.
const (
	EmergencyGrow = "EmergencyGrow"
	ScheduledGrow = "ScheduledGrow"
)

// Volume is one logical volume: the claims of one role of a Cluster.
type Volume struct {
	Size    int64           // bytes: the highest request of its claims
	Disk    disruption.Disk // that of the fullest instance; zero: nobody knows
	Actions []time.Time     // all growth so far that was an action
}

// Budget is what is left of the actions of a day. The three add up to the maximum.
type Budget struct{ Used, Planned, Emergency int }

// BudgetOf counts the actions of the last 24 hours.
func BudgetOf(e Emergency, actions []time.Time, now time.Time) Budget {
	var b Budget
	for _, at := range actions {
		if now.Sub(at) < day {
			b.Used++
		}
	}
	left := max(e.MaxActions-b.Used, 0)
	b.Planned = max(left-e.Reserved, 0)
	b.Emergency = left - b.Planned
	return b
}

// Decision is what to do with a volume.
type Decision struct {
	State  string
	Target int64  // bytes: the size that is wanted; 0: not known
	Kind   string // of the action; empty: none
	To     int64  // bytes: what the claims are to request
	Why    string // they do not grow though they should
}

// Decide applies the rules to a volume.
func Decide(b Block, v Volume, now time.Time) Decision {
	free := v.Disk.Total - v.Disk.Used
	switch {
	case v.Size < b.Request:
		return Decision{State: Balanced, Target: b.Request, To: b.Request}
	case v.Disk.Total <= 0:
		return Decision{State: WaitsDisk, To: v.Size}
	case b.Emergency.Enabled &&
		(v.Disk.Used*100 >= b.Emergency.Threshold*v.Disk.Total || free <= b.Emergency.MinimumFree):
		return emergency(b, v, now)
	case free*100 < b.Buffer*v.Disk.Total:
		return planned(b, v, now)
	case v.Size >= b.Limit:
		return Decision{State: AtLimit, Target: b.Limit, To: v.Size}
	}
	return Decision{State: Balanced, Target: wanted(b, v), To: v.Size}
}

// wanted is the size at which the buffer is free.
func wanted(b Block, v Volume) int64 {
	size := (v.Disk.Used*100 + (100 - b.Buffer) - 1) / (100 - b.Buffer)
	size = (size + GiB - 1) / GiB * GiB
	return min(max(size, b.Request), b.Limit)
}

func emergency(b Block, v Volume, now time.Time) Decision {
	to := v.Size + max(v.Size/4, GiB)
	if !b.Emergency.ExceedLimit || v.Size < b.Limit {
		to = min(to, b.Limit)
	}
	switch budget := BudgetOf(b.Emergency, v.Actions, now); {
	case to <= v.Size:
		return Decision{State: AtLimit, Target: b.Limit, To: v.Size}
	case budget.Planned+budget.Emergency == 0:
		return Decision{State: Pending, Target: to, To: v.Size, Why: "the daily budget of actions is used up"}
	}
	return Decision{State: Emergent, Target: to, Kind: EmergencyGrow, To: to}
}

func planned(b Block, v Volume, now time.Time) Decision {
	to := wanted(b, v)
	why := ""
	switch {
	case v.Size >= b.Limit:
		return Decision{State: AtLimit, Target: b.Limit, To: v.Size}
	case to <= v.Size: // rounded up it is what there is
		return Decision{State: Balanced, Target: to, To: v.Size}
	case !b.Window.isOpen(now):
		why = "the maintenance window is closed"
	case BudgetOf(b.Emergency, v.Actions, now).Planned == 0:
		why = "the daily budget of planned actions is used up"
	}
	if why != "" {
		return Decision{State: Pending, Target: to, To: v.Size, Why: why}
	}
	return Decision{State: Resizing, Target: to, Kind: ScheduledGrow, To: to}
}
