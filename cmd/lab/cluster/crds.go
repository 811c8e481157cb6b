package cluster

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// crdFiles are stand-ins of our own for the operator's and the snapshot
// controller's definitions: the names are right, and every field is kept.
//
//go:embed crds/*.yaml
var crdFiles embed.FS

// installCRDs creates the definitions and waits until their resources are served.
func (c *Cluster) installCRDs(ctx context.Context) error {
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return err
	}
	crds, err := readCRDs()
	if err != nil {
		return err
	}
	for _, crd := range crds {
		_, err := client.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, crd, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true,
		func(ctx context.Context) (bool, error) {
			return discovered(client.Discovery(), crds) && listable(ctx, client.Discovery().RESTClient(), crds), nil
		})
}

// listable reports whether every resource can be listed. The first request for
// each makes the server set up its storage, others are refused meanwhile.
func listable(ctx context.Context, client rest.Interface, crds []*apiextensions.CustomResourceDefinition) bool {
	all := true
	for _, crd := range crds {
		err := client.Get().AbsPath("/apis", crd.Spec.Group, crd.Spec.Versions[0].Name, crd.Spec.Names.Plural).
			Param("resourceVersion", "0").MaxRetries(0).Do(ctx).Error()
		all = all && err == nil
	}
	return all
}

func readCRDs() ([]*apiextensions.CustomResourceDefinition, error) {
	paths, err := fs.Glob(crdFiles, "crds/*.yaml")
	if err != nil {
		return nil, err
	}
	var crds []*apiextensions.CustomResourceDefinition
	for _, path := range paths {
		text, err := crdFiles.ReadFile(path)
		if err != nil {
			return nil, err
		}
		crd := &apiextensions.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

// discovered reports whether the aggregated discovery, which lags behind the
// definitions, names all of them.
func discovered(client discovery.DiscoveryInterface, crds []*apiextensions.CustomResourceDefinition) bool {
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		return false
	}
	found := map[schema.GroupVersionResource]bool{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return false
		}
		for _, r := range list.APIResources {
			found[gv.WithResource(r.Name)] = true
		}
	}
	for _, crd := range crds {
		gv := schema.GroupVersion{Group: crd.Spec.Group, Version: crd.Spec.Versions[0].Name}
		if !found[gv.WithResource(crd.Spec.Names.Plural)] {
			return false
		}
	}
	return true
}
