package views

import (
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// needs says what the fold is made of beside clusters, claims, pods, nodes and marks,
// of which every view tells: it depends on the views that are wanted.
type needs struct {
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

func needsOf(want []string) needs {
	any := func(views ...string) bool {
		return slices.ContainsFunc(views, func(view string) bool { return slices.Contains(want, view) })
	}
	return needs{
		attachments: any("cluster", "episode", "operation", "wait"),
		backups:     any("backup", "episode", "wait"),
		episodes:    any("episode"),
		run:         any("run"),
		sentinels:   any("cluster", "episode", "set"),
		signals:     any("backup", "cluster", "episode", "wait"),
		suite:       any("suite"),
		usages:      any("episode", "pressure", "wait"),
		waiting:     any("wait"),
	}
}

// selection is what the fold reads of a trace.
func (n needs) selection() trace.Selection {
	selection := trace.Selection{
		Fields: append(clusterFields(),
			trace.Fields{Resource: "persistentvolumeclaims", Paths: [][]string{{"metadata"}, {"spec"}, {"status"}}},
			trace.Fields{Resource: "persistentvolumeclaims", Paths: bodyPaths(), Topic: topicBody},
			trace.Fields{Resource: "pods", Topic: topicPod, Paths: [][]string{
				{"metadata", "labels"}, {"metadata", "creationTimestamp"}, {"metadata", "deletionTimestamp"},
				{"metadata", "ownerReferences"}, {"spec", "nodeName"}, {"status", "phase"},
				{"status", "conditions", "*", "type"}, {"status", "conditions", "*", "status"},
				{"status", "containerStatuses", "*", "restartCount"},
			}}),
		Types: []trace.Type{trace.Mark},
	}
	for _, part := range []struct {
		needed bool
		fields []trace.Fields
		types  []trace.Type
	}{
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
