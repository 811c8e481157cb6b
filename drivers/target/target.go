package target

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The kinds that have no typed client.
var (
	Clusters        = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters"}
	Backups         = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "backups"}
	Snapshots       = snapshotKind("volumesnapshots")
	SnapshotClasses = snapshotKind("volumesnapshotclasses")
	definitions     = schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	}
)

func snapshotKind(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: plural}
}

// Client is an API server.
type Client struct {
	Config  *rest.Config
	Kube    kubernetes.Interface
	Dynamic dynamic.Interface
	Mapper  meta.RESTMapper
}

// Target is one Cluster, which may not be there yet.
type Target struct {
	*Client
	Namespace, Name   string
	OperatorNamespace string
	Run               string            // id of the run, value of LabelRun
	Hooks             map[string]string // name → command
	Offers            Offers

	// Settings of the user that disruptions need.
	SnapshotClass string
	UpgradeImage  string

	// Interval is how often a fact is looked for.
	Interval time.Duration

	// Evaluation is how often the operator looks at a Cluster with dynamic sizing.
	Evaluation time.Duration

	// Waiting is told what is waited for, and how it stands.
	Waiting func(what, detail string)

	// Hold keeps what has to be undone if this process dies; see Lease.
	Hold *Lease
}

// Until looks for a fact until it is there, at most for the given time. The
// error says what was waited for and how it stood last.
func (t *Target) Until(
	ctx context.Context, atMost time.Duration, what string,
	met func(context.Context) (ok bool, detail string, err error),
) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	started, last := time.Now(), ""
	for {
		ok, detail, err := met(ctx)
		switch {
		case ok:
			return nil
		case err != nil && ctx.Err() == nil:
			detail = err.Error() // the API server may be away for a moment
		}
		if ctx.Err() == nil {
			last = detail
		}
		t.Waiting(what, last)
		select {
		case <-ctx.Done():
			if context.Cause(ctx) == context.DeadlineExceeded { //nolint:errorlint // it is that very value
				return &TimeoutError{What: what, Last: last, After: time.Since(started).Round(time.Second)}
			}
			return ctx.Err()
		case <-time.After(t.Interval):
		}
	}
}

// TimeoutError says that a fact did not come in time.
type TimeoutError struct {
	What, Last string
	After      time.Duration
}

// Error implements error.
func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("waited %s for %s", e.After, e.What)
	if e.Last != "" {
		text += ": " + e.Last
	}
	return text
}

// Get returns the Cluster as it is.
func (t *Target) Get(ctx context.Context) (*unstructured.Unstructured, error) {
	return t.Dynamic.Resource(Clusters).Namespace(t.Namespace).Get(ctx, t.Name, metav1.GetOptions{})
}

// Patch merges a change into the Cluster.
func (t *Target) Patch(ctx context.Context, change map[string]any) error {
	return t.patch(ctx, change)
}

// PatchStatus merges a change into the Cluster's status.
func (t *Target) PatchStatus(ctx context.Context, change map[string]any) error {
	return t.patch(ctx, change, "status")
}

func (t *Target) patch(ctx context.Context, change map[string]any, subresources ...string) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = t.Dynamic.Resource(Clusters).Namespace(t.Namespace).Patch(
		ctx, t.Name, types.MergePatchType, text, metav1.PatchOptions{}, subresources...)
	return err
}

// Apply creates an object in the namespace of the target, labelled as its own.
func (t *Target) Apply(ctx context.Context, object map[string]any) (*unstructured.Unstructured, error) {
	u, err := Normal(object)
	if err != nil {
		return nil, err
	}
	u.SetNamespace(t.Namespace)
	Mark(u, t.Run)
	kind := u.GroupVersionKind()
	mapping, err := t.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, fmt.Errorf("the cluster knows no %s: %w", kind, err)
	}
	return t.Dynamic.Resource(mapping.Resource).Namespace(t.Namespace).Create(ctx, u, metav1.CreateOptions{})
}

// Normal makes an object of the client's types of one that was read from YAML.
func Normal(object map[string]any) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	return u, u.UnmarshalJSON(text)
}

// Merge returns base with change merged over it, as a JSON merge patch is: objects
// member by member, null removes, everything else replaces.
func Merge(base, change map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range base {
		out[key] = value
	}
	for key, value := range change {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case isObject:
			under, _ := out[key].(map[string]any)
			out[key] = Merge(under, inner)
		default:
			out[key] = value
		}
	}
	return out
}

// Labels of what a driver makes.
const (
	LabelManaged = "app.kubernetes.io/managed-by"
	Manager      = "hindsight-driver"
	LabelRun     = "hindsight/run"
)

// Mark labels an object as one of this run.
func Mark(object metav1.Object, run string) {
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelManaged], labels[LabelRun] = Manager, run
	object.SetLabels(labels)
}

// Names joins names for people.
func Names(names []string) string { return strings.Join(names, ", ") }
