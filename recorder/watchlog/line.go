package watchlog

import (
	encodingjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// wire is a line as it is written. See the package documentation.
type wire struct {
	Time      string         `json:"time"`
	Type      string         `json:"type"`
	Event     trace.Type     `json:"event,omitzero"`
	Source    trace.Source   `json:"source,omitzero"`
	Inferred  bool           `json:"inferred,omitzero"`
	Elapsed   *int64         `json:"elapsed_ns,omitzero"`
	NotBefore *int64         `json:"not_before_ns,omitzero"`
	About     *trace.Object  `json:"about,omitzero"`
	Object    jsontext.Value `json:"object,omitzero"`
	Mark      jsontext.Value `json:"mark,omitzero"`
	Gap       jsontext.Value `json:"gap,omitzero"`
	Stream    jsontext.Value `json:"stream,omitzero"`
	Data      jsontext.Value `json:"data,omitzero"`
}

// typeError is the type that the end of a watch has in the trace. It is no
// trace.Stream: an ERROR does not tell of which stream it was the end.
const typeError trace.Type = "error"

// lineEvent is the type of lines for events that have no line of their own.
const lineEvent = "EVENT"

// line is a parsed line: an event whose times are still to be derived.
type line struct {
	number    int // from 1
	event     trace.Event
	elapsed   *int64
	notBefore *int64
}

// header is what identifies an object.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name            string `json:"name"`
		Namespace       string `json:"namespace"`
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
		Generation      int64  `json:"generation"`
	} `json:"metadata"`
}

// parseLine reads one line. The error is the reason for which it is rejected.
// The event keeps parts of raw.
func parseLine(raw []byte) (line, error) {
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil {
		return line{}, fmt.Errorf("not a JSON object of a watch log: %w", err)
	}
	wall, err := parseTime(w.Time)
	if err != nil {
		return line{}, err
	}
	l := line{elapsed: w.Elapsed, notBefore: w.NotBefore}
	if l.event, err = w.content(); err != nil {
		return line{}, err
	}
	l.event.Wall, l.event.Inferred = wall, w.Inferred
	if w.Source != "" {
		l.event.Source = w.Source
	}
	if w.About != nil {
		l.event.Object = *w.About
	}
	if l.event.Object.Group == "" && l.event.Object.Kind == "Secret" {
		return line{}, errors.New("a Secret: its content is never recorded")
	}
	return l, nil
}

// content is the event without what every line has.
func (w *wire) content() (trace.Event, error) {
	switch w.Type {
	case "ADDED", "MODIFIED", "DELETED", "BOOKMARK":
		return objectEvent(trace.Type(strings.ToLower(w.Type)), w.Object)
	case "ERROR":
		return errorEvent(w.Object)
	case "MARK":
		return payloadEvent(trace.Mark, trace.SourceMark, "mark", w.Mark)
	case "GAP":
		return recordEvent(trace.Gap, "gap", w.Gap, new(trace.GapRecord))
	case "STREAM":
		return recordEvent(trace.Stream, "stream", w.Stream, new(trace.StreamRecord))
	case lineEvent:
		if w.Event == "" || standard(w.Event) {
			return trace.Event{}, fmt.Errorf("EVENT with event %q, which is none that has no line of its own", w.Event)
		}
		return payloadEvent(w.Event, trace.SourceRecorder, "data", w.Data)
	case "":
		return trace.Event{}, errors.New("no type")
	}
	return trace.Event{}, fmt.Errorf(
		"unknown type %q; known are ADDED, MODIFIED, DELETED, BOOKMARK, ERROR, MARK, GAP, STREAM, EVENT", w.Type)
}

// standard reports whether events of this type have a line type of their own.
func standard(t trace.Type) bool {
	others := []trace.Type{trace.Bookmark, trace.Mark, trace.Gap, trace.Stream, typeError}
	return t.IsObject() || slices.Contains(others, t)
}

func objectEvent(t trace.Type, object jsontext.Value) (trace.Event, error) {
	h, err := readHeader(object)
	if err != nil {
		return trace.Event{}, err
	}
	if t.IsObject() && h.Metadata.Name == "" {
		return trace.Event{}, errors.New("the object has no metadata.name")
	}
	e := trace.Event{
		Source:          trace.SourceWatch,
		Type:            t,
		Object:          h.object(),
		ResourceVersion: h.Metadata.ResourceVersion,
		Generation:      h.Metadata.Generation,
		Data:            []byte(object),
	}
	if t == trace.Bookmark {
		e.Object.Name, e.Object.UID = "", ""
	}
	return e, nil
}

// readHeader reads the header of an object, which was found to be valid JSON when
// its line was read.
func readHeader(object jsontext.Value) (header, error) {
	var h header
	if absent(object) {
		return h, errors.New("no object")
	}
	var plain bool
	if h, plain = scanHeader(object); !plain {
		h = header{}
		if err := json.Unmarshal(object, &h); err != nil {
			return h, fmt.Errorf("not an object of Kubernetes: %w", err)
		}
	}
	if h.Kind == "" {
		return h, errors.New("the object has no kind")
	}
	if h.APIVersion == "" {
		return h, errors.New("the object has no apiVersion")
	}
	if strings.Count(h.APIVersion, "/") > 1 {
		return h, fmt.Errorf("the object's apiVersion %q is not one", h.APIVersion)
	}
	return h, nil
}

// object names what the header describes, with a guessed resource.
func (h header) object() trace.Object {
	return trace.Object{
		Resource:  guessResource(h.APIVersion, h.Kind),
		Namespace: h.Metadata.Namespace,
		Name:      h.Metadata.Name,
		UID:       h.Metadata.UID,
	}
}

// guessResource names the resource of a kind by the conventions of Kubernetes.
func guessResource(apiVersion, kind string) trace.Resource {
	// ParseGroupVersion fails only on a second slash, which readHeader refuses.
	gv, _ := schema.ParseGroupVersion(apiVersion)
	r := trace.Resource{Group: gv.Group, Version: gv.Version, Kind: kind}
	if n := len(kind); n > 1 && strings.HasSuffix(kind, "y") && strings.ContainsRune("aeou", rune(kind[n-2])) {
		r.Resource = strings.ToLower(kind) + "s" // Gateway; UnsafeGuessKindToResource says "gatewaies"
		return r
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(kind))
	r.Resource = plural.Resource
	return r
}

// errorEvent keeps the Status with which a watch ended.
func errorEvent(object jsontext.Value) (trace.Event, error) {
	if absent(object) {
		return trace.Event{}, errors.New("ERROR without object")
	}
	var status struct {
		Reason string `json:"reason"`
		Code   int    `json:"code"`
	}
	if err := json.Unmarshal(object, &status); err != nil {
		return trace.Event{}, fmt.Errorf("ERROR with something else than a Status: %w", err)
	}
	return trace.Event{Source: trace.SourceWatch, Type: typeError, Data: []byte(object)}, nil
}

// recordEvent checks that value is a record of the trace before taking it, in
// the way in which the trace itself will read it.
func recordEvent(t trace.Type, member string, value jsontext.Value, record any) (trace.Event, error) {
	e, err := payloadEvent(t, trace.SourceRecorder, member, value)
	if err != nil {
		return e, err
	}
	if err := encodingjson.Unmarshal(value, record); err != nil {
		return e, fmt.Errorf("%q of a %s line: %w", member, strings.ToUpper(string(t)), err)
	}
	return e, nil
}

func payloadEvent(t trace.Type, s trace.Source, member string, value jsontext.Value) (trace.Event, error) {
	if absent(value) {
		return trace.Event{}, fmt.Errorf("a line of event %q without %q", t, member)
	}
	return trace.Event{Source: s, Type: t, Data: []byte(value)}, nil
}

func absent(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }

// parseTime reads the time of a line. A trace counts nanoseconds in 64 bits
// since 1970: no cluster has run before that, and none will after 2262.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, errors.New("no time")
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not RFC 3339, such as 2026-11-22T02:08:29.916259Z", s)
	}
	if t.Year() < 1970 || t.Year() > 2261 {
		return time.Time{}, fmt.Errorf("time %q is outside 1970–2261", s)
	}
	return t.UTC(), nil
}

// formatTime writes microseconds, as Kubernetes does, when that is exact.
func formatTime(t time.Time) string {
	if t.Nanosecond()%1000 == 0 {
		return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
}

// mustMarshal encodes our own records, which cannot fail.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("watchlog: a record of the trace that JSON cannot say: %v", err))
	}
	return b
}

// encode is the inverse of parseLine; elapsed says what Import would derive as
// the event's time.
func encode(e trace.Event, elapsed time.Duration) ([]byte, error) {
	w := wire{Time: formatTime(e.Wall), Type: strings.ToUpper(string(e.Type)), Inferred: e.Inferred}
	switch {
	case e.Type.IsObject(), e.Type == trace.Bookmark, e.Type == typeError:
		w.Object = jsontext.Value(e.Data)
	case e.Type == trace.Mark:
		w.Mark = jsontext.Value(e.Data)
	case e.Type == trace.Gap:
		w.Gap = jsontext.Value(e.Data)
	case e.Type == trace.Stream:
		w.Stream = jsontext.Value(e.Data)
	default:
		w.Type, w.Event, w.Data = lineEvent, e.Type, jsontext.Value(e.Data)
	}
	if e.Time != elapsed {
		w.Elapsed = (*int64)(&e.Time)
	}
	if e.NotBefore != e.Time {
		w.NotBefore = (*int64)(&e.NotBefore)
	}
	derived, err := w.content()
	if err != nil {
		return nil, fmt.Errorf("event %d does not fit a watch log: %w", e.Seq, err)
	}
	if e.Source != derived.Source {
		w.Source = e.Source
	}
	if e.Object != derived.Object {
		w.About = &e.Object
	}
	return json.Marshal(&w)
}
