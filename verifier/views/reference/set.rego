# METADATA
# title: The view set, by the whole trace
# description: |
#   What became of the elements that a sentinel wrote, as sets of numbers, for a
#   trace with one workload: Jepsen's set-full, sentence by sentence.
# scope: package
package reference.set

_of(kind) := [event | some event in input.events; event.type == kind]

_acknowledged := {event.data.n | some event in _of("sentinel.acknowledged")}

_refused := {event.data.n | some event in _of("sentinel.failed")}

_attempted := {event.data.n |
	some kind in ["sentinel.invoked", "sentinel.acknowledged", "sentinel.failed", "sentinel.unknown"]
	some event in _of(kind)
}

# Intervals such as 1-100,102.
_numbers(text) := {n |
	some part in split(object.get({"": ","}, text, text), ",")
	part != ""
	ends := split(part, "-")
	some n in numbers.range(to_number(ends[0]), to_number(ends[count(ends) - 1]))
}

_reads := [{
	"seq": event.seq, "began": event.not_before_ns, "primary": object.get(event.data, "primary", false),
	"complete": object.get(event.data, "complete", false),
	"found": _numbers(object.get(event.data, "elements", "")),
	"twice": _numbers(object.get(event.data, "duplicates", "")),
} |
	some event in _of("sentinel.read")
]

# When an element was first known to be written: by its acknowledgement, else by
# the first read of a primary that found it.
_known(n) := {"seq": acks[0].seq, "ns": acks[0].ns} if {
	acks := [event | some event in _of("sentinel.acknowledged"); event.data.n == n]
	count(acks) > 0
} else := {"seq": found[0].seq, "ns": found[0].ns} if {
	found := [event |
		some i, event in _of("sentinel.read")
		_reads[i].primary
		n in _reads[i].found
	]
}

_present(n) := [read.seq | some read in _reads; read.primary; n in read.found]

# Reads that would have found it, had it been there.
_absent(n) := [read.seq |
	known := _known(n)
	some read in _reads
	read.primary
	read.complete
	read.seq > known.seq
	read.began >= known.ns
	not n in read.found
]

_owed := _attempted - _refused

_stays := {n | some n in _owed; max(array.concat(_present(n), [0])) > max(array.concat(_absent(n), [0]))}

_lost := {n | some n in _owed; max(array.concat(_absent(n), [0])) > max(array.concat(_present(n), [0]))}

# METADATA
# description: The classes of elements, each as a set of numbers.
classes := {
	"stable": _stays & _acknowledged,
	"recovered": _stays - _acknowledged,
	"lost": _lost,
	"never_read": ((_owed & _acknowledged) - _stays) - _lost,
	"unexpected": union({read.found | some read in _reads}) - _owed,
	"duplicated": union({read.twice | some read in _reads}),
}
