package envelope_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/envelope"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestWhatIsWrappedIsUnwrapped(t *testing.T) {
	wall := time.Date(2026, 11, 22, 2, 8, 29, 5, time.UTC)
	for name, e := range map[string]trace.Event{
		"a version of an object": {
			Time: 3 * time.Second, NotBefore: 2 * time.Second, Wall: wall, Source: trace.SourceWatch, Type: trace.Modified,
			Object: trace.Object{
				Resource:  trace.Resource{Group: "apps", Version: "v1", Resource: "deployments", Kind: "Deployment"},
				Namespace: "ds", Name: "pg", UID: "u1",
			},
			ResourceVersion: "12", Generation: 4, Inferred: true, Data: json.RawMessage(`{"a":1}`),
		},
		"a mark": {Wall: wall, Source: trace.SourceMark, Type: trace.Mark, Data: json.RawMessage(`{"phase":"x"}`)},
	} {
		ce := envelope.Wrap("run", e)
		if err := ce.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := envelope.Unwrap(ce)
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	for name, change := range map[string]func(*event.Event){
		"another type":         func(ce *event.Event) { ce.SetType("com.example.x") },
		"a time before 0":      func(ce *event.Event) { ce.SetExtension("monotonic", "-1") },
		"a time in words":      func(ce *event.Event) { ce.SetExtension("notbefore", "noon") },
		"a generation of zero": func(ce *event.Event) { ce.SetExtension("generation", "none") },
	} {
		ce := envelope.Wrap("run", trace.Event{Source: trace.SourceMark, Type: trace.Mark, Data: json.RawMessage(`{}`)})
		change(&ce)
		if _, err := envelope.Unwrap(ce); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
