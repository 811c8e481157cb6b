package export

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/hindsight-project/hindsight/recorder/envelope"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// writeJSONL writes every event of the trace, and then what the policies say.
func writeJSONL(w io.Writer, r *trace.Reader, judged verdict.Trace) error {
	out := bufio.NewWriterSize(w, 1<<16)
	put := func(ce event.Event) error {
		text, err := ce.MarshalJSON()
		if err != nil {
			return fmt.Errorf("write %s %s as a CloudEvent: %w", ce.Type(), ce.ID(), err)
		}
		_, err = out.Write(append(text, '\n'))
		return err
	}
	run := r.Run()
	for e, err := range r.Events(0) {
		if err != nil {
			return err
		}
		ce := envelope.Wrap(run.ID, e)
		ce.SetExtension("sequence", strconv.FormatUint(e.Seq, 10))
		if err := put(ce); err != nil {
			return err
		}
	}
	for _, p := range judged.Policies {
		for _, f := range p.Findings {
			if err := put(said(run, "finding", f.ID, f.Entity, momentOf(r, f), f)); err != nil {
				return err
			}
		}
	}
	for i, d := range judged.Diagnoses {
		id := fmt.Sprintf("%s/%d", d.Policy, i+1)
		if err := put(said(run, "diagnosis", id, d.Entity, time.Duration(d.From), d)); err != nil {
			return err
		}
	}
	end := time.Duration(r.Certificate().Duration)
	if err := put(said(run, "verdict", judged.Digest, "", end, verdictOf(judged))); err != nil {
		return err
	}
	return out.Flush()
}

// said is something that the verifier says, at its moment in the trace.
func said(run trace.Run, what, id, subject string, at time.Duration, data any) event.Event {
	ce := event.New(event.CloudEventsVersionV1)
	ce.SetID(id)
	ce.SetSource("/hindsight/" + run.ID + "/verifier")
	ce.SetType(envelope.TypePrefix + what)
	ce.SetTime(run.Start.Add(at).UTC())
	if subject != "" {
		ce.SetSubject(subject)
	}
	ce.SetExtension("monotonic", strconv.FormatInt(int64(at), 10))
	_ = ce.SetData(event.ApplicationJSON, data) // what cannot be JSON fails when the event is written
	return ce
}

// momentOf is when a finding was complete: the time of the last event that it names.
func momentOf(r *trace.Reader, f verdict.Finding) time.Duration {
	for i := len(f.Events) - 1; i >= 0; i-- {
		if !f.Events[i].Context {
			return f.Events[i].Time
		}
	}
	if len(f.Seq) == 0 {
		return 0
	}
	for e, err := range r.Events(f.Seq[len(f.Seq)-1]) {
		if err == nil {
			return e.Time
		}
		break
	}
	return 0
}

// verdictOf is the judgement in a few words: the verdict of each policy.
func verdictOf(judged verdict.Trace) map[string]any {
	policies := map[string]string{}
	for _, p := range judged.Policies {
		policies[p.ID] = p.Verdict.String()
	}
	return map[string]any{"verdict": judged.Verdict.String(), "digest": judged.Digest, "policies": policies}
}
