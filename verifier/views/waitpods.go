package views

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// schedulingWait is a pod of the cluster without a node.
type schedulingWait struct {
	waitInterval
	Pod         string      `json:"pod"`
	Instance    string      `json:"instance"`
	Role        string      `json:"role"`
	Reason      string      `json:"reason"`
	Message     string      `json:"message"`
	Nodes       int64       `json:"nodes"`
	Unfit       []unfitNode `json:"unfit"`
	Constraints []string    `json:"constraints"`
}

// unfitNode is one reason of the scheduler, and for how many nodes it holds.
type unfitNode struct {
	Nodes int64  `json:"nodes"`
	Why   string `json:"why"`
}

// volumeWait is a pod with a node, until its volumes are mounted there.
type volumeWait struct {
	waitInterval
	Pod       string      `json:"pod"`
	Instance  string      `json:"instance"`
	Role      string      `json:"role"`
	Node      string      `json:"node"`
	Claim     string      `json:"claim"`
	Volume    string      `json:"volume"`
	Mounted   bool        `json:"mounted"`
	HeldBy    string      `json:"held_by"`
	Released  moment      `json:"released"`
	Requested moment      `json:"requested"`
	Attached  moment      `json:"attached"`
	Errors    []waitError `json:"errors"`
}

// waitError is what the API said again and again.
type waitError struct {
	Reason  string   `json:"reason"`
	Message string   `json:"message"`
	Count   int64    `json:"count"`
	Seq     []uint64 `json:"seq"`
}

// imageWait is a container that waits for its image.
type imageWait struct {
	waitInterval
	Pod       string `json:"pod"`
	Instance  string `json:"instance"`
	Role      string `json:"role"`
	Container string `json:"container"`
	Image     string `json:"image"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
}

// waitPod is one life of any pod.
type waitPod struct {
	namespace, name, uid, instance, role string
	owner                                *cluster // of instances and jobs of a cluster
	controller                           string   // "ReplicaSet/web"
	static                               bool
	labels                               map[string]string
	claims                               []string
	created                              bool
	from, left, gone                     moment
	points                               []waitPodPoint
}

type waitPodPoint struct {
	moment
	waitPodState
}

type waitPodState struct {
	node, phase                       string
	unscheduled, message              string // condition PodScheduled=False
	mounted, ready                    bool
	container, image, pull, pullError string // the first container that waits for its image
}

const (
	annotationMirror = "kubernetes.io/config.mirror"
	roleInstance     = "instance"
)

// pullReasons are what containers wait for that have no image.
var pullReasons = []string{
	"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
	"RegistryUnavailable",
}

func (w *waiting) observePod(h *history, c *trace.Change) {
	p := w.pods[c.Object]
	if p == nil {
		labels := c.State.At("metadata", "labels")
		p = &waitPod{
			namespace: c.Object.Namespace, name: c.Object.Name, uid: c.Object.UID,
			instance: labels.At(labelInstance).String(), role: labels.At(labelJobRole).String(),
			labels: map[string]string{}, created: h.isBorn(c.State), from: momentOf(c),
			static: c.State.At("metadata", "annotations", annotationMirror).Exists(),
		}
		for key, value := range labels.Each() {
			p.labels[key] = value.String()
		}
		for _, ref := range c.State.At("metadata", "ownerReferences").Each() {
			if ref.At("controller").Bool() {
				p.controller = ref.At("kind").String() + "/" + ref.At("name").String()
			}
		}
		switch {
		case labels.At(labelPodRole).String() == roleInstance:
			p.role, p.owner = roleInstance, h.podOf[c.Object].ownerOrNil()
		case p.role != "":
			p.owner = h.ownerOf(c)
		}
		w.pods[c.Object] = p
		w.order = append(w.order, p)
		w.watchedPods[p.uid] = true
		if p.owner != nil {
			p.owner.waitPods = append(p.owner.waitPods, p)
		}
	}
	p.observe(c)
}

// ownerOrNil is the cluster of a pod that may not be known.
func (p *pod) ownerOrNil() *cluster {
	if p == nil {
		return nil
	}
	return p.owner
}

func (p *waitPod) observe(c *trace.Change) {
	m := momentOf(c)
	if isLeaving(c) {
		p.left = earliest(p.left, m)
	}
	if c.Type == trace.Deleted {
		p.gone = m
		return
	}
	if c.Topics&(topicPod|topicWait) == 0 {
		return
	}
	s := c.State
	if len(p.points) == 0 { // a Pod keeps its volumes
		p.claims = claimsOf(s)
	}
	next := waitPodStateOf(s)
	if n := len(p.points); n == 0 || p.points[n-1].waitPodState != next {
		p.points = append(p.points, waitPodPoint{m, next})
	}
}

// claimsOf are the claims that a Pod mounts.
func claimsOf(s trace.State) (names []string) {
	for _, v := range s.At("spec", "volumes").Each() {
		if name := v.At("persistentVolumeClaim", "claimName").String(); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func waitPodStateOf(s trace.State) waitPodState {
	status := s.At("status")
	out := waitPodState{node: s.At("spec", "nodeName").String(), phase: status.At("phase").String()}
	out.mounted = out.phase != "" && out.phase != "Pending"
	for _, condition := range status.At("conditions").Each() {
		on := condition.At("status").String() == "True"
		switch condition.At("type").String() {
		case "PodScheduled":
			if !on {
				out.unscheduled = condition.At("reason").String()
				out.message = condition.At("message").String()
			}
		case "PodReadyToStartContainers":
			out.mounted = out.mounted || on
		case "Ready":
			out.ready = on
		}
	}
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, container := range status.At(list).Each() {
			state := container.At("state")
			out.mounted = out.mounted || state.At("running").Exists() || state.At("terminated").Exists()
			reason := state.At("waiting", "reason").String()
			if out.pull == "" && slices.Contains(pullReasons, reason) {
				out.container, out.image = container.At("name").String(), container.At("image").String()
				out.pull, out.pullError = reason, state.At("waiting", "message").String()
			}
		}
	}
	return out
}

// first returns when the pod was first in a state, zero when it never was.
func (p *waitPod) first(is func(waitPodState) bool) moment {
	for _, point := range p.points {
		if is(point.waitPodState) {
			return point.moment
		}
	}
	return moment{}
}

func (w *waits) schedulingWaits() []schedulingWait {
	out := []schedulingWait{}
	for _, p := range w.pods {
		scheduled := p.first(func(s waitPodState) bool { return s.node != "" })
		if scheduled == p.from {
			continue
		}
		row := schedulingWait{
			Pod: p.name, Instance: p.instance, Role: p.role, Unfit: []unfitNode{}, Constraints: w.constraints(p.from),
		}
		seq := []uint64{}
		for _, point := range p.points {
			if point.unscheduled != "" {
				row.Reason, row.Message = point.unscheduled, cutTo(point.message)
				row.Nodes, row.Unfit = parseUnfit(point.message)
				seq = []uint64{point.Seq}
			}
		}
		var ok bool
		if row.waitInterval, ok = w.interval(p.from, earliest(scheduled, p.left, p.gone), p.created, seq...); ok {
			out = append(out, row)
		}
	}
	return out
}

var (
	unfitHead = regexp.MustCompile(`0/(\d+) nodes are available: `)
	unfitPart = regexp.MustCompile(`^(\d+) (.*)$`)
)

// parseUnfit reads the scheduler's message, such as "0/3 nodes are available:
// 1 node(s) were unschedulable, 2 Insufficient memory. preemption: …". A part
// without a number belongs to the one before it.
func parseUnfit(message string) (int64, []unfitNode) {
	out := []unfitNode{}
	head := unfitHead.FindStringSubmatchIndex(message)
	if head == nil {
		return 0, out
	}
	total, err := strconv.ParseInt(message[head[2]:head[3]], 10, 64)
	if err != nil {
		return 0, out
	}
	text := message[head[1]:]
	if end := strings.Index(text, ". "); end >= 0 {
		text = text[:end]
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(text, "."), ", ") {
		switch match := unfitPart.FindStringSubmatch(part); {
		case match != nil:
			n, err := strconv.ParseInt(match[1], 10, 64)
			if err != nil {
				return total, []unfitNode{}
			}
			out = append(out, unfitNode{n, match[2]})
		case len(out) > 0:
			out[len(out)-1].Why += ", " + part
		default:
			out = append(out, unfitNode{0, part})
		}
	}
	return total, out
}

func (w *waits) volumeWaits() []volumeWait {
	out := []volumeWait{}
	for _, p := range w.pods {
		scheduled := p.first(func(s waitPodState) bool { return s.node != "" })
		mounted := p.first(func(s waitPodState) bool { return s.mounted })
		end := earliest(mounted, p.left, p.gone)
		known := p.created || scheduled != p.from
		if scheduled.isZero() || !scheduled.before(end) {
			continue
		}
		for _, claim := range p.claims {
			row := volumeWait{Pod: p.name, Instance: p.instance, Role: p.role, Claim: claim, Mounted: end == mounted}
			row.Node = p.points[len(p.points)-1].node
			w.attach(&row, p, scheduled, end)
			var ok bool
			seq := []uint64{row.Released.Seq, row.Requested.Seq, row.Attached.Seq}
			for _, e := range row.Errors {
				seq = append(seq, e.Seq...)
			}
			if row.waitInterval, ok = w.interval(scheduled, end, known, seq...); ok {
				out = append(out, row)
			}
		}
	}
	return out
}

// attach says what the attachments of the pod's volume were in the meantime.
func (w *waits) attach(row *volumeWait, p *waitPod, begin, end moment) {
	row.Volume = w.volumeName(p.namespace, row.Claim, begin)
	for _, a := range w.attached[row.Volume] {
		if !a.gone.isZero() && a.gone.before(begin) || !a.from.before(end) {
			continue
		}
		if a.node == row.Node {
			row.Requested = a.from
			if at := a.attachedAt(); !at.isZero() && at.before(end) {
				row.Attached = at
			}
			row.Errors = append(row.Errors, a.errors(begin, end)...)
		} else if row.HeldBy == "" || row.Released.before(a.gone) {
			row.HeldBy, row.Released = a.node, moment{}
			if a.gone.before(end) {
				row.Released = a.gone
			}
		}
	}
	row.Errors = append(row.Errors, w.errorsOf("Pod", p.namespace, p.name, begin, end,
		"FailedAttachVolume", "FailedMount", "FailedMapVolume")...)
	if row.Errors == nil {
		row.Errors = []waitError{}
	}
	for _, m := range []*moment{&row.Released, &row.Requested, &row.Attached} {
		if !w.has(*m) {
			*m = moment{}
		}
	}
}

// waitAttachment is one life of a VolumeAttachment.
type waitAttachment struct {
	volume, node string
	from, gone   moment
	points       []attachmentState
}

type attachmentState struct {
	moment
	attached bool
	err      string
}

func (w *waiting) observeAttachment(c *trace.Change) {
	a := w.attachments[c.Object]
	if a == nil {
		a = &waitAttachment{
			volume: c.State.At("spec", "source", "persistentVolumeName").String(),
			node:   c.State.At("spec", "nodeName").String(), from: momentOf(c),
		}
		w.attachments[c.Object] = a
		if a.volume != "" {
			w.attached[a.volume] = append(w.attached[a.volume], a)
		}
	}
	if c.Type == trace.Deleted {
		a.gone = momentOf(c)
		return
	}
	status := c.State.At("status")
	next := attachmentState{
		momentOf(c), status.At("attached").Bool(),
		status.At("attachError", "message").String() + status.At("detachError", "message").String(),
	}
	if n := len(a.points); n == 0 || a.points[n-1].attached != next.attached || a.points[n-1].err != next.err {
		a.points = append(a.points, next)
	}
}

func (a *waitAttachment) attachedAt() moment {
	for _, p := range a.points {
		if p.attached {
			return p.moment
		}
	}
	return moment{}
}

func (a *waitAttachment) errors(begin, end moment) []waitError {
	var out []waitError
	for _, p := range a.points {
		if p.err != "" && !p.before(begin) && (end.isZero() || p.before(end)) {
			out = append(out, waitError{"VolumeAttachment", cutTo(p.err), 1, []uint64{p.Seq}})
		}
	}
	return out
}

// imageWaits lists when containers waited for an image: while the kubelet says
// that it cannot be pulled, and while it is pulled for the first time.
func (w *waits) imageWaits() []imageWait {
	out := []imageWait{}
	for _, p := range w.pods {
		for i, point := range p.points {
			if point.pull == "" || i > 0 && p.points[i-1].pull != "" {
				continue
			}
			row := imageWait{Pod: p.name, Instance: p.instance, Role: p.role}
			var end moment
			for _, later := range p.points[i:] {
				if later.pull == "" {
					end = later.moment
					break
				}
				row.Container, row.Image, row.Reason = later.container, later.image, later.pull
				if later.pull != "ImagePullBackOff" || row.Message == "" {
					row.Message = cutTo(later.pullError)
				}
			}
			var ok bool
			if row.waitInterval, ok = w.interval(point.moment, earliest(end, p.left, p.gone), i > 0 || p.created); ok {
				out = append(out, row)
			}
		}
		out = append(out, w.pulls(p)...)
	}
	return sorted(out, func(r imageWait) waitInterval { return r.waitInterval })
}

// pullEnds are the Events that end a pull.
var pullEnds = []string{"Pulled", "Failed", "BackOff"}

// pulls reads from events how long images were pulled.
func (w *waits) pulls(p *waitPod) []imageWait {
	var out []imageWait
	events := w.history.signals[p.namespace][subject{"Pod", p.name}]
	for i, e := range events {
		image, isPull := strings.CutPrefix(e.message, "Pulling image ")
		if e.uid != p.uid || e.reason != "Pulling" || !isPull || e.old {
			continue
		}
		var end moment
		for _, later := range events[i+1:] {
			if slices.Contains(pullEnds, later.reason) {
				end = later.moment
				break
			}
		}
		for _, point := range p.points {
			if e.before(point.moment) && (point.pull != "" || point.ready) {
				end = earliest(end, point.moment)
			}
		}
		row := imageWait{
			Pod: p.name, Instance: p.instance, Role: p.role, Image: strings.Trim(image, `"`), Reason: "Pulling",
			Message: cutTo(e.message),
		}
		var ok bool
		if row.waitInterval, ok = w.interval(e.moment, earliest(end, p.left, p.gone), true); ok {
			out = append(out, row)
		}
	}
	return out
}

// errorsOf lists what Events said about an object in the meantime, each reason
// and message once.
func (w *waits) errorsOf(kind, namespace, name string, begin, end moment, reasons ...string) []waitError {
	var out []waitError
	for _, e := range w.history.signals[namespace][subject{kind, name}] {
		if !slices.Contains(reasons, e.reason) || e.old || e.before(begin) ||
			!end.isZero() && !e.before(end) || !w.has(e.moment) {
			continue
		}
		message := cutTo(e.message)
		i := slices.IndexFunc(out, func(o waitError) bool { return o.Reason == e.reason && o.Message == message })
		if i < 0 {
			out = append(out, waitError{e.reason, message, 1, []uint64{e.Seq}})
			continue
		}
		out[i].Count++
		out[i].Seq = append(out[i].Seq[:1], e.Seq)
	}
	return out
}
