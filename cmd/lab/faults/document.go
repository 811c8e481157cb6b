package faults

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
)

// Report is all that a run of the suite has found.
type Report struct {
	Options Options
	Results []Result
	Costs   *Costs // nil: not measured
	Began   time.Time
	Took    time.Duration
	Size    int // mean size of a version of the load, bytes of JSON
}

// document is docs/reliability.md.
var document = template.Must(template.New("").Funcs(template.FuncMap{
	"ms": milliseconds,
}).Parse(`# Reliability

Written by ` + "`make fault-suite`" + ` (package [cmd/lab/faults](../cmd/lab/faults/doc.go)); do not edit.

What recorders have in the end of what happened, when connections break, history expires, programs are
killed and disks are full. The truth is etcd's own: a watch of every key from the first revision on, in
which no revision is missing. All programs record the same objects at the same time, under the same
faults; each fault has a cluster of its own (kube-apiserver {{.Kubernetes}}, etcd, on the loopback
interface).

- Machine: {{.Machine}}, {{.Date}}; the run took {{.Took}}.
- Load: {{.Rate}} versions a second of a real operator's Clusters, Pods, PVCs and Events, replayed over and
  over, {{.Size}} bytes each on average; created, changed, deleted, and created again under the same name.
- The machine's load average during the rows: {{.LoadNote}}.

## Bars

| what is asked of the recorder | found | met |
|---|---|---|
{{range .Bars}}| {{.Asked}} | {{.Found}} | {{if .Met}}yes{{else}}**no**{{end}} |
{{end}}
{{with .Missed}}**Not met** in this run:
{{range .}}
- {{.}}{{end}}
{{else}}What was run has met all that it could.
{{end}}
## Faults

{{.Table}}
**recorded**: versions with the content that etcd has. **Still held**: without what was written during a
fault (or less than 5 s before) and was older than the oldest version from which the API server could be
watched when the fault was over, asked past all faults (after an outage, when the programs had had 15 s to
come back). **Missing, undeclared**: in no gap that the
program declares. A gap is **real** when the API server could not be watched from its beginning any more;
that is so for quiet resources too, of which nobody can know whether they have missed something;
**lossy** are those in which a version is missing. **Recall**: missing versions inside of gaps;
**precision**: real gaps of all declared. **False**: versions that etcd has not or with other content,
ends of what did not end, creations of what existed, updates that mix up two objects. **Twice**: recorded
again. Where nothing is missing, or no gap is declared, recall and precision are 1.0. Peak memory is
resident, kubectl's that of its four processes: it watches one kind each.

The recorder watches eleven kinds more than the other two. Of what was durable when it was killed or its
disk was full, {{.Acked}} events in all, {{.Lost}} were missing in the end.

How the faults are made:

- *connections cut, no connection*: resets by a TCP proxy. kubectl ends with its connection, and nobody starts
  it again. History is compacted in etcd, as API servers do it every five minutes.
- *rights taken away*: the binding of the programs' user is deleted, and made again. What is open is cut,
  because servers ask for rights when a watch is opened.
- *API server killed*: with SIGKILL. Objects go on changing meanwhile, as they do with several API servers.
- *watches expired, broken*: by a front that speaks TLS and HTTP for the API server.
- *killed*: SIGKILL, all programs at the same random moments (0 to 1.2 s after the start; {{.Kills}} times), and
  started again on the same files; every tenth time, not before the recorder watches again.
- *NATS*: a nats-server of the version that is built in, beside the recorder. Only the recorder has to do with it.
- *disk full*: a tmpfs that is filled up and cleared. What has ended by then is started again.
- *disk slow*: the kernel holds up each fsync and fdatasync of the recorder (seccomp user notification).
- *clock set*: the recorder's code with another wall clock at its interface (package stepped): setting the
  machine's would be felt by all. The others are killed and started again with it.
{{with .Ended}}
What ended by itself:
{{range .}}
- {{.}}{{end}}
{{end}}{{with .Costs}}
## Cost

` + "`recorder attach`" + ` beside ` + "`kubectl get -w -o json`" + ` of the same four kinds, one after the other, at
{{.Rate}} versions of {{.Size}} bytes a second: processor time an event without start and end, and peak memory.
The cluster is other processes, whose time is not counted.

| round | CPU an event: recorder | kubectl | ratio | memory: recorder | kubectl | ratio |
|--:|--:|--:|--:|--:|--:|--:|
{{range $.RoundRows}}{{.}}
{{end}}
Lag: from etcd's word to the recorder's receipt p50 {{ms .ToReceipt.P50}}, p99 {{ms .ToReceipt.P99}}; from there to the
disk (fsync) p50 {{ms .ToDisk.P50}}, p99 {{ms .ToDisk.P99}}, of the slowest kind.

Rate: a backlog of {{.Backlog}} versions, written while the recorder was cut off, was durable
{{printf "%.1f" .Drained.Seconds}} s after the receipt of the first: **{{printf "%.0f" .Durable}} versions a second**
from the API server to the disk, which share the machine{{if .Verified}}; every one of them is in the trace{{end}}.
The recorder used {{ms .BacklogCPU}} of processor time a version; that of the API server, the proxy between
them and the truth is not counted in that, but they take it from the same {{$.Threads}} threads.
{{end}}`))

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }

// Write writes the report as a document.
func (r Report) Write(w io.Writer) error {
	var table strings.Builder
	if err := WriteTable(&table, r.Results); err != nil {
		return err
	}
	acked, lost := 0, 0
	var ended []string
	for _, row := range r.Results {
		acked, lost = acked+row.Acked, lost+row.Lost
		for _, name := range row.Order {
			if note := row.By[name].Note; note != "" {
				ended = append(ended, fmt.Sprintf("%s, %s: %s", row.Title, name, note))
			}
		}
	}
	return document.Execute(w, map[string]any{
		"Threads": runtime.NumCPU(), "Kubernetes": cluster.Version, "Machine": machine(),
		"Date": r.Began.UTC().Format(time.DateOnly),
		"Took": r.Took.Round(time.Second), "Rate": r.Options.Rate, "Size": r.Size, "Kills": r.Options.Kills,
		"LoadNote": r.loadNote(), "Table": table.String(), "Acked": acked, "Lost": lost, "Ended": ended,
		"Costs": r.Costs, "RoundRows": r.roundRows(), "Bars": r.Bars(), "Missed": r.Missed(),
	})
}

// machine says what the figures were measured on.
func machine() string {
	name := "processor unknown"
	info, _ := os.ReadFile("/proc/cpuinfo") // a machine without is named as unknown
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d threads, %s, %s/%s", name, runtime.NumCPU(), runtime.Version(),
		runtime.GOOS, runtime.GOARCH)
}

// busy is the load average from which on a machine does other things besides.
const busy = 6

func (r Report) loadNote() string {
	var loads []float64
	for _, row := range r.Results {
		loads = append(loads, row.Load)
	}
	if len(loads) == 0 {
		return "not known"
	}
	low, high := slices.Min(loads), slices.Max(loads)
	note := fmt.Sprintf("%.1f to %.1f on %d threads", low, high, runtime.NumCPU())
	if high > busy {
		note += "; it did other work at the same time, so times are no better than rough"
	}
	return note
}

func (r Report) roundRows() (rows []string) {
	if r.Costs == nil {
		return nil
	}
	for i, round := range r.Costs.Rounds {
		a, b := round[0], round[1]
		rows = append(rows, fmt.Sprintf("| %d | %s | %s | **%.2f** | %d MB | %d MB | **%.2f** |", i+1,
			milliseconds(a.PerEvent), milliseconds(b.PerEvent), a.PerEvent.Seconds()/b.PerEvent.Seconds(),
			a.Peak>>20, b.Peak>>20, float64(a.Peak)/float64(b.Peak)))
	}
	return rows
}

// loadAverage returns that of the last minute.
func loadAverage() float64 {
	var load float64
	text, _ := os.ReadFile("/proc/loadavg") // not there: 0
	_, _ = fmt.Sscan(string(text), &load)
	return load
}
