package recorder

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// WriteCertificate prints the proof of what was seen for people: the run, one
// line for each stream, the reasons of what is missing, the gaps,
// what could not be used, and one sentence that sums it up.
func WriteCertificate(w io.Writer, run trace.Run, cert trace.Certificate) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	writeRun(t, run, cert)
	writeStreams(t, cert.Streams)
	if err := t.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	writeReasons(&b, cert.Streams)
	writeGaps(&b, cert.Gaps)
	writeRejected(&b, cert)
	fmt.Fprintf(&b, "\n%s\n", Summary(cert))
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRun(w io.Writer, run trace.Run, cert trace.Certificate) {
	fmt.Fprintf(w, "recording\t%s\n", run.ID)
	namespaces := strings.Join(run.Namespaces, ", ")
	fmt.Fprintf(w, "namespaces\t%s\n", cmp.Or(namespaces, run.Selector, "all"))
	if run.Server != "" {
		fmt.Fprintf(w, "API server\t%s\n", run.Server)
	}
	if run.Input != "" {
		fmt.Fprintf(w, "imported from\t%s\n", run.Input)
	}
	fmt.Fprintf(w, "start\t%s\n", run.Start.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "duration\t%s\n", short(time.Duration(cert.Duration)))
	fmt.Fprintf(w, "events\t%d\n", cert.Events)
	if len(run.Command) > 0 {
		fmt.Fprintf(w, "command\t%s\n", strings.Join(run.Command, " "))
	}
	if run.ExitCode != nil {
		fmt.Fprintf(w, "exit code\t%d\n", *run.ExitCode)
	}
	for _, r := range run.Redactions {
		if r.Values > 0 {
			fmt.Fprintf(w, "redacted\t%s by %s\n", plural(int(r.Values), "value"), r.Rule)
		}
	}
	end := "not sealed: the recorder was killed or is still at work"
	if cert.Sealed {
		end = cmp.Or(cert.End, "sealed")
	}
	fmt.Fprintf(w, "end\t%s\n\n", end)
}

func writeStreams(w io.Writer, streams []trace.StreamCert) {
	fmt.Fprintln(w, strings.Join([]string{
		"STREAM", "NAMESPACE", "PROOF", "ADDED", "MODIFIED", "DELETED", "INFERRED",
		"COALESCED", "DUPLICATE", "REOPENED", "GAPS", "LAG P50/P99/MAX", "VERSIONS",
	}, "\t"))
	for _, s := range streams {
		versions := "-"
		if s.FirstRV != "" || s.LastRV != "" {
			versions = s.FirstRV + "-" + s.LastRV
		}
		fields := []string{s.String(), cmp.Or(s.Namespace, "-"), s.Proof}
		for _, n := range []uint64{
			s.Added, s.Modified, s.Deleted, s.Inferred, s.Coalesced, s.Duplicates, s.Reopened, s.Gaps,
		} {
			fields = append(fields, strconv.FormatUint(n, 10))
		}
		fields = append(fields, lags(s), versions)
		fmt.Fprintln(w, strings.Join(fields, "\t"))
	}
}

// lags are the delays from receipt to disk; the greatest only where no others are
// known, as in traces of earlier versions.
func lags(s trace.StreamCert) string {
	longest := short(time.Duration(s.LagMax))
	if s.LagP99 == 0 {
		return longest
	}
	return short(time.Duration(s.LagP50)) + "/" + short(time.Duration(s.LagP99)) + "/" + longest
}

// writeReasons says why streams are not complete, or what else is to be known
// of them. Streams with the same reason share a line.
func writeReasons(b *strings.Builder, streams []trace.StreamCert) {
	type remark struct{ reason, namespace string }
	about := map[remark][]string{}
	total := map[string]int{}
	var remarks []remark
	for _, s := range streams {
		total[s.Namespace]++
		for reason := range strings.SplitSeq(s.Reason, reasonSeparator) {
			r := remark{reason, s.Namespace}
			if about[r] == nil {
				remarks = append(remarks, r)
			}
			about[r] = append(about[r], s.Resource.String())
		}
	}
	for _, r := range remarks {
		switch names := about[r]; {
		case r.reason == "":
		case len(names) == total[r.namespace] && len(names) > 1:
			fmt.Fprintf(b, "\nEverything%s: %s\n", inNamespace(r.namespace), r.reason)
		default:
			fmt.Fprintf(b, "\n%s%s: %s\n", strings.Join(names, ", "), inNamespace(r.namespace), r.reason)
		}
	}
}

func writeGaps(b *strings.Builder, gaps []trace.GapCert) {
	if len(gaps) == 0 {
		return
	}
	fmt.Fprintf(b, "\nGaps: what happened there was not seen.\n")
	for _, g := range gaps {
		fmt.Fprintf(b, "  %s%s: after %s, up to %s, resourceVersion %s to %s, events %d to %d: %s\n",
			g.Resource, inNamespace(g.Namespace), short(g.NotBefore), short(g.NotAfter),
			cmp.Or(g.FromRV, "?"), cmp.Or(g.ToRV, "?"), g.FirstSeq, g.LastSeq, g.Reason)
	}
}

func writeRejected(b *strings.Builder, cert trace.Certificate) {
	if len(cert.Rejected) == 0 {
		return
	}
	fmt.Fprintf(b, "\nInput that could not be used:\n")
	for _, r := range cert.Rejected {
		if r.Line > 0 {
			fmt.Fprintf(b, "  line %d: %s\n", r.Line, r.Reason)
			continue
		}
		fmt.Fprintf(b, "  %s\n", r.Reason)
	}
	if listed := uint64(len(cert.Rejected)); cert.RejectedTotal > listed {
		fmt.Fprintf(b, "  and %d more\n", cert.RejectedTotal-listed)
	}
}

// Summary says in one sentence how much of the truth the recording holds.
func Summary(cert trace.Certificate) string {
	count := map[string]int{}
	for _, s := range cert.Streams {
		count[s.Proof]++
	}
	if n := count[trace.ProofComplete]; n > 0 && n == len(cert.Streams) {
		return fmt.Sprintf("Complete: every version of %s, confirmed by a final list.", plural(n, "stream"))
	}
	var parts []string
	for _, p := range []struct{ proof, says string }{
		{trace.ProofComplete, "complete"},
		{trace.ProofGaps, "with declared gaps"},
		{trace.ProofOpen, "without confirmation of their end"},
		{trace.ProofMismatch, "contradicted by the final list"},
		{trace.ProofDenied, "not recorded"},
		{trace.ProofImported, "as complete as the log they came from"},
	} {
		if n := count[p.proof]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, p.says))
		}
	}
	if len(parts) == 0 {
		return "Nothing was recorded."
	}
	return fmt.Sprintf("Of %s: %s.", plural(len(cert.Streams), "stream"), strings.Join(parts, ", "))
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in " + namespace
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// short renders a duration as people read it: 1.2ms, 3.41s, 2m5s.
func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(100 * time.Microsecond).String()
	}
}
