// Package usage records how full the volumes of PostgreSQL instances are. No
// object of the API says that, and without it nobody can tell afterwards whether
// a volume should have grown.
//
//	usage.Run(ctx, usage.Options{Scope: scope, API: api, Sink: sink})
//
// # Sources
//
// Every Interval the pods with cnpg.io/podRole=instance are listed. The kubelet
// of each of their nodes is asked through the API server
// (/api/v1/nodes/NODE/proxy/stats/summary); it needs nodes/proxy, and measures
// about once a minute. Pods of which it says nothing are asked themselves
// (/api/v1/namespaces/NS/pods/POD:8000/proxy/pg/status); it needs pods/proxy,
// and is what the operator goes by.
//
// What the API server denies is written down as a stream that is denied, of the
// resource nodes/proxy or pods/proxy, and so is in the certificate; it is asked
// for again every five minutes. Other failures are events. Nothing here ends the
// recording.
//
// # Events
//
// Their source is usage, their object the claim (with no UID: the kubelet knows
// none).
//
//	usage              {pvc, namespace, instance, node, from, at, used_bytes, capacity_bytes, available_bytes,
//	                    inodes, inodes_used, inodes_free}
//	usage.unavailable  {node, instance, from, reason}
//
// instance is the pod. from is kubelet or instance. at is when it was measured,
// RFC 3339: for kubelet by its clock, absent for instance. inodes are there for
// kubelet only. used is total minus free blocks; available leaves out what is
// reserved for root. NotBefore is when the question was sent.
//
// A sample is recorded when it differs from the last one of its claim, and each
// Every-th time when it does not. A failure is recorded when it begins or its
// reason changes.
package usage
