package story

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// phaseHealthy is the phase of a cluster in which all is well, as CloudNativePG
// writes it (api/v1, PhaseHealthy).
const phaseHealthy = "Cluster in healthy state"

// setup says what a cluster is: "ds/pg: 3 instances, PG_DATA dynamic 1Gi to 4Gi".
func (t *teller) setup(c document, groups []document) {
	parts := []string{}
	if specs := c.list("specs"); len(specs) > 0 {
		n := specs[0].number("instances")
		parts = append(parts, fmt.Sprintf("%d %s", n, plural(n, "instance", "instances")))
	}
	for _, g := range groups {
		if verdict.ClusterOf(g.entity) == c.entity {
			parts = append(parts, group(g.entity)+" "+sizing(g))
		}
	}
	t.story.Setup = append(t.story.Setup, c.entity+": "+strings.Join(parts, ", "))
}

// group is the part of an entity behind the cluster: PG_DATA.
func group(entity string) string {
	return strings.TrimPrefix(strings.TrimPrefix(entity, verdict.ClusterOf(entity)), "/")
}

// sizing says how the first storage block of a group sizes it.
func sizing(g document) string {
	specs := g.list("specs")
	if len(specs) == 0 {
		return "of unknown sizing"
	}
	s := specs[0]
	switch s.text("mode") {
	case "dynamic":
		return fmt.Sprintf("dynamic %s to %s", quantity(s.number("request")), quantity(s.number("limit")))
	case "static":
		return "static " + quantity(s.number("size"))
	default:
		return "without a size"
	}
}

// phases tells how long a new cluster took to be healthy, when it was not
// afterwards, and when it was deleted.
func (t *teller) phases(c document) {
	until := c.number("until_ns")
	var now *verdict.Moment // the stretch in which it is not healthy
	end := func(at int64, open bool) {
		if now != nil {
			now.Until, now.Open = at, open
			t.add(*now)
		}
		now = nil
	}
	young := c.truth("born")
	for _, s := range c.list("spans") {
		kind, text := KindPhase, "phase: "+s.text("phase")
		switch {
		case s.text("phase") == phaseHealthy:
			kind, text, young = "", "", false
		case young:
			kind, text = KindSetup, "the cluster is set up"
		case s.text("phase") == "":
			kind, text = "", "" // it says nothing
		}
		if now == nil || now.Text != text {
			end(s.number("ns"), false)
		}
		if now == nil && text != "" {
			now = &verdict.Moment{
				Kind: kind, Cluster: c.entity, Entity: c.entity, Text: text,
				From: s.number("ns"), Seq: uint64(s.number("seq")),
			}
		}
	}
	end(until, true)
	if c.text("until") == "deleted" {
		t.add(verdict.Moment{
			Kind: KindDeleted, Cluster: c.entity, Entity: c.entity, Text: "the cluster is deleted",
			From: until, Until: until, Seq: uint64(c.number("until_seq")),
		})
	}
}

// growth tells an expansion.
func (t *teller) growth(o document) {
	cluster := verdict.ClusterOf(o.entity)
	name := strings.Split(group(o.entity), "/op")[0]
	text := fmt.Sprintf("%s grows to %s", name, quantity(o.number("target")))
	if o.truth("begin_known") {
		text = fmt.Sprintf("%s grows from %s to %s", name, quantity(o.number("from")), quantity(o.number("target")))
	}
	t.add(spanning(verdict.Moment{Kind: KindGrowth, Cluster: cluster, Entity: o.entity, Text: text},
		o.object, o.truth("closed"), o.number("until_ns")))
}

// spanning sets the times of a moment from the begin and the end of a part of a
// document. What is not ended lasts until the document ends.
func spanning(m verdict.Moment, o object, ended bool, until int64) verdict.Moment {
	m.From, m.Seq = o.at("begin").number("ns"), uint64(o.at("begin").number("seq"))
	m.Until, m.Open = o.at("end").number("ns"), !ended
	if m.Open {
		m.Until = until
	}
	return m
}

// episode tells what was done to a cluster. Expansions are told from the view
// operation, which knows the sizes; the episode knows from what they follow.
func (t *teller) episode(e, c document) {
	kind := e.text("kind")
	t.add(spanning(verdict.Moment{
		Kind: kind, Cluster: verdict.ClusterOf(e.entity), Entity: e.entity, Cause: e.text("caused_by"),
		Text: t.did(kind, e, c),
	}, e.object, e.truth("ended"), e.number("until_ns")))
}

// did says in words what an episode was.
func (t *teller) did(kind string, e, c document) string {
	subject := e.text("subject")
	switch kind {
	case "operator_restart":
		return "the operator is restarted"
	case "primary_restart":
		return "the pod of the primary " + subject + " is restarted"
	case "replica_restart":
		return "the pod of the replica " + subject + " is restarted"
	case "failover", "switchover":
		return kind + " from " + subject + elected(e, c)
	case "node_drain":
		return "the node " + subject + " is drained"
	case "node_loss":
		return "the node " + subject + " is lost"
	case "spec_mutation":
		return "the spec is changed" + changed(e, c)
	case "scale_up", "scale_down":
		return fmt.Sprintf("instances: %d → %d", e.at("scale").number("from"), e.at("scale").number("to"))
	case "rolling_upgrade":
		return "rolling upgrade" + imageOf(e)
	case "backup":
		return fmt.Sprintf("backup %s: %s", e.at("backup").text("name"), cmp.Or(e.at("backup").text("phase"), "no phase"))
	case "snapshot":
		return "volume snapshot of " + subject
	case "oscillation":
		return "the usage of " + subject + " goes over the threshold again"
	case "mark":
		return strings.TrimSpace("the run says that it disrupts " + t.notes[e.at("begin").number("seq")])
	default:
		return strings.ReplaceAll(kind, "_", " ") + " " + subject
	}
}

func imageOf(e document) string {
	if to := e.at("upgrade").text("to"); to != "" {
		return " to " + to
	}
	return ""
}

// elected says who became the primary in the change that began with an episode.
func elected(e, c document) string {
	for _, election := range c.list("elections") {
		to := election.text("to")
		if election.at("begin").number("seq") == e.at("begin").number("seq") && to != "" {
			return " to " + to
		}
	}
	return ""
}

// changed names what a change of the spec touched.
func changed(e, c document) string {
	for _, spec := range c.list("specs") {
		if fields := spec.texts("changed"); spec.number("seq") == e.at("begin").number("seq") && len(fields) > 0 {
			return ": " + strings.Join(fields, ", ")
		}
	}
	return ""
}

// quantity writes bytes as Kubernetes does.
func quantity(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
