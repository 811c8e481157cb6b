package marks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxSize bounds a mark, in bytes: it is a note, not an attachment.
const MaxSize = 64 << 10

// maxPhase bounds the name of a phase, in bytes.
const maxPhase = 200

// The phases that policies and views know. Any other is allowed.
const (
	RunStart        = "run-start"
	RunEnd          = "run-end"
	Scenario        = "scenario"
	Spec            = "spec"
	DisruptionStart = "disruption-start"
	DisruptionEnd   = "disruption-end"
	ClusterHealthy  = "cluster-healthy"
	FillStart       = "fill-start"
	FillEnd         = "fill-end"
	GrowthRequested = "growth-requested"
	GrowthComplete  = "growth-complete"
	Settled         = "settled"
	Admission       = "admission"
)

// The sides of a phase that takes time.
const (
	Begin = "begin"
	Retry = "retry"
	End   = "end"
)

// Mark is one thing to say. See the package documentation for what the members
// mean.
type Mark struct {
	Phase        string
	Side         string
	Note         string
	Requirements []string  // ids of policies
	Cluster      string    // namespace/name
	Time         time.Time // zero: now
	Until        time.Time // zero: Time is exact

	// More is everything else, by the name of its member.
	More map[string]any
}

// The members of a mark that have a field of their own.
const (
	keyPhase       = "phase"
	keySide        = "side"
	keyNote        = "note"
	keyRequirement = "requirement"
	keyCluster     = "cluster"
	keyTime        = "time"
	keyUntil       = "until"
)

// fields lists the members with fields of their own.
func (m *Mark) fields() map[string]any {
	return map[string]any{
		keyPhase: &m.Phase, keySide: &m.Side, keyNote: &m.Note,
		keyRequirement: (*oneOrMore)(&m.Requirements),
		keyCluster:     &m.Cluster, keyTime: &m.Time, keyUntil: &m.Until,
	}
}

// oneOrMore is a text, or an array of them, as JSON.
type oneOrMore []string

// MarshalJSON implements json.Marshaler.
func (o oneOrMore) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = nil
		if one != "" {
			*o = oneOrMore{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// MarshalJSON implements json.Marshaler: one object, members sorted, what is
// empty left out.
func (m Mark) MarshalJSON() ([]byte, error) {
	all := maps.Clone(m.More)
	if all == nil {
		all = map[string]any{}
	}
	for name, field := range m.fields() {
		if _, taken := all[name]; taken {
			return nil, fmt.Errorf("the member %q has a field of its own and must not be in More", name)
		}
		switch v := field.(type) {
		case *string:
			if *v != "" {
				all[name] = *v
			}
		case *oneOrMore:
			if len(*v) > 0 {
				all[name] = *v
			}
		case *time.Time:
			if !v.IsZero() {
				all[name] = v.Format(time.RFC3339Nano)
			}
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler. Numbers in More are json.Number.
func (m *Mark) UnmarshalJSON(text []byte) error {
	var all map[string]jsontext.Value
	if err := jsonv2.Unmarshal(text, &all); err != nil || all == nil {
		return errors.Join(errors.New(`a mark is a JSON object, such as {"phase": "disruption-start"}`), err)
	}
	*m = Mark{}
	for name, field := range m.fields() {
		if value, there := all[name]; there {
			if err := json.Unmarshal(value, field); err != nil {
				return fmt.Errorf("the member %q of a mark: %w", name, err)
			}
			delete(all, name)
		}
	}
	for name, value := range all {
		if m.More == nil {
			m.More = map[string]any{}
		}
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.UseNumber()
		var v any
		if err := decoder.Decode(&v); err != nil {
			return fmt.Errorf("the member %q of a mark: %w", name, err)
		}
		m.More[name] = v
	}
	return nil
}

// policyID is what ids of policies look like.
var policyID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Validate checks what can be checked of a mark by itself.
func (m Mark) Validate() error {
	switch {
	case m.Phase == "" && len(m.Requirements) == 0:
		return errors.New("a mark needs a phase or a requirement, such as phase disruption-start")
	case len(m.Phase) > maxPhase:
		return fmt.Errorf("the phase has %d bytes, more than %d: put details into other members", len(m.Phase), maxPhase)
	case m.Side != "" && m.Side != Begin && m.Side != Retry && m.Side != End:
		return fmt.Errorf("the side %q is none: use begin, retry or end", m.Side)
	case m.Cluster != "" && strings.Count(m.Cluster, "/") != 1:
		return fmt.Errorf("the cluster %q is not namespace/name", m.Cluster)
	case m.Time.IsZero() && !m.Until.IsZero():
		return errors.New("a mark with until needs a time as well: it happened between the two")
	case m.Until.Before(m.Time) && !m.Until.IsZero():
		return errors.New("the mark's until is before its time")
	}
	for _, id := range m.Requirements {
		if !policyID.MatchString(id) {
			return fmt.Errorf("the requirement %q is no id of a policy, such as scenario-node-drain", id)
		}
	}
	return nil
}

// Parse reads one mark as it was sent. The error tells the sender what to do.
func Parse(text []byte) (Mark, error) {
	if len(text) > MaxSize {
		return Mark{}, fmt.Errorf("the mark has more than %d bytes: say less, and keep attachments elsewhere", MaxSize)
	}
	var m Mark
	if err := json.Unmarshal(text, &m); err != nil {
		return Mark{}, err
	}
	return m, m.Validate()
}

// Receipt says that a mark is on the recorder's disk.
type Receipt struct {
	Run  string        `json:"run"`     // id of the run
	Time time.Duration `json:"time_ns"` // of the mark's event, since the start of the trace
}
