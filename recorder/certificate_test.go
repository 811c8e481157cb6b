package recorder

import (
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestWriteCertificate(t *testing.T) {
	pods := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	nodes := trace.Resource{Version: "v1", Resource: "nodes", Kind: "Node"}
	code := 3
	run := trace.Run{
		ID: "ds-e2e-1", Start: time.Date(2026, 11, 22, 2, 8, 29, 5, time.UTC), Namespaces: []string{"ds-e2e"},
		Server: "v1.36.3", Command: []string{"go", "test"}, ExitCode: &code,
	}
	cert := trace.Certificate{
		Sealed: true, End: "the command ended with exit code 3", Events: 12, Duration: int64(125 * time.Second),
		Streams: []trace.StreamCert{
			{Resource: nodes, Proof: trace.ProofDenied, Reason: "nodes is forbidden"},
			{
				Resource: pods, Namespace: "ds-e2e", Proof: trace.ProofGaps, FirstRV: "100", LastRV: "250", Added: 3,
				Modified: 7, Deleted: 2, Inferred: 1, Coalesced: 9, Reopened: 4, Gaps: 1, LagMax: int64(15 * time.Millisecond),
				LagP50: int64(2 * time.Millisecond), LagP99: int64(9 * time.Millisecond),
			},
			{Resource: pods, Namespace: "operator", Proof: trace.ProofComplete, FirstRV: "90", LastRV: "250"},
		},
		Gaps: []trace.GapCert{{
			Resource: pods, Namespace: "ds-e2e", FromRV: "120", ToRV: "180", NotBefore: time.Second,
			NotAfter: 90 * time.Second, FirstSeq: 4, LastSeq: 7, Reason: "too old resource version",
		}},
		Rejected: []trace.Rejection{{Reason: "too deep"}, {Line: 7, Reason: "no object"}},
	}
	var out strings.Builder
	if err := WriteCertificate(&out, run, cert); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/certificate.golden", out.String())
}

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		proofs []string
		want   string
	}{
		{nil, "Nothing was recorded."},
		{[]string{trace.ProofComplete}, "Complete: every version of 1 stream, confirmed by a final list."},
		{
			[]string{trace.ProofComplete, trace.ProofDenied, trace.ProofMismatch},
			"Of 3 streams: 1 complete, 1 contradicted by the final list, 1 not recorded.",
		},
	} {
		var cert trace.Certificate
		for _, p := range c.proofs {
			cert.Streams = append(cert.Streams, trace.StreamCert{Proof: p})
		}
		same(t, Summary(cert), c.want)
	}
}
