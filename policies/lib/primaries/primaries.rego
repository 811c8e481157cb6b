# METADATA
# title: One primary
# description: Times in which a cluster had two primaries, of the view episode.
# scope: package
package lib.primaries

# METADATA
# description: |
#   What shows two primaries at the same time: the status reports two for longer than
#   grace ns (it is made of answers that were given one after another), or reads of
#   the sentinel found two instances to be one, each before the other one's last.
two(episode, grace) := _reported(episode, grace) | _read(episode)

_reported(episode, grace) := {{
	"seq": {span.seq}, "pods": concat(" ", sort(span.pods)), "from_ns": span.ns, "until_ns": span.until_ns,
} |
	some span in episode.two_primaries
	span.until_not_before_ns - span.ns > grace
}

_read(episode) := {{
	"seq": {one.seq, one.last.seq, other.seq, other.last.seq},
	"pods": concat(" ", sort([one.instance, other.instance])),
	"from_ns": max([one.ns, other.ns]), "until_ns": min([one.last.ns, other.last.ns]),
} |
	some one in episode.probes
	some other in episode.probes
	one.instance < other.instance
	one.ns < other.last.not_before_ns
	other.ns < one.last.not_before_ns
}
