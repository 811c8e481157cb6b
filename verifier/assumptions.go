package verifier

import (
	"fmt"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// codes of assumptions; see the package documentation.
const (
	codeUnsealed = "unsealed"
	codeGap      = "gap"
	codeRejected = "rejected"
	codeMismatch = trace.ProofMismatch
)

// assumptions lists what the certificate does not prove, in a fixed order: the
// end of the trace, the streams, the gaps, the input.
func assumptions(c trace.Certificate) []verdict.Assumption {
	out := []verdict.Assumption{}
	add := func(code, subject, format string, args ...any) {
		out = append(out, verdict.Assumption{Code: code, Subject: subject, Text: fmt.Sprintf(format, args...)})
	}
	if !c.Sealed {
		add(codeUnsealed, "", "The recorder did not end in order: the history may stop early.")
	}
	for _, s := range c.Streams {
		if text := unproven(s); text != "" {
			add(s.Proof, subject(s.Resource, s.Namespace), "%s", text)
		}
	}
	for _, g := range c.Gaps {
		add(codeGap, subject(g.Resource, g.Namespace), "Not seen between %s and %s (seq %d to %d): %s.",
			offset(g.NotBefore), offset(g.NotAfter), g.FirstSeq, g.LastSeq, g.Reason)
	}
	for _, r := range c.Rejected {
		place := ""
		if r.Line > 0 {
			place = fmt.Sprintf("line %d", r.Line)
		}
		add(codeRejected, place, "Input that could not be used: %s.", r.Reason)
	}
	return out
}

// unproven says what the proof of a stream leaves open. Gaps speak for
// themselves, one by one.
func unproven(s trace.StreamCert) string {
	text := map[string]string{
		trace.ProofOpen:     "No loss is known, but no final list confirmed the end.",
		trace.ProofMismatch: "The final list contradicts the recording: something was missed without a trace.",
		trace.ProofDenied:   "Not recorded: the trace says nothing about it.",
		trace.ProofImported: "As complete as the log it was imported from.",
	}[s.Proof]
	if text != "" && s.Reason != "" {
		text += " Reason: " + s.Reason + "."
	}
	return text
}

// mismatched reports whether the recording is known to be wrong somewhere.
func mismatched(list []verdict.Assumption) bool {
	for _, a := range list {
		if a.Code == codeMismatch {
			return true
		}
	}
	return false
}

func subject(r trace.Resource, namespace string) string {
	if namespace == "" {
		return r.String()
	}
	return r.String() + " in " + namespace
}

// offset renders a time since the start of a trace as "+83.2s".
func offset(t time.Duration) string { return fmt.Sprintf("+%.1fs", t.Seconds()) }
