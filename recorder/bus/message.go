package bus

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"

	"github.com/hindsight-project/hindsight/recorder/envelope"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

const (
	headerPrefix = "ce-"
	contentType  = "content-type"
)

// encode writes an event in binary mode: the attributes are headers, the
// object is the payload as it is.
func encode(subject, runID string, e trace.Event) (*nats.Msg, error) {
	ce := envelope.Wrap(runID, e)
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
	return envelope.Unwrap(ce)
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
