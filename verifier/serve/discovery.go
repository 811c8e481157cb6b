package serve

import (
	"net/http"
	"slices"
	"strings"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/verifier/travel"
)

var verbs = []string{"get", "list", "watch"}

// groups answers /api and /apis: aggregated, when that is asked for.
func (s *Server) groups(w http.ResponseWriter, r *http.Request, path string) {
	core := path == "api"
	var groups []metav1.APIGroup
	aggregated := apidiscovery.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{APIVersion: "apidiscovery.k8s.io/v2", Kind: "APIGroupDiscoveryList"},
	}
	for _, k := range s.past.Kinds() {
		if (k.Group == "") != core {
			continue
		}
		i := slices.IndexFunc(groups, func(g metav1.APIGroup) bool { return g.Name == k.Group })
		if i < 0 {
			i = len(groups)
			groups = append(groups, metav1.APIGroup{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroup"}, Name: k.Group,
			})
			aggregated.Items = append(aggregated.Items, apidiscovery.APIGroupDiscovery{
				ObjectMeta: metav1.ObjectMeta{Name: k.Group},
			})
		}
		addVersion(&groups[i], k)
		addResource(&aggregated.Items[i], k)
	}
	const asAggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	switch {
	case strings.Contains(r.Header.Get("Accept"), asAggregated):
		w.Header().Set("Content-Type", asAggregated)
		write(w, aggregated)
	case core:
		reply(w, metav1.APIVersions{
			TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"},
			ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: r.Host}},
		})
	default:
		reply(w, metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}, Groups: groups})
	}
}

func addVersion(g *metav1.APIGroup, k travel.Kind) {
	v := metav1.GroupVersionForDiscovery{GroupVersion: k.APIVersion(), Version: k.Version}
	if !slices.Contains(g.Versions, v) {
		g.Versions = append(g.Versions, v)
		g.PreferredVersion = g.Versions[0]
	}
}

func addResource(g *apidiscovery.APIGroupDiscovery, k travel.Kind) {
	i := slices.IndexFunc(g.Versions, func(v apidiscovery.APIVersionDiscovery) bool { return v.Version == k.Version })
	if i < 0 {
		i = len(g.Versions)
		g.Versions = append(g.Versions, apidiscovery.APIVersionDiscovery{
			Version: k.Version, Freshness: apidiscovery.DiscoveryFreshnessCurrent,
		})
	}
	scope := apidiscovery.ScopeCluster
	if k.Namespaced {
		scope = apidiscovery.ScopeNamespace
	}
	g.Versions[i].Resources = append(g.Versions[i].Resources, apidiscovery.APIResourceDiscovery{
		Resource: k.Resource.Resource, SingularResource: k.Singular, Scope: scope, Verbs: verbs, ShortNames: k.Short,
		ResponseKind: &metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind},
	})
}

// resources answers /api/v1 and /apis/GROUP/VERSION.
func (s *Server) resources(w http.ResponseWriter, group, version string) {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}}
	for _, k := range s.past.Kinds() {
		if k.Group != group || k.Version != version {
			continue
		}
		list.GroupVersion = k.APIVersion()
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: k.Resource.Resource, SingularName: k.Singular, Namespaced: k.Namespaced, Kind: k.Kind, Verbs: verbs,
			ShortNames: k.Short,
		})
	}
	if len(list.APIResources) == 0 {
		notFound(w, "/apis/"+group+"/"+version)
		return
	}
	reply(w, list)
}
