package watch

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestOnlyTheWatchOfEventsStaysOpenForLong(t *testing.T) {
	usual := int64(300)
	for resource, want := range map[string]int64{"events": 86400, "pods": usual} {
		target := Target{Resource: trace.Resource{Version: "v1", Resource: resource}}
		if got := patient(target, metav1.ListOptions{TimeoutSeconds: &usual}); *got.TimeoutSeconds != want {
			t.Errorf("the watch of %s is closed after %d s, want %d", resource, *got.TimeoutSeconds, want)
		}
	}
	if usual != 300 {
		t.Error("the options of the caller were changed")
	}
}
