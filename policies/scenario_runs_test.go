package policies_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// Each recording is a run of a scenario on a real cluster by cmd/driver, with the
// sentinel, usage and logs, named scenario-topology; docs/scenarios.md tells how
// they were made. What the verdicts are was checked by hand, and is kept here. The
// released operator does not make a pod for a volume that is being resized, and so
// the scenarios that delete a pod meanwhile end in its deadlock: that is what has
// to be found in them.
func TestRunsOfScenarios(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "scenarios", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var got strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl.zst")
		judgement := evaluate(t, watchlogtest.Import(t, file), views.Names()...)
		fmt.Fprintf(&got, "%s\n", name)
		for _, line := range verdicts(judgement) {
			fmt.Fprintf(&got, "    %s\n", line)
		}
		for _, line := range diagnosed(t, judgement) {
			fmt.Fprintf(&got, "    %s\n", line)
		}
		exercises(t, name, judgement)
	}
	golden.Compare(t, "testdata/scenarios/verdicts.golden", got.String())
}

// verdicts lists the policies that the trace exercises or leaves in doubt, by
// verdict, with codes and reasons where it is not held.
func verdicts(j policy.Judgement) []string {
	by := map[verdict.Level][]string{}
	for _, p := range j.Policies {
		words := map[string]bool{}
		for _, f := range p.Findings {
			words[f.Code] = true
		}
		for _, u := range p.Unknowns {
			if p.Verdict == verdict.Inconclusive {
				words[u.Reason] = true
			}
		}
		text := p.ID
		if len(words) > 0 {
			text += " (" + strings.Join(slices.Sorted(maps.Keys(words)), ", ") + ")"
		}
		if p.Verdict != verdict.Vacuous {
			by[p.Verdict] = append(by[p.Verdict], text)
		}
	}
	var lines []string
	for _, v := range slices.Backward(slices.Sorted(maps.Keys(by))) {
		for _, text := range by[v] {
			lines = append(lines, v.String()+" "+text)
		}
	}
	return lines
}

// exercises demands that the run puts to the test what its scenario is about: the
// disruption has met the operation.
func exercises(t *testing.T, name string, j policy.Judgement) {
	t.Helper()
	for _, s := range scenarios.Library() {
		if !strings.HasPrefix(name, s.Name+"-T") || s.Requirement == "" {
			continue
		}
		for _, p := range j.Policies {
			if p.ID == s.Requirement && p.Exercised == 0 {
				t.Errorf("%s does not exercise %s", name, p.ID)
			}
		}
		return
	}
}
