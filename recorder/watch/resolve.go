package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Selection says what is to be recorded.
type Selection struct {
	Scope             kube.Scope // the namespaces
	OperatorNamespace string     // whose Pods and Leases belong to the story
	Resources         []string   // beyond the defaults: plural, plural.group or plural.version.group
	KeepHeartbeats    bool       // record what Heartbeat would leave out
}

// Denial is something that was selected and cannot be recorded.
type Denial struct {
	trace.Resource
	Namespace string
	Reason    string
}

const (
	cnpgGroup     = "postgresql.cnpg.io"
	snapshotGroup = "snapshot.storage.k8s.io"
)

// These are recorded always. Versions are those to name where the API server
// does not serve the resource; otherwise the server's preferred one is taken.
var (
	inNamespace = []trace.Resource{
		{Group: cnpgGroup, Version: "v1", Resource: "clusters", Kind: "Cluster"},
		{Group: cnpgGroup, Version: "v1", Resource: "backups", Kind: "Backup"},
		{Group: cnpgGroup, Version: "v1", Resource: "scheduledbackups", Kind: "ScheduledBackup"},
		{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"},
		{Version: "v1", Resource: "pods", Kind: "Pod"},
		{Version: "v1", Resource: "events", Kind: "Event"},
		{Group: "batch", Version: "v1", Resource: "jobs", Kind: "Job"},
		{Group: snapshotGroup, Version: "v1", Resource: "volumesnapshots", Kind: "VolumeSnapshot"},
	}
	ofCluster = []trace.Resource{
		{Version: "v1", Resource: "persistentvolumes", Kind: "PersistentVolume"},
		{Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments", Kind: "VolumeAttachment"},
		{Version: "v1", Resource: "nodes", Kind: "Node"},
		{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses", Kind: "StorageClass"},
		{Group: snapshotGroup, Version: "v1", Resource: "volumesnapshotcontents", Kind: "VolumeSnapshotContent"},
		{Group: snapshotGroup, Version: "v1", Resource: "volumesnapshotclasses", Kind: "VolumeSnapshotClass"},
	}
)

// budgets are recorded in all namespaces, because a foreign one can block the
// drain of a node; where that is refused, in the recorded one.
var budgets = trace.Resource{
	Group: "policy", Version: "v1", Resource: "poddisruptionbudgets", Kind: "PodDisruptionBudget",
}

var (
	operatorPods   = trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	operatorLeases = trace.Resource{
		Group: "coordination.k8s.io", Version: "v1", Resource: "leases", Kind: "Lease",
	}
)

// Resolve finds out what the API server serves of a selection, and under which
// versions. It fails if the server cannot be asked, if a resource was asked for
// that does not exist, or for Secrets: they are never recorded.
func Resolve(d discovery.DiscoveryInterface, sel Selection) ([]Target, []Denial, error) {
	served, err := discover(d)
	if err != nil {
		return nil, nil, err
	}
	r := resolver{served: served, sel: sel}
	for _, want := range inNamespace {
		r.add(want, sel.Scope.Namespace)
	}
	for _, want := range ofCluster {
		r.add(want, "")
	}
	r.add(budgets, "")
	if err := r.addRequested(); err != nil {
		return nil, nil, err
	}
	r.addOperator()
	return r.targets, r.denials, nil
}

type resolver struct {
	served  catalogue
	sel     Selection
	targets []Target
	denials []Denial
}

// add adds a resource that is always recorded.
func (r *resolver) add(want trace.Resource, namespace string) {
	found, reason := r.served.find(want.Group, "", want.Resource)
	if found == nil {
		r.denials = append(r.denials, Denial{want, namespace, reason})
		return
	}
	r.addTarget(found, namespace)
}

func (r *resolver) addTarget(s *servedResource, namespace string) {
	if !s.namespaced {
		namespace = ""
	}
	covered := slices.IndexFunc(r.targets, func(t Target) bool {
		return t.Group == s.Group && t.Resource.Resource == s.Resource.Resource &&
			(t.Namespace == "" || t.Namespace == namespace)
	})
	if covered >= 0 {
		if namespace == r.sel.OperatorNamespace {
			r.targets[covered].OperatorNamespace = namespace
		}
		return
	}
	only := r.sel.Scope.Namespace
	recorded := s.namespaced && (only == "" || only == namespace)
	if s.Resource == operatorLeases && namespace == r.sel.OperatorNamespace && namespace != only {
		recorded = false
	}
	r.targets = append(r.targets, Target{
		Resource: s.Resource, Namespace: namespace, Coalesce: !recorded && !r.sel.KeepHeartbeats,
		Scoped: s.namespaced && namespace == "" && s.Resource != budgets && !r.sel.Scope.All(),
	})
}

func (r *resolver) addRequested() error {
	for _, arg := range r.sel.Resources {
		s, err := r.served.parse(arg)
		if err != nil {
			return err
		}
		if s.Group == "" && s.Resource.Resource == "secrets" {
			return fmt.Errorf("--resource %s: Secrets are never recorded", arg)
		}
		r.addTarget(s, r.sel.Scope.Namespace)
	}
	return nil
}

func (r *resolver) addOperator() {
	if r.sel.OperatorNamespace == "" {
		return
	}
	r.add(operatorPods, r.sel.OperatorNamespace)
	r.add(operatorLeases, r.sel.OperatorNamespace)
}

// catalogue is what the API server serves.
type catalogue struct {
	preferred map[string]string // version by group
	resources []servedResource  // in the server's order of preference
	broken    map[string]string // why a group is not known, by group
}

type servedResource struct {
	trace.Resource
	namespaced bool
}

func discover(d discovery.DiscoveryInterface) (catalogue, error) {
	c := catalogue{preferred: map[string]string{}, broken: map[string]string{}}
	groups, lists, err := d.ServerGroupsAndResources()
	if failed, partly := discovery.GroupDiscoveryFailedErrorGroups(err); partly {
		for gv, cause := range failed {
			c.broken[gv.Group] = cause.Error()
		}
	} else if err != nil {
		return c, fmt.Errorf("cannot ask the API server what it serves: %w", err)
	}
	for _, g := range groups {
		c.preferred[g.Name] = g.PreferredVersion.Version
	}
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			continue
		}
		c.addList(gv, l.APIResources)
	}
	return c, nil
}

func (c *catalogue) addList(gv schema.GroupVersion, list []metav1.APIResource) {
	for _, r := range list {
		verbs := []string(r.Verbs)
		if strings.Contains(r.Name, "/") || !slices.Contains(verbs, "list") || !slices.Contains(verbs, "watch") {
			continue
		}
		c.resources = append(c.resources, servedResource{
			Resource:   trace.Resource{Group: gv.Group, Version: gv.Version, Resource: r.Name, Kind: r.Kind},
			namespaced: r.Namespaced,
		})
	}
}

// find returns a resource in the given version, or in the one that the server
// prefers, or the reason why there is none.
func (c *catalogue) find(group, version, resource string) (*servedResource, string) {
	var best *servedResource
	for i := range c.resources {
		s := &c.resources[i]
		if s.Group != group || s.Resource.Resource != resource || (version != "" && s.Version != version) {
			continue
		}
		if best == nil || s.Version == c.preferred[group] {
			best = s
		}
	}
	if best == nil && c.broken[group] != "" {
		return nil, "the API server cannot say whether it is served: " + c.broken[group]
	}
	return best, "not served by this API server at the start"
}

// parse finds what a --resource argument names.
func (c *catalogue) parse(arg string) (*servedResource, error) {
	gvr, gr := schema.ParseResourceArg(strings.ToLower(arg))
	if gvr != nil {
		if s, _ := c.find(gvr.Group, gvr.Version, gvr.Resource); s != nil {
			return s, nil
		}
	}
	if s, _ := c.find(gr.Group, "", gr.Resource); s != nil {
		return s, nil
	}
	if gr.Group != "" {
		return nil, fmt.Errorf("--resource %s: not served by this API server, or it cannot be watched; "+
			"kubectl api-resources --verbs=list,watch shows what can", arg)
	}
	var groups []string
	for _, s := range c.resources {
		if s.Resource.Resource == gr.Resource && !slices.Contains(groups, s.Group) {
			groups = append(groups, s.Group)
		}
	}
	switch len(groups) {
	case 0:
		return nil, fmt.Errorf("--resource %s: not served by this API server, or it cannot be watched; "+
			"kubectl api-resources --verbs=list,watch shows what can", arg)
	case 1:
		s, _ := c.find(groups[0], "", gr.Resource)
		return s, nil
	default:
		return nil, fmt.Errorf("--resource %s: several API groups have it; say which: %s.%s",
			arg, arg, strings.Join(groups, ", "+arg+"."))
	}
}

// Narrow replaces targets of the whole cluster that the API server refuses by
// ones of the recorded namespace, where that makes sense, and returns what was
// refused.
func (c *Client) Narrow(ctx context.Context, targets []Target, namespace string) []Denial {
	var denials []Denial
	for i := range targets {
		t := &targets[i]
		if t.Group != budgets.Group || t.Resource.Resource != budgets.Resource || t.Namespace != "" || namespace == "" {
			continue
		}
		_, err := c.list(ctx, *t, metav1.ListOptions{Limit: 1})
		if apierrors.IsForbidden(err) {
			denials = append(denials, Denial{t.Resource, "", err.Error()})
			t.Namespace, t.Coalesce = namespace, false
		}
	}
	return denials
}

// NamespaceMissing reports whether the API server says that there is no such
// namespace. Where it may not be asked, the namespace counts as existing.
func (c *Client) NamespaceMissing(ctx context.Context, namespace string) bool {
	err := c.rest.Get().AbsPath("/api/v1/namespaces", namespace).Do(ctx).Error()
	return apierrors.IsNotFound(err)
}
