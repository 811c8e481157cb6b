package trace

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// maxRejected is how many rejections a certificate lists; all are counted.
const maxRejected = 1000

type streamKey struct {
	resource  Resource
	namespace string
}

// stream returns the certificate of the stream that an object came from: that
// of its namespace, or the one of the whole cluster, or a new one.
func (w *Writer) stream(o Object) *StreamCert {
	for _, namespace := range []string{o.Namespace, ""} {
		if i, ok := w.streams[streamKey{o.Resource, namespace}]; ok {
			return &w.cert.Streams[i]
		}
	}
	s := StreamCert{Resource: o.Resource, Namespace: o.Namespace, Proof: ProofOpen}
	if w.run.Origin == OriginImport {
		s.Proof = ProofImported
	}
	i, _ := slices.BinarySearchFunc(w.cert.Streams, s, compareStreams)
	w.cert.Streams = slices.Insert(w.cert.Streams, i, s)
	w.indexCertificate()
	return &w.cert.Streams[i]
}

func compareStreams(a, b StreamCert) int {
	if c := strings.Compare(a.Resource.String(), b.Resource.String()); c != 0 {
		return c
	}
	if c := strings.Compare(a.Version, b.Version); c != 0 {
		return c
	}
	return strings.Compare(a.Namespace, b.Namespace)
}

func (w *Writer) indexCertificate() {
	for i, s := range w.cert.Streams {
		w.streams[streamKey{s.Resource, s.Namespace}] = i
	}
	for i, g := range w.cert.Gaps {
		if g.LastSeq == 0 {
			w.gaps[g.ID] = i
		}
	}
}

func certifyObject(s *StreamCert, e *entry, rv string) {
	switch e.typ {
	case Added:
		s.Added++
	case Modified:
		s.Modified++
	case Deleted:
		s.Deleted++
	}
	if e.inferred {
		s.Inferred++
	}
	s.sawVersion(rv)
}

func (s *StreamCert) sawVersion(rv string) {
	if rv == "" {
		return
	}
	if s.FirstRV == "" || compareVersions(rv, s.FirstRV) < 0 {
		s.FirstRV = rv
	}
	if compareVersions(rv, s.LastRV) > 0 {
		s.LastRV = rv
	}
}

// checkPayload makes sure that what the certificate is drawn from can be read.
func checkPayload(ev *Event) error {
	switch ev.Type {
	case Stream:
		return json.Unmarshal(ev.Data, &StreamRecord{})
	case Gap:
		return json.Unmarshal(ev.Data, &GapRecord{})
	}
	return nil
}

// certifyOther counts bookmarks, gaps and the openings of streams.
func (w *Writer) certifyOther(e *entry, ev *Event) {
	switch ev.Type {
	case Bookmark:
		rv, _ := find(e.leaves, w.fieldsOf(e.root).rv).text()
		w.certifyBookmark(ev.Object, rv)
	case Stream:
		var r StreamRecord
		_ = json.Unmarshal(ev.Data, &r) // checked by checkPayload
		s := w.stream(ev.Object)
		s.sawVersion(r.RV)
		if s.Proof == ProofDenied && (r.State == StreamReopened || r.State == StreamWatching) {
			s.Conclude(ProofOpen, "") // what was taken away is given back
		}
		switch r.State {
		case StreamReopened:
			s.Reopened++
		case StreamDenied:
			s.Proof, s.Reason = ProofDenied, r.Reason
		}
	case Gap:
		var g GapRecord
		_ = json.Unmarshal(ev.Data, &g) // checked by checkPayload
		w.certifyGap(e, ev.Object, g)
	}
}

// certifyBookmark counts a bookmark. In a log that does not say which watch it
// came from, it counts for all of the resource and proves a version of none,
// unless there is only one.
func (w *Writer) certifyBookmark(o Object, rv string) {
	var of []*StreamCert
	for i := range w.cert.Streams {
		s := &w.cert.Streams[i]
		if s.Resource == o.Resource && (o.Namespace == "" || s.Namespace == o.Namespace || s.Namespace == "") {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		of = append(of, w.stream(o))
	}
	for _, s := range of {
		s.Bookmarks++
		if len(of) == 1 {
			s.sawVersion(rv)
		}
	}
}

func (w *Writer) certifyGap(e *entry, o Object, g GapRecord) {
	if i, open := w.gaps[g.ID]; open && g.Side == GapEnd {
		w.cert.Gaps[i].LastSeq, w.cert.Gaps[i].NotAfter = e.seq, time.Duration(e.time)
		w.cert.Gaps[i].ToRV = g.ToRV
		delete(w.gaps, g.ID)
		return
	}
	s := w.stream(o)
	s.Gaps++
	if s.Proof == ProofOpen || s.Proof == ProofComplete {
		s.Proof = ProofGaps
	}
	w.gaps[g.ID] = len(w.cert.Gaps)
	w.cert.Gaps = append(w.cert.Gaps, GapCert{
		ID: g.ID, Resource: o.Resource, Namespace: o.Namespace, FromRV: g.FromRV, ToRV: g.ToRV, Reason: g.Reason,
		NotBefore: time.Duration(e.notBefore), NotAfter: time.Duration(e.time), FirstSeq: e.seq,
	})
}

// Certificate returns a copy of the certificate as it stands.
func (w *Writer) Certificate() Certificate {
	c := w.cert
	c.Events, c.Duration = w.seq, max(w.cert.Duration, w.time)
	c.Streams, c.Gaps, c.Rejected = slices.Clone(c.Streams), slices.Clone(c.Gaps), slices.Clone(c.Rejected)
	return c
}

// Certify lets the recorder amend what only it knows of one stream, to be
// written with the next Append or Seal.
func (w *Writer) Certify(r Resource, namespace string, amend func(*StreamCert)) {
	amend(w.stream(Object{Resource: r, Namespace: namespace}))
}

// Reject notes input that could not be used, to be written with the next Append
// or Seal. The certificate lists the first thousand and counts all.
func (w *Writer) Reject(r Rejection) {
	w.cert.RejectedTotal++
	if len(w.cert.Rejected) < maxRejected {
		w.cert.Rejected = append(w.cert.Rejected, r)
	}
}
