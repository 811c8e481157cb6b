// Package broker is how a NATS server of somebody else is reached: address,
// identity and encryption, the same for whoever records, collects or sends marks.
//
//	o := broker.Options{URL: "tls://nats.example.com:4222", CredsFile: "recorder.creds"}
//	if err := o.Validate(); err != nil { … }
//	nc, err := o.Connect("hindsight recorder", nats.MaxReconnects(-1))
//
// # Identity
//
// One of: a credentials file (JWT and seed, as nsc makes it), a file with the
// seed of an nkey, a file with a token, a client certificate, or user and
// password in the URL. Secrets are read from files, because the arguments of a
// program are no secret on its machine; for the same reason user and password in
// the URL are only good enough for tests. No error and no notice has a password.
//
// # Encryption
//
// With tls:// in the URL or an authority in CAFile the connection is encrypted or
// not made. Otherwise it is as the server wants it; [Plain] tells whether what is
// recorded crosses a network that others can read.
package broker
