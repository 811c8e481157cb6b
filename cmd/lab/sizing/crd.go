package sizing

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

var definitions = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

const definition = "clusters.postgresql.cnpg.io"

// object is a schema of an object with these members.
func object(members map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": members}
}

// block is the schema of the fields of spec.storage that dynamic sizing has.
func block() map[string]any {
	text, number := map[string]any{"type": "string"}, map[string]any{"type": "integer"}
	flag := map[string]any{"type": "boolean"}
	return map[string]any{
		"request": text, "limit": text, "targetBuffer": number,
		"maintenanceWindow": object(map[string]any{"schedule": text, "duration": text, "timezone": text}),
		"emergencyGrow": object(map[string]any{
			"enabled": flag, "criticalThreshold": number, "criticalMinimumFree": text,
			"exceedLimitOnEmergency": flag, "maxActionsPerDay": number, "reservedActionsForEmergency": number,
		}),
	}
}

// Extend adds the fields of dynamic sizing to the CRD of the Cluster.
func Extend(ctx context.Context, client dynamic.Interface) error {
	crd, err := client.Resource(definitions).Get(ctx, definition, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("the CRD of the Cluster: %w", err)
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		return err
	}
	anything := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	for i := range versions {
		version, _ := versions[i].(map[string]any)
		extend(version, block(), "spec", "storage")
		extend(version, map[string]any{"storageSizing": anything}, "status")
	}
	text, err := json.Marshal(map[string]any{"spec": map[string]any{"versions": versions}})
	if err != nil {
		return err
	}
	_, err = client.Resource(definitions).Patch(ctx, definition, types.MergePatchType, text, metav1.PatchOptions{})
	return err
}

// extend puts members into the object of a version's schema that is at the path,
// and makes what is missing of the path.
func extend(version, members map[string]any, path ...string) {
	at := child(child(version, "schema"), "openAPIV3Schema")
	for _, name := range path {
		at = child(child(at, "properties"), name)
		at["type"] = "object"
		if _, closed := at["properties"]; !closed {
			at["x-kubernetes-preserve-unknown-fields"] = true // nothing was said of its members
		}
	}
	properties := child(at, "properties")
	for name, member := range members {
		properties[name] = member
	}
}

func child(of map[string]any, name string) map[string]any {
	one, is := of[name].(map[string]any)
	if !is {
		one = map[string]any{}
		of[name] = one
	}
	return one
}
