// Package pgtest runs real PostgreSQL servers as local processes, for tests.
//
//	primary := pgtest.NewPrimary(t, "pg-1")
//	standby := primary.NewStandby(t, "pg-2")
//	primary.SetSynchronous(t, "*")
//	primary.Kill(t)
//	standby.Promote(t)
//
// A server listens on a loopback port, has its cluster_name as its name, and a
// database app that belongs to the role app, which is no superuser and needs its
// password. A standby streams through a connection that Cut breaks and Mend
// allows again, so that a tail of the log can be lost for certain.
//
// PostgreSQL does not run as root: a test that does uses the user postgres. Where
// PostgreSQL is not installed the test is skipped, unless HINDSIGHT_POSTGRES is
// "required", as it is in continuous integration.
package pgtest
