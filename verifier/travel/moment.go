package travel

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/verifier/views"
)

// Moment is a point in a recording: just after an event, and at or after its time.
type Moment struct {
	Seq  uint64
	Time time.Duration // since the start
	Wall time.Time     // by the recorder's clock
}

// End is the last moment.
func (p *Past) End() Moment { return p.moment(p.cert.Events, time.Duration(p.cert.Duration)) }

func (p *Past) moment(seq uint64, at time.Duration) Moment {
	return Moment{Seq: seq, Time: at, Wall: p.run.Start.Add(at).UTC()}
}

// AtTime is the moment at a time since the start; false when it lies outside.
func (p *Past) AtTime(at time.Duration) (Moment, bool, error) {
	if at < 0 || at > time.Duration(p.cert.Duration) {
		return Moment{}, false, nil
	}
	seq, err := p.SeqAt(at)
	return p.moment(seq, at), true, err
}

// At reads a moment; doc.go says how it is written.
func (p *Past) At(text string) (Moment, error) {
	switch {
	case text == "":
		return p.End(), nil
	case strings.HasPrefix(text, "seq:"):
		return p.atSeq(text)
	case strings.HasPrefix(text, "rv:"):
		return p.atVersion(text)
	}
	at, err := p.timeOf(text)
	if err != nil {
		return Moment{}, err
	}
	m, inside, err := p.AtTime(at)
	if err == nil && !inside {
		err = fmt.Errorf("the moment %s is %s, and the trace goes from %s to %s (%s later): nobody recorded what was then",
			text, p.run.Start.Add(at).UTC().Format(time.RFC3339), p.run.Start.UTC().Format(time.RFC3339),
			p.End().Wall.Format(time.RFC3339), round(p.End().Time))
	}
	return m, err
}

func (p *Past) atSeq(text string) (Moment, error) {
	seq, err := strconv.ParseUint(strings.TrimPrefix(text, "seq:"), 10, 64)
	if err != nil || seq < 1 || seq > p.cert.Events {
		return Moment{}, fmt.Errorf("%s is no event of this trace, which has seq:1 to seq:%d", text, p.cert.Events)
	}
	for e, err := range p.Events(seq) {
		return p.moment(seq, e.Time), err
	}
	return Moment{}, fmt.Errorf("the event %s cannot be read", text)
}

func (p *Past) atVersion(text string) (Moment, error) {
	version, err := strconv.ParseUint(strings.TrimPrefix(text, "rv:"), 10, 64)
	if err != nil {
		return Moment{}, fmt.Errorf("%s is no resourceVersion: want a number, such as rv:1595", text)
	}
	var last Entry
	var least, greatest uint64
	for _, e := range p.index {
		if e.Version == 0 {
			continue
		}
		if least == 0 || e.Version < least {
			least = e.Version
		}
		greatest = max(greatest, e.Version)
		if e.Version <= version && e.Object.Name != "" {
			last = e
		}
	}
	if last.Seq == 0 || version > greatest {
		return Moment{}, fmt.Errorf("%s is not in this trace, which has rv:%d to rv:%d", text, least, greatest)
	}
	return p.moment(last.Seq, last.Time), nil
}

// timeOf reads a time, as time since the start.
func (p *Past) timeOf(text string) (time.Duration, error) {
	if strings.HasPrefix(text, "@") {
		return p.named(text)
	}
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 || strings.HasPrefix(text, "-") {
			return time.Duration(p.cert.Duration) + d, nil
		}
		return d, nil
	}
	if wall, err := time.Parse(time.RFC3339, text); err == nil {
		return wall.Sub(p.run.Start), nil
	}
	if clock, err := time.Parse("15:04:05", text); err == nil {
		start := p.run.Start.UTC()
		day := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, time.UTC)
		at := day.Add(clock.Sub(clock.Truncate(24 * time.Hour))).Sub(start)
		if at < 0 && at+24*time.Hour <= time.Duration(p.cert.Duration) {
			at += 24 * time.Hour // past midnight
		}
		return at, nil
	}
	return 0, fmt.Errorf("%q is no moment: want 1m30s (since the start), -5m (before the end), 02:12:21, "+
		"2026-11-22T02:12:21Z, seq:811, rv:1595, or @disruption+30s", text)
}

var namedMoment = regexp.MustCompile(`^@([A-Za-z][A-Za-z0-9_-]*?)(?:#(\d+))?(?:([+-])(\d[0-9a-zµ.]*))?$`)

// named reads @disruption+30s.
func (p *Past) named(text string) (time.Duration, error) {
	m := namedMoment.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no moment: want a name, such as @disruption, @disruption#2 or @disruption+30s", text)
	}
	var offset time.Duration
	if m[3] != "" {
		var err error
		if offset, err = time.ParseDuration(m[3] + m[4]); err != nil {
			return 0, fmt.Errorf("%q: %s%s is no duration, such as +30s", text, m[3], m[4])
		}
	}
	n := 1
	if m[2] != "" {
		n, _ = strconv.Atoi(m[2]) // digits only; what is too great is not there
	}
	moments, err := p.names()
	if err != nil {
		return 0, err
	}
	found := moments[m[1]]
	if n < 1 || n > len(found) {
		var names []string
		for _, name := range sortedKeys(moments) {
			names = append(names, fmt.Sprintf("@%s (%d)", name, len(moments[name])))
		}
		return 0, fmt.Errorf("the trace has no moment @%s#%d; it has %s", m[1], n, strings.Join(names, ", "))
	}
	return found[n-1] + offset, nil
}

// phases are the moments by which runs are laid beside each other.
type phases struct {
	Operations []struct {
		BeginKnown bool `json:"begin_known"`
		Closed     bool `json:"closed"`
		Begin, End struct {
			NS time.Duration `json:"ns"`
		}
	} `json:"operations"`
	Disruptions []struct {
		Begin struct {
			NS time.Duration `json:"ns"`
		} `json:"begin"`
	} `json:"disruptions"`
}

// names are the moments that have a name.
func (p *Past) names() (map[string][]time.Duration, error) {
	out := map[string][]time.Duration{"start": {0}, "end": {time.Duration(p.cert.Duration)}}
	documents, err := views.Project(p.Reader, []string{"storage"})
	if err != nil {
		return nil, err
	}
	for _, d := range documents {
		var doc phases
		text, err := json.Marshal(d.Value())
		if err == nil {
			err = json.Unmarshal(text, &doc)
		}
		if err != nil {
			return nil, fmt.Errorf("read the view of %s: %w", d.Entity, err)
		}
		for _, o := range doc.Operations {
			if o.BeginKnown {
				out["trigger"] = append(out["trigger"], o.Begin.NS)
			}
			if o.Closed {
				out["converged"] = append(out["converged"], o.End.NS)
			}
		}
		for _, x := range doc.Disruptions {
			out["disruption"] = append(out["disruption"], x.Begin.NS)
		}
	}
	for _, m := range p.marks {
		if m.phase != "" {
			out[m.phase] = append(out[m.phase], m.at)
		}
	}
	for name := range out {
		out[name] = sortedUnique(out[name])
	}
	if all := out["converged"]; len(all) > 0 {
		out["converged"] = all[len(all)-1:] // all of them are over then
	}
	return out, nil
}
