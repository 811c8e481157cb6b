package scenarios

import "time"

// Scenario is one thing to put a cluster through.
type Scenario struct {
	Name        string              `yaml:"name"`
	Title       string              `yaml:"title"`
	Priority    string              `yaml:"priority"`
	Requirement string              `yaml:"requirement"`
	Exercises   []string            `yaml:"exercises"`
	Serial      bool                `yaml:"serial"`
	Class       string              `yaml:"class"`
	Needs       []string            `yaml:"needs"`
	Topologies  map[string]Topology `yaml:"topologies"`
	Cluster     map[string]any      `yaml:"cluster"`
	Objects     []map[string]any    `yaml:"objects"` // $(image) in them is that of the cluster
	Sizing      Sizing              `yaml:"sizing"`
	Load        Load                `yaml:"load"`
	Growth      *Growth             `yaml:"growth"`
	Trigger     string              `yaml:"trigger"`
	Disruptions []Step              `yaml:"disruptions"`
	Settle      Settle              `yaml:"settle"`

	// File says where the scenario stands, for errors.
	File string `yaml:"-"`
}

// Topology is what is different with this number of instances.
type Topology struct {
	Skip      string         `yaml:"skip"` // why the scenario cannot run in it
	Exercises []string       `yaml:"exercises"`
	Cluster   map[string]any `yaml:"cluster"`
}

// Sizing is how large volumes are. Quantities as Kubernetes writes them; what is
// empty is the default of the driver's flags.
type Sizing struct {
	Size    string         `yaml:"size"`
	Grown   string         `yaml:"grown"`
	Limit   string         `yaml:"limit"`
	Dynamic map[string]any `yaml:"dynamic"`
}

// Load is data that is written before anything is done.
type Load struct {
	Rows int `yaml:"rows"` // of about 1 KB each
}

// Growth is an expansion that the driver asks for.
type Growth struct {
	// Storage says how the storage is made to behave meanwhile: slow or fail, by
	// the hook of that name, where there is one. Empty: as it is.
	Storage string `yaml:"storage"`

	// Seconds is how long a slow expansion is to take; 0: 20. The hook has it as
	// HINDSIGHT_SECONDS.
	Seconds int `yaml:"seconds"`

	// Release says when the storage behaves again: injected (after the disruptions
	// were injected; the default), ended (after they ended), or settled.
	Release string `yaml:"release"`

	// Wait waits for the end of the expansion before the trigger is looked for.
	Wait bool `yaml:"wait"`
}

// Step is one disruption of a scenario with its parameters. Which of them a kind
// takes is said by package disruption; others are refused.
type Step struct {
	Kind   string        `yaml:"kind"`
	When   string        `yaml:"when"` // trigger of this step; empty: none beyond the scenario's
	Params Params        `yaml:",inline"`
	Time   time.Duration `yaml:"timeout"` // until its end is observed; 0: by class
}

// Params are the parameters of all kinds of disruptions.
type Params struct {
	Role    string         `yaml:"role"`    // primary or replica: of the instance, or of its node
	Method  string         `yaml:"method"`  // how, where there are several ways
	Class   string         `yaml:"class"`   // name of a class of snapshots, which need not exist
	Online  bool           `yaml:"online"`  // a snapshot without stopping the instance
	Add     int            `yaml:"add"`     // instances
	Static  map[string]any `yaml:"static"`  // merged into the Cluster's spec where sizing is static
	Dynamic map[string]any `yaml:"dynamic"` // the same where it is dynamic
	Percent int            `yaml:"percent"` // how full a disk is to become
	Cycles  int            `yaml:"cycles"`  // repetitions
	Name    string         `yaml:"name"`    // of a tablespace
}

// Settle is how a scenario ends.
type Settle struct {
	// Growth says that the expansion has to be complete: yes (the default where
	// there is growth), or no.
	Growth string `yaml:"growth"`

	// Healthy says that the cluster has to be healthy: yes, the default, or no.
	Healthy string `yaml:"healthy"`

	// Watch is for how long nothing more may happen; 0: 75 s.
	Watch time.Duration `yaml:"watch"`

	// Timeout bounds the waiting; 0: by class.
	Timeout time.Duration `yaml:"timeout"`
}

// The priorities.
const (
	P0    = "P0"
	P1    = "P1"
	Fault = "fault"
)

// The topologies.
const (
	T1 = "T1"
	T2 = "T2"
	T3 = "T3"
)

// Instances returns how many instances a topology has; 0: there is no such one.
func Instances(topology string) int { return map[string]int{T1: 1, T2: 2, T3: 3}[topology] }

// The classes of CI, as the verifier has them.
const (
	Medium = "medium"
	Slow   = "slow"
)

// The needs of a scenario.
const (
	NeedsDynamic   = "dynamic"   // spec.storage with request and limit
	NeedsBudget    = "budget"    // … with emergencyGrow.maxActionsPerDay
	NeedsShrink    = "shrink"    // an operator that makes volumes smaller: --assume shrink says so
	NeedsSnapshots = "snapshots" // a VolumeSnapshotClass
	NeedsNodeHooks = "node-hooks"
)

// The triggers.
const (
	TriggerHealthy  = "cluster-healthy"
	TriggerInFlight = "expansion-in-flight"
	TriggerComplete = "expansion-complete"
	TriggerShrink   = "shrink-in-flight"
)

// The ways in which storage behaves, each a hook, and the moments of their end.
const (
	StorageSlow     = "slow"
	StorageFail     = "fail"
	ReleaseInjected = "injected"
	ReleaseEnded    = "ended"
	ReleaseSettled  = "settled"
)

// DefaultWatch is for how long a settled cluster is watched: policies want to
// have seen twice the 30 s of an evaluation.
const DefaultWatch = 75 * time.Second

// Demands lists the policies that a run in a topology claims to put to the test.
func (s *Scenario) Demands(topology string) []string {
	var all []string
	seen := map[string]bool{"": true}
	for _, list := range [][]string{{s.Requirement}, s.Exercises, s.Topologies[topology].Exercises} {
		for _, id := range list {
			if !seen[id] {
				seen[id] = true
				all = append(all, id)
			}
		}
	}
	return all
}
