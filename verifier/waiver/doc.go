// Package waiver reads files of waivers: what may pass the gate for a while, who
// answers for it, and why.
//
//	waivers:
//	  - policy: policy-bounds        # id; required
//	    verdict: violated            # violated, inconclusive or vacuous; required
//	    code: above_limit            # only this code, or this reason of an unknown
//	    entity: ds/*/PG_DATA         # only entities that match; * is anything but /
//	    owner: storage team          # required
//	    reason: known since the last release, fix is under way   # required
//	    expires: 2026-12-31          # the last day, in UTC; required
//
// A file is refused as a whole, with the line of everything that is wrong: a
// waiver with a misspelt key would cover more than its author meant. What
// waivers do is told in the package verdict.
package waiver
