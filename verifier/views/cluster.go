package views

import (
	"sync"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// cluster is one life of a Cluster.
type cluster struct {
	namespace, name, uid string
	label                string // "ns/pg", "ns/pg#2" for its second life
	seen                 bool   // the Cluster itself was recorded
	born                 bool   // created while the trace was running
	from, left           moment

	groups map[groupKey]*groupHistory
	// How many groups there were when spec and status were read for the last time.
	blocksOf, sizingsOf int

	sync    []syncPoint
	primary []primaryPoint
	gen     []generationPoint

	health  []healthPoint
	builds  []buildPoint
	changes []changePoint // of the spec

	// What belongs to it, in order of appearance.
	pods, jobs []*pod
	volumes    []*volume
	waitPods   []*waitPod
	waitClaims []*waitClaim
	sentinels  []sentinelEvent

	making  sync.Mutex
	made    []volumeGroup // nil before they are asked for
	told    bool          // its documents were made while the trace was being read
	outline *outline      // when the rest was let go
}

// groupKey is the volume group of a cluster: its role, and the tablespace of PG_TABLESPACE.
type groupKey struct{ role, tablespace string }

// The roles of volumes.
const (
	roleData       = "PG_DATA"
	roleWAL        = "PG_WAL"
	roleTablespace = "PG_TABLESPACE"
)

// groupHistory is what the Cluster says about one volume group over time.
type groupHistory struct {
	blocks   []blockPoint
	sizings  []sizingPoint
	rewrites []moment // of the volume status, without a change that the views tell of
	text     string   // of the last volume status
}

type generationPoint struct {
	moment
	generation int64
}

// block is the storage block of a spec, with the documented defaults filled in.
type block struct {
	Mode             string `json:"mode"`
	Size             int64  `json:"size"`
	Request          int64  `json:"request"`
	Limit            int64  `json:"limit"`
	ResizeInUse      bool   `json:"resize_in_use"`
	EmergencyEnabled bool   `json:"emergency_enabled"`
	ExceedLimit      bool   `json:"exceed_limit"`
	MaxActions       int64  `json:"max_actions"`
	ReservedActions  int64  `json:"reserved_actions"`
	TargetBuffer     int64  `json:"target_buffer"`
	CriticalPercent  int64  `json:"critical_percent"`
	CriticalFree     int64  `json:"critical_free"`
	Windowed         bool   `json:"windowed"`
	Instances        int64  `json:"instances"`
	window           windowSpec
}

// The modes of a block.
const (
	modeNone    = "none" // the spec has no such block
	modeStatic  = "static"
	modeDynamic = "dynamic"
)

type blockPoint struct {
	moment
	generation int64
	block
}

// sizing is the volume status in status.storageSizing.
type sizing struct {
	Present         bool   `json:"present"`
	State           string `json:"state"`
	Effective       int64  `json:"effective"`
	Target          int64  `json:"target"`
	HasNextWindow   bool   `json:"has_next_window"`
	NextWindow      int64  `json:"next_window_ns"`
	Message         string `json:"message"`
	HasBudget       bool   `json:"has_budget"`
	Actions         int64  `json:"actions"`
	Planned         int64  `json:"planned"`
	Emergency       int64  `json:"emergency"`
	HasAction       bool   `json:"has_action"`
	ActionKind      string `json:"action_kind"`
	ActionFrom      int64  `json:"action_from"`
	ActionTo        int64  `json:"action_to"`
	ActionInstance  string `json:"action_instance"`
	ActionResult    string `json:"action_result"`
	ActionTimestamp string `json:"action_timestamp"`
	ActionAt        int64  `json:"action_at_ns"`
}

type sizingPoint struct {
	moment
	sizing
	actual map[string]int64 // instance → bytes
}

type syncPoint struct {
	moment
	synchronous bool
}

type primaryPoint struct {
	moment
	current, target string
}

// clusterFields are what is read of a Cluster.
func clusterFields() []trace.Fields {
	of := func(topic trace.Topic, paths ...[]string) trace.Fields {
		return trace.Fields{Group: "postgresql.cnpg.io", Resource: "clusters", Topic: topic, Paths: paths}
	}
	return []trace.Fields{
		of(0, []string{"metadata", "creationTimestamp"}, []string{"metadata", "deletionTimestamp"}),
		of(topicSpec, []string{"metadata", "generation"}, []string{"spec"}),
		of(topicSizing, []string{"status", "storageSizing"}),
	}
}

// observe folds one event of the Cluster.
func (c *cluster) observe(m moment, s trace.State, start time.Time, topics trace.Topic, needs needs) {
	generation, _ := s.At("metadata", "generation").Int()
	if n := len(c.gen); n == 0 || c.gen[n-1].generation != generation {
		c.gen = append(c.gen, generationPoint{m, generation})
	}
	if len(c.groups) != c.blocksOf || topics&topicSpec != 0 {
		c.observeSpec(m, generation, s)
		c.blocksOf = len(c.groups)
	}
	if len(c.groups) != c.sizingsOf || topics&topicSizing != 0 {
		c.observeSizing(m, s.At("status", "storageSizing"), start, needs.rewrites)
		c.sizingsOf = len(c.groups)
	}
	if topics&topicSpec != 0 {
		synchronous := isSynchronous(s.At("spec"))
		if n := len(c.sync); n == 0 || c.sync[n-1].synchronous != synchronous {
			c.sync = append(c.sync, syncPoint{m, synchronous})
		}
	}
	if !needs.lives {
		return
	}
	if topics&(topicSpec|topicHealth) != 0 {
		c.observeHealth(m, s)
	}
	now := &c.health[len(c.health)-1]
	if n := len(c.primary); n == 0 || c.primary[n-1].current != now.Current || c.primary[n-1].target != now.Target {
		c.primary = append(c.primary, primaryPoint{m, now.Current, now.Target})
	}
}

// lastMoment is up to when the cluster can be judged.
func (c *cluster) lastMoment(end moment) (moment, string) {
	if c.left.isZero() {
		return end, endOfTrace
	}
	return c.left, endDeleted
}

// group returns what is known of a volume group, creating it.
func (c *cluster) group(key groupKey) *groupHistory {
	g := c.groups[key]
	if g == nil {
		g = &groupHistory{}
		c.groups[key] = g
	}
	return g
}

func (c *cluster) observeSpec(m moment, generation int64, s trace.State) {
	spec := s.At("spec")
	instances := intOr(spec.At("instances"), 1)
	blocks := map[groupKey]block{}
	if b := spec.At("storage"); b.Exists() {
		blocks[groupKey{role: roleData}] = parseBlock(b, instances)
	}
	if b := spec.At("walStorage"); b.Exists() {
		blocks[groupKey{role: roleWAL}] = parseBlock(b, instances)
	}
	for _, t := range spec.At("tablespaces").Each() {
		key := groupKey{roleTablespace, t.At("name").String()}
		blocks[key] = parseBlock(t.At("storage"), instances)
	}
	for key := range c.groups {
		if _, ok := blocks[key]; !ok {
			blocks[key] = block{Mode: modeNone, Instances: instances}
		}
	}
	for key, b := range blocks {
		g := c.group(key)
		if n := len(g.blocks); n == 0 || g.blocks[n-1].block != b {
			g.blocks = append(g.blocks, blockPoint{m, generation, b})
		}
	}
}

// parseBlock reads a storage block. The defaults are those of the CRD, which
// the API server normally has filled in already.
func parseBlock(s trace.State, instances int64) block {
	grow := s.At("emergencyGrow")
	b := block{
		Size:             quantity(textOf(s.At("size"))),
		Request:          quantity(textOf(s.At("request"))),
		Limit:            quantity(textOf(s.At("limit"))),
		ResizeInUse:      boolOr(s.At("resizeInUseVolumes"), true),
		EmergencyEnabled: boolOr(grow.At("enabled"), true),
		ExceedLimit:      boolOr(grow.At("exceedLimitOnEmergency"), false),
		MaxActions:       intOr(grow.At("maxActionsPerDay"), 4),
		ReservedActions:  intOr(grow.At("reservedActionsForEmergency"), 1),
		TargetBuffer:     intOr(s.At("targetBuffer"), 20),
		CriticalPercent:  intOr(grow.At("criticalThreshold"), 95),
		CriticalFree:     1 << 30,
		Instances:        instances,
	}
	if free := textOf(grow.At("criticalMinimumFree")); free != "" {
		b.CriticalFree = quantity(free)
	}
	if window := s.At("maintenanceWindow"); window.Len() > 0 {
		b.Windowed = true
		b.window = windowSpec{
			schedule: window.At("schedule").String(),
			duration: window.At("duration").String(),
			timezone: window.At("timezone").String(),
		}
	}
	if b.Size == 0 {
		b.Size = quantity(textOf(s.At("pvcTemplate", "resources", "requests", "storage")))
	}
	b.Mode = modeStatic
	if b.Request > 0 && b.Limit > 0 {
		b.Mode = modeDynamic
	}
	return b
}

func (c *cluster) observeSizing(m moment, s trace.State, start time.Time, rewrites bool) {
	found := map[groupKey]trace.State{}
	if v := s.At("data"); v.Len() > 0 {
		found[groupKey{role: roleData}] = v
	}
	if v := s.At("wal"); v.Len() > 0 {
		found[groupKey{role: roleWAL}] = v
	}
	for name, v := range s.At("tablespaces").Each() {
		found[groupKey{roleTablespace, name}] = v
	}
	for key := range found {
		c.group(key)
	}
	for key, g := range c.groups {
		p := parseSizing(found[key], start)
		p.moment = m
		text := ""
		if rewrites {
			text = string(found[key].JSON())
		}
		if n := len(g.sizings); n == 0 || !g.sizings[n-1].equal(p) {
			g.sizings = append(g.sizings, p)
		} else if text != g.text {
			g.rewrites = append(g.rewrites, m)
		}
		g.text = text
	}
}

// parseSizing reads one volume status. An absent integer of the budget is 0:
// the API leaves zeros out.
func parseSizing(s trace.State, start time.Time) sizingPoint {
	p := sizingPoint{sizing: sizing{
		Present:   s.Len() > 0,
		State:     s.At("state").String(),
		Effective: quantity(s.At("effectiveSize").String()),
		Target:    quantity(s.At("targetSize").String()),
		Message:   s.At("message").String(),
	}}
	if at, ok := timeOf(s.At("nextMaintenanceWindow")); ok {
		p.HasNextWindow, p.NextWindow = true, int64(at.Sub(start))
	}
	if budget := s.At("budget"); budget.Len() > 0 {
		p.HasBudget = true
		p.Actions = intOr(budget.At("actionsLast24h"), 0)
		p.Planned = intOr(budget.At("availableForPlanned"), 0)
		p.Emergency = intOr(budget.At("availableForEmergency"), 0)
	}
	if action := s.At("lastAction"); action.Len() > 0 {
		p.HasAction = true
		p.ActionKind = action.At("kind").String()
		p.ActionFrom = quantity(action.At("from").String())
		p.ActionTo = quantity(action.At("to").String())
		p.ActionInstance = action.At("instance").String()
		p.ActionResult = action.At("result").String()
		p.ActionTimestamp = action.At("timestamp").String()
		if at, ok := timeOf(action.At("timestamp")); ok {
			p.ActionAt = int64(at.Sub(start))
		}
	}
	for instance, size := range s.At("actualSizes").Each() {
		if p.actual == nil {
			p.actual = map[string]int64{}
		}
		p.actual[instance] = quantity(size.String())
	}
	return p
}

func (p sizingPoint) equal(o sizingPoint) bool {
	if p.sizing != o.sizing || len(p.actual) != len(o.actual) {
		return false
	}
	for instance, size := range p.actual {
		if other, ok := o.actual[instance]; !ok || other != size {
			return false
		}
	}
	return true
}

// isSynchronous reports whether an acknowledged commit is on a standby too. A
// durability of "preferred" falls back to asynchronous when standbys are missing.
func isSynchronous(spec trace.State) bool {
	if s := spec.At("postgresql", "synchronous"); s.Len() > 0 {
		return s.At("dataDurability").String() != "preferred"
	}
	return intOr(spec.At("minSyncReplicas"), 0) > 0
}
