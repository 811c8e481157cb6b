package views

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// specChange is a field of the spec that changed.
type specChange struct {
	moment
	Generation int64  `json:"generation"`
	Field      string `json:"field"`
	Area       string `json:"area"`
	From       string `json:"from"`
	To         string `json:"to"`
	FromBytes  int64  `json:"from_bytes"`
	ToBytes    int64  `json:"to_bytes"`
}

// The areas of the spec.
const (
	areaStorage   = "storage"
	areaInstances = "instances"
	areaPod       = "pod"
	areaOther     = "other"
)

// podSpecKeys are the parts of a Cluster's spec of which pods are made: changing
// one makes the operator create them again.
var podSpecKeys = []string{
	"imageName", "imageCatalogRef", "env", "envFrom", "resources", "affinity", "topologySpreadConstraints",
	"schedulerName", "priorityClassName", "projectedVolumeTemplate", "ephemeralVolumeSource",
	"ephemeralVolumesSizeLimit", "podSecurityContext", "securityContext", "seccompProfile", "probes",
	"startDelay", "stopDelay", "postgresUID", "postgresGID",
}

// areaOf says of what a field of the spec is a part.
func areaOf(field string) string {
	key, _, _ := strings.Cut(field, ".")
	key, _, _ = strings.Cut(key, "[")
	switch {
	case key == "storage" || key == "walStorage" || key == "tablespaces":
		return areaStorage
	case key == "instances":
		return areaInstances
	case slices.Contains(podSpecKeys, key):
		return areaPod
	default:
		return areaOther
	}
}

// specChanges lists in what each version of the spec differs from the one before.
func (c *cluster) specChanges() []specChange {
	var out []specChange
	var before map[string]string
	for _, p := range c.changes {
		now := map[string]string{}
		flatten(now, "", p.spec)
		fields := maps.Clone(now)
		maps.Copy(fields, before)
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if from, to := before[field], now[field]; before != nil && from != to {
				out = append(out, specChange{
					moment: p.moment, Generation: p.generation, Field: field, Area: areaOf(field), From: from, To: to,
					FromBytes: bytesOf(from), ToBytes: bytesOf(to),
				})
			}
		}
		before = now
	}
	return out
}

// flatten writes the leaves of a JSON value under their paths; elements of
// lists that have a name go by it.
func flatten(out map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			flatten(out, strings.TrimPrefix(path+"."+key, "."), child)
		}
	case []any:
		for i, child := range v {
			key := strconv.Itoa(i)
			if named, ok := child.(map[string]any); ok && named["name"] != nil {
				key = fmt.Sprint(named["name"])
			}
			flatten(out, path+"["+key+"]", child)
		}
	case nil:
	default:
		out[path] = fmt.Sprint(v)
	}
}

// bytesOf reads a quantity; -1 when it is none.
func bytesOf(text string) int64 {
	q, err := resource.ParseQuantity(text)
	if text == "" || err != nil {
		return -1
	}
	return q.Value()
}
