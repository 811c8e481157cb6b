# METADATA
# title: Planned growth
# description: What usage asks of planned growth, and what came of it, in the view pressure.
# scope: package
package lib.growth

import data.lib.usage

# METADATA
# description: |
#   The spans in which planned growth is due and allowed, by index: the maintenance
#   window is open and a planned action is left.
waiting(doc, params) := {i: pressure |
	some i, pressure in usage.pressed(doc, params)
	usage.due(pressure, params)
	pressure.span.window_open
	usage.planned_left(pressure)
}

# METADATA
# description: The spans of these in which no emergency growth is due instead.
planned(waits) := {i: pressure | some i, pressure in waits; not is_emergency(pressure)}

# METADATA
# description: Whether a span calls for emergency growth, if that is allowed otherwise.
is_emergency(pressure) if {
	pressure.critical
	pressure.spec.emergency_enabled
}

# METADATA
# description: |
#   What excuses that planned growth takes longer, by span: planned growth shortly
#   before (cooldown), or a disruption (disrupted).
excused(waits, params) := object.union(
	{i: "cooldown" |
		some i, pressure in waits
		pressure.status.action_kind == "ScheduledGrow"
		pressure.span.ns < pressure.status.action_at_ns + params.cooldown_ns
	},
	usage.disruptions(waits),
)

# METADATA
# description: The actions of planned growth, with the sizes that the usage near them asked for.
actions(doc, params) := [object.union(action, {"sizes": usage.sizes(action)}) |
	some action in usage.grown(doc, "ScheduledGrow", params)
]

# METADATA
# description: Whether an action was to a size that the usage asked for.
is_right(action) if {
	action.rise.to >= action.sizes.least
	action.rise.to <= action.sizes.most
}
