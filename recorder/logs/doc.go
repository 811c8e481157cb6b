// Package logs records what the operator and the instances have to say.
//
//	logs.Run(ctx, logs.Options{Scope: scope, OperatorNamespace: "cnpg-system",
//		API: api, Sink: sink})
//
// # What is read
//
// The containers of the pods with cnpg.io/podRole=instance in Scope, and of
// those with app.kubernetes.io/name=cloudnative-pg in OperatorNamespace, from
// the start of each container. Of a container that was restarted the log of the
// one before is read as well; of older ones the kubelet keeps none, which is an
// event (log.gap). A stream that breaks is opened again where it was, and no
// line is recorded twice. At the end the logs are read once more, up to then.
//
// A log is read by the name of its pod, and its stream does not say whose it is.
// So the pod is looked at before and after a stream is opened: if it is another
// one, or its container was restarted meanwhile, nothing is read from it.
//
// # What is recorded
//
// What the rules keep: rules.yaml is the default set and shows how they are
// written. Lines are JSON objects; what is none is recorded with its text as msg,
// and with the level that klog, or the word panic, give it. At most 16 KiB of a
// line are kept, and 1 MiB is read of it.
//
// The lines of one run may take Budget bytes. A quarter of it is reserved for
// warnings, errors and what is no JSON. What is beyond is counted, not recorded.
//
// # Events
//
// Their source is log. The object of lines and gaps is the pod (with no UID).
//
//	log              {namespace, pod, container, level, logger, msg, ts, at, truncated, fields}
//	log.gap          {namespace, pod, container, reason, restarts}
//	log.unavailable  {namespace, pod, container, reason}  each reason once
//	log.overflow     {lines_read, lines_kept, lines_filtered, lines_dropped, bytes_kept, bytes_dropped, bytes_budget}
//	log.summary      the same, at the end
//
// ts is when the line was written by its writer's clock, at when the container
// runtime took it by the node's, both RFC 3339. They are the same where the line
// does not say. Its Time is when it was received and its NotBefore the start of
// the trace, for the log may be older. fields is what else was in the object;
// levels are in lower case, and warning and error are written out.
//
// What the API server denies is written down as a stream of pods/log that is
// denied, and so is in the certificate.
package logs
