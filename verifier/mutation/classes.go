package mutation

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// late is longer than every deadline of every profile of the parameters.
const late = 3 * time.Hour

// soon is shorter than every deadline, and longer than the order of events of
// two kinds is uncertain.
const soon = 3 * time.Second

// Class is one kind of fault that is put into recordings. METADATA custom
// mutants of a policy names the classes that the policy must notice.
type Class struct {
	Name string
	Text string        // what is done to the recording
	Want verdict.Level // what a policy must say that held or was vacuous before

	// places finds where the fault can matter: indices of events.
	places func(r *recording) []int
	apply  func(r *recording, t *tape, i int)
}

// Classes returns all of them, in the order of reports.
func Classes() []Class {
	const bad, unclear = verdict.Violated, verdict.Inconclusive
	return []Class{
		{"above_limit", "a raised request is put 1 GiB above limit", bad, raises, aboveLimit},
		{"below_request", "a claim is created with half of request", bad, creations, belowRequest},
		{"shrink", "a raised request becomes what it was before", bad, raises, shrink},
		{"forbid_emergency", "emergency growth was disabled from the start", bad, actions, forbidEmergency},
		{"no_budget", "maxActionsPerDay was 0 from the start", bad, actions, noBudget},
		{"closed_window", "the growth was a planned one and the window never opened", bad, actions, closedWindow},
		{"reorder", "a raise and the version before it change places", bad, raises, reorder},
		{"stale_replica", "a replica is added with the size that the first one began with", bad, completions, staleReplica},
		{"diverge", "one claim never follows the others", bad, raises, diverge},
		{"drop", "one volume never completes, and the recording goes on for hours", bad, completions, stuck},
		{"delay", "after a disruption nothing moves for hours, then it goes on", bad, resumptionsOf, delay},
		{"repeat_action", "the status tells of the same action once more, done later", bad, actions, repeatAction},
		{"duplicate", "a claim is written again and again without any change", bad, completions, duplicate},
		{"lie_state", "the state stays Emergency when all is done", bad, actions, lieState},
		{"lie_effective", "effectiveSize names 7 GiB, whatever was reached", bad, actions, lie("7Gi", "effectiveSize")},
		{"lie_actual", "actualSizes name another size", bad, actions, lieActual},
		{"lie_action", "lastAction names 7 GiB, which nobody requested", bad, actions, lie("7Gi", "lastAction", "to")},
		{"lie_budget", "the budget counts three planned actions more", bad, actions, lieBudget},
		{"no_action", "the status tells of no action", bad, actions, noAction},
		{"lose_write", "an acknowledged write is found by no read any more", bad, reads, loseWrite},
		{"phantom_write", "a read finds what nobody wrote", bad, reads, phantomWrite},
		{"double_write", "a read finds a write twice", bad, reads, doubleWrite},
		{"gap", "for hours before this nothing of clusters, claims and pods was seen", unclear, completions, gap},
		{"gap_resume", "the same, just before an expansion moves on after a disruption", unclear, resumptionsOf, gap},
		{"gap_done", "the same, after all volumes have completed", unclear, afterwards, gap},
		{"cut", "the recording ends here", unclear, raises, cut},
		{"cut_read", "the recording ends before the last reads", unclear, reads, cutRead},
	}
}

// changes returns the events of a kind whose value at a path grew.
func (r *recording) changes(kind string, path []string) []int {
	var out []int
	for i, e := range r.events {
		if e.Object.Kind != kind || e.Type != trace.Modified {
			continue
		}
		if before := bytesAt(r.before(i), path...); before > 0 && bytesAt(e.data, path...) > before {
			out = append(out, i)
		}
	}
	return out
}

func raises(r *recording) []int { return r.changes(kindClaim, claimRequest) }

func completions(r *recording) []int { return r.changes(kindClaim, claimCapacity) }

// afterwards is the first Cluster after the last completion.
func afterwards(r *recording) []int {
	done := completions(r)
	if len(done) == 0 {
		return nil
	}
	for i := done[len(done)-1] + 1; i < r.teardown(); i++ {
		if r.events[i].is(kindCluster) {
			return []int{i}
		}
	}
	return nil
}

func resumptionsOf(r *recording) []int { return r.resumed }

func creations(r *recording) []int {
	var out []int
	for i, e := range r.events {
		request := bytesAt(r.clusterOf(i), "spec", "storage", "request")
		if e.is(kindClaim) && e.Type == trace.Added && request > 0 && bytesAt(e.data, claimRequest...) == request {
			out = append(out, i)
		}
	}
	return out
}

// actions are the Clusters whose status tells of another action than before.
func actions(r *recording) []int {
	var out []int
	for i, e := range r.events {
		stamp := dataField("lastAction", "timestamp")
		if e.Object.Kind == kindCluster && e.Type == trace.Modified && text(e.data, stamp...) != "" &&
			text(e.data, stamp...) != text(r.before(i), stamp...) {
			out = append(out, i)
		}
	}
	return out
}

// firstGap numbers the gaps of mutants, above those of real recordings.
const firstGap = 9000

const sentinelRead trace.Type = "sentinel.read"

// reads is the last complete read of a primary.
func reads(r *recording) []int {
	for i := len(r.events) - 1; i >= 0; i-- {
		e := r.events[i]
		if e.Type == sentinelRead && dig(e.data, "primary") == true && dig(e.data, "complete") == true {
			return []int{i}
		}
	}
	return nil
}

// request changes the request of a claim in all versions that have the one of
// an event.
func request(r *recording, t *tape, i int, to string) {
	now := text(r.events[i].data, claimRequest...)
	t.editFrom(i, r.events[i].Object, func(o map[string]any) {
		if text(o, claimRequest...) == now {
			set(o, to, claimRequest...)
		}
	})
}

func aboveLimit(r *recording, t *tape, i int) {
	const gib = 1 << 30
	limit := bytesAt(r.clusterOf(i), "spec", "storage", "limit")
	request(r, t, i, fmt.Sprint(limit+gib))
}

func belowRequest(r *recording, t *tape, i int) {
	request(r, t, i, fmt.Sprint(bytesAt(r.events[i].data, claimRequest...)/2))
}

func shrink(r *recording, t *tape, i int) {
	old := text(r.before(i), claimRequest...)
	at := t.repeat(i, soon, func(map[string]any) {})
	t.editFrom(at, r.events[i].Object, func(o map[string]any) { set(o, old, claimRequest...) })
}

// storage changes the storage block of a Cluster in all of its versions.
func (t *tape) storage(of trace.Object, change func(o map[string]any)) { t.editFrom(0, of, change) }

func forbidEmergency(r *recording, t *tape, i int) {
	t.storage(r.events[i].Object, func(o map[string]any) {
		set(o, false, "spec", "storage", "emergencyGrow", "enabled")
	})
}

func noBudget(r *recording, t *tape, i int) {
	t.storage(r.events[i].Object, func(o map[string]any) {
		set(o, 0, "spec", "storage", "emergencyGrow", "maxActionsPerDay")
		set(o, 0, "spec", "storage", "emergencyGrow", "reservedActionsForEmergency")
	})
}

func closedWindow(r *recording, t *tape, i int) {
	t.storage(r.events[i].Object, func(o map[string]any) {
		set(o, "0 0 4 31 2 *", "spec", "storage", "maintenanceWindow", "schedule")
		if dig(o, dataField("lastAction")...) != nil {
			set(o, "ScheduledGrow", dataField("lastAction", "kind")...)
		}
	})
}

func reorder(r *recording, t *tape, i int) {
	k := r.previous(i)
	t.events[k].data, t.events[i].data = t.events[i].data, t.events[k].data
	t.events[k].Data, t.events[i].Data = t.events[i].Data, t.events[k].Data
}

func staleReplica(r *recording, t *tape, i int) {
	first := r.previous(i)
	for k := first; k >= 0; k = r.previous(k) {
		first = k
	}
	small := text(r.events[first].data, claimRequest...)
	at := t.repeat(i, soon, func(o map[string]any) {
		name := text(o, "metadata", "name") + "9"
		set(o, name, "metadata", "name")
		set(o, name, "metadata", "labels", "cnpg.io/instanceName")
		set(o, text(o, "metadata", "uid")+"-9", "metadata", "uid")
		set(o, small, claimRequest...)
		set(o, small, claimCapacity...)
	})
	e := &t.events[at]
	e.Type, e.Object.Name, e.Object.UID = trace.Added, text(e.data, "metadata", "name"), text(e.data, "metadata", "uid")
	set(e.data, e.Wall.Format(time.RFC3339), "metadata", "creationTimestamp")
}

// hold lets a field of an object stay what it was before an event.
func hold(r *recording, t *tape, i int, path []string) {
	now, old := text(r.events[i].data, path...), text(r.before(i), path...)
	t.editFrom(i, r.events[i].Object, func(o map[string]any) {
		if text(o, path...) == now {
			set(o, old, path...)
		}
	})
}

func diverge(r *recording, t *tape, i int) {
	hold(r, t, i, claimRequest)
	now := text(r.events[i].data, claimRequest...)
	old := text(r.before(i), claimRequest...)
	t.editFrom(i, r.events[i].Object, func(o map[string]any) {
		if text(o, claimCapacity...) == now {
			set(o, old, claimCapacity...)
		}
	})
	last := raises(r)
	t.delay(last[len(last)-1]+1, late)
}

func stuck(r *recording, t *tape, i int) {
	hold(r, t, i, claimCapacity)
	t.events = t.events[:max(i+1, r.teardown())]
	last := t.events[len(t.events)-1]
	at := last.Time + late
	t.insert(len(t.events), trace.Event{
		Time: at, NotBefore: at, Wall: last.Wall.Add(late), Source: trace.SourceMark, Type: trace.Mark,
		Data: []byte(`{"phase":"quiet"}`),
	})
}

func delay(_ *recording, t *tape, i int) { t.delay(i, late) }

func repeatAction(r *recording, t *tape, i int) {
	at := t.repeat(i, soon, func(map[string]any) {})
	stamp := t.events[at].Wall.UTC().Format(time.RFC3339)
	now := text(r.events[i].data, dataField("lastAction", "timestamp")...)
	t.editFrom(at, r.events[i].Object, func(o map[string]any) {
		if text(o, dataField("lastAction", "timestamp")...) == now {
			set(o, stamp, dataField("lastAction", "timestamp")...)
		}
	})
}

func duplicate(_ *recording, t *tape, i int) {
	for n := range 3 {
		t.repeat(i, time.Duration(n+1)*time.Millisecond, func(map[string]any) {})
	}
}

// tell changes the status from an event on, and lets the last status before the
// teardown stand for long.
func (t *tape) tell(r *recording, i int, change func(o map[string]any)) {
	t.editFrom(i, r.events[i].Object, change)
	settled := i
	if done := completions(r); len(done) > 0 {
		settled = max(i, done[len(done)-1])
	}
	for k := i + 1; k < r.teardown(); k++ {
		if r.events[k].is(kindCluster) && r.events[k].Object == r.events[i].Object &&
			!reflect.DeepEqual(dig(r.events[k].data, dataStatus...), dig(r.before(k), dataStatus...)) {
			settled = k
		}
	}
	t.delay(settled+1, late)
}

func lie(value any, path ...string) func(r *recording, t *tape, i int) {
	return func(r *recording, t *tape, i int) {
		t.tell(r, i, func(o map[string]any) {
			if dig(o, dataField(path...)...) != nil {
				set(o, value, dataField(path...)...)
			}
		})
	}
}

func lieState(r *recording, t *tape, i int) { lie("Emergency", "state")(r, t, i) }

func lieActual(r *recording, t *tape, i int) {
	t.tell(r, i, func(o map[string]any) {
		sizes, _ := dig(o, dataField("actualSizes")...).(map[string]any)
		for instance := range sizes {
			sizes[instance] = "7Gi"
		}
	})
}

func lieBudget(r *recording, t *tape, i int) {
	t.tell(r, i, func(o map[string]any) { set(o, 6, dataField("budget", "availableForPlanned")...) })
}

func noAction(r *recording, t *tape, i int) {
	t.tell(r, i, func(o map[string]any) {
		set(o, nil, dataField("lastAction")...)
		set(o, nil, dataField("effectiveSize")...)
	})
}

// acknowledged returns the last element that was acknowledged before a read began.
func (r *recording) acknowledged(read int) string {
	for i := read - 1; i >= 0; i-- {
		if e := r.events[i]; e.Type == "sentinel.acknowledged" && e.Time < r.events[read].NotBefore {
			return fmt.Sprint(dig(e.data, "n"))
		}
	}
	return ""
}

func loseWrite(r *recording, t *tape, i int) {
	lost := r.acknowledged(i)
	t.edit(i, func(o map[string]any) { set(o, less(text(o, "elements"), lost), "elements") })
}

func phantomWrite(_ *recording, t *tape, i int) {
	t.edit(i, func(o map[string]any) { set(o, text(o, "elements")+",1000000", "elements") })
}

func doubleWrite(r *recording, t *tape, i int) {
	t.edit(i, func(o map[string]any) { set(o, r.acknowledged(i), "duplicates") })
}

// less takes one element out of a list such as "1-9,11".
func less(elements, gone string) string {
	var n int64
	if _, err := fmt.Sscan(gone, &n); err != nil {
		return elements
	}
	var parts []string
	for part := range strings.SplitSeq(elements, ",") {
		var from, to int64
		if _, err := fmt.Sscanf(part, "%d-%d", &from, &to); err != nil {
			if part != gone {
				parts = append(parts, part)
			}
			continue
		}
		switch {
		case n < from || n > to:
			parts = append(parts, part)
		default:
			if n > from {
				parts = append(parts, fmt.Sprintf("%d-%d", from, n-1))
			}
			if n < to {
				parts = append(parts, fmt.Sprintf("%d-%d", n+1, to))
			}
		}
	}
	return strings.Join(parts, ",")
}

// gap declares that nothing was seen from an event until all claims were as they
// are at the end, and makes that time long. What is received afterwards is the
// last version of each object; it may have happened anywhere inside.
func gap(r *recording, t *tape, i int) {
	from := t.events[i].Time
	t.delay(i, late)
	last := i
	for k := i; k < r.teardown(); k++ {
		if r.events[k].is(kindClaim) {
			last = k
		}
	}
	at := t.events[last].Time
	seen := slices.Clone(t.events[i : last+1])
	for k := range seen {
		seen[k].Time, seen[k].NotBefore, seen[k].Wall = at, from, r.run.Start.Add(at)
	}
	relisted := slices.DeleteFunc(slices.Clone(seen), func(e event) bool {
		newest := e
		for _, other := range seen {
			if other.Object == e.Object && other.Type.IsObject() {
				newest = other
			}
		}
		return e.Type.IsObject() && newest.Seq != e.Seq
	})
	var begins, ends []event
	for n, of := range r.watched() {
		record := func(side string) event {
			data := fmt.Sprintf(`{"id":%d,"side":%q,"from_rv":"1","to_rv":"2","reason":"cut in on purpose"}`, firstGap+n, side)
			return event{Event: trace.Event{
				Time: at, Wall: r.run.Start.Add(at), NotBefore: from, Source: trace.SourceRecorder, Type: trace.Gap,
				Object: of, Data: []byte(data),
			}}
		}
		begins, ends = append(begins, record(trace.GapBegin)), append(ends, record(trace.GapEnd))
	}
	t.events = slices.Concat(t.events[:i], begins, relisted, ends, t.events[last+1:])
}

// teardown is where the first claim or Cluster begins to go away, or the end.
func (r *recording) teardown() int {
	for i, e := range r.events {
		goes := e.Type == trace.Deleted || text(e.data, "metadata", "deletionTimestamp") != ""
		if goes && (e.Object.Kind == kindClaim || e.Object.Kind == kindCluster) {
			return i
		}
	}
	return len(r.events)
}

// watched returns the resources that policies read, as the recording names them.
func (r *recording) watched() []trace.Object {
	var out []trace.Object
	seen := map[trace.Object]bool{}
	for _, e := range r.events {
		o := trace.Object{Resource: e.Object.Resource, Namespace: e.Object.Namespace}
		switch o.Kind {
		case kindCluster, kindClaim, "Pod":
			if !seen[o] {
				seen[o] = true
				out = append(out, o)
			}
		}
	}
	return out
}

func cut(_ *recording, t *tape, i int) { t.events = t.events[:i+1] }

// cutRead takes away every read that begins after the last write.
func cutRead(r *recording, t *tape, i int) {
	for k := i; k >= 0; k-- {
		if r.events[k].Type == "sentinel.acknowledged" {
			t.events = t.events[:k+1]
			return
		}
	}
}
