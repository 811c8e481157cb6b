package disruption

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// specMutation merges a change into the specification: the one for the sizing
// that the cluster has.
type specMutation struct {
	static, dynamic map[string]any
	change          map[string]any
}

func (d *specMutation) Prepare(_ context.Context, t *target.Target) error {
	d.change = map[bool]map[string]any{true: d.dynamic, false: d.static}[t.Offers.Dynamic]
	if d.change == nil {
		return unavailable("the scenario names no change for %s sizing",
			map[bool]string{true: "dynamic", false: "static"}[t.Offers.Dynamic])
	}
	return nil
}

func (d *specMutation) Inject(ctx context.Context, t *target.Target) (Done, error) {
	text, err := json.Marshal(d.change)
	if err != nil {
		return Done{}, err
	}
	err = t.Patch(ctx, map[string]any{"spec": d.change})
	return Done{"changed the specification: " + string(text), map[string]any{"change": d.change}}, err
}

// Observe waits until there are as many instances as the specification wants;
// what becomes of sizes is for the end of the scenario.
func (d *specMutation) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	if _, more := d.change["instances"]; !more {
		return Done{Note: "the specification is changed"}, nil
	}
	err := t.UntilInstances(ctx, atMost)
	return over(Done{Note: "the specification is changed, and its instances are ready"}, err)
}

func (d *specMutation) Undo(context.Context, *target.Target) error { return nil }

// scaleUp adds instances.
type scaleUp struct {
	add      int
	from, to int64
}

func (d *scaleUp) Prepare(ctx context.Context, t *target.Target) error {
	s, err := t.State(ctx)
	if err != nil {
		return err
	}
	d.from, d.to = s.Wanted, s.Wanted+int64(d.add)
	return nil
}

func (d *scaleUp) Inject(ctx context.Context, t *target.Target) (Done, error) {
	err := t.Patch(ctx, map[string]any{"spec": map[string]any{"instances": d.to}})
	return Done{fmt.Sprintf("asked for %d instances instead of %d", d.to, d.from), map[string]any{"to": d.to}}, err
}

func (d *scaleUp) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	return over(Done{Note: fmt.Sprintf("%d instances are ready", d.to)}, t.UntilInstances(ctx, atMost))
}

func (d *scaleUp) Undo(context.Context, *target.Target) error { return nil }

// rollingUpgrade changes the image, or something else for which the operator
// replaces every pod.
type rollingUpgrade struct {
	pods map[string]types.UID // as they were
	how  string
}

// rolloutVariable is set where there is no other image.
const rolloutVariable = "HINDSIGHT_ROLLOUT"

func (d *rollingUpgrade) Prepare(ctx context.Context, t *target.Target) error {
	s, err := t.State(ctx)
	if err != nil {
		return err
	}
	d.pods = map[string]types.UID{}
	for _, p := range s.Pods {
		d.pods[p.Name] = p.UID
	}
	return nil
}

func (d *rollingUpgrade) Inject(ctx context.Context, t *target.Target) (Done, error) {
	if t.UpgradeImage != "" {
		d.how = "image"
		err := t.Patch(ctx, map[string]any{"spec": map[string]any{"imageName": t.UpgradeImage}})
		return Done{"asked for the image " + t.UpgradeImage, map[string]any{"how": d.how, "image": t.UpgradeImage}}, err
	}
	d.how = "env"
	err := t.Patch(ctx, map[string]any{"spec": map[string]any{"env": []any{
		map[string]any{"name": rolloutVariable, "value": t.Run},
	}}})
	return Done{
		"no other image was given: set the variable " + rolloutVariable + " in spec.env, which replaces every pod",
		map[string]any{"how": d.how},
	}, err
}

// Observe waits until each pod is another one, and ready.
func (d *rollingUpgrade) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	replaced := 0
	err := t.Until(ctx, atMost, "every pod to be replaced", func(ctx context.Context) (bool, string, error) {
		s, err := t.State(ctx)
		if err != nil {
			return false, "", err
		}
		replaced = d.replaced(s.Pods)
		return replaced == len(d.pods), fmt.Sprintf("%d of %d are", replaced, len(d.pods)), nil
	})
	note := fmt.Sprintf("%d of %d pods were replaced", replaced, len(d.pods))
	return Done{note, map[string]any{"replaced": replaced}}, err
}

// replaced counts the pods that are others than before, and ready.
func (d *rollingUpgrade) replaced(pods []corev1.Pod) int {
	n := 0
	for i := range pods {
		before, known := d.pods[pods[i].Name]
		if known && before != pods[i].UID && target.IsReady(&pods[i]) {
			n++
		}
	}
	return n
}

func (d *rollingUpgrade) Undo(context.Context, *target.Target) error { return nil }
