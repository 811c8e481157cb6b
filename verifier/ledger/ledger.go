package ledger

import (
	"time"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// SchemaVersion is the version of the JSON form of Ledger. Keys are only added
// within a version; schema.json describes them.
const SchemaVersion = "1"

// Outcome is how a test ended in a run.
type Outcome string

// The outcomes.
const (
	Passed    Outcome = "passed"    // at the first attempt, and no recording speaks against it
	Retried   Outcome = "retried"   // passed, but not at the first attempt
	Vacuous   Outcome = "vacuous"   // passed, but the recording shows that nothing was put to the test
	Undecided Outcome = "undecided" // passed or not asserted, and the recording cannot tell
	Failed    Outcome = "failed"    // by the suite, or by the recording where the suite saw nothing
	Skipped   Outcome = "skipped"   // skipped itself and said why
	NotRun    Outcome = "not_run"   // filtered out, or cut off by the end of the run
)

// Outcomes returns all of them, in the order in which reports count them.
func Outcomes() []Outcome {
	return []Outcome{Passed, Retried, Vacuous, Undecided, Failed, Skipped, NotRun}
}

// passes reports whether the table counts it as a pass.
func (o Outcome) passes() bool { return o == Passed || o == Retried }

// decides reports whether it tells something about how reliable the test is.
func (o Outcome) decides() bool { return o.passes() || o == Failed }

// Ledger is the history of tests over many runs.
type Ledger struct {
	SchemaVersion string            `json:"schema_version"`
	Title         string            `json:"title"`
	Policies      verdict.PolicySet `json:"policies"` // that judged the traces
	Thresholds    Thresholds        `json:"thresholds"`
	Tests         []Test            `json:"tests"`    // in the order of the catalogue, then by name
	Promises      []Promise         `json:"promises"` // of the policies, over all traces
	Runs          []Run             `json:"runs"`     // oldest first
	Requirements  []Coverage        `json:"requirements"`
	Topologies    []Coverage        `json:"topologies"`
	Criteria      []Criterion       `json:"criteria"`
	Rejudged      Rejudged          `json:"rejudged"`
	LeftOut       []Problem         `json:"left_out"` // traces that are there twice
	Problems      []Problem         `json:"problems"` // sources that could not be read

	catalogue Catalogue
}

// Test is one row of the flakiness table.
type Test struct {
	Name       string         `json:"name"`
	Spec       string         `json:"spec,omitempty"` // its title in the suite
	Passes     int            `json:"passes"`         // passed and retried, with the baseline's
	Fails      int            `json:"fails"`
	Skips      int            `json:"skips"`
	Counts     map[string]int `json:"counts"`            // by outcome, of runs
	Infra      int            `json:"infra"`             // failures and skips whose cause is infrastructure, by evidence
	Baseline   *Counts        `json:"baseline,omitzero"` // counts without a run
	Clean      int            `json:"clean"`             // passes at the first attempt, of Trials
	Trials     int            `json:"trials"`            // that the assessment rests on
	Rate       Interval       `json:"rate"`              // of clean passes
	Assessment Assessment     `json:"assessment"`
	Why        string         `json:"why"`            // the rule that applied
	Facts      []string       `json:"facts"`          // what the columns do not say
	Note       string         `json:"note,omitempty"` // by hand
	Since      *Since         `json:"since,omitzero"` // by hand: older runs are counted and not assessed
	Series     []Series       `json:"series"`
}

// Counts are passes, failures and skips of a test without their runs.
type Counts struct {
	Passes int `json:"passes" yaml:"passes"`
	Fails  int `json:"fails" yaml:"fails"`
	Skips  int `json:"skips" yaml:"skips"`
}

// Since says that a person holds older failures for repaired.
type Since struct {
	Date string `json:"date" yaml:"date"` // of a run, or of a day
	Why  string `json:"why" yaml:"why"`
}

// Series is the history of a test in one topology and one environment.
type Series struct {
	Topology    string         `json:"topology"`    // T1, T2, T3; empty: not known
	Environment string         `json:"environment"` // empty: nobody said
	Counts      map[string]int `json:"counts"`      // by outcome
	Rate        Interval       `json:"rate"`        // of clean passes
	Results     []Point        `json:"results"`     // oldest first
}

// Point is the result of a test in a run.
type Point struct {
	Run    int    `json:"run"` // index in Ledger.Runs
	Result Result `json:"result"`
}

// Result is how a test ended in one topology of one run.
type Result struct {
	Test     string         `json:"test"`
	Title    string         `json:"title,omitempty"` // as the suite calls it
	Topology string         `json:"topology,omitempty"`
	Outcome  Outcome        `json:"outcome"`
	Suite    string         `json:"suite,omitempty"`   // what the suite said, in its own word; empty: there was none
	Verdict  *verdict.Level `json:"verdict,omitempty"` // of the policies in its window; absent: none judged it
	Attempts int            `json:"attempts,omitzero"`
	Took     time.Duration  `json:"took_ns,omitzero"`
	Failure  string         `json:"failure,omitempty"` // message of the suite, or of the first finding
	Location string         `json:"location,omitempty"`
	Source   string         `json:"source"`          // file
	Class    string         `json:"class,omitempty"` // whose fault, by evidence; empty: nothing shows it
	Causes   []Cause        `json:"causes,omitempty"`
}

// undiagnosed reports a failure of which no evidence says whose it is.
func (r Result) undiagnosed() bool { return r.Outcome == Failed && r.Class == "" }

// infra reports whether evidence says that it is for infrastructure that the test
// did not pass.
func (r Result) infra() bool {
	return (r.Outcome == Failed || r.Outcome == Skipped) && r.Class == string(verdict.Infrastructure)
}

// Cause is evidence for why a test did not pass.
type Cause struct {
	By     string        `json:"by"` // policy, or "message" for a rule about the message
	Class  verdict.Class `json:"class"`
	Reason string        `json:"reason"` // code of a finding, reason of a diagnosis or of a rule
	Text   string        `json:"text"`
	Entity string        `json:"entity,omitempty"`
	From   int64         `json:"from_ns,omitzero"` // since the start of the trace
	Until  int64         `json:"until_ns,omitzero"`
	Seq    []uint64      `json:"seq,omitempty"`
	Shared bool          `json:"shared,omitzero"` // another spec ran at the same time, and it may be of that one
}

// Promise is the history of what one policy found.
type Promise struct {
	Policy       string   `json:"policy"`
	Title        string   `json:"title"`
	Held         int      `json:"held"` // traces
	Violated     int      `json:"violated"`
	Inconclusive int      `json:"inconclusive"` // with errors
	Vacuous      int      `json:"vacuous"`      // though asked of the trace
	Rate         Interval `json:"rate"`         // of held among held and violated
}

// Run is one run of a suite.
type Run struct {
	Date        string         `json:"date"` // 2006-01-02 15:04 UTC, or a day
	Title       string         `json:"title,omitempty"`
	Branch      string         `json:"branch,omitempty"`
	Commit      string         `json:"commit,omitempty"`
	Command     string         `json:"command,omitempty"`
	Duration    time.Duration  `json:"duration_ns,omitzero"`
	Environment Environment    `json:"environment"`
	Label       string         `json:"label"` // of the environment
	Changes     []string       `json:"changes"`
	RootCause   string         `json:"root_cause,omitempty"` // by hand
	Notes       string         `json:"notes,omitempty"`      // by hand
	Sources     []Source       `json:"sources"`
	Totals      map[string]int `json:"totals"`          // by outcome
	Others      int            `json:"others,omitzero"` // specs that were not run and that no report lists
	Results     []Result       `json:"results"`         // in the order of the tests
	Deltas      Deltas         `json:"deltas"`

	when   time.Time
	build  string // the commit, where it is known exactly
	judged []promised
}

// Environment is where a run took place: provider, storage_class, kubernetes,
// operator and whatever else its run.yaml says.
type Environment map[string]string

// Source is a file of a run.
type Source struct {
	File   string `json:"file"`
	Kind   string `json:"kind"`             // trace or report
	Digest string `json:"digest,omitempty"` // of a trace
}

// Deltas compare each test of a run with its last result before, in the same
// topology and environment.
type Deltas struct {
	Regression       []Regression `json:"regression"`
	Fixed            []string     `json:"fixed"`
	UnchangedFailing []string     `json:"unchanged_failing"`
	NewFailing       []string     `json:"new_failing"` // that have no result before
	UnchangedPassing int          `json:"unchanged_passing"`
	NowSkipped       []string     `json:"now_skipped"` // that failed when last run, and skipped themselves now
	NotTested        []string     `json:"not_tested"`  // that failed when last run
}

// Regression is a test that fails and passed before, and what the statistics say.
type Regression struct {
	Test         string  `json:"test"`
	Topology     string  `json:"topology,omitempty"`
	FailedBefore int     `json:"failed_before"` // of Before runs of other builds
	Before       int     `json:"before"`
	Failed       int     `json:"failed"` // of Runs of this build
	Runs         int     `json:"runs"`
	P            float64 `json:"p"`           // Fisher's exact test, one-sided
	Adjusted     float64 `json:"p_adjusted"`  // for as many tests as were compared (Holm)
	Significant  bool    `json:"significant"` // and with enough failures
	Says         string  `json:"says"`
}

// Coverage is a row of a table of requirements.
type Coverage struct {
	Requirement string `json:"requirement"`
	Test        string `json:"test"`
	Status      string `json:"status"`        // of the last run in which the test took part
	Run         string `json:"run,omitempty"` // its date
}

// Criterion is one of the exit criteria of the requirements.
type Criterion struct {
	Text   string   `json:"text"`
	Status string   `json:"status"` // met, not met, undecided
	Why    []string `json:"why"`
}

// Whether an exit criterion is met.
const (
	Met           = "met"
	NotMet        = "not met"
	UndecidedWord = "undecided"
)

// Rejudged is what became of traces that were judged by other policies before.
type Rejudged struct {
	Before  string   `json:"before,omitempty"` // digest of the policies before; empty: there were none
	Traces  int      `json:"traces"`           // judged by both
	Changes []Change `json:"changes"`
}

// Change is a verdict that is another one, of the same trace: the product did not
// change, the policies did.
type Change struct {
	File   string        `json:"file"`
	Policy string        `json:"policy"`
	Before verdict.Level `json:"before"`
	After  verdict.Level `json:"after"`
}

// Problem is a source that could not be used.
type Problem struct {
	File string `json:"file"`
	Text string `json:"text"`
}
