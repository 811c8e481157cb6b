package watch

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Heartbeat reports whether the step from one version of an object to the next
// says nothing but "still alive". The rule, in full:
//
//   - Lease: spec.renewTime differs and nothing else does,
//   - Node: status.conditions[*].lastHeartbeatTime differs and nothing else does,
//
// where metadata.resourceVersion and metadata.managedFields, which change with
// every write, do not count. A new holder, a taken lease, a condition that
// turned, a label: all of that is recorded. No other resource has heartbeats.
func Heartbeat(r trace.Resource, before, after json.RawMessage) bool {
	var strip func(map[string]any)
	switch {
	case r.Group == "coordination.k8s.io" && r.Resource == "leases":
		strip = func(o map[string]any) { remove(o, "spec", "renewTime") }
	case r.Group == "" && r.Resource == "nodes":
		strip = stripNode
	default:
		return false
	}
	a, err := decodeStripped(before, strip)
	if err != nil {
		return false
	}
	b, err := decodeStripped(after, strip)
	return err == nil && reflect.DeepEqual(a, b)
}

func decodeStripped(raw json.RawMessage, strip func(map[string]any)) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o map[string]any
	if err := dec.Decode(&o); err != nil {
		return nil, err
	}
	remove(o, "metadata", "resourceVersion")
	remove(o, "metadata", "managedFields")
	strip(o)
	return o, nil
}

func stripNode(o map[string]any) {
	status, _ := o["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok {
			delete(c, "lastHeartbeatTime")
		}
	}
}

func remove(o map[string]any, parent, key string) {
	if p, ok := o[parent].(map[string]any); ok {
		delete(p, key)
	}
}
