package views

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// groupHead says of which volume group a timeline is, and from when until when.
type groupHead struct {
	Namespace   string `json:"namespace"`
	Cluster     string `json:"cluster"`
	Role        string `json:"role"`
	Tablespace  string `json:"tablespace"`
	ClusterSeen bool   `json:"cluster_seen"`
	Born        bool   `json:"born"`
	FromNS      int64  `json:"from_ns"`
	Until       string `json:"until"`
	UntilSeq    uint64 `json:"until_seq"`
	UntilNS     int64  `json:"until_ns"`
}

// storageDocument is the timeline of one volume group of one cluster.
type storageDocument struct {
	groupHead
	Specs       []storageSpec  `json:"specs"`
	Windows     []openTime     `json:"windows"`
	Requests    []requestPoint `json:"requests"`
	Touches     []touchPoint   `json:"touches"`
	Statuses    []statusPoint  `json:"statuses"`
	Spans       []storageSpan  `json:"spans"`
	Operations  []operation    `json:"operations"`
	Volumes     []volumeLife   `json:"volumes"`
	Pods        []podLife      `json:"pods"`
	Disruptions []disruption   `json:"disruptions"`
	Gaps        []gap          `json:"gaps"`
}

// How a history ends.
const (
	endDeleted   = "deleted"
	endOfTrace   = "trace_end"
	howCreated   = "created"
	howListed    = "listed"
	howChanged   = "changed"
	howRewrite   = "rewritten"
	closedBySize = "capacity"
	closedByLoss = "volume_left"
)

type storageSpec struct {
	moment
	UntilNS    int64 `json:"until_ns"`
	Generation int64 `json:"generation"`
	block
	LimitPeak int64 `json:"limit_peak"`
}

type requestPoint struct {
	moment
	Volume    string `json:"volume"`
	UID       string `json:"uid"`
	Instance  string `json:"instance"`
	How       string `json:"how"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	Peak      int64  `json:"peak"`
	Siblings  int    `json:"siblings"`
	Effective int64  `json:"effective"`
	Spec      int    `json:"spec"`
	Inferred  bool   `json:"inferred"`
	Restored  bool   `json:"restored"`
}

type touchPoint struct {
	moment
	Volume string `json:"volume"`
}

type statusPoint struct {
	moment
	sizing
}

type storageSpan struct {
	moment
	UntilNS        int64        `json:"until_ns"`
	UntilNotBefore int64        `json:"until_not_before_ns"`
	Last           bool         `json:"last"`
	Spec           int          `json:"spec"`
	Status         int          `json:"status"`
	Open           bool         `json:"open"`
	Peak           int64        `json:"peak"`
	Low            int64        `json:"low"`
	Capacity       int64        `json:"capacity"`
	Volumes        []volumeSpan `json:"volumes"`
}

type volumeSpan struct {
	Volume   string `json:"volume"`
	Instance string `json:"instance"`
	Request  int64  `json:"request"`
	Capacity int64  `json:"capacity"`
	Resizing bool   `json:"resizing"`
	Status   string `json:"status"`
	Actual   int64  `json:"actual"`
}

type volumeLife struct {
	moment
	Volume   string `json:"volume"`
	UID      string `json:"uid"`
	Instance string `json:"instance"`
	Created  bool   `json:"created"`
	Left     bool   `json:"left"`
	LeftSeq  uint64 `json:"left_seq"`
	LeftNS   int64  `json:"left_ns"`
}

type podLife struct {
	moment
	Pod      string `json:"pod"`
	UID      string `json:"uid"`
	Instance string `json:"instance"`
	Created  bool   `json:"created"`
	Left     bool   `json:"left"`
	LeftSeq  uint64 `json:"left_seq"`
	LeftNS   int64  `json:"left_ns"`
	Cordoned bool   `json:"cordoned"`
}

// gap is a declared loss of a kind that the document is made of.
type gap struct {
	Resource       string `json:"resource"`
	FromNS         int64  `json:"from_ns"`
	UntilNS        int64  `json:"until_ns"`
	FirstSeq       uint64 `json:"first_seq"`
	LastSeq        uint64 `json:"last_seq"`
	SameGeneration bool   `json:"same_generation"`
}

// storageDocuments makes one document per volume group.
func storageDocuments(h *history, k *cluster) ([]Document, error) {
	return documentsOf("storage", h.groupsOf(k), func(g volumeGroup) (string, any) {
		g.timeline.clear(h.unread)
		return g.entity(), g.timeline
	})
}

// clear empties fields, by their index.
func (d *storageDocument) clear(fields []int) {
	of := reflect.ValueOf(d).Elem()
	for _, i := range fields {
		of.Field(i).SetZero()
	}
}

// unreadOf returns the fields of a document that are not among those that are read.
func unreadOf(reads []string) (fields []int) {
	for field := range reflect.TypeFor[storageDocument]().Fields() {
		if !field.Anonymous && !slices.Contains(reads, field.Tag.Get("json")) {
			fields = append(fields, field.Index...)
		}
	}
	return fields
}

// volumeGroup is one volume group of one cluster with all that concerns it.
type volumeGroup struct {
	history *history
	cluster *cluster
	key     groupKey
	known   *groupHistory // what the Cluster says
	volumes []*volume     // in order of appearance
	until   moment
	end     string

	timeline storageDocument
}

// groupsOf lists the groups of a cluster that a spec, a status or a claim speaks
// of, with their timelines.
func (h *history) groupsOf(k *cluster) []volumeGroup {
	k.making.Lock()
	defer k.making.Unlock()
	if k.made == nil {
		k.made = h.outlinesOf(k)
		for i := range k.made {
			k.made[i].timeline = k.made[i].storage()
		}
	}
	return k.made
}

// outlinesOf lists the groups without their timelines.
func (h *history) outlinesOf(k *cluster) []volumeGroup {
	members := map[groupKey][]*volume{}
	for _, v := range k.volumes {
		members[v.group] = append(members[v.group], v)
	}
	keys := slices.SortedFunc(maps.Keys(k.groups), func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.tablespace, b.tablespace))
	})
	out := make([]volumeGroup, len(keys))
	for i, key := range keys {
		out[i] = volumeGroup{history: h, cluster: k, key: key, known: k.groups[key], volumes: members[key]}
		out[i].until, out[i].end = out[i].lastMoment()
	}
	return out
}

// forget drops what was made of a cluster's change points.
func (c *cluster) forget() {
	c.making.Lock()
	defer c.making.Unlock()
	c.made = nil
}

func (g volumeGroup) entity() string {
	parts := []string{g.cluster.label, g.key.role}
	if g.key.tablespace != "" {
		parts = append(parts, g.key.tablespace)
	}
	return strings.Join(parts, "/")
}

// lastMoment is up to when the group can be judged: until its cluster or its
// last volume begins to go, else until the trace ends.
func (g volumeGroup) lastMoment() (moment, string) {
	end, how := g.cluster.lastMoment(g.history.end)
	var last moment
	for _, v := range g.volumes {
		if v.left.isZero() {
			return end, how
		}
		if last.before(v.left) || last.isZero() {
			last = v.left
		}
	}
	if last.before(end) {
		return last, endDeleted
	}
	return end, how
}

// isBeyond reports whether m comes after what the group is judged by.
func (g volumeGroup) isBeyond(m moment) bool {
	return m.Seq > g.until.Seq || (m.Seq == g.until.Seq && g.end == endDeleted)
}

func (g volumeGroup) storage() storageDocument {
	d := storageDocument{
		groupHead: groupHead{
			Namespace:   g.cluster.namespace,
			Cluster:     g.cluster.name,
			Role:        g.key.role,
			Tablespace:  g.key.tablespace,
			ClusterSeen: g.cluster.seen,
			Born:        g.cluster.born,
			FromNS:      g.cluster.from.NS,
			Until:       g.end,
			UntilSeq:    g.until.Seq,
			UntilNS:     g.until.NS,
		},
		Specs:       []storageSpec{},
		Windows:     []openTime{},
		Requests:    []requestPoint{},
		Touches:     []touchPoint{},
		Statuses:    []statusPoint{},
		Spans:       []storageSpan{},
		Operations:  []operation{},
		Volumes:     []volumeLife{},
		Pods:        []podLife{},
		Disruptions: []disruption{},
	}
	if g.history.needs.lives {
		d.Disruptions = append(d.Disruptions, g.history.disruptionsOf(g.cluster)...)
	}
	d.Gaps = g.history.gapsOf(g.cluster, g.until)
	for _, v := range g.volumes {
		d.Volumes = append(d.Volumes, v.life())
		for _, m := range v.touches {
			if m.before(g.until) {
				d.Touches = append(d.Touches, touchPoint{m, v.name})
			}
		}
	}
	slices.SortFunc(d.Touches, func(a, b touchPoint) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, p := range g.cluster.pods {
		if p.from.before(g.until) {
			d.Pods = append(d.Pods, p.life())
		}
	}
	newReplay(g, &d).run()
	for i := range d.Specs {
		s := &d.Specs[i]
		if i+1 < len(d.Specs) {
			s.UntilNS = d.Specs[i+1].NS
		} else {
			s.UntilNS = g.until.NS
		}
		d.Windows = append(d.Windows, s.openTimes(g.history)...)
	}
	return d
}

// openTimes lists when planned growth may act while this block is in force.
func (s *storageSpec) openTimes(h *history) []openTime {
	switch {
	case s.Mode != modeDynamic || s.NS >= s.UntilNS:
		return nil
	case !s.Windowed:
		return []openTime{{Opens: s.NS, Closes: s.UntilNS}}
	default:
		return s.window.open(h.start, s.NS, s.UntilNS)
	}
}

func (v *volume) life() volumeLife {
	return volumeLife{
		moment: v.from, Volume: v.name, UID: v.uid, Instance: v.instance, Created: v.created,
		Left: !v.left.isZero(), LeftSeq: v.left.Seq, LeftNS: v.left.NS,
	}
}

func (p *pod) life() podLife {
	return podLife{
		moment: p.from, Pod: p.name, UID: p.uid, Instance: p.instance, Created: p.created,
		Left: !p.left.isZero(), LeftSeq: p.left.Seq, LeftNS: p.left.NS, Cordoned: p.cordoned,
	}
}

// gapKinds are the resources of which a loss concerns a cluster's documents.
var gapKinds = []string{"clusters", "persistentvolumeclaims", "pods"}

// gapsOf lists the declared gaps of these kinds, besides gapKinds, that meet the
// time of the cluster.
func (h *history) gapsOf(k *cluster, until moment, more ...string) []gap {
	kinds := append(more, gapKinds...)
	out := []gap{}
	for _, g := range h.gaps {
		kind := g.Resource.Resource
		if g.LastSeq == 0 { // the recording ended inside
			g.NotAfter, g.LastSeq = time.Duration(h.end.NS), h.end.Seq
		}
		if !slices.Contains(kinds, kind) || (g.Namespace != "" && g.Namespace != k.namespace) ||
			int64(g.NotAfter) <= k.from.NS && k.born || int64(g.NotBefore) >= until.NS {
			continue
		}
		out = append(out, gap{
			Resource: kind, FromNS: int64(g.NotBefore), UntilNS: int64(g.NotAfter),
			FirstSeq: g.FirstSeq, LastSeq: g.LastSeq,
			SameGeneration: kind == "clusters" && k.sameGeneration(g),
		})
	}
	return out
}

// sameGeneration reports whether the spec is known not to have changed in the
// gap, because the generation is the same on both of its sides.
func (c *cluster) sameGeneration(g trace.GapCert) bool {
	var before int64
	for _, p := range c.gen {
		switch {
		case p.Seq < g.FirstSeq:
			before = p.generation
		case p.Seq <= g.LastSeq && p.generation != before:
			return false
		}
	}
	return before != 0
}
