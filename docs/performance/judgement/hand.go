package judgement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Deadline is how soon a volume has to have what its claim requests.
const Deadline = 30 * time.Second

// Finding is something that is wrong.
type Finding struct {
	Code string `json:"code"` // above_limit, shrunk or late
	Seq  uint64 `json:"seq"`  // event that wrote the request
}

// Sort puts findings into the order in which they are compared.
func Sort(found []Finding) {
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Code, b.Code))
	})
}

const (
	labelCluster = "cnpg.io/cluster"
	labelRole    = "cnpg.io/pvcRole"
	roleData     = "PG_DATA"
)

// selection is what the judgement reads, and nothing else.
var selection = trace.Selection{Fields: []trace.Fields{
	{Resource: "persistentvolumeclaims", Paths: [][]string{
		{"metadata", "labels", labelCluster}, {"metadata", "labels", labelRole}, {"metadata", "deletionTimestamp"},
		{"spec", "resources", "requests", "storage"}, {"status", "capacity", "storage"},
	}},
	{Group: "postgresql.cnpg.io", Resource: "clusters", Paths: [][]string{{"spec", "storage", "limit"}}},
}}

// checker is what Hand knows so far.
type checker struct {
	limits map[string]int64 // by namespace/name of the Cluster, bytes; 0: none
	claims map[*trace.Object]*claim
	sizes  map[string]int64 // bytes of quantities that were met
	found  []Finding
}

type claim struct {
	request int64 // bytes
	rises   []rise
}

// rise is a request that the volume does not have yet.
type rise struct {
	seq      uint64
	to       int64 // bytes
	deadline time.Duration
}

// Hand is the judgement as somebody would write it who needs this one only.
func Hand(r *trace.Reader) ([]Finding, error) {
	c := &checker{limits: map[string]int64{}, claims: map[*trace.Object]*claim{}, sizes: map[string]int64{}}
	if err := r.Scan(selection, c.observe); err != nil {
		return nil, fmt.Errorf("judge by hand: %w", err)
	}
	end := time.Duration(r.Certificate().Duration)
	for _, known := range c.claims {
		c.expire(known, end)
	}
	Sort(c.found)
	return c.found, nil
}

func (c *checker) observe(e *trace.Change) error {
	switch e.Object.Resource.Resource {
	case "clusters":
		if e.Type != trace.Deleted {
			c.limits[e.Object.Namespace+"/"+e.Object.Name] = c.bytes(e.State.At("spec", "storage", "limit").String())
		}
	case "persistentvolumeclaims":
		if e.State.At("metadata", "labels", labelRole).String() == roleData {
			c.observeClaim(e)
		}
	}
	return nil
}

func (c *checker) observeClaim(e *trace.Change) {
	request := c.bytes(e.State.At("spec", "resources", "requests", "storage").String())
	capacity := c.bytes(e.State.At("status", "capacity", "storage").String())
	known, met := c.claims[e.Object]
	switch {
	case !met && e.Type == trace.Deleted:
		return
	case !met:
		known = &claim{request: request}
		c.claims[e.Object] = known
	}
	c.expire(known, e.Time)
	if e.Type == trace.Deleted || e.State.At("metadata", "deletionTimestamp").Exists() {
		delete(c.claims, e.Object)
		return
	}
	if written := met && request != known.request || !met && e.Type == trace.Added; written {
		limit := c.limits[e.Object.Namespace+"/"+e.State.At("metadata", "labels", labelCluster).String()]
		if limit > 0 && request > limit {
			c.found = append(c.found, Finding{"above_limit", e.Seq})
		}
	}
	if request < known.request {
		c.found = append(c.found, Finding{"shrunk", e.Seq})
	} else if request > known.request {
		known.rises = append(known.rises, rise{e.Seq, request, e.Time + Deadline})
	}
	known.request = request
	known.rises = slices.DeleteFunc(known.rises, func(r rise) bool { return capacity >= r.to })
}

// expire finds the rises whose deadline was over at a moment.
func (c *checker) expire(known *claim, now time.Duration) {
	known.rises = slices.DeleteFunc(known.rises, func(r rise) bool {
		if r.deadline < now {
			c.found = append(c.found, Finding{"late", r.seq})
		}
		return r.deadline < now
	})
}

// bytes returns the size that a quantity stands for, 0 for an empty one.
func (c *checker) bytes(text string) int64 {
	size, met := c.sizes[text]
	if !met && text != "" {
		if q, err := resource.ParseQuantity(text); err == nil {
			size = q.Value()
		}
		c.sizes[text] = size
	}
	return size
}
