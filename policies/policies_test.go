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
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	if err := e.Encode(policy.Capabilities()); err != nil {
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
