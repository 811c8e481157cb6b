package envelope

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

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

// TypePrefix begins the type of every event.
const TypePrefix = "dev.hindsight."

// Attribute is one of an envelope, with its name in CloudEvents.
type Attribute struct{ Name, Value string }

// Attributes returns those of an event of a run. None is empty or twice there.
func Attributes(runID string, e trace.Event) []Attribute {
	all := make([]Attribute, 0, 20)
	add := func(name, value string) {
		if value != "" {
			all = append(all, Attribute{name, value})
		}
	}
	add("specversion", event.CloudEventsVersionV1)
	add("id", eventID(e))
	add("source", "/hindsight/"+runID+"/"+string(e.Source))
	add("type", TypePrefix+string(e.Type))
	add("datacontenttype", event.ApplicationJSON)
	if !e.Wall.IsZero() {
		add("time", e.Wall.UTC().Format(time.RFC3339Nano))
	}
	add("subject", e.Object.String())
	add(extMonotonic, nanoseconds(e.Time))
	add(extNotBefore, nanoseconds(e.NotBefore))
	add(extOrigin, string(e.Source))
	add(extGroup, e.Object.Group)
	add(extVersion, e.Object.Version)
	add(extResource, e.Object.Resource.Resource)
	add(extKind, e.Object.Kind)
	add(extNamespace, e.Object.Namespace)
	add(extName, e.Object.Name)
	add(extUID, e.Object.UID)
	add(extRV, e.ResourceVersion)
	if e.Generation != 0 {
		add(extGeneration, strconv.FormatInt(e.Generation, 10))
	}
	if e.Inferred {
		add(extInferred, "true")
	}
	return all
}

// Wrap puts an event of a run into the CloudEvents envelope.
func Wrap(runID string, e trace.Event) event.Event {
	ce := event.New(event.CloudEventsVersionV1)
	for _, a := range Attributes(runID, e) {
		switch a.Name {
		case "specversion":
		case "id":
			ce.SetID(a.Value)
		case "source":
			ce.SetSource(a.Value)
		case "type":
			ce.SetType(a.Value)
		case "datacontenttype":
			ce.SetDataContentType(a.Value)
		case "time":
			ce.SetTime(e.Wall.UTC())
		case "subject":
			ce.SetSubject(a.Value)
		default:
			ce.SetExtension(a.Name, a.Value)
		}
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

// Unwrap is the inverse of Wrap. It fails on what this package has
// not written.
func Unwrap(ce event.Event) (trace.Event, error) {
	extensions := ce.Extensions()
	e, err := Read(func(name string) string {
		switch name {
		case "specversion":
			return ce.SpecVersion()
		case "id":
			return ce.ID()
		case "source":
			return ce.Source()
		case "type":
			return ce.Type()
		case "time":
			return "" // it is there as a time
		}
		value, _ := extensions[name].(string)
		return value
	}, ce.Data())
	e.Wall = ce.Time()
	return e, err
}

// Read is the inverse of Attributes: attribute returns the one of a name, empty
// where there is none.
func Read(attribute func(name string) string, data []byte) (e trace.Event, err error) {
	if version := attribute("specversion"); version != event.CloudEventsVersionV1 {
		return e, fmt.Errorf("it is no CloudEvent: version %q of CloudEvents is not known", version)
	}
	if attribute("id") == "" || attribute("source") == "" {
		return e, errors.New("it is no CloudEvent: it has no id or no source")
	}
	typ, ours := strings.CutPrefix(attribute("type"), TypePrefix)
	if !ours {
		return e, fmt.Errorf("its type %q does not begin with %q", attribute("type"), TypePrefix)
	}
	e = trace.Event{
		Source: trace.Source(attribute(extOrigin)),
		Type:   trace.Type(typ),
		Object: trace.Object{
			Resource: trace.Resource{
				Group: attribute(extGroup), Version: attribute(extVersion),
				Resource: attribute(extResource), Kind: attribute(extKind),
			},
			Namespace: attribute(extNamespace), Name: attribute(extName), UID: attribute(extUID),
		},
		ResourceVersion: attribute(extRV),
		Inferred:        attribute(extInferred) == "true",
		Data:            data, // the trace checks that it is JSON
	}
	if wall := attribute("time"); wall != "" {
		e.Wall, err = time.Parse(time.RFC3339Nano, wall)
		if e.Wall = e.Wall.UTC(); err != nil || e.Wall.Year() < 0 || e.Wall.Year() > 9999 {
			return trace.Event{}, fmt.Errorf("its attribute time is %q, no time of RFC 3339 in UTC", wall)
		}
	}
	for _, t := range [...]struct {
		name string
		to   *time.Duration
	}{{extMonotonic, &e.Time}, {extNotBefore, &e.NotBefore}} {
		n, err := strconv.ParseInt(attribute(t.name), 10, 64)
		if err != nil || n < 0 {
			return trace.Event{}, fmt.Errorf("its attribute %s is %q, not a number of nanoseconds", t.name, attribute(t.name))
		}
		*t.to = time.Duration(n)
	}
	if g := attribute(extGeneration); g != "" {
		if e.Generation, err = strconv.ParseInt(g, 10, 64); err != nil {
			return trace.Event{}, fmt.Errorf("its attribute %s is %q, not a number", extGeneration, g)
		}
	}
	return e, nil
}
