// Package envelope puts the events of a run into CloudEvents 1.0, and takes them
// out again. The bus sends them in binary mode, verifier export writes them as
// lines of JSON; the attributes are the same.
//
//	specversion      1.0
//	id               <uid>/<resourceVersion> for an observed version of an object,
//	                 <type>/<monotonic> for everything else
//	source           /hindsight/<run id>/<source>
//	type             dev.hindsight.<type>: dev.hindsight.modified
//	subject          pods/ds-e2e/pg-1
//	time             wall clock at receipt, RFC 3339 with nanoseconds
//	datacontenttype  application/json
//	monotonic        ns since the start of the run
//	notbefore        the same, earliest possible moment
//	origin           trace.Event.Source: watch
//	group, version, resource, kind, namespace, name, uid,
//	resourceversion, generation
//	                 of the object, absent where empty
//	inferred         true, or absent
//
// All extensions are strings: the integers of CloudEvents have 32 bits.
//
// The data is the object, as the API server sent it, or the payload of what is
// about no object.
package envelope
