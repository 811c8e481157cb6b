package report_test

import (
	"encoding/json"
	"net/url"
	"os"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func TestSARIF(t *testing.T) {
	golden.Compare(t, "testdata/sample.sarif", write(t, "sarif", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.sarif", write(t, "sarif", held(), report.Options{}))
}

// The official schema may not be copied. Ours, of the part that we write, says
// what the standard demands of it, and refuses every key that the standard does
// not have. docs/reports.md tells with what the goldens were validated besides.
func TestSARIFHasTheStructureThatTheStandardDemands(t *testing.T) {
	text, err := os.ReadFile("testdata/sarif-subset.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := golden.Schema(t, text)
	for name, run := range map[string]verdict.Run{"sample": sample(), "held": held(), "empty": {}} {
		if err := schema.Validate(golden.JSON(t, write(t, "sarif", run, report.Options{}))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSARIFKindsFingerprintsAndReferences(t *testing.T) {
	run := sample()
	run.Traces[0].File = "/tests/a b.db"
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID, Kind, Level string
				RuleIndex           int
				Fingerprints        map[string]string `json:"partialFingerprints"`
				Properties          struct{ Verdict string }
				Suppressions        []struct{ Kind string }
			}
			Artifacts []struct{ Location struct{ URI string } }
		}
	}
	if err := json.Unmarshal(write(t, "sarif", run, report.Options{}), &log); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{
		"held": "pass", "violated": "fail", "inconclusive": "open", "vacuous": "notApplicable", "error": "open",
	}
	for _, r := range log.Runs {
		seen := map[string]bool{}
		for _, result := range r.Results {
			if r.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
				t.Errorf("%s points to the rule %d", result.RuleID, result.RuleIndex)
			}
			if result.Kind != kinds[result.Properties.Verdict] || (result.Kind == "fail") == (result.Level == "none") {
				t.Errorf("%+v", result)
			}
			print := result.Fingerprints["hindsight/v1"]
			if print == "" || seen[print] {
				t.Errorf("the fingerprint %q is not unique", print)
			}
			seen[print] = true
			waived := print == "policy-bounds/shrunk/bd77ba81" || result.RuleID == "convergence-resumes"
			if waived != (len(result.Suppressions) > 0) {
				t.Errorf("%s: suppressed: %v", print, result.Suppressions)
			}
		}
	}
	u, err := url.Parse(log.Runs[0].Artifacts[0].Location.URI)
	if err != nil || u.Path != "/tests/a b.db" || u.Scheme != "file" {
		t.Errorf("the location is %v, %v", u, err)
	}
}
