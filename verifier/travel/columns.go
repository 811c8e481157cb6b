package travel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

// column is one column of a table. Either path (below the object) or value says
// what stands in it; wide ones are for -o wide.
type column struct {
	name  string
	wide  bool
	path  string
	value func(o object) any
}

// object is an object with the time of the moment.
type object struct {
	content map[string]any
	now     time.Time
}

const none = "<none>"

// Table lists objects in the columns of their kind, as of a time.
func Table(k Kind, list []unstructured.Unstructured, now time.Time) *metav1.Table {
	t := &metav1.Table{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}}
	for _, c := range k.columns {
		d := metav1.TableColumnDefinition{Name: c.name, Type: "string"}
		if c.name == "Name" {
			d.Format = "name"
		}
		if c.wide {
			d.Priority = 1
		}
		t.ColumnDefinitions = append(t.ColumnDefinitions, d)
	}
	for i := range list {
		o := object{list[i].Object, now}
		row := metav1.TableRow{Object: runtime.RawExtension{Object: &list[i]}}
		for _, c := range k.columns {
			row.Cells = append(row.Cells, c.cell(o))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (c column) cell(o object) any {
	if c.value != nil {
		return c.value(o)
	}
	text := o.text(c.path)
	if text == "" && c.name != "Name" {
		return none
	}
	return text
}

// at returns what is at a path of keys.
func (o object) at(path string) any {
	var v any = o.content
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func (o object) text(path string) string { return textOf(o.at(path)) }

func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, textOf(e))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

func (o object) number(path string) int64 {
	switch n := o.at(path).(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}

// list returns the objects in the list at a path.
func (o object) list(path string) []object {
	elements, _ := o.at(path).([]any)
	var out []object
	for _, e := range elements {
		if m, ok := e.(map[string]any); ok {
			out = append(out, object{m, o.now})
		}
	}
	return out
}

// since is how long ago a time was, as kubectl writes ages.
func (o object) since(path string) string {
	at, err := time.Parse(time.RFC3339Nano, o.text(path))
	if err != nil {
		return "<unknown>"
	}
	return duration.HumanDuration(max(0, o.now.Sub(at)))
}

func age(o object) any { return o.since("metadata.creationTimestamp") }

var (
	name         = column{name: "Name", path: "metadata.name"}
	ageColumn    = column{name: "Age", value: age}
	plainColumns = []column{name, ageColumn}
)

var podColumns = []column{
	name,
	{name: "Ready", value: func(o object) any {
		ready := 0
		for _, c := range o.list("status.containerStatuses") {
			if c.at("ready") == true {
				ready++
			}
		}
		return fmt.Sprintf("%d/%d", ready, len(o.list("spec.containers")))
	}},
	{name: "Status", value: func(o object) any { return podStatus(o) }},
	{name: "Restarts", value: func(o object) any { return restarts(o) }},
	ageColumn,
	{name: "IP", wide: true, path: "status.podIP"},
	{name: "Node", wide: true, path: "spec.nodeName"},
	{name: "Nominated Node", wide: true, path: "status.nominatedNodeName"},
}

// podStatus is the word that kubectl shows: what an init container or a container
// waits for or ended with, before the phase; Terminating before all.
func podStatus(o object) string {
	status := cmp.Or(o.text("status.reason"), o.text("status.phase"))
	initializing := false
	inits := o.list("status.initContainerStatuses")
	for i, c := range inits {
		switch {
		case c.at("state.terminated") != nil && c.number("state.terminated.exitCode") == 0:
			continue
		case c.at("state.terminated") != nil:
			status = "Init:" + ended(c)
		case c.text("state.waiting.reason") != "" && c.text("state.waiting.reason") != "PodInitializing":
			status = "Init:" + c.text("state.waiting.reason")
		default:
			status = fmt.Sprintf("Init:%d/%d", i, len(o.list("spec.initContainers")))
		}
		initializing = true
		break
	}
	if !initializing {
		status = containersStatus(o, status)
	}
	if o.text("metadata.deletionTimestamp") == "" {
		return status
	}
	if o.text("status.reason") == "NodeLost" {
		return "Unknown"
	}
	return "Terminating"
}

// ended is how a container ended.
func ended(c object) string {
	return cmp.Or(c.text("state.terminated.reason"), fmt.Sprintf("ExitCode:%d", c.number("state.terminated.exitCode")))
}

func containersStatus(o object, status string) string {
	running := false
	for _, c := range slices.Backward(o.list("status.containerStatuses")) {
		switch {
		case c.text("state.waiting.reason") != "":
			status = c.text("state.waiting.reason")
		case c.at("state.terminated") != nil:
			status = ended(c)
		case c.at("ready") == true && c.at("state.running") != nil:
			running = true
		}
	}
	if status == "Completed" && running {
		status = "NotReady"
		for _, c := range o.list("status.conditions") {
			if c.text("type") == "Ready" && c.text("status") == "True" {
				status = "Running"
			}
		}
	}
	return status
}

func restarts(o object) string {
	var n int64
	last := ""
	for _, c := range o.list("status.containerStatuses") {
		n += c.number("restartCount")
		last = max(last, c.text("lastState.terminated.finishedAt")) // RFC 3339 sorts by time
	}
	at, err := time.Parse(time.RFC3339, last)
	if n == 0 || err != nil {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d (%s ago)", n, duration.HumanDuration(o.now.Sub(at)))
}

// modes abbreviates access modes.
func modes(path string) func(object) any {
	short := map[string]string{
		"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP",
	}
	return func(o object) any {
		var out []string
		elements, _ := o.at(path).([]any)
		for _, m := range elements {
			out = append(out, short[textOf(m)])
		}
		return strings.Join(out, ",")
	}
}

// empty shows nothing where nothing is.
func empty(path string) func(object) any { return func(o object) any { return o.text(path) } }

var claimColumns = []column{
	name,
	{name: "Status", value: func(o object) any {
		if o.text("metadata.deletionTimestamp") != "" {
			return "Terminating"
		}
		return o.text("status.phase")
	}},
	{name: "Volume", value: empty("spec.volumeName")},
	{name: "Capacity", value: empty("status.capacity.storage")},
	{name: "Access Modes", value: modes("status.accessModes")},
	{name: "StorageClass", value: empty("spec.storageClassName")},
	{name: "VolumeAttributesClass", value: func(o object) any {
		return cmp.Or(o.text("spec.volumeAttributesClassName"), "<unset>")
	}},
	ageColumn,
	{name: "VolumeMode", wide: true, path: "spec.volumeMode"},
}

var volumeColumns = []column{
	name, {name: "Capacity", value: empty("spec.capacity.storage")},
	{name: "Access Modes", value: modes("spec.accessModes")},
	{name: "Reclaim Policy", value: empty("spec.persistentVolumeReclaimPolicy")},
	{name: "Status", value: func(o object) any {
		if o.text("metadata.deletionTimestamp") != "" {
			return "Terminating"
		}
		return o.text("status.phase")
	}},
	{name: "Claim", value: func(o object) any {
		if o.at("spec.claimRef") == nil {
			return ""
		}
		return o.text("spec.claimRef.namespace") + "/" + o.text("spec.claimRef.name")
	}},
	{name: "StorageClass", value: empty("spec.storageClassName")},
	{name: "VolumeAttributesClass", value: func(o object) any {
		return cmp.Or(o.text("spec.volumeAttributesClassName"), "<unset>")
	}},
	{name: "Reason", value: empty("status.reason")}, ageColumn,
	{name: "VolumeMode", wide: true, path: "spec.volumeMode"},
}

var nodeColumns = []column{
	name,
	{name: "Status", value: func(o object) any {
		status := "Unknown"
		for _, c := range o.list("status.conditions") {
			if c.text("type") == "Ready" {
				status = map[bool]string{true: "Ready", false: "NotReady"}[c.text("status") == "True"]
			}
		}
		if o.at("spec.unschedulable") == true {
			status += ",SchedulingDisabled"
		}
		return status
	}},
	{name: "Roles", value: func(o object) any {
		labels, _ := o.at("metadata.labels").(map[string]any)
		var roles []string
		for _, key := range sortedKeys(labels) {
			if role, ok := strings.CutPrefix(key, "node-role.kubernetes.io/"); ok {
				roles = append(roles, role)
			}
		}
		return cmp.Or(strings.Join(roles, ","), none)
	}},
	ageColumn, {name: "Version", path: "status.nodeInfo.kubeletVersion"},
	{name: "Internal-IP", wide: true, value: func(o object) any {
		for _, a := range o.list("status.addresses") {
			if a.text("type") == "InternalIP" {
				return a.text("address")
			}
		}
		return none
	}},
	{name: "OS-Image", wide: true, path: "status.nodeInfo.osImage"},
	{name: "Kernel-Version", wide: true, path: "status.nodeInfo.kernelVersion"},
	{name: "Container-Runtime", wide: true, path: "status.nodeInfo.containerRuntimeVersion"},
}

var eventColumns = []column{
	{name: "Last Seen", value: func(o object) any {
		for _, path := range []string{"series.lastObservedTime", "lastTimestamp", "eventTime", "metadata.creationTimestamp"} {
			if o.text(path) != "" {
				return o.since(path)
			}
		}
		return "<unknown>"
	}},
	{name: "Type", path: "type"}, {name: "Reason", path: "reason"},
	{name: "Object", value: func(o object) any {
		return strings.ToLower(o.text("involvedObject.kind")) + "/" + o.text("involvedObject.name")
	}},
	{name: "Subobject", wide: true, value: empty("involvedObject.fieldPath")},
	{name: "Source", wide: true, value: func(o object) any {
		parts := []string{cmp.Or(o.text("source.component"), o.text("reportingComponent")), o.text("source.host")}
		return strings.Trim(strings.Join(parts, ", "), ", ")
	}},
	{name: "Message", value: func(o object) any { return strings.TrimSpace(o.text("message")) }},
	{name: "Count", wide: true, value: func(o object) any { return max(1, o.number("count")) }},
	{name: "Name", wide: true, path: "metadata.name"},
}

var jobColumns = []column{
	name,
	{name: "Status", value: func(o object) any {
		status := "Running"
		for _, c := range o.list("status.conditions") {
			if c.text("status") == "True" && slices.Contains([]string{"Complete", "Failed", "Suspended"}, c.text("type")) {
				status = c.text("type")
			}
		}
		if o.text("metadata.deletionTimestamp") != "" && status == "Running" {
			return "Terminating"
		}
		return status
	}},
	{name: "Completions", value: func(o object) any {
		return fmt.Sprintf("%d/%d", o.number("status.succeeded"), max(1, o.number("spec.completions")))
	}},
	{name: "Duration", value: func(o object) any {
		begun, err := time.Parse(time.RFC3339, o.text("status.startTime"))
		if err != nil {
			return ""
		}
		ended, err := time.Parse(time.RFC3339, o.text("status.completionTime"))
		if err != nil {
			ended = o.now
		}
		return duration.HumanDuration(ended.Sub(begun))
	}},
	ageColumn,
}

var (
	leaseColumns  = []column{name, {name: "Holder", path: "spec.holderIdentity"}, ageColumn}
	budgetColumns = []column{
		name, {name: "Min Available", value: orNA("spec.minAvailable")},
		{name: "Max Unavailable", value: orNA("spec.maxUnavailable")},
		{name: "Allowed Disruptions", value: func(o object) any { return o.number("status.disruptionsAllowed") }}, ageColumn,
	}
	classColumns = []column{
		{name: "Name", value: func(o object) any {
			if o.at("metadata.annotations") != nil {
				notes, _ := o.at("metadata.annotations").(map[string]any)
				if notes["storageclass.kubernetes.io/is-default-class"] == "true" {
					return o.text("metadata.name") + " (default)"
				}
			}
			return o.text("metadata.name")
		}},
		{name: "Provisioner", path: "provisioner"},
		{name: "ReclaimPolicy", value: func(o object) any { return cmp.Or(o.text("reclaimPolicy"), "Delete") }},
		{name: "VolumeBindingMode", path: "volumeBindingMode"},
		{name: "AllowVolumeExpansion", value: func(o object) any { return o.at("allowVolumeExpansion") == true }}, ageColumn,
	}
	attachmentColumns = []column{
		name, {name: "Attacher", path: "spec.attacher"}, {name: "PV", path: "spec.source.persistentVolumeName"},
		{name: "Node", path: "spec.nodeName"},
		{name: "Attached", value: func(o object) any { return o.at("status.attached") == true }}, ageColumn,
	}
	clusterColumns = []column{
		name, ageColumn, {name: "Instances", path: "status.instances"}, {name: "Ready", path: "status.readyInstances"},
		{name: "Status", path: "status.phase"}, {name: "Primary", path: "status.currentPrimary"},
	}
	backupColumns = []column{
		name, ageColumn, {name: "Cluster", path: "spec.cluster.name"}, {name: "Method", path: "spec.method"},
		{name: "Phase", path: "status.phase"}, {name: "Error", value: empty("status.error")},
	}
	snapshotColumns = []column{
		name, {name: "ReadyToUse", path: "status.readyToUse"},
		{name: "SourcePVC", path: "spec.source.persistentVolumeClaimName"},
		{name: "RestoreSize", path: "status.restoreSize"}, {name: "SnapshotClass", path: "spec.volumeSnapshotClassName"},
		{name: "SnapshotContent", path: "status.boundVolumeSnapshotContentName"},
		{name: "CreationTime", value: func(o object) any { return o.since("status.creationTime") }}, ageColumn,
	}
)

func orNA(path string) func(object) any {
	return func(o object) any { return cmp.Or(o.text(path), "N/A") }
}
