package views

import (
	"maps"
	"slices"
	"sort"
)

// crossing is a sample on the other side of the threshold than the one before
// it: of the free share that the storage block in force asks for.
type crossing struct {
	moment
	Volume    string `json:"volume"`
	Instance  string `json:"instance"`
	Direction string `json:"direction"`
	By        string `json:"by"`
	Used      int64  `json:"used"`
	Capacity  int64  `json:"capacity"`
	Percent   int64  `json:"percent"`
}

// Where a crossing leads, and what made it.
const (
	crossOver  = "over"
	crossUnder = "under"
	byUsed     = "used"
	byCapacity = "capacity"
)

// bufferAt is the free share, in percent, that the block in force at m asks for.
func (g volumeGroup) bufferAt(m moment) int64 {
	blocks := g.known.blocks
	n := sort.Search(len(blocks), func(i int) bool { return blocks[i].Seq > m.Seq })
	if n == 0 {
		return 0
	}
	return blocks[n-1].TargetBuffer
}

func isOver(used, capacity, buffer int64) bool { return capacity-used < capacity/100*buffer }

// crossingsOf reads the samples of the group, by claim.
func (g volumeGroup) crossingsOf(samples []samplePoint) map[string][]crossing {
	out := map[string][]crossing{}
	last := map[string]samplePoint{}
	for _, p := range samples {
		before, known := last[p.Volume]
		last[p.Volume] = p
		over := isOver(p.Used, p.Capacity, g.bufferAt(p.moment))
		if !known || over == isOver(before.Used, before.Capacity, g.bufferAt(before.moment)) {
			continue
		}
		c := crossing{
			moment: p.moment, Volume: p.Volume, Instance: p.Instance, Direction: crossUnder, By: byCapacity,
			Used: p.Used, Capacity: p.Capacity, Percent: 100 * p.Used / p.Capacity,
		}
		if over {
			c.Direction = crossOver
		}
		if isOver(p.Used, before.Capacity, g.bufferAt(before.moment)) == over {
			c.By = byUsed
		}
		out[p.Volume] = append(out[p.Volume], c)
	}
	return out
}

// oscillations finds the claims whose data came back over the threshold after
// they had become less, without the volume having grown in between.
func (s *story) oscillations() {
	for _, g := range s.groups {
		crossings := g.crossingsOf(s.samples[g.entity()])
		for _, volume := range slices.Sorted(maps.Keys(crossings)) {
			all := crossings[volume]
			for i := 1; i+1 < len(all); i++ {
				if all[i].Direction != crossUnder || all[i].By != byUsed {
					continue
				}
				s.add(&action{
					kind: kindOscillation, subject: volume, begin: all[i-1].moment, ended: true,
					end: all[len(all)-1].moment, crossing: all[i-1:],
				})
				break
			}
		}
	}
}
