package recorder

import (
	"encoding/json"
	"time"

	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watch"
)

// publish records a run that somebody else writes into a trace. It is not
// resumed: what it knows of the objects ends with the process.
func (a *attachment) publish() (cert trace.Certificate, err error) {
	run := a.o.run(a.server, a.rules)
	published := bus.Published{Run: run, Streams: []bus.StreamKey{}}
	for _, t := range a.targets {
		published.Streams = append(published.Streams, bus.StreamKey{Resource: t.Resource, Namespace: t.Namespace})
	}
	a.rec = &recording{
		rules: a.rules, began: run.Start, start: time.Now(), wall: a.o.Wall, elapsed: a.o.Wall().Sub(run.Start),
	}
	detach, err := a.open(bus.Options{RunID: run.ID, Published: &published}, trace.Position{})
	if err != nil {
		return cert, err
	}
	defer detach()
	return a.record(false)
}

// destination says where the events go.
func (a *attachment) destination() string {
	if a.o.PublishOnly {
		return "the stream " + bus.StreamName(a.rec.runID)
	}
	return a.o.Output
}

// publishEnd publishes what the streams have proven and waits until all is
// acknowledged. The certificate that it returns knows of no event; the one to
// rely on is that of the trace.
func (a *attachment) publishEnd(
	outcomes map[*watch.Stream]watch.Outcome, reason string, code *int,
) (cert trace.Certificate, err error) {
	r := a.rec
	end := bus.End{Reason: reason, ExitCode: code, Streams: []bus.StreamEnd{}, Redactions: r.rules.Redactions()}
	cert = trace.Certificate{End: reason, Duration: int64(r.now())}
	for _, s := range r.streams {
		e := streamEnd(s, outcomes[s])
		e.Reason = join(e.Reason, a.notes[s.Target().Key()])
		end.Streams = append(end.Streams, e)
		cert.Streams = append(cert.Streams, trace.StreamCert{
			Resource: e.Resource, Namespace: e.Namespace, Proof: e.Proof, Reason: e.Reason,
		})
	}
	data, err := json.Marshal(end)
	if err != nil {
		return cert, err
	}
	now := r.now()
	event := trace.Event{
		Time: now, NotBefore: now, Source: trace.SourceRecorder, Type: bus.TypeEnd, Data: data,
	}
	if err := r.emit(event); err != nil {
		return cert, err
	}
	_, err = r.bus.Flush(r.ctx)
	return cert, err
}

func streamEnd(s *watch.Stream, outcome watch.Outcome) bus.StreamEnd {
	t := s.Target()
	e := bus.StreamEnd{
		StreamKey: bus.StreamKey{Resource: t.Resource, Namespace: t.Namespace},
		Proof:     outcome.Proof, Reason: outcome.Reason, Coalesced: s.TakeCoalesced(),
	}
	if outcome.Proof != trace.ProofComplete {
		return e
	}
	var versions []bus.Version
	for name, v := range s.Recorded() {
		versions = append(versions, bus.Version{
			Namespace: name.Namespace, Name: name.Name, UID: v[0], ResourceVersion: v[1],
		})
	}
	e.Objects, e.Digest = len(versions), bus.Digest(versions)
	return e
}
