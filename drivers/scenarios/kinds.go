package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The kinds of disruptions; package disruption says what each does.
const (
	OperatorRestart  = "operator-restart"
	PrimaryRestart   = "primary-restart"
	Failover         = "failover"
	Switchover       = "switchover"
	NodeDrain        = "node-drain"
	NodeLoss         = "node-loss"
	Backup           = "backup"
	SpecMutation     = "spec-mutation"
	ScaleUp          = "scale-up"
	RollingUpgrade   = "rolling-upgrade"
	SnapshotRestore  = "snapshot-restore"
	Oscillation      = "oscillation"
	BudgetExhaustion = "budget-exhaustion"
	DiskFill         = "disk-fill"
	TablespaceFill   = "tablespace-fill"
)

// parameters lists what each kind takes.
var parameters = map[string][]string{
	OperatorRestart:  {},
	PrimaryRestart:   {},
	Failover:         {},
	Switchover:       {},
	NodeDrain:        {"role"},
	NodeLoss:         {"role"},
	Backup:           {"class", "method", "online"},
	SpecMutation:     {"dynamic", "static"},
	ScaleUp:          {"add"},
	RollingUpgrade:   {},
	SnapshotRestore:  {"class", "online"},
	Oscillation:      {"cycles", "percent"},
	BudgetExhaustion: {"cycles", "percent"},
	DiskFill:         {"method", "percent", "role"},
	TablespaceFill:   {"method", "name", "percent"},
}

// Kinds lists the kinds of disruptions.
func Kinds() []string { return slices.Sorted(maps.Keys(parameters)) }

// checkStep refuses a kind that there is not, and what the kind does not take.
func checkStep(s Step) error {
	allowed, known := parameters[s.Kind]
	if !known {
		return fmt.Errorf("disruption %q is none of %s", s.Kind, strings.Join(Kinds(), ", "))
	}
	for _, name := range s.Params.given() {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("%s takes no %s; it takes: %s", s.Kind, name, strings.Join(allowed, ", "))
		}
	}
	methods := map[string][]string{
		Backup:   {"", "volumeSnapshot", "barmanObjectStore"},
		DiskFill: {"", "file", "sql"}, TablespaceFill: {"", "file", "sql"},
	}
	if allowed := methods[s.Kind]; allowed != nil && !slices.Contains(allowed, s.Params.Method) {
		return fmt.Errorf("the method %q of %s is none of %s", s.Params.Method, s.Kind, strings.Join(allowed[1:], ", "))
	}
	switch {
	case s.Params.Role != "" && s.Params.Role != "primary" && s.Params.Role != "replica":
		return fmt.Errorf("the role %q is neither primary nor replica", s.Params.Role)
	case s.Params.Percent < 0 || s.Params.Percent > 99:
		return fmt.Errorf("%d percent of a disk cannot be filled: use 1 to 99", s.Params.Percent)
	case s.Kind == SpecMutation && s.Params.Static == nil && s.Params.Dynamic == nil:
		return fmt.Errorf("%s needs static or dynamic: what to merge into the specification", s.Kind)
	case s.Kind == TablespaceFill && s.Params.Name == "":
		return fmt.Errorf("%s needs the name of a tablespace", s.Kind)
	}
	return nil
}
