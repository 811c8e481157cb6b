package views

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// health is what a Cluster says about how it is.
type health struct {
	Phase          string   `json:"phase"`
	Reason         string   `json:"reason"`
	Ready          string   `json:"ready"`
	Trouble        []string `json:"trouble"`
	ReadyInstances int64    `json:"ready_instances"`
	Instances      int64    `json:"instances"`
	Wanted         int64    `json:"wanted"`
	Current        string   `json:"current"`
	Target         string   `json:"target"`
	Timeline       int64    `json:"timeline"`
	Primaries      []string `json:"primaries"`
	Dangling       []string `json:"dangling"`
	Initializing   []string `json:"initializing"`
	Unusable       []string `json:"unusable"`
	Fenced         bool     `json:"fenced"`
	Hibernated     bool     `json:"hibernated"`
}

type healthPoint struct {
	moment
	health
}

// build is which operator wrote the status, and what it runs.
type build struct {
	Commit   string `json:"commit"`
	Operator string `json:"operator"`
	Image    string `json:"image"` // of PostgreSQL
}

type buildPoint struct {
	moment
	build
}

// changePoint is a version of the spec, or a restart that an annotation asks for.
type changePoint struct {
	moment
	generation int64
	instances  int64
	fields     []string // what differs from the version before, sorted
	spec       any
	restart    string
	backup     bool
	snapshots  bool
}

// The annotations by which a user takes instances out of service on purpose.
const (
	annotationFenced    = "cnpg.io/fencedInstances"
	annotationHibernate = "cnpg.io/hibernation"
	annotationRestart   = "kubectl.kubernetes.io/restartedAt"
)

// conditionReady is the condition that copies the phase.
const conditionReady = "Ready"

// healthFields are the paths below a Cluster from which its health is read, beside its spec.
func healthFields() [][]string {
	return [][]string{
		{"metadata", "annotations", annotationFenced}, {"metadata", "annotations", annotationHibernate},
		{"metadata", "annotations", annotationRestart},
		{"status", "phase"}, {"status", "phaseReason"}, {"status", "currentPrimary"}, {"status", "targetPrimary"},
		{"status", "conditions", "*", "type"}, {"status", "conditions", "*", "status"},
		{"status", "conditions", "*", "reason"},
		{"status", "readyInstances"}, {"status", "instances"}, {"status", "timelineID"},
		{"status", "instancesReportedState"},
		{"status", "danglingPVC"}, {"status", "initializingPVC"}, {"status", "unusablePVC"},
		{"status", "cloudNativePGCommitHash"}, {"status", "cloudNativePGOperatorHash"},
		{"status", "image"},
	}
}

// observeHealth folds one version of the Cluster: its health, its operator and
// its spec.
func (c *cluster) observeHealth(m moment, s trace.State) {
	now := readHealth(s)
	if n := len(c.health); n == 0 || !c.health[n-1].equal(&now) {
		c.health = append(c.health, healthPoint{m, now})
	}
	status := s.At("status")
	build := build{
		status.At("cloudNativePGCommitHash").String(), status.At("cloudNativePGOperatorHash").String(),
		status.At("image").String(),
	}
	if n := len(c.builds); build.Commit+build.Operator != "" && (n == 0 || c.builds[n-1].build != build) {
		c.builds = append(c.builds, buildPoint{m, build})
	}
	c.observeChange(m, s)
}

func readHealth(s trace.State) health {
	status, annotations := s.At("status"), s.At("metadata", "annotations")
	h := health{
		Phase:          status.At("phase").String(),
		Reason:         status.At("phaseReason").String(),
		Trouble:        []string{},
		ReadyInstances: intOr(status.At("readyInstances"), 0),
		Instances:      intOr(status.At("instances"), 0),
		Wanted:         intOr(s.At("spec", "instances"), 1),
		Current:        status.At("currentPrimary").String(),
		Target:         status.At("targetPrimary").String(),
		Timeline:       intOr(status.At("timelineID"), 0),
		Primaries:      []string{},
		Dangling:       textsOf(status.At("danglingPVC")),
		Initializing:   textsOf(status.At("initializingPVC")),
		Unusable:       textsOf(status.At("unusablePVC")),
		Fenced:         len(strings.Trim(annotations.At(annotationFenced).String(), "[] ")) > 0,
		Hibernated:     annotations.At(annotationHibernate).String() == "on",
	}
	for _, condition := range status.At("conditions").Each() {
		kind, value := condition.At("type").String(), condition.At("status").String()
		switch {
		case kind == conditionReady:
			h.Ready = value
		case value == "False":
			h.Trouble = append(h.Trouble, kind+"/"+condition.At("reason").String())
		}
	}
	slices.Sort(h.Trouble)
	for instance, reported := range status.At("instancesReportedState").Each() {
		if reported.At("isPrimary").Bool() {
			h.Primaries = append(h.Primaries, instance)
		}
	}
	slices.Sort(h.Primaries)
	return h
}

func (h *health) equal(o *health) bool {
	return h.Phase == o.Phase && h.Reason == o.Reason && h.Ready == o.Ready && h.ReadyInstances == o.ReadyInstances &&
		h.Instances == o.Instances && h.Wanted == o.Wanted && h.Current == o.Current && h.Target == o.Target &&
		h.Timeline == o.Timeline && h.Fenced == o.Fenced && h.Hibernated == o.Hibernated &&
		slices.Equal(h.Trouble, o.Trouble) && slices.Equal(h.Primaries, o.Primaries) &&
		slices.Equal(h.Dangling, o.Dangling) && slices.Equal(h.Initializing, o.Initializing) &&
		slices.Equal(h.Unusable, o.Unusable)
}

// textsOf returns the strings of a list, sorted.
func textsOf(s trace.State) []string {
	out := []string{}
	for _, part := range s.Each() {
		out = append(out, part.String())
	}
	slices.Sort(out)
	return out
}

// observeChange notes a new generation of the spec with the fields that differ.
func (c *cluster) observeChange(m moment, s trace.State) {
	generation, _ := s.At("metadata", "generation").Int()
	restart := s.At("metadata", "annotations", annotationRestart).String()
	n := len(c.changes)
	if n > 0 && c.changes[n-1].generation == generation && c.changes[n-1].restart == restart {
		return
	}
	backup := s.At("spec", "backup")
	p := changePoint{
		moment: m, generation: generation, instances: intOr(s.At("spec", "instances"), 1),
		fields: []string{}, spec: s.At("spec").Value(), restart: restart,
		backup: backup.Len() > 0, snapshots: backup.At("volumeSnapshot").Len() > 0,
	}
	if n > 0 {
		last := c.changes[n-1]
		p.fields = differing(last.spec, p.spec, "spec", p.fields)
		if last.restart != restart {
			p.fields = append(p.fields, "metadata.annotations."+annotationRestart)
		}
		slices.Sort(p.fields)
	}
	c.changes = append(c.changes, p)
}

// differing appends the paths at which two JSON values differ, written with
// dots. A list that differs is one path.
func differing(a, b any, path string, out []string) []string {
	left, isLeft := a.(map[string]any)
	right, isRight := b.(map[string]any)
	if !isLeft || !isRight {
		if fmt.Sprint(a) != fmt.Sprint(b) {
			out = append(out, path)
		}
		return out
	}
	keys := maps.Clone(left)
	maps.Copy(keys, right)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		out = differing(left[key], right[key], path+"."+key, out)
	}
	return out
}
