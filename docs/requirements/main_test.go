package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/verifier/policy"
)

func loaded(t *testing.T) ([]document, *policy.Set) {
	t.Helper()
	documents, set, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return documents, set
}

func TestEveryRequirementHasAPolicy(t *testing.T) {
	for _, err := range check(loaded(t)) {
		t.Error(err)
	}
}

func TestTheDocumentIsCurrent(t *testing.T) {
	committed, err := os.ReadFile(filepath.Join("..", "requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != write(loaded(t)) {
		t.Error("docs/requirements.md is out of date, run make requirements")
	}
}

// A policy that is taken away must leave a hole that is told.
func TestAMissingPolicyIsTold(t *testing.T) {
	documents, set := loaded(t)
	tests := []struct{ without, told string }{
		{"no-data-loss", `no policy judges "No data loss"`},
		{"assert-timing", `no policy makes the assertion "timing"`},
		{"scenario-node-drain", `no policy judges "Node drain during growth"`},
	}
	for _, test := range tests {
		less := *set
		isIt := func(p *policy.Policy) bool { return p.ID == test.without }
		less.Policies = slices.DeleteFunc(slices.Clone(set.Policies), isIt)
		if len(less.Policies) == len(set.Policies) {
			t.Errorf("there is no policy %s", test.without)
		}
		says := func(err error) bool { return strings.Contains(err.Error(), test.told) }
		if !slices.ContainsFunc(check(documents, &less), says) {
			t.Errorf("without %s nothing says: %s", test.without, test.told)
		}
	}
}

// A row that nobody wrote down must not be claimed.
func TestAnUnknownRowIsTold(t *testing.T) {
	documents, set := loaded(t)
	errs := check(documents[1:], set)
	if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), "which there is not") }) {
		t.Errorf("got %v", errs)
	}
}
