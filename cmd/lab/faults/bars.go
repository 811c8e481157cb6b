package faults

import (
	"fmt"
	"slices"
)

// bar is something that is asked of the recorder, and what the run has found.
type bar struct {
	Asked, Found string
	Met          bool
}

// minRate is how many versions a second must become durable.
const minRate = 5000

// Bars holds what was found against all that is asked.
func (r Report) Bars() []bar {
	var bars []bar
	note := func(asked string, met bool, format string, args ...any) {
		bars = append(bars, bar{asked, fmt.Sprintf(format, args...), met})
	}
	if len(r.Results) > 0 {
		r.barsOfRows(note)
	}
	if c := r.Costs; c != nil {
		if len(c.Rounds) > 0 {
			cpu, memory := c.worstRatios()
			note("processor time an event, against kubectl's: at most 1.00", cpu <= 1, "%.2f in the worst round", cpu)
			note("peak memory at a steady load, against kubectl's: at most 1.00", memory <= 1, "%.2f in the worst round", memory)
		}
		note(fmt.Sprintf("%d versions a second from the API server to the disk", minRate),
			c.Durable >= minRate, "%.0f, with %s of the recorder's processor time each", c.Durable, milliseconds(c.BacklogCPU))
		note("every version of the backlog is in the trace", c.Verified, "%t", c.Verified)
	}
	return bars
}

func (r Report) barsOfRows(note func(string, bool, string, ...any)) {
	var sum Figures // of the recorder; Peak is the greatest
	rows, ended, acked, lost, wrong := 0, 0, 0, 0, 0
	for _, row := range r.Results {
		rows++
		f, ok := row.By[nameRecorder]
		if row.Broken != "" || !ok {
			continue
		}
		ended++
		acked, lost, wrong = acked+row.Acked, lost+row.Lost, wrong+len(f.Wrong)
		sum.Truth, sum.Seen = sum.Truth+f.Truth, sum.Seen+f.Seen
		sum.Held, sum.HeldSeen = sum.Held+f.Held, sum.HeldSeen+f.HeldSeen
		sum.Undeclared += f.Undeclared
		sum.Gaps, sum.RealGaps = sum.Gaps+f.Gaps, sum.RealGaps+f.RealGaps
		sum.False, sum.Twice = sum.False+f.False, sum.Twice+f.Twice
		sum.Peak = max(sum.Peak, f.Peak)
	}
	note("every fault was made, and came to its end", ended == rows && r.Options.Rows == nil && !r.Options.Quick,
		"%d of %d rows%s", ended, rows, r.choice())
	note("100 % of the versions that history still held", sum.Held == sum.HeldSeen,
		"%s, %d of %d are missing", percent(sum.HeldSeen, sum.Held), sum.Held-sum.HeldSeen, sum.Held)
	note("every missing version is in a declared gap (recall 1.0)", sum.Undeclared == 0,
		"%d missing, %d of them in no gap", sum.Truth-sum.Seen, sum.Undeclared)
	note("every declared gap is real (precision 1.0)", sum.Gaps == sum.RealGaps, "%d of %d", sum.RealGaps, sum.Gaps)
	note("no false event, none twice", sum.False+sum.Twice == 0, "%d false, %d twice", sum.False, sum.Twice)
	note("nothing acknowledged is lost", lost == 0, "%d lost of %d", lost, acked)
	note("no certificate claims too much, no trace contradicts itself", wrong == 0, "%d contradictions", wrong)
	note(fmt.Sprintf("memory stays below %d MB under every fault", memoryBound>>20), sum.Peak <= memoryBound,
		"at most %d MB", sum.Peak>>20)
}

// choice says when the run was not the full one.
func (r Report) choice() string {
	switch {
	case r.Options.Quick:
		return " of the reduced run"
	case r.Options.Rows != nil:
		return " that were chosen"
	}
	return ""
}

// worstRatios are the greatest of the recorder's figures to those of kubectl.
func (c *Costs) worstRatios() (cpu, memory float64) {
	for _, round := range c.Rounds {
		cpu = max(cpu, round[0].PerEvent.Seconds()/round[1].PerEvent.Seconds())
		memory = max(memory, float64(round[0].Peak)/float64(round[1].Peak))
	}
	return cpu, memory
}

// Missed says which bars the recorder has not met: of each row, and of the costs.
func (r Report) Missed() (missed []string) {
	for _, row := range r.Results {
		missed = append(missed, row.Failures()...)
	}
	costs := Report{Costs: r.Costs}
	for _, b := range slices.DeleteFunc(costs.Bars(), func(b bar) bool { return b.Met }) {
		missed = append(missed, b.Asked+": "+b.Found)
	}
	return missed
}
