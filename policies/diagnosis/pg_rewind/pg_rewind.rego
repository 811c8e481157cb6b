# METADATA
# title: pg_rewind lacks a WAL record
# description: |
#   After a failover the former primary has to go back to where the timelines part.
#   pg_rewind reads its WAL for that, and cannot if the server has recycled it: when
#   the disk was filled through SQL, or wal_keep_size is small. The instance starts
#   again and again and never follows. Only its log proves that; without logs
#   nothing is named.
#
#   It is the way of the test: fill the disk with a file, or keep more WAL.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-pg-rewind
#   class: diagnosis
#   view: wait
#   requirement: Failure mode pg_rewind's missing WAL record
#   reasons:
#     missing_wal: an instance could not follow the new primary, because the WAL that pg_rewind needs was recycled
#   rows:
#     - doc: results
#       row: pg_rewind could not find previous WAL record
package diagnosis.pg_rewind

import data.lib.waits

blame contains {
	"class": "test", "reason": "missing_wal", "seq": {seq | some seq in wait.seq}, "from_ns": wait.begin.ns,
	"until_ns": wait.until_ns, "instance": wait.instance, "lsn": wait.lsn, "failures": wait.count,
	"said": wait.message,
} if {
	some wait in input.rewinds
	waits.least(wait) > data.params["diagnosis-pg-rewind"].rewind_ns
}
