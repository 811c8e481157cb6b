// Package travel goes to a moment of a recording: what objects there were, how
// kubectl would have listed them, and what differs between two moments or two runs.
//
//	p, err := travel.Open(r)                       // an index over the events
//	m, err := p.At("@disruption+30s")              // a moment
//	kind, err := p.Kind("pvc")
//	list, err := p.List(m, kind, "ds-e2e")         // objects as they were
//	table := travel.Table(kind, list, m.Wall)      // in kubectl's columns
//
// # Moments
//
// A moment is written as
//
//	1m30s, +90s          since the start of the trace
//	-5m                  before its end
//	2026-11-22T02:12:21Z by the recorder's clock; 02:12:21 is on the day of the start
//	seq:811              just after that event
//	rv:1595              after the last event up to which no resourceVersion is greater
//	@start, @end         of the trace
//	@trigger             the first rise of a claim's request
//	@disruption          the begin of the first disruption
//	@converged           the end of the last expansion
//	@NAME                the first mark with that phase; @NAME#2 the second
//
// and each of the last with +30s or -30s behind it. A time before the start or after
// the end is an error: nobody recorded it. resourceVersions order the events of one
// resource; that rv: takes them over all resources is right for an API server with one
// etcd, and a convenience elsewhere.
//
// # What is doubtful
//
// An object is shown as it was last recorded, and marked as doubtful where the
// recording does not know better: inside a declared gap of its resource, and where the
// next event of the object happened at an unknown time around the moment (what a broken
// watch delivered late). A resource that the API server refused is an error, not an
// empty list.
//
// # Columns
//
// The columns are data: those of kubectl for the kinds of Kubernetes, and the
// additionalPrinterColumns of the CRDs of CloudNativePG and of the snapshot controller.
// Other kinds have NAME and AGE. An age is that at the moment, not today's.
//
// # Two runs
//
// [Compare] lays two runs beside each other, cluster by cluster in order of appearance,
// in three parts: from the start to the trigger, to the disruption, to convergence, and
// what comes after. In each part it compares, lane by lane, which states followed each
// other (phase, primary, instances, volumes), whatever time they took, and says for the
// first difference in each part when it came in either run. Names of nodes and of
// namespaces do not count.
package travel
