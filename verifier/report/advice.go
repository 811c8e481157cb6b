package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// doubted is one reason why something is not known, and the policies that give it.
type doubted struct {
	reason, message string
	policies        []string
}

// doubtsOf groups the doubts of a trace by reason, those of most policies first.
func doubtsOf(t verdict.Trace) []doubted {
	var out []doubted
	for _, p := range t.Policies {
		if p.Verdict != verdict.Inconclusive || !p.Counts() {
			continue
		}
		for _, u := range p.Unknowns {
			i := slices.IndexFunc(out, func(d doubted) bool { return d.reason == u.Reason })
			if i < 0 {
				i, out = len(out), append(out, doubted{reason: u.Reason, message: u.Message})
			}
			if !slices.Contains(out[i].policies, p.ID) {
				out[i].policies = append(out[i].policies, p.ID)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b doubted) int { return cmp.Compare(len(b.policies), len(a.policies)) })
	return out
}

// unknown says what the recording does not decide, and what nothing put to the test.
func unknown(t verdict.Trace) []string {
	var out []string
	for _, d := range doubtsOf(t) {
		out = append(out, fmt.Sprintf("%s (%s)", d.message, listed(d.policies, 2)))
	}
	var vacuous []string
	for _, p := range t.Policies {
		if p.Verdict == verdict.Vacuous && p.Counts() {
			vacuous = append(vacuous, p.ID)
		}
	}
	if len(vacuous) > 0 {
		line := fmt.Sprintf("nothing put to the test: %s", listed(vacuous, 4))
		out = append(out[:min(len(out), 3):min(len(out), 3)], line)
	}
	return out
}

// standing counts what held, and how much of it during a disruption.
func standing(t verdict.Trace) []string {
	held, disrupted := 0, 0
	for _, p := range t.Policies {
		if p.Verdict == verdict.Held {
			held++
			if p.Disrupted > 0 {
				disrupted++
			}
		}
	}
	if held == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d %s, %d of them put to the test while a disruption was going on",
		held, plural(held, "policy", "policies"), disrupted)}
}

// listed names the first ones and counts the others.
func listed(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// advice says what would have let the recording decide, by the reason of a doubt.
var advice = map[string]string{
	"no_sentinel": "write and read while it happens: recorder attach --sentinel write",
	"no_read":     "write and read while it happens: recorder attach --sentinel write",
	"no_write":    "write and read while it happens: recorder attach --sentinel write",
	"never_read":  "let the sentinel read once more before the recording ends",
	"no_usage":    "record how full the volumes are: recorder attach --usage-interval, with the operator's log",
	"pending":     "record longer: until the cluster is steady, or the time of the policy is over",
	"deleted":     "record longer before the cluster is deleted: it was still on its way",
}

// following names what to do next: about what is violated first, then about what
// is not known.
func following(t verdict.Trace) []string {
	if t.Error != "" {
		return []string{"recorder inspect " + t.File}
	}
	var out []string
	if p, f := first(t); f != nil {
		out = append(command("verifier repro "+t.File, "--finding "+f.ID+" -o repro"), "verifier explain "+p.ID)
	}
	for _, d := range doubtsOf(t) {
		text := advice[d.reason]
		if d.reason == "gap" || d.reason == "mismatch" || strings.HasSuffix(d.reason, "unseen") {
			text = "recorder inspect " + t.File + " says what was not seen, and why"
		}
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, p := range t.Policies {
		if p.Counts() && p.Verdict != verdict.Held && len(out) < 3 {
			out = append(out, "verifier explain "+p.ID)
		}
	}
	if len(out) == 0 {
		return []string{"nothing: it held"}
	}
	return out[:min(len(out), 3)]
}

// command is a command to copy, on two lines where one is too short.
func command(begin, end string) []string {
	if len(begin)+1+len(end) <= screenColumns-labelColumns {
		return []string{begin + " " + end}
	}
	return []string{begin + ` \`, "  " + end}
}
