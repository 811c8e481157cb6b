package policies_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/hindsight-project/hindsight/verifier/policy"
)

// The file is what vanilla OPA is given; the verifier makes its own.
func TestTheCapabilitiesFileIsWhatTheVerifierAllows(t *testing.T) {
	raw, err := json.Marshal(policy.Capabilities())
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	withoutProse(all)
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	const name = "capabilities.json"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is out of date; write it again with UPDATE=1 go test ./policies", name)
	}
}

// withoutProse removes OPA's manual from its signatures.
func withoutProse(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "description")
		delete(v, "categories")
		for _, part := range v {
			withoutProse(part)
		}
	case []any:
		for _, part := range v {
			withoutProse(part)
		}
	}
}

// Suites write the containers of a spec before its text.
func TestASpecIsRecognisedWithItsContainersAndWithout(t *testing.T) {
	drain := loaded().Policy("scenario-node-drain")
	const text = "recovers growth operation after node drain"
	for title, want := range map[string]bool{
		text: true,
		"Dynamic storage [P0] Node drain during growth " + text: true,
		"Node drain during growth":                              false,
		text + " and then some":                                 false,
		"never" + text:                                          false,
		"":                                                      false,
	} {
		if got := drain.IsOfSpec(title); got != want {
			t.Errorf("%q: recognised is %t, want %t", title, got, want)
		}
	}
}
