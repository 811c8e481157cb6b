# METADATA
# title: A maintenance window is no cron expression of six fields
# description: |
#   The schedule of a maintenance window has six fields: second, minute, hour, day of
#   month, month, day of week. One of five is refused by the webhook, and then nothing
#   of it is in the API: only a driver that records the answer shows it. Where no webhook
#   is, it is stored and the window never opens.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-cron-fields
#   class: diagnosis
#   view: wait
#   requirement: Failure mode a cron expression with five fields
#   reasons:
#     five_fields: the schedule has five fields, and six are needed
#     unreadable: the schedule, its duration or its time zone cannot be understood, so that the window never opens
#     refused: the API refused a schedule of five fields
#   rows:
#     - doc: results
#       row: Cron schedule with five fields
package diagnosis.cron_fields

_reason(wait) := "five_fields" if {
	wait.where == "spec"
	wait.fields == 5
}

_reason(wait) := "unreadable" if {
	wait.where == "spec"
	wait.fields != 5
}

_reason(wait) := "refused" if {
	wait.where == "mark"
	wait.fields == 5
}

blame contains {
	"class": "test", "reason": reason, "seq": {seq | some seq in wait.seq}, "from_ns": wait.begin.ns,
	"until_ns": wait.until_ns, "schedule": wait.schedule, "said": wait.text, "role": wait.role,
} if {
	some wait in input.schedules
	not wait.valid
	reason := _reason(wait)
}
