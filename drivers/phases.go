package drivers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/drivers/disruption"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// setUp makes the namespace, starts the recording and makes the cluster.
func (r *Run) setUp(ctx context.Context) error {
	t := r.Target
	r.created = true
	if err := t.CreateNamespace(ctx, t.Namespace, r.ID); err != nil {
		return err
	}
	lease, err := t.Acquire(ctx, t.Namespace, r.ID)
	if err != nil {
		r.created = false // it is somebody else's
		return err
	}
	t.Hold = lease
	if r.options.Recorder != nil {
		if r.recording, err = r.options.Recorder(ctx, r); err != nil {
			return err
		}
	}
	if err := r.say(ctx, marks.Mark{
		Phase: marks.Scenario, Side: marks.Begin, Note: r.Scenario.Title, Requirements: r.Scenario.Demands(r.Topology),
		More: map[string]any{
			"priority": r.Scenario.Priority, "class": r.Scenario.Class, "sizing": r.result.Sizing, "run": r.ID,
		},
	}); err != nil {
		return err
	}
	if _, err := t.Apply(ctx, r.cluster()); err != nil {
		return fmt.Errorf("the Cluster of the scenario was not accepted: %w", err)
	}
	if err := t.UntilHealthy(ctx, r.times.Healthy); err != nil {
		return err
	}
	if err := r.say(ctx, marks.Mark{Phase: marks.ClusterHealthy}); err != nil {
		return err
	}
	return r.makeObjects(ctx)
}

// makeObjects makes what else the scenario wants, and waits for its Deployments.
func (r *Run) makeObjects(ctx context.Context) error {
	if len(r.Scenario.Objects) == 0 {
		return nil
	}
	c, err := r.Target.Get(ctx)
	if err != nil {
		return err
	}
	image, _, _ := unstructured.NestedString(c.Object, "status", "image")
	for _, object := range r.Scenario.Objects {
		named, _ := substitute(object, image).(map[string]any)
		made, err := r.Target.Apply(ctx, named)
		if err != nil {
			return fmt.Errorf("the %v of the scenario was not accepted: %w", object["kind"], err)
		}
		if made.GetKind() == "Deployment" {
			if err := r.Target.UntilAvailable(ctx, made.GetName(), r.times.Healthy); err != nil {
				return err
			}
		}
	}
	return nil
}

// substitute puts the image of the cluster where an object says $(image).
func substitute(value any, image string) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = substitute(inner, image)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = substitute(inner, image)
		}
		return out
	case string:
		return strings.ReplaceAll(v, "$(image)", image)
	}
	return value
}

// cluster is the fixture with what scenario, topology and user say over it.
func (r *Run) cluster() map[string]any {
	o, t := r.options, r.Target
	c := o.Template
	if c == nil {
		c = scenarios.Fixture()
	}
	c = target.Merge(c, map[string]any{"metadata": map[string]any{"name": t.Name}, "spec": map[string]any{
		"instances": scenarios.Instances(r.Topology), "storage": r.storage(),
	}})
	if o.Image != "" {
		c = target.Merge(c, map[string]any{"spec": map[string]any{"imageName": o.Image}})
	}
	return target.Merge(target.Merge(c, r.Scenario.Cluster), r.Scenario.Topologies[r.Topology].Cluster)
}

// storage is the storage block, as the CRD has it.
func (r *Run) storage() map[string]any {
	block := map[string]any{"resizeInUseVolumes": true}
	if r.options.StorageClass != "" {
		block["storageClass"] = r.options.StorageClass
	}
	if !r.options.Offers.Dynamic {
		block["size"] = r.sizing.Size
		return block
	}
	block["request"], block["limit"] = r.sizing.Size, r.sizing.Limit
	// On small volumes the default of 1Gi free is an emergency from the start, and
	// on one of 1Gi there are 100Mi free when planned growth is due.
	block["emergencyGrow"] = map[string]any{"criticalMinimumFree": "50Mi"}
	return target.Merge(block, r.sizing.Dynamic)
}

func (r *Run) load(ctx context.Context) error {
	if r.Scenario.Load.Rows == 0 {
		return nil
	}
	s, err := r.Target.State(ctx)
	if err != nil {
		return err
	}
	return disruption.Rows(ctx, r.Target, s.Primary, "", r.Scenario.Load.Rows)
}

// prepare asks every disruption whether it can be done, before growth begins.
func (r *Run) prepare(ctx context.Context) error {
	for _, s := range r.steps {
		if s.When != "" && s.number > 1 {
			continue // what it is about is not there yet
		}
		if err := r.prepareStep(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) prepareStep(ctx context.Context, s *step) error {
	begun := r.say(ctx, s.mark("disruption-prepare", marks.Begin, disruption.Done{}, nil))
	err := s.Prepare(ctx, r.Target)
	return errors.Join(err, begun, r.say(ctx, s.mark("disruption-prepare", marks.End, disruption.Done{}, err)))
}

// mark is one about the step.
func (s *step) mark(phase, side string, done disruption.Done, failure error) marks.Mark {
	more := map[string]any{}
	maps.Copy(more, done.Details)
	more["kind"], more["number"] = s.Kind, s.number
	if side != marks.Begin && phase != marks.DisruptionStart {
		more["outcome"] = "done"
	}
	if failure != nil {
		more["outcome"], more["failure"] = "failed", failure.Error()
	}
	return marks.Mark{Phase: phase, Side: side, Note: done.Note, More: more}
}

// grow asks for an expansion: it raises the size, or fills the primary's disk.
func (r *Run) grow(ctx context.Context) error {
	g := r.Scenario.Growth
	if g == nil {
		return nil
	}
	if err := r.storageBehaves(ctx, g.Storage); err != nil {
		return err
	}
	note, err := r.requestGrowth(ctx)
	if err != nil {
		return fmt.Errorf("growth could not be asked for: %w", err)
	}
	if err := r.say(ctx, marks.Mark{Phase: marks.GrowthRequested, Note: note}); err != nil {
		return err
	}
	if !g.Wait {
		return nil
	}
	return r.observe(ctx, scenarios.TriggerComplete)
}

func (r *Run) requestGrowth(ctx context.Context) (string, error) {
	if !r.options.Offers.Dynamic {
		size := r.sizing.Grown
		err := r.Target.Patch(ctx, map[string]any{"spec": map[string]any{"storage": map[string]any{"size": size}}})
		return "static sizing: raised spec.storage.size to " + size, err
	}
	fill := &disruption.Fill{}
	if err := fill.Prepare(ctx, r.Target); err != nil {
		return "", err
	}
	if err := r.say(ctx, marks.Mark{Phase: marks.FillStart}); err != nil {
		return "", err
	}
	done, err := fill.Inject(ctx, r.Target)
	said := r.say(ctx, marks.Mark{Phase: marks.FillEnd, Note: done.Note, More: done.Details})
	return "dynamic sizing: " + done.Note, errors.Join(err, said)
}

// slowness is how many seconds a slow expansion takes longer: enough for a pod to
// be deleted meanwhile, and too short for a diagnosis.
const slowness = 20

// storageBehaves runs the hook for a behaviour of the storage, where there is
// one: without it, expansions last as long as they last.
func (r *Run) storageBehaves(ctx context.Context, behaviour string) error {
	hook := "storage-" + behaviour
	if behaviour == "" || r.options.Hooks[hook] == "" {
		if behaviour == scenarios.StorageFail {
			return &disruption.Unavailable{Reason: "storage cannot be made to fail: there is no hook " + hook}
		}
		return nil
	}
	s, err := r.Target.State(ctx)
	if err != nil {
		return err
	}
	volumes := "HINDSIGHT_VOLUMES=" + strings.Join(s.Volumes(), " ")
	normal := target.Undo{Hook: target.HookStorageNormal, Env: []string{volumes}}
	if err := r.Target.Hold.Owe(ctx, "storage", normal); err != nil {
		return err
	}
	r.slowed = true
	seconds := r.Scenario.Growth.Seconds
	if seconds == 0 {
		seconds = slowness
	}
	err = r.Target.Hook(ctx, hook, volumes, fmt.Sprintf("HINDSIGHT_SECONDS=%d", seconds))
	return errors.Join(err, r.sayStorage(ctx, behaviour, err))
}

func (r *Run) sayStorage(ctx context.Context, behaviour string, failure error) error {
	more := map[string]any{"behaviour": behaviour, "outcome": "done"}
	if failure != nil {
		more["outcome"], more["failure"] = "failed", failure.Error()
	}
	return r.say(ctx, marks.Mark{Phase: "storage", More: more})
}

// release lets the storage behave again when its moment has come.
func (r *Run) release(ctx context.Context, moment string) error {
	if !r.slowed {
		return nil
	}
	when := scenarios.ReleaseInjected
	if g := r.Scenario.Growth; g != nil && g.Release != "" {
		when = g.Release
	}
	if moment != when && moment != "" {
		return nil
	}
	s, err := r.Target.State(ctx)
	if err != nil {
		return err
	}
	err = r.Target.Hook(ctx, target.HookStorageNormal, "HINDSIGHT_VOLUMES="+strings.Join(s.Volumes(), " "))
	if err == nil {
		r.slowed = false
		err = r.Target.Hold.Paid(ctx, "storage")
	}
	return errors.Join(err, r.sayStorage(ctx, "normal", err))
}

// trigger waits for the moment of the scenario.
func (r *Run) trigger(ctx context.Context) error { return r.observe(ctx, r.Scenario.Trigger) }

func (r *Run) observe(ctx context.Context, trigger string) error {
	began, seen := time.Now(), ""
	err := r.Target.Until(ctx, r.times.Trigger, "the trigger "+trigger, func(ctx context.Context) (bool, string, error) {
		s, err := r.Target.State(ctx)
		if err != nil {
			return false, "", err
		}
		if largest := s.Largest(); largest.Cmp(r.largest) > 0 {
			r.largest = largest
		}
		ok, detail := met(trigger, s, r.grown(), r.largest)
		seen = detail
		return ok, detail, nil
	})
	if err != nil && ctx.Err() == nil {
		said := r.say(ctx, marks.Mark{Phase: "trigger", Note: "not met: " + err.Error(), More: map[string]any{
			"trigger": trigger, "outcome": "not met",
		}})
		return &notExercised{errors.Join(err, said)}
	}
	if err != nil {
		return err
	}
	r.result.Trigger = trigger + ": " + seen
	return r.say(ctx, marks.Mark{Phase: "trigger", Note: seen, More: map[string]any{
		"trigger": trigger, "outcome": "met", "waited_seconds": time.Since(began).Seconds(),
	}})
}

// grown is the size that an expansion has to reach at least.
func (r *Run) grown() resource.Quantity {
	if !r.options.Offers.Dynamic {
		return resource.MustParse(r.sizing.Grown) // package scenarios, or the flag, has checked it
	}
	size := resource.MustParse(r.sizing.Size)
	size.Add(resource.MustParse("1Mi")) // anything above it: how much is the operator's choice
	return size
}

// met reports whether a trigger is met, and what of it is to be seen: grown is the
// size that an expansion has to reach, and largest what a claim requested at most.
func met(trigger string, s *target.State, grown, largest resource.Quantity) (bool, string) {
	switch trigger {
	case scenarios.TriggerInFlight:
		if claims := s.InFlight(); len(claims) > 0 {
			return true, claims[0].String()
		}
		return false, "no claim is being expanded"
	case scenarios.TriggerComplete:
		ok, why := s.Complete(grown)
		if ok {
			return true, "every claim has " + s.Claims[0].Capacity.String()
		}
		return false, why
	case scenarios.TriggerShrink:
		for _, c := range s.Claims {
			if c.Role == target.RoleData && c.Request.Cmp(largest) < 0 {
				return true, c.String() + ", and a claim requested " + largest.String()
			}
		}
		return false, "no claim is smaller than it was"
	}
	ok, why := s.Healthy()
	if ok {
		why = "all instances are ready"
	}
	return ok, why
}

// disrupt injects all disruptions in order and observes all their ends.
func (r *Run) disrupt(ctx context.Context) error {
	for _, s := range r.steps {
		if s.When != "" && s.number > 1 {
			if err := r.observe(ctx, s.When); err != nil {
				return err
			}
			if err := r.prepareStep(ctx, s); err != nil {
				return err
			}
		}
		if err := r.inject(ctx, s); err != nil {
			return err
		}
	}
	if err := r.release(ctx, scenarios.ReleaseInjected); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	for _, s := range r.steps {
		group.Go(func() error { return r.observeEnd(inner, s) })
	}
	err := group.Wait()
	return errors.Join(err, r.release(ctx, scenarios.ReleaseEnded))
}

func (r *Run) inject(ctx context.Context, s *step) error {
	if err := r.say(ctx, s.mark(marks.DisruptionStart, "", disruption.Done{Note: s.Kind}, nil)); err != nil {
		return err
	}
	s.injected = true
	done, err := s.Inject(ctx, r.Target)
	r.did(done)
	if said := r.say(ctx, s.mark("disruption-injected", "", done, err)); said != nil || err != nil {
		return errors.Join(err, said)
	}
	r.options.Progress(r, r.phase, done.Note)
	return nil
}

// observeEnd waits for the end of a disruption and takes back what would stay.
func (r *Run) observeEnd(ctx context.Context, s *step) error {
	atMost := s.Time
	if atMost == 0 {
		atMost = r.times.Disruption
	}
	done, err := s.Observe(ctx, r.Target, atMost)
	r.did(done)
	err = errors.Join(err, r.undoStep(ctx, s))
	return errors.Join(err, r.say(ctx, s.mark(marks.DisruptionEnd, "", done, err)))
}

func (r *Run) did(done disruption.Done) {
	if done.Note != "" {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.result.Disruptions = append(r.result.Disruptions, done.Note)
	}
}

func (r *Run) undoStep(ctx context.Context, s *step) error {
	if !s.injected {
		return nil
	}
	s.injected = false
	ctx = context.WithoutCancel(ctx)
	begun := r.say(ctx, s.mark("disruption-undo", marks.Begin, disruption.Done{}, nil))
	err := s.Undo(ctx, r.Target)
	return errors.Join(err, begun, r.say(ctx, s.mark("disruption-undo", marks.End, disruption.Done{}, err)))
}

// settle waits until all is over, and watches the quiet.
func (r *Run) settle(ctx context.Context) error {
	how := r.Scenario.Settle
	atMost := r.times.Settle
	if how.Timeout != 0 {
		atMost = how.Timeout
	}
	began := time.Now()
	if r.Scenario.Growth != nil && how.Growth != "no" {
		err := r.Target.Until(ctx, atMost, "the expansion to be complete", func(ctx context.Context) (bool, string, error) {
			s, err := r.Target.State(ctx)
			if err != nil {
				return false, "", err
			}
			ok, why := s.Complete(r.grown())
			return ok, why, nil
		})
		if err != nil {
			return err
		}
		if err := r.say(ctx, marks.Mark{Phase: marks.GrowthComplete}); err != nil {
			return err
		}
	}
	if how.Healthy != "no" {
		if err := r.Target.UntilHealthy(ctx, max(atMost-time.Since(began), time.Second)); err != nil {
			return err
		}
	}
	if err := r.release(ctx, scenarios.ReleaseSettled); err != nil {
		return err
	}
	if err := r.say(ctx, marks.Mark{Phase: marks.Settled}); err != nil {
		return err
	}
	return r.watch(ctx)
}

// watch lets the recording see that nothing more happens.
func (r *Run) watch(ctx context.Context) error {
	span := r.Scenario.Settle.Watch
	if span == 0 {
		span = scenarios.DefaultWatch
	}
	r.enter("watch", fmt.Sprintf("for %s, that nothing more happens", span))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(span):
		return nil
	}
}

// undo takes back what is still to be taken back after a run that failed.
func (r *Run) undo(ctx context.Context) error {
	var wrong []error
	for _, s := range r.steps {
		wrong = append(wrong, r.undoStep(ctx, s))
	}
	return errors.Join(append(wrong, r.release(ctx, ""))...)
}

// cleanUp removes what the run made.
func (r *Run) cleanUp(ctx context.Context) error {
	if !r.created {
		return nil
	}
	var removed error
	if r.options.Keep {
		removed = r.Target.Disown(ctx, r.Target.Namespace)
	} else {
		r.enter("cleanup", "removing the run from the namespace "+r.Target.Namespace)
		removed = r.Target.Remove(ctx, r.Target.Namespace, r.ID, r.times.Cleanup)
	}
	if r.Target.Hold != nil {
		return errors.Join(removed, r.Target.Hold.Release(ctx))
	}
	return removed
}
