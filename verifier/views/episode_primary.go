package views

// episodeElection is a change of the primary, from the moment at which the target or
// the current primary differs from the one so far until they agree.
type episodeElection struct {
	moment
	Complete       bool   `json:"complete"`
	End            moment `json:"end"`
	From           string `json:"from"`
	To             string `json:"to"`
	Target         string `json:"target"`
	Pending        bool   `json:"pending"`
	Changed        bool   `json:"changed"`
	ChangedAt      moment `json:"changed_at"`
	ElectedPod     bool   `json:"elected_pod"`
	ElectedReady   bool   `json:"elected_ready"`
	TimelineBefore int64  `json:"timeline_before"`
	TimelineAfter  int64  `json:"timeline_after"`
	Candidates     int    `json:"candidates"`

	node string // of the primary so far, when it began
	lost bool   // its pod was going, or not Ready, when it began
}

// electionsOf joins the changes of the primary with the pods that were elected.
func (s *story) electionsOf() []episodeElection {
	var out []episodeElection
	for _, d := range primaryDisruptions(s.cluster.primary) {
		if !d.Begin.before(s.until) {
			continue
		}
		e := episodeElection{
			moment: d.Begin, Complete: d.Ended && !s.until.before(d.End), End: d.End, From: d.Subject, Pending: d.Crash,
		}
		if e.Complete {
			e.To = d.to
		} else {
			e.End = moment{}
		}
		s.follow(&e)
		s.electorate(&e)
		out = append(out, e)
	}
	for i := range out {
		s.setTimelines(&out[i], i+1 < len(out), func() moment { return out[i+1].moment })
	}
	return out
}

// follow reads the targets of an election, and when the current primary changed.
func (s *story) follow(e *episodeElection) {
	var asked moment
	for _, p := range s.cluster.primary {
		if p.before(e.moment) || (e.Complete && e.End.before(p.moment)) || s.until.before(p.moment) {
			continue
		}
		if p.target != "" && p.target != pendingPrimary && !e.Changed && p.target != e.Target {
			e.Target, asked = p.target, p.moment
		}
		if !e.Changed && p.current != "" && p.current != e.From {
			e.Changed, e.ChangedAt = true, p.moment
		}
	}
	at := s.until
	if e.Changed {
		at = e.ChangedAt
	}
	for _, p := range s.pods {
		if e.Target != "" && p.instance == e.Target {
			e.ElectedReady = e.ElectedReady || p.readyAt(asked)
			e.ElectedPod = e.ElectedPod || p.readyAt(at) || p.readyAt(s.until)
		}
	}
}

// electorate reads what there was to choose from when the election began.
func (s *story) electorate(e *episodeElection) {
	e.lost = true
	for _, p := range s.pods {
		isLive := !e.before(p.from) && (p.left.isZero() || e.before(p.left))
		if p.instance != e.From {
			if isLive {
				e.Candidates++
			}
			continue
		}
		if !e.before(p.from) && (p.gone.isZero() || e.before(p.gone)) {
			e.node = p.node
		}
		if p.readyAt(e.moment) {
			e.lost = false
		}
	}
}

func (s *story) setTimelines(e *episodeElection, hasNext bool, next func() moment) {
	for _, p := range s.cluster.health {
		if p.before(e.moment) && p.Timeline > 0 {
			e.TimelineBefore = p.Timeline
		}
		if p.Timeline > 0 && !s.until.before(p.moment) && (!hasNext || p.before(next())) {
			e.TimelineAfter = p.Timeline
		}
	}
}

// reportedSpan is a time with two or more reported primaries.
type reportedSpan struct {
	moment
	UntilNS        int64    `json:"until_ns"`
	UntilNotBefore int64    `json:"until_not_before_ns"`
	Pods           []string `json:"pods"`
}

// twoPrimaries finds them; neighbouring spans with the same pods are one.
func twoPrimaries(health []healthSpan) []reportedSpan {
	out := []reportedSpan{}
	var last string
	for _, h := range health {
		text := ""
		if len(h.ReportedPrimaries) > 1 {
			text = joined(h.ReportedPrimaries)
		}
		switch {
		case text == "":
		case text == last:
			n := len(out) - 1
			out[n].UntilNS, out[n].UntilNotBefore = h.UntilNS, h.UntilNotBefore
		default:
			out = append(out, reportedSpan{h.moment, h.UntilNS, h.UntilNotBefore, h.ReportedPrimaries})
		}
		last = text
	}
	return out
}
