package report_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func TestCTRF(t *testing.T) {
	golden.Compare(t, "testdata/sample.ctrf.json", write(t, "ctrf", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.ctrf.json", write(t, "ctrf", held(), report.Options{}))
}

// The schema is that of the format's authors, see testdata/ctrf/LICENSE.
func TestCTRFMatchesItsSchema(t *testing.T) {
	text, err := os.ReadFile("testdata/ctrf/ctrf-schema-0.0.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := golden.Schema(t, text)
	for name, run := range map[string]verdict.Run{"sample": sample(), "held": held(), "empty": {}} {
		if err := schema.Validate(golden.JSON(t, write(t, "ctrf", run, report.Options{}))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCTRFPassesOnlyWhatHeld(t *testing.T) {
	for undecided, want := range map[report.Undecided]string{
		report.Failure: "failed", report.Errored: "failed", report.Skipped: "skipped",
	} {
		var out struct {
			Results struct {
				Summary map[string]any
				Tests   []struct{ TestID, Status, RawStatus, Message string }
			}
		}
		if err := json.Unmarshal(write(t, "ctrf", sample(), report.Options{Undecided: undecided}), &out); err != nil {
			t.Fatal(err)
		}
		counts := map[string]float64{}
		for _, test := range out.Results.Tests {
			counts[test.Status]++
			if (test.Status == "passed") != (test.RawStatus == "held") || (test.Status != "passed") != (test.Message != "") {
				t.Errorf("%+v", test)
			}
			if test.TestID == "growth/no-data-loss" && test.Status != want {
				t.Errorf("undecided %s: %+v", undecided, test)
			}
		}
		for _, status := range []string{"passed", "failed", "skipped"} {
			if out.Results.Summary[status] != counts[status] {
				t.Errorf("the summary %v does not count the tests %v", out.Results.Summary, counts)
			}
		}
	}
}
