package disruption

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// The methods of a Backup.
const (
	volumeSnapshot = "volumeSnapshot"
	objectStore    = "barmanObjectStore"
)

// backup creates a Backup: into the object store that the Cluster has, or as
// volume snapshots.
type backup struct {
	method, class string
	online        bool
	name          string
}

// Prepare sees to the section of the Cluster that the method needs. A class that
// was named need not exist: what the operator makes of that is the test then.
func (d *backup) Prepare(ctx context.Context, t *target.Target) error {
	c, err := t.Get(ctx)
	if err != nil {
		return err
	}
	_, store, _ := unstructured.NestedMap(c.Object, "spec", "backup", objectStore)
	if d.method == "" {
		d.method = map[bool]string{true: objectStore, false: volumeSnapshot}[store]
	}
	if d.method == objectStore {
		if !store {
			return unavailable("the Cluster has no section spec.backup.barmanObjectStore")
		}
		return nil
	}
	class, err := snapshotClass(ctx, t, cmp.Or(d.class, t.SnapshotClass))
	if err != nil {
		return err
	}
	return t.Patch(ctx, map[string]any{"spec": map[string]any{"backup": map[string]any{
		volumeSnapshot: map[string]any{"className": class},
	}}})
}

// snapshotClass returns the class to use: the one that was named, else the
// default one, else the only one.
func snapshotClass(ctx context.Context, t *target.Target, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	classes, err := t.Dynamic.Resource(target.SnapshotClasses).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", unavailable("volume snapshots cannot be made: the VolumeSnapshotClasses cannot be listed: %v", err)
	}
	for _, c := range classes.Items {
		if c.GetAnnotations()["snapshot.storage.kubernetes.io/is-default-class"] == "true" {
			return c.GetName(), nil
		}
	}
	if len(classes.Items) != 1 {
		return "", unavailable("there are %d VolumeSnapshotClasses and none is the default: name one with --snapshot-class",
			len(classes.Items))
	}
	return classes.Items[0].GetName(), nil
}

func (d *backup) Inject(ctx context.Context, t *target.Target) (Done, error) {
	d.name = t.Name + "-backup"
	spec := map[string]any{"cluster": map[string]any{"name": t.Name}, "method": d.method}
	if d.method == volumeSnapshot {
		spec["online"] = d.online
	}
	_, err := t.Apply(ctx, map[string]any{
		"apiVersion": "postgresql.cnpg.io/v1", "kind": "Backup",
		"metadata": map[string]any{"name": d.name}, "spec": spec,
	})
	return Done{"created the Backup " + d.name, map[string]any{"backup": d.name, "method": d.method}}, err
}

// Observe waits until the Backup is completed or has failed. Both are an end:
// which one is right is for the policies to say.
func (d *backup) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	phase, problem := "", ""
	err := t.Until(ctx, atMost, "the Backup to end", func(ctx context.Context) (bool, string, error) {
		b, err := t.Dynamic.Resource(target.Backups).Namespace(t.Namespace).Get(ctx, d.name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		phase, _, _ = unstructured.NestedString(b.Object, "status", "phase")
		problem, _, _ = unstructured.NestedString(b.Object, "status", "error")
		return phase == "completed" || phase == "failed", fmt.Sprintf("phase %q %s", phase, problem), nil
	})
	note := fmt.Sprintf("the Backup %s: %s", d.name, cmp.Or(phase, "no phase"))
	if problem != "" {
		note += ", " + problem
	}
	return Done{note, map[string]any{"backup_phase": phase, "backup_error": problem}}, err
}

func (d *backup) Undo(context.Context, *target.Target) error { return nil }

// snapshotRestore makes a backup by snapshots, and a new Cluster from it.
type snapshotRestore struct {
	backup
	restored string
}

// Prepare wants volume snapshots even if there is an object store.
func (d *snapshotRestore) Prepare(ctx context.Context, t *target.Target) error {
	return d.backup.Prepare(ctx, t)
}

func (d *snapshotRestore) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	done, err := d.backup.Observe(ctx, t, atMost)
	if err != nil || done.Details["backup_phase"] != "completed" {
		return done, err
	}
	if err := d.restore(ctx, t); err != nil {
		return done, fmt.Errorf("no Cluster can be made from the Backup %s: %w", d.name, err)
	}
	other := *t
	other.Name = d.restored
	err = other.UntilHealthy(ctx, atMost)
	done.Note += "; the Cluster " + d.restored + " was made from it"
	done.Details["restored"] = d.restored
	return done, err
}

// restore makes a Cluster of one instance as the one that was backed up.
func (d *snapshotRestore) restore(ctx context.Context, t *target.Target) error {
	c, err := t.Get(ctx)
	if err != nil {
		return err
	}
	state, err := t.State(ctx)
	if err != nil {
		return err
	}
	d.restored = t.Name + "-restored"
	spec, _, _ := unstructured.NestedMap(c.Object, "spec")
	kept := map[string]any{}
	for _, field := range []string{"imageName", "storage", "postgresql", "affinity"} {
		if value, there := spec[field]; there {
			kept[field] = value
		}
	}
	if storage, is := kept["storage"].(map[string]any); is && t.Offers.Dynamic {
		kept["storage"] = asLarge(storage, state.Largest())
	}
	_, err = t.Apply(ctx, map[string]any{
		"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
		"metadata": map[string]any{"name": d.restored},
		"spec": target.Merge(kept, map[string]any{
			"instances": 1,
			"bootstrap": map[string]any{"recovery": map[string]any{"backup": map[string]any{"name": d.name}}},
		}),
	})
	return err
}

// asLarge is a dynamic block whose volumes begin at least as large as a snapshot:
// a new Cluster begins with its request, and no volume is made of a larger one.
func asLarge(storage map[string]any, size resource.Quantity) map[string]any {
	change := map[string]any{}
	for _, field := range []string{"request", "limit"} {
		text, _ := storage[field].(string)
		if has, err := resource.ParseQuantity(text); err == nil && has.Cmp(size) < 0 {
			change[field] = size.String()
		}
	}
	return target.Merge(storage, change)
}
