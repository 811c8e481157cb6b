package views

import (
	"reflect"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// needs says what the fold is made of beside the specs and sizes of clusters, their
// claims and marks: it depends on what is wanted.
type needs struct {
	lives       bool // of pods and nodes, and what Clusters say of their health
	clock       bool // the operator's, beside the recorder's
	touches     bool // writes that change nothing of a claim
	rewrites    bool // of a volume status, that change nothing that is told of
	attachments bool // VolumeAttachments
	backups     bool // and VolumeSnapshots
	episodes    bool
	run         bool
	sentinels   bool
	signals     bool // Kubernetes Events
	suite       bool // specs and storage classes
	usages      bool // and what the operator logs
	waiting     bool
}

// sizeFields are the outer fields of the view storage that tell of specs, sizes and
// claims, and of nothing that happened around them.
var sizeFields = append(jsonNames(reflect.TypeFor[groupHead]()),
	"specs", "windows", "requests", "touches", "statuses", "spans", "operations", "volumes", "gaps")

func needsOf(want Want) needs {
	any := func(views ...string) bool {
		return slices.ContainsFunc(views, func(view string) bool { _, ok := want[view]; return ok })
	}
	fields := want["storage"]
	whole := len(want) > 1 || !any("storage") || len(fields) == 0
	return needs{
		lives: whole || slices.ContainsFunc(fields, func(field string) bool {
			return !slices.Contains(sizeFields, field)
		}),
		clock:       whole || slices.Contains(fields, "statuses"),
		touches:     whole || slices.Contains(fields, "touches"),
		attachments: any("cluster", "episode", "operation", "wait"),
		backups:     any("backup", "episode", "wait"),
		episodes:    any("episode"),
		run:         any("run"),
		rewrites:    any("pressure"),
		sentinels:   any("cluster", "episode", "set"),
		signals:     any("backup", "cluster", "episode", "wait"),
		suite:       any("suite"),
		usages:      any("episode", "pressure", "wait"),
		waiting:     any("wait"),
	}
}

// jsonNames are the names of the fields of a struct.
func jsonNames(of reflect.Type) (names []string) {
	for field := range of.Fields() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}

// selection is what the fold reads of a trace.
func (n needs) selection() trace.Selection {
	selection := trace.Selection{
		Fields: append(clusterFields(),
			trace.Fields{Resource: "persistentvolumeclaims", Topic: topicBody, Paths: [][]string{
				{"metadata", "annotations", annotationStatus}, {"metadata", "creationTimestamp"},
				{"metadata", "deletionTimestamp"}, {"metadata", "labels"}, {"metadata", "ownerReferences"},
				{"spec"}, {"status", "allocatedResourceStatuses"}, {"status", "capacity"}, {"status", "conditions"},
			}},
			trace.Fields{Resource: "pods", Paths: [][]string{
				{"metadata", "labels"}, {"metadata", "creationTimestamp"}, {"metadata", "ownerReferences"},
			}}),
		Types: []trace.Type{trace.Mark},
	}
	for _, part := range []struct {
		needed bool
		fields []trace.Fields
		types  []trace.Type
	}{
		{n.lives, []trace.Fields{
			{Group: "postgresql.cnpg.io", Resource: "clusters", Topic: topicHealth, Paths: healthFields()},
			{Resource: "pods", Topic: topicPod, Paths: [][]string{
				{"metadata", "labels"}, {"metadata", "creationTimestamp"}, {"metadata", "deletionTimestamp"},
				{"metadata", "ownerReferences"}, {"spec", "nodeName"}, {"status", "phase"},
				{"status", "conditions", "*", "type"}, {"status", "conditions", "*", "status"},
				{"status", "containerStatuses", "*", "restartCount"},
			}},
		}, nil},
		{n.touches, []trace.Fields{
			{Resource: "persistentvolumeclaims", Paths: [][]string{{"metadata"}}},
			{Resource: "persistentvolumeclaims", Paths: bodyPaths(), Topic: topicBody},
		}, nil},
		{n.attachments, []trace.Fields{
			{Group: "storage.k8s.io", Resource: "volumeattachments", Paths: [][]string{
				{"metadata", "deletionTimestamp"}, {"spec", "source"}, {"spec", "nodeName"}, {"status", "attached"},
				{"status", "attachError"}, {"status", "detachError"},
			}},
		}, nil},
		{n.backups, backupFields(), nil},
		{n.episodes, episodeFields(), nil},
		{n.run, []trace.Fields{
			{Group: "coordination.k8s.io", Resource: "leases", Paths: [][]string{{"spec", "holderIdentity"}}},
		}, nil},
		{n.sentinels, nil, sentinelTypes},
		{n.signals, []trace.Fields{eventFields(), newEventFields()}, nil},
		{n.suite, []trace.Fields{suiteFields()}, nil},
		{n.usages, nil, []trace.Type{usageSample, logLine}},
		{n.waiting, waitFields(), waitTypes},
	} {
		if part.needed {
			selection.Fields = append(selection.Fields, part.fields...)
			selection.Types = append(selection.Types, part.types...)
		}
	}
	return selection
}
