package views

import (
	"strings"
	"time"
	_ "time/tzdata" // the verdict must not depend on the time zones of this machine

	"github.com/robfig/cron/v3"
)

// windowSpec is a maintenance window as the spec writes it: a cron schedule of
// six fields, a duration counted from each scheduled time, an IANA time zone.
type windowSpec struct{ schedule, duration, timezone string }

// The documented defaults of the parts that are left out.
const (
	defaultSchedule = "0 0 3 * * *"
	defaultDuration = 2 * time.Hour
)

// openTime is a time during which the window is open.
type openTime struct {
	Opens  int64 `json:"opens_ns"`
	Closes int64 `json:"closes_ns"`
}

// parse returns the schedule in its time zone; false when the operator could
// not understand it either, so that the window never opens.
func (w windowSpec) parse() (cron.Schedule, time.Duration, bool) {
	expression, duration := w.schedule, defaultDuration
	if strings.TrimSpace(expression) == "" {
		expression = defaultSchedule
	}
	if w.duration != "" {
		d, err := time.ParseDuration(w.duration)
		if err != nil || d <= 0 {
			return nil, 0, false
		}
		duration = d
	}
	zone := time.UTC
	if w.timezone != "" {
		z, err := time.LoadLocation(w.timezone)
		if err != nil {
			return nil, 0, false
		}
		zone = z
	}
	parser := cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	schedule, err := parser.Parse(expression)
	if err != nil {
		return nil, 0, false
	}
	if s, ok := schedule.(*cron.SpecSchedule); ok {
		s.Location = zone
	}
	return schedule, duration, true
}

// open lists when the window is open between from and until (ns since start),
// overlapping openings joined, all clipped.
func (w windowSpec) open(start time.Time, from, until int64) []openTime {
	schedule, duration, ok := w.parse()
	if !ok {
		return nil
	}
	at := func(t time.Time) int64 { return int64(t.Sub(start)) }
	var out []openTime
	// The first opening that may still last at from began less than a duration earlier.
	opens := schedule.Next(start.Add(time.Duration(from) - duration))
	for !opens.IsZero() && at(opens) < until {
		last, next := opens, time.Time{}
		for at(last.Add(duration)) < until {
			if next = prolongs(schedule, last, duration); next.IsZero() || next.After(last.Add(duration)) {
				break
			}
			last, next = next, time.Time{}
		}
		out = append(out, openTime{Opens: max(at(opens), from), Closes: min(at(last.Add(duration)), until)})
		opens = next
	}
	return out
}

// prolongs returns an opening that keeps the window of the opening last open
// for longer, a late one if there is one; else the next opening, or zero.
func prolongs(schedule cron.Schedule, last time.Time, duration time.Duration) time.Time {
	if late := schedule.Next(last.Add(duration / 2)); !late.IsZero() && !late.After(last.Add(duration)) {
		return late
	}
	return schedule.Next(last)
}

// openings answers, for moments that only rise, when a window opens next.
type openings struct {
	spec  windowSpec
	start time.Time
	asked bool
	next  int64
	found bool
}

// after returns the first scheduled time later than ns, both since the start of
// the trace; false when there is none.
func (o *openings) after(ns int64) (int64, bool) {
	if o.asked && (!o.found || o.next > ns) {
		return o.next, o.found
	}
	o.asked, o.found, o.next = true, false, 0
	schedule, _, ok := o.spec.parse()
	if !ok {
		return 0, false
	}
	if at := schedule.Next(o.start.Add(time.Duration(ns))); !at.IsZero() {
		o.next, o.found = int64(at.Sub(o.start)), true
	}
	return o.next, o.found
}
