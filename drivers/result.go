package drivers

import (
	"encoding/json"
	"os"
	"time"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes; see the package documentation.
const (
	Succeeded    Outcome = "done"
	Skipped      Outcome = "skipped"
	NotExercised Outcome = "not exercised"
	Failed       Outcome = "failed"
	Cut          Outcome = "cut"
)

// The exit codes. Those of the verifier pass through: 0 held, 1 violated, 2 could
// not run, 3 inconclusive or vacuous.
const (
	ExitDone         = 0
	ExitViolated     = 1
	ExitCannot       = 2
	ExitUndecided    = 3
	ExitNotExercised = 4
	ExitSkipped      = 5
	ExitFailed       = 6
	ExitCut          = 130
)

// exitCodes are from the worst to the best.
var exitCodes = []int{
	ExitCut, ExitCannot, ExitViolated, ExitFailed, ExitNotExercised, ExitUndecided, ExitSkipped, ExitDone,
}

// Result is what became of a run.
type Result struct {
	Scenario    string     `json:"scenario"`
	Title       string     `json:"title"`
	Priority    string     `json:"priority"`
	Topology    string     `json:"topology"`
	Requirement string     `json:"requirement"`
	Outcome     Outcome    `json:"outcome"`
	Reason      string     `json:"reason,omitempty"` // why it is not done
	Sizing      string     `json:"sizing,omitempty"` // static or dynamic
	Trigger     string     `json:"trigger,omitempty"`
	Disruptions []string   `json:"disruptions,omitempty"`
	Started     time.Time  `json:"started"`
	Seconds     float64    `json:"seconds"`
	Trace       string     `json:"trace,omitempty"`
	Judgement   *Judgement `json:"judgement,omitempty"`
}

// Judgement is what the verifier said of the trace of a run.
type Judgement struct {
	Exit      int               `json:"exit"`
	Verdict   string            `json:"verdict"`
	Demanded  map[string]string `json:"demanded"` // policy → verdict, of those that the run demands
	Counts    map[string]int    `json:"counts"`   // verdict → policies
	Diagnoses []string          `json:"diagnoses,omitempty"`
	Allowed   map[string]string `json:"allowed,omitempty"` // policy → why this run cannot exercise it
}

// Exit is the exit code of a run.
func (r Result) Exit() int {
	code := map[Outcome]int{
		Succeeded: ExitDone, Skipped: ExitSkipped, NotExercised: ExitNotExercised, Failed: ExitFailed, Cut: ExitCut,
	}[r.Outcome]
	if r.Judgement != nil {
		return worst(code, r.Judgement.Exit)
	}
	return code
}

// Exit is the exit code of many runs: the worst.
func Exit(results []Result) int {
	code := ExitDone
	for _, r := range results {
		code = worst(code, r.Exit())
	}
	return code
}

func worst(a, b int) int {
	for _, code := range exitCodes {
		if code == a || code == b {
			return code
		}
	}
	return ExitCannot
}

// Write keeps the result in a file.
func (r Result) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
