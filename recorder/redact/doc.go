// Package redact takes out of events what must not leave the recorder: by the
// place of a value, or by what it looks like. It is applied before an event is
// handed to the bus, so neither the bus nor the trace ever has it.
//
//	rules, err := redact.Parse(redact.Defaults, `pods:spec.containers[*].env[*].value`)
//	event.Data = rules.Apply(event)
//
// What is taken out is replaced by the string "[redacted]", so that a reader sees
// that something was there; the rest of the object stays as the API server sent
// it, byte for byte. The header of the trace has the rules, and how many values
// each has taken out. Rules are recorded as they are written: describe the
// secret in them, never name it.
//
// Of an object in whose last version there was nothing to take out only what has
// changed since is looked at: the last versions, up to 16 MiB, are kept for that.
//
// # Rules
//
//	[WHAT:]PATH      every value at the path, whatever it is
//	[WHAT]~REGEXP    what the expression (RE2) matches within any string; if it has
//	                 a group, only what the first group matches
//
// WHAT is a resource as in pods or clusters.postgresql.cnpg.io, the type of an
// event that has no object (mark, sentinel.read …), or * for all, which is also
// what is meant without it; log lines are of type log. A PATH begins at the top of
// the object and has segments between dots:
//
//	spec                    a member; * and ? stand for any characters, any one
//	[example.com/*]         the same, for names with dots: metadata.annotations[example.com/*]
//	[*]                     every element of an array
//	[name=*KEY*|*TOKEN*]    elements of an array that have such a member, in any case
//	**                      any number of levels, or none
//
// Annotations named kubectl.kubernetes.io/last-applied-configuration hold the
// object a second time, as text: rules by path apply inside of them as well.
//
// # What stays
//
// Names of members are never changed. Neither are apiVersion, kind, and of
// metadata the name, namespace, uid, resourceVersion, generation, owners and
// times, nor the resourceVersions of gaps and streams: without them there is no
// history. A rule by path that can mean nothing else is refused.
//
// # Defaults
//
// [Defaults] are always applied unless they are switched off: passwords in URLs,
// behind password=, private keys in PEM, JSON web tokens, and the values of
// environment variables whose names say password, passwd, secret, token,
// credential or API key.
//
// Secrets are not recorded at all, whatever the rules say.
package redact
