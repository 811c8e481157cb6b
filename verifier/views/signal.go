package views

import (
	"cmp"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// signal is one version of a Kubernetes Event: identical Events are versions of
// one object whose count rises.
type signal struct {
	moment
	subject
	reason, message string
	warning         bool
	repeated        bool // a further version of an Event
	old             bool // listed at the start: when it happened is not known
	count           int64
	id              string // of the Event
	uid             string // of the object
}

// subject is what an Event is about, in its namespace.
type subject struct{ kind, name string }

// signalsAbout returns the Events about some objects of a namespace, in order.
func (h *history) signalsAbout(namespace string, about map[subject]bool) []*signal {
	var out []*signal
	for s := range about {
		out = append(out, h.signals[namespace][s]...)
	}
	slices.SortFunc(out, func(a, b *signal) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// eventFields are what is read of Events in their older form.
func eventFields() trace.Fields {
	return trace.Fields{Resource: "events", Paths: [][]string{
		{"metadata", "creationTimestamp"},
		{"reason"}, {"type"}, {"involvedObject"}, {"message"}, {"count"},
	}}
}

// newEventFields are what is read of them in the form of events.k8s.io.
func newEventFields() trace.Fields {
	return trace.Fields{Group: "events.k8s.io", Resource: "events", Paths: [][]string{
		{"metadata", "creationTimestamp"},
		{"reason"}, {"type"}, {"regarding"}, {"note"}, {"deprecatedCount"}, {"series"},
	}}
}

// observeSignal folds one version of an Event. That one expires says nothing.
func (h *history) observeSignal(c *trace.Change) {
	if c.Type == trace.Deleted {
		return
	}
	s := c.State
	about := s.At("involvedObject")
	if !about.Exists() {
		about = s.At("regarding")
	}
	count := max(intOr(s.At("count"), 0), intOr(s.At("deprecatedCount"), 0), intOr(s.At("series", "count"), 0), 1)
	namespace := about.At("namespace").String()
	of := subject{about.At("kind").String(), about.At("name").String()}
	if h.signals[namespace] == nil {
		h.signals[namespace] = map[subject][]*signal{}
	}
	h.signals[namespace][of] = append(h.signals[namespace][of], &signal{
		moment: momentOf(c), subject: of,
		reason: s.At("reason").String(), message: cmp.Or(s.At("message").String(), s.At("note").String()),
		warning: s.At("type").String() == "Warning", repeated: c.Type == trace.Modified, count: count,
		old: c.Type == trace.Added && !h.isBorn(s), uid: about.At("uid").String(),
		id: c.Object.Namespace + "/" + c.Object.Name,
	})
}
