package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
)

// Offers is what a cluster can do, and why it cannot do the rest.
type Offers struct {
	Dynamic   bool // the Cluster's storage block has request and limit
	Budget    bool // … and a daily budget of actions
	Shrink    bool // the user says so: no field of the API tells
	Snapshots bool // there is a VolumeSnapshotClass
	NodeHooks bool // nodes can be switched off and on
}

// Discover reads from the CRD what the operator can do, and what is there beside.
func (c *Client) Discover(ctx context.Context, hooks map[string]string, assume []string) (Offers, error) {
	crd, err := c.Dynamic.Resource(definitions).Get(ctx, "clusters.postgresql.cnpg.io", metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Offers{}, fmt.Errorf("the cluster has no CloudNativePG: there is no CRD clusters.postgresql.cnpg.io")
	case err != nil:
		return Offers{}, fmt.Errorf("what the operator offers cannot be read from its CRD: %w", err)
	}
	o := OffersOf(crd)
	o.Shrink = slices.Contains(assume, scenarios.NeedsShrink)
	o.NodeHooks = hooks[HookNodeDown] != "" && hooks[HookNodeUp] != ""
	classes, err := c.Dynamic.Resource(SnapshotClasses).List(ctx, metav1.ListOptions{})
	o.Snapshots = err == nil && len(classes.Items) > 0
	return o, nil
}

// OffersOf reads the schema of the Cluster's storage block.
func OffersOf(crd *unstructured.Unstructured) Offers {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, one := range versions {
		version, _ := one.(map[string]any)
		storage, found, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema", "properties", "spec",
			"properties", "storage", "properties")
		if !found {
			continue
		}
		var o Offers
		o.Dynamic = storage["request"] != nil && storage["limit"] != nil
		budget, _, _ := unstructured.NestedMap(storage, "emergencyGrow", "properties")
		o.Budget = o.Dynamic && budget["maxActionsPerDay"] != nil
		return o
	}
	return Offers{}
}

// Lacks says why a scenario with these needs cannot run here; empty when it can.
func (o Offers) Lacks(needs []string) string {
	var all []string
	for _, need := range needs {
		if there, why := o.has(need); !there {
			all = append(all, why)
		}
	}
	return strings.Join(all, "; ")
}

func (o Offers) has(need string) (there bool, otherwise string) {
	switch need {
	case scenarios.NeedsDynamic:
		return o.Dynamic, "the operator has static sizing only: its spec.storage has no request and limit"
	case scenarios.NeedsBudget:
		return o.Budget, "the operator has no daily budget of growth: its spec.storage has no emergencyGrow.maxActionsPerDay"
	case scenarios.NeedsShrink:
		return o.Shrink, "nothing says that the operator makes volumes smaller (--assume shrink, if it does)"
	case scenarios.NeedsSnapshots:
		return o.Snapshots, "there is no VolumeSnapshotClass"
	case scenarios.NeedsNodeHooks:
		return o.NodeHooks, "no node can be switched off (--hook node-down=COMMAND --hook node-up=COMMAND)"
	}
	return false, "unknown need " + need
}
