// Package timeline draws a judged trace as one HTML page.
//
//	err := timeline.Write(w, run, trace.Open) // verifier check trace.db -o html=run.html
//
// The page needs nothing but a browser: program, style and data are in it, and a
// content security policy forbids it every request and every other program. The
// same run and the same traces give the same bytes.
//
// # What is drawn
//
// A group of lanes for the run (specs of the suite, marks, gaps, what the recorder
// did, the operator's leases and pods, nodes), one for each cluster, and all objects
// of the recording, by kind, folded until they are asked for. In the group of a
// cluster stand, from top to bottom:
//
//	findings       violations and doubts, at the last event of their evidence
//	diagnoses      causes, from when to when they were at work
//	disruptions    as the views recognise them, and as somebody marked them; they
//	               show through all lanes of the cluster
//	phase, primary as the Cluster's status has them
//	instances      role, readiness and node of the pod
//	volumes        request (line) and capacity (area) as steps, limit and lower bound
//	               as a ground, usage dotted; the stage of an expansion below
//	attachments    of each volume, to which node
//	data           the sentinel's writes: acknowledged, failed or unknown, lost
//	jobs, backups, Kubernetes Events, log lines
//
// Ticks at the foot of a lane are the events of its objects. Whatever is clicked is
// told in the panel: of an event what it changed and, as far as managedFields were
// recorded, who wrote it; of a finding the promise, got and want, and its evidence.
//
// Nothing in the picture is judged here. Disruptions, bounds, usage, lost elements
// and specs come from the views; findings, doubts and diagnoses from the verdict;
// the rest is what the objects themselves say.
//
// # The data in the page
//
// Of each trace one JSON document ([Timeline]), compressed with zlib, in base64, and
// the details of its events in chunks of 1024 that are decoded when one of them is
// asked for. Events are columns; times are µs since the start of the trace. What was
// recorded is put into the page as text only, and can break out of nothing.
//
// # What is left out
//
// A page stays under 3 MB. It has at most 150,000 events of a trace, and of those as
// many details as there is room for. Dearest is the evidence of findings, then
// changes of objects, marks and gaps, then Kubernetes Events, log lines and usage,
// then the sentinel's writes, last what changed nothing but bookkeeping; among equals,
// what is near to a finding. The page says how much is not there. Tables have their
// first 500 rows.
//
// # The program
//
// page/ has no framework and nothing to build: the scripts are joined as they are.
// data.js reads, model.js arranges rows and filters, theme.js has colours and
// patterns, draw.js draws, panel.js tells, view.js holds the state (which is also in
// the address, so that a link leads back to it), input.js is mouse and keyboard.
package timeline
