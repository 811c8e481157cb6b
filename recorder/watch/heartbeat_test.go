package watch

import (
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestHeartbeat(t *testing.T) {
	lease := trace.Resource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases", Kind: "Lease"}
	node := trace.Resource{Version: "v1", Resource: "nodes", Kind: "Node"}
	pod := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	for _, c := range []struct {
		says          string
		resource      trace.Resource
		before, after string
		want          bool
	}{
		{
			"a renewal is a heartbeat", lease,
			`{"metadata":{"resourceVersion":"1","managedFields":[1]},"spec":{"holderIdentity":"a","renewTime":"1"}}`,
			`{"metadata":{"resourceVersion":"2","managedFields":[2]},"spec":{"holderIdentity":"a","renewTime":"2"}}`, true,
		},
		{
			"a new holder is none", lease,
			`{"spec":{"holderIdentity":"a","renewTime":"1"}}`,
			`{"spec":{"holderIdentity":"b","renewTime":"2"}}`, false,
		},
		{
			"a transition is none", lease,
			`{"spec":{"leaseTransitions":1,"renewTime":"1"}}`,
			`{"spec":{"leaseTransitions":2,"renewTime":"2"}}`, false,
		},
		{
			"a lease that was taken anew is none", lease,
			`{"spec":{"acquireTime":"1","renewTime":"1"}}`, `{"spec":{"acquireTime":"2","renewTime":"2"}}`, false,
		},
		{
			"a label is none", lease,
			`{"metadata":{"labels":{}},"spec":{"renewTime":"1"}}`,
			`{"metadata":{"labels":{"a":"b"}},"spec":{"renewTime":"2"}}`, false,
		},
		{
			"numbers that only look alike differ", lease,
			`{"spec":{"x":9007199254740993}}`, `{"spec":{"x":9007199254740992}}`, false,
		},
		{
			"a status stamp is a heartbeat", node,
			`{"metadata":{"resourceVersion":"1"},"status":{"conditions":[{"status":"True","lastHeartbeatTime":"1"}]}}`,
			`{"metadata":{"resourceVersion":"2"},"status":{"conditions":[{"status":"True","lastHeartbeatTime":"2"}]}}`,
			true,
		},
		{
			"a condition that turned is none", node,
			`{"status":{"conditions":[{"status":"True","lastHeartbeatTime":"1"}]}}`,
			`{"status":{"conditions":[{"status":"False","lastHeartbeatTime":"2"}]}}`, false,
		},
		{
			"a cordoned node is none", node,
			`{"spec":{}}`, `{"spec":{"unschedulable":true}}`, false,
		},
		{
			"other resources have no heartbeats", pod,
			`{"metadata":{"resourceVersion":"1"}}`, `{"metadata":{"resourceVersion":"2"}}`, false,
		},
		{
			"what cannot be read is none", lease,
			`{"spec":`, `{"spec":`, false,
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			if got := Heartbeat(c.resource, []byte(c.before), []byte(c.after)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
