package views

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// rewindWait is an instance that cannot follow the new primary, because
// pg_rewind lacks a WAL record.
type rewindWait struct {
	waitInterval
	Pod      string `json:"pod"`
	Instance string `json:"instance"`
	LSN      string `json:"lsn"`
	Message  string `json:"message"`
	Count    int64  `json:"count"`
}

// outageWait is a time in which the API server could not be watched.
type outageWait struct {
	Resource  string   `json:"resource"`
	Namespace string   `json:"namespace"`
	FromNS    int64    `json:"from_ns"`
	UntilNS   int64    `json:"until_ns"`
	Reason    string   `json:"reason"`
	Seq       []uint64 `json:"seq"`
}

// waitLine is a line of a log that some wait is explained by.
type waitLine struct {
	moment
	namespace, cluster string // of whose lines name their cluster
	pod                string // of whose lines do not
	text               string
	hasDiskStatus      string
	written            *int64 // ns since the start, by the writer's clock
}

// missingWAL is what pg_rewind says.
const missingWAL = "could not find previous WAL record"

// lineWords are the lines that are kept.
var lineWords = append([]string{
	missingWAL, "Waiting for all WAL receivers to be down", "Instance disk status detail",
}, diskLines...)

func (w *waiting) observeLog(h *history, c *trace.Change) {
	fields := c.State.At("fields")
	text := strings.Join([]string{
		c.State.At("msg").String(), fields.At("record", "message").String(), fields.At("error").String(),
	}, " ")
	if !slices.ContainsFunc(lineWords, func(words string) bool { return strings.Contains(text, words) }) {
		return
	}
	l := waitLine{
		moment: momentOf(c), namespace: c.State.At("namespace").String(), pod: c.State.At("pod").String(),
		text: strings.TrimSpace(text), hasDiskStatus: string(fields.At("hasDiskStatus").JSON()),
	}
	if name := fields.At("name").String(); fields.At("controller").String() == "cluster" && name != "" {
		l.namespace, l.cluster, l.pod = fields.At("namespace").String(), name, ""
	}
	if ts, ok := timeOf(c.State.At("ts")); ok {
		at := int64(ts.Sub(h.start))
		l.written = &at
	}
	w.lines[l.namespace] = append(w.lines[l.namespace], l)
}

// at is when the line was written, on the clock of the trace: lines are read
// from files and may be received much later, or be of before the recording.
func (w *waits) at(l waitLine) int64 {
	if l.written == nil {
		return l.NS
	}
	ahead := int64(0)
	if w.history.ahead != nil {
		ahead = *w.history.ahead
	}
	return min(l.NS, *l.written+ahead)
}

// linesOf are the lines about the cluster with these words, written in an interval.
func (w *waits) linesOf(words string, i waitInterval) []waitLine {
	var out []waitLine
	for _, l := range w.lines[w.cluster.namespace] {
		at := w.at(l)
		if w.isOurs(l) && strings.Contains(l.text, words) && at >= i.Begin.NotBefore && at <= i.UntilNS {
			out = append(out, l)
		}
	}
	return out
}

func (w *waits) isOurs(l waitLine) bool {
	if l.namespace != w.cluster.namespace {
		return false
	}
	if l.pod == "" {
		return l.cluster == w.cluster.name
	}
	return w.instanceOf(l.pod) != ""
}

// instanceOf is the instance of a pod of the cluster.
func (w *waits) instanceOf(pod string) string {
	for _, p := range w.pods {
		if p.name == pod {
			return p.instance
		}
	}
	return ""
}

var walRecord = regexp.MustCompile(`could not find previous WAL record at ([0-9A-F]+/[0-9A-F]+)`)

// rewindWaits follows each instance from its first failure to when it is ready
// again; what fails later is another wait.
func (w *waits) rewindWaits() []rewindWait {
	out := []rewindWait{}
	whole := waitInterval{UntilNS: w.until.NS}
	open := map[string]int{} // instance: index into out
	for _, l := range w.linesOf(missingWAL, whole) {
		instance := w.instanceOf(l.pod)
		at := w.at(l)
		if i, ok := open[instance]; ok && (!out[i].Ended || at < out[i].End.NS) {
			out[i].Count++
			out[i].Seq = evidence(append(out[i].Seq, l.Seq)...)
			continue
		}
		row := rewindWait{Pod: l.pod, Instance: instance, Message: cutTo(l.text), Count: 1}
		if match := walRecord.FindStringSubmatch(l.text); match != nil {
			row.LSN = match[1]
		}
		begin := moment{Seq: l.Seq, NS: at, NotBefore: at}
		var ok bool
		if row.waitInterval, ok = w.interval(begin, w.instanceReady(instance, begin), true); ok {
			open[instance] = len(out)
			out = append(out, row)
		}
	}
	return out
}

// brokenStream is the last reason for which a watch ended.
type brokenStream struct {
	seq    uint64
	reason string
}

func (w *waiting) observeStream(c *trace.Change) {
	if c.Object == nil {
		return
	}
	key := c.Object.String()
	switch c.State.At("state").String() {
	case trace.StreamBroken:
		w.broken[key] = brokenStream{c.Seq, c.State.At("reason").String()}
	case trace.StreamReopened:
		b := w.broken[key]
		w.outages = append(w.outages, outageWait{
			Resource: c.Object.Resource.String(), Namespace: c.Object.Namespace,
			FromNS: int64(c.Time) - intOr(c.State.At("outage"), 0), UntilNS: int64(c.Time),
			Reason: cutTo(b.reason), Seq: evidence(b.seq, c.Seq),
		})
	}
}

// outageWaits are those that meet the time of the cluster.
func (w *waits) outageWaits() []outageWait {
	out := []outageWait{}
	for _, o := range w.outages {
		if o.FromNS < w.until.NS && o.UntilNS > w.cluster.from.NS {
			out = append(out, o)
		}
	}
	return out
}
