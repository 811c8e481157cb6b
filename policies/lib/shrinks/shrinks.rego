# METADATA
# title: Shrinks
# description: What becomes of a shrink that an episode of the view episode met.
# scope: package
package lib.shrinks

import data.lib.recovery

# METADATA
# description: That a shrink is completed within allowed ns after the episode, as an obligation of lib.recovery.
completion(episode, shrink, code, allowed) := recovery.judge(episode, {
	"code": code, "subject": shrink.role, "since": recovery.latest([recovery.over(episode), shrink.begin]),
	"answers": [shrink.end | shrink.closed], "allowed": allowed, "kinds": set(), "about": {shrink.begin.seq},
})

# METADATA
# description: |
#   The status says at the end why a shrink is not completed: the Cluster in its
#   phaseReason, or the sizing status of the group in its message.
explained(episode, _) if episode.health[count(episode.health) - 1].phase_reason != ""

explained(episode, shrink) if {
	some group in episode.storage
	group.role == shrink.role
	group.tablespace == shrink.tablespace
	group.after.message != ""
}
