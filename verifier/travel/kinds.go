package travel

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Kind is a kind of object, as an API server's discovery has it.
type Kind struct {
	trace.Resource
	Namespaced bool
	Singular   string
	Short      []string
	columns    []column
}

// known is what is known of kinds beforehand; the key is resource.group.
var known = map[string]struct {
	namespaced bool
	short      []string
	columns    []column
}{
	"pods":                   {true, []string{"po"}, podColumns},
	"persistentvolumeclaims": {true, []string{"pvc"}, claimColumns},
	"persistentvolumes":      {false, []string{"pv"}, volumeColumns},
	"nodes":                  {false, []string{"no"}, nodeColumns},
	"events":                 {true, []string{"ev"}, eventColumns},
	"events.events.k8s.io":   {true, []string{"ev"}, nil},
	"services":               {true, []string{"svc"}, nil},
	"configmaps":             {true, []string{"cm"}, nil},
	"namespaces":             {false, []string{"ns"}, nil},
	"serviceaccounts":        {true, []string{"sa"}, nil},
	"endpoints":              {true, []string{"ep"}, nil},
	"resourcequotas":         {true, []string{"quota"}, nil},

	"jobs.batch":                          {true, nil, jobColumns},
	"deployments.apps":                    {true, []string{"deploy"}, nil},
	"replicasets.apps":                    {true, []string{"rs"}, nil},
	"statefulsets.apps":                   {true, []string{"sts"}, nil},
	"leases.coordination.k8s.io":          {true, nil, leaseColumns},
	"poddisruptionbudgets.policy":         {true, []string{"pdb"}, budgetColumns},
	"storageclasses.storage.k8s.io":       {false, []string{"sc"}, classColumns},
	"volumeattachments.storage.k8s.io":    {false, nil, attachmentColumns},
	"clusters.postgresql.cnpg.io":         {true, nil, clusterColumns},
	"backups.postgresql.cnpg.io":          {true, nil, backupColumns},
	"scheduledbackups.postgresql.cnpg.io": {true, nil, nil},

	"volumesnapshots.snapshot.storage.k8s.io":        {true, []string{"vs"}, snapshotColumns},
	"volumesnapshotcontents.snapshot.storage.k8s.io": {false, []string{"vsc", "vscs"}, nil},
	"volumesnapshotclasses.snapshot.storage.k8s.io":  {false, []string{"vsclass", "vsclasses"}, nil},
}

// kindsOf lists the kinds that the recorder watched or met, without what is no
// resource of its own (pods/log).
func kindsOf(c trace.Certificate, objects []trace.Object) []Kind {
	found := map[string]Kind{}
	add := func(r trace.Resource, namespace string) {
		name := r.String()
		if r.IsZero() || strings.Contains(r.Resource, "/") {
			return
		}
		k, met := found[name]
		if !met {
			about, isKnown := known[name]
			k = Kind{Resource: r, Singular: strings.ToLower(r.Kind), Short: about.short, columns: about.columns}
			k.Namespaced = isKnown && about.namespaced
			if k.columns == nil {
				k.columns = plainColumns
			}
		}
		k.Kind = cmp.Or(k.Kind, r.Kind)
		k.Namespaced = k.Namespaced || namespace != ""
		found[name] = k
	}
	for _, o := range objects {
		if o.UID != "" { // others only name an object: samples, lines of a log
			add(o.Resource, o.Namespace)
		}
	}
	for _, s := range c.Streams {
		add(s.Resource, s.Namespace)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource.Resource, b.Resource.Resource))
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedUnique[E cmp.Ordered](list []E) []E {
	slices.Sort(list)
	return slices.Compact(list)
}
