package bus

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// The attributes that are ours, all strings: CloudEvents has integers of 32 bits
// only, and no names but of lower case letters and digits.
const (
	extMonotonic  = "monotonic"
	extNotBefore  = "notbefore"
	extOrigin     = "origin"
	extGroup      = "group"
	extVersion    = "version"
	extResource   = "resource"
	extKind       = "kind"
	extNamespace  = "namespace"
	extName       = "name"
	extUID        = "uid"
	extRV         = "resourceversion"
	extGeneration = "generation"
	extInferred   = "inferred"
)

const (
	typePrefix   = "dev.hindsight."
	headerPrefix = "ce-"
	contentType  = "content-type"
)

// cloudEvent puts an event of a run into the CloudEvents envelope.
func cloudEvent(runID string, e trace.Event) event.Event {
	ce := event.New(event.CloudEventsVersionV1)
	ce.SetID(eventID(e))
	ce.SetSource("/hindsight/" + runID + "/" + string(e.Source))
	ce.SetType(typePrefix + string(e.Type))
	ce.SetDataContentType(event.ApplicationJSON)
	if !e.Wall.IsZero() {
		ce.SetTime(e.Wall)
	}
	if !e.Object.IsZero() {
		ce.SetSubject(e.Object.String())
	}
	ce.SetExtension(extMonotonic, nanoseconds(e.Time))
	ce.SetExtension(extNotBefore, nanoseconds(e.NotBefore))
	for _, x := range [...]struct{ name, value string }{
		{extOrigin, string(e.Source)},
		{extGroup, e.Object.Group}, {extVersion, e.Object.Version},
		{extResource, e.Object.Resource.Resource}, {extKind, e.Object.Kind},
		{extNamespace, e.Object.Namespace}, {extName, e.Object.Name}, {extUID, e.Object.UID},
		{extRV, e.ResourceVersion},
	} {
		if x.value != "" {
			ce.SetExtension(x.name, x.value)
		}
	}
	if e.Generation != 0 {
		ce.SetExtension(extGeneration, strconv.FormatInt(e.Generation, 10))
	}
	if e.Inferred {
		ce.SetExtension(extInferred, "true")
	}
	ce.DataEncoded = e.Data
	return ce
}

// eventID names a version of an object by what makes it unique in its cluster,
// everything else by its time, which no two events of a source share.
func eventID(e trace.Event) string {
	if e.Type.IsObject() && !e.Inferred && e.Object.UID != "" && e.ResourceVersion != "" {
		return e.Object.UID + "/" + e.ResourceVersion
	}
	return string(e.Type) + "/" + nanoseconds(e.Time)
}

func nanoseconds(d time.Duration) string { return strconv.FormatInt(int64(d), 10) }

// traceEvent is the inverse of cloudEvent. It fails on what this package has
// not written.
func traceEvent(ce event.Event) (trace.Event, error) {
	typ, ours := strings.CutPrefix(ce.Type(), typePrefix)
	if !ours {
		return trace.Event{}, fmt.Errorf("its type %q does not begin with %q", ce.Type(), typePrefix)
	}
	extensions := ce.Extensions()
	ext := func(name string) string {
		s, _ := extensions[name].(string)
		return s
	}
	e := trace.Event{
		Source: trace.Source(ext(extOrigin)),
		Type:   trace.Type(typ),
		Object: trace.Object{
			Resource: trace.Resource{
				Group: ext(extGroup), Version: ext(extVersion), Resource: ext(extResource), Kind: ext(extKind),
			},
			Namespace: ext(extNamespace), Name: ext(extName), UID: ext(extUID),
		},
		ResourceVersion: ext(extRV),
		Inferred:        ext(extInferred) == "true",
		Wall:            ce.Time(),
	}
	for name, target := range map[string]*int64{
		extMonotonic: (*int64)(&e.Time), extNotBefore: (*int64)(&e.NotBefore),
	} {
		n, err := strconv.ParseInt(ext(name), 10, 64)
		if err != nil || n < 0 {
			return trace.Event{}, fmt.Errorf("its attribute %s is %q, not a number of nanoseconds", name, ext(name))
		}
		*target = n
	}
	if g := ext(extGeneration); g != "" {
		n, err := strconv.ParseInt(g, 10, 64)
		if err != nil {
			return trace.Event{}, fmt.Errorf("its attribute %s is %q, not a number", extGeneration, g)
		}
		e.Generation = n
	}
	e.Data = ce.Data() // the trace checks that it is JSON
	return e, nil
}

// encode writes an event in binary mode: the attributes are headers, the
// object is the payload as it is.
func encode(subject, runID string, e trace.Event) (*nats.Msg, error) {
	ce := cloudEvent(runID, e)
	if err := ce.Validate(); err != nil {
		return nil, fmt.Errorf("cannot put %s of %s into an envelope: %w", e.Type, e.Object, err)
	}
	h := nats.Header{}
	set := func(name, value string) {
		if value != "" {
			h[name] = []string{escape(value)}
		}
	}
	set(headerPrefix+"specversion", ce.SpecVersion())
	set(headerPrefix+"id", ce.ID())
	set(headerPrefix+"source", ce.Source())
	set(headerPrefix+"type", ce.Type())
	set(headerPrefix+"subject", ce.Subject())
	set(contentType, ce.DataContentType())
	if t := ce.Time(); !t.IsZero() {
		set(headerPrefix+"time", t.UTC().Format(time.RFC3339Nano))
	}
	for name, value := range ce.Extensions() {
		set(headerPrefix+name, value.(string))
	}
	return &nats.Msg{Subject: subject, Header: h, Data: ce.Data()}, nil
}

// decode reads what encode wrote.
func decode(h nats.Header, data []byte) (trace.Event, error) {
	ce := event.New(event.CloudEventsVersionV1)
	for name, values := range h {
		attribute, ours := strings.CutPrefix(strings.ToLower(name), headerPrefix)
		if !ours || len(values) == 0 {
			continue
		}
		value, err := unescape(values[0])
		if err != nil {
			return trace.Event{}, fmt.Errorf("header %s: %w", name, err)
		}
		if err := setAttribute(&ce, attribute, value); err != nil {
			return trace.Event{}, fmt.Errorf("header %s: %w", name, err)
		}
	}
	ce.SetDataContentType(event.ApplicationJSON)
	ce.DataEncoded = data
	if err := ce.Validate(); err != nil {
		return trace.Event{}, fmt.Errorf("it is no CloudEvent: %w", err)
	}
	return traceEvent(ce)
}

func setAttribute(ce *event.Event, name, value string) error {
	switch name {
	case "specversion":
		if value != event.CloudEventsVersionV1 {
			return fmt.Errorf("version %q of CloudEvents is not known", value)
		}
	case "id":
		ce.SetID(value)
	case "source":
		ce.SetSource(value)
	case "type":
		ce.SetType(value)
	case "subject":
		ce.SetSubject(value)
	case "time":
		t, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return err
		}
		ce.SetTime(t.UTC())
	default:
		ce.SetExtension(name, value)
	}
	return nil
}

// escape encodes a header value as the CloudEvents bindings ask for: printable
// ASCII but the space, the double quote and the percent sign stays.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends within a percent encoding", s)
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is not percent encoded", s)
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}
