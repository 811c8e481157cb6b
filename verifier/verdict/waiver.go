package verdict

import (
	"fmt"
	"path"
	"slices"
	"time"
)

// Waiver lets something pass the gate for a while, by name and with a reason.
// It changes no verdict. The package waiver reads them from a file.
type Waiver struct {
	Policy  string `json:"policy"`
	Code    string `json:"code,omitempty"`   // of findings; of unknowns the reason or the code. Empty: all
	Entity  string `json:"entity,omitempty"` // pattern: * is anything but /. Empty: all
	Verdict Level  `json:"verdict"`          // violated, inconclusive or vacuous
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"` // last day, 2006-01-02
	Line    int    `json:"line"`    // in the file
	Expired bool   `json:"expired"`
	Used    bool   `json:"used"` // something was covered by it
}

// String says who lets it pass, until when and why.
func (w Waiver) String() string { return fmt.Sprintf("%s until %s: %s", w.Owner, w.Expires, w.Reason) }

// DayLayout is how the last day of a waiver is written.
const DayLayout = "2006-01-02"

// Waive takes waivers into the run as they are on a day (of UTC): one whose last
// day is over covers nothing and is reported as expired.
func (r *Run) Waive(waivers []Waiver, today time.Time) error {
	r.Waivers = slices.Clone(waivers)
	for i := range r.Waivers {
		w := &r.Waivers[i]
		last, err := time.Parse(DayLayout, w.Expires)
		if err != nil {
			return fmt.Errorf("the last day %q of a waiver is no day such as 2026-12-31", w.Expires)
		}
		w.Expired = !today.UTC().Before(last.AddDate(0, 0, 1))
		r.WaiversAsOf = today.UTC().Format(DayLayout)
	}
	return nil
}

// waive marks what the waivers cover and returns the verdict of what is left of
// the policy, for the gate. Where nothing is covered, that is its own verdict.
func (r *Run) waive(p *Policy) Level {
	if !slices.ContainsFunc(r.Waivers, func(w Waiver) bool { return w.Policy == p.ID && !w.Expired }) {
		return p.Verdict
	}
	left := Held
	for i := range p.Findings {
		f := &p.Findings[i]
		if f.Waived = r.waiver(p, Violated, f.Entity, f.Code); f.Waived == "" {
			left = Violated
		}
	}
	if len(p.Errors) > 0 {
		left = max(left, Error)
	}
	for i := range p.Unknowns {
		u := &p.Unknowns[i]
		if u.Waived = r.waiver(p, Inconclusive, u.Entity, u.Reason, u.Code); u.Waived == "" {
			left = max(left, Inconclusive)
		}
	}
	if p.Verdict == Vacuous && !r.waiveVacuous(p) {
		left = max(left, Vacuous)
	}
	return left
}

// waiveVacuous covers the entities of a vacuous policy, or their absence.
func (r *Run) waiveVacuous(p *Policy) bool {
	all := true
	for i := range p.Entities {
		e := &p.Entities[i]
		e.Waived = r.waiver(p, Vacuous, e.Entity)
		all = all && e.Waived != ""
	}
	if len(p.Entities) == 0 {
		all = r.waiver(p, Vacuous, "") != ""
	}
	return all
}

// waiver returns the first waiver in force that covers the entity, as words;
// empty when there is none. Without words a waiver of one code does not apply.
func (r *Run) waiver(p *Policy, verdict Level, entity string, words ...string) string {
	for i := range r.Waivers {
		w := &r.Waivers[i]
		if w.Expired || w.Policy != p.ID || w.Verdict != verdict || (w.Code != "" && !slices.Contains(words, w.Code)) {
			continue
		}
		if match, err := path.Match(w.Entity, entity); w.Entity != "" && (err != nil || !match) {
			continue
		}
		w.Used = true
		return w.String()
	}
	return ""
}
