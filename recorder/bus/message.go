package bus

import (
	"fmt"
	"strconv"
	"strings"

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
func encode(subject, runID string, e trace.Event) *nats.Msg {
	attributes := envelope.Attributes(runID, e)
	h := make(nats.Header, len(attributes)+headersOfJetStream)
	values := make([]string, len(attributes))
	for i, a := range attributes {
		values[i] = escape(a.Value)
		h[headerOf(a.Name)] = values[i : i+1 : i+1]
	}
	return &nats.Msg{Subject: subject, Header: h, Data: e.Data}
}

// headersOfJetStream is how many headers are added on sending.
const headersOfJetStream = 2

// headerOf is the header of an attribute. Only one has a name of its own.
func headerOf(attribute string) string {
	if attribute == "datacontenttype" {
		return contentType
	}
	return headerPrefix + attribute
}

// decode reads what encode wrote.
func decode(h nats.Header, data []byte) (trace.Event, error) {
	if len(h[headerPrefix+"type"]) == 0 { // not from us; the case of headers does not count
		lower := nats.Header{}
		for name, values := range h {
			lower[strings.ToLower(name)] = values
		}
		h = lower
	}
	var broken error
	e, err := envelope.Read(func(name string) string {
		values := h[headerPrefix+name]
		if len(values) == 0 {
			return ""
		}
		value, err := unescape(values[0])
		if err != nil {
			broken = fmt.Errorf("header %s%s: %w", headerPrefix, name, err)
		}
		return value
	}, data)
	if broken != nil {
		return trace.Event{}, broken
	}
	return e, err
}

// escape encodes a header value as the CloudEvents bindings ask for: printable
// ASCII but the space, the double quote and the percent sign stays.
func escape(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return !isPlain(c) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isPlain(rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isPlain(c rune) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }

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
