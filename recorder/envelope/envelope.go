package envelope

import (
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

// Wrap puts an event of a run into the CloudEvents envelope.
func Wrap(runID string, e trace.Event) event.Event {
	ce := event.New(event.CloudEventsVersionV1)
	ce.SetID(eventID(e))
	ce.SetSource("/hindsight/" + runID + "/" + string(e.Source))
	ce.SetType(TypePrefix + string(e.Type))
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

// Unwrap is the inverse of Wrap. It fails on what this package has
// not written.
func Unwrap(ce event.Event) (trace.Event, error) {
	typ, ours := strings.CutPrefix(ce.Type(), TypePrefix)
	if !ours {
		return trace.Event{}, fmt.Errorf("its type %q does not begin with %q", ce.Type(), TypePrefix)
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
