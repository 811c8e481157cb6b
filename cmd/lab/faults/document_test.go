package faults

import (
	"strings"
	"testing"
	"time"
)

// What is not met stands in the document, and what is met does too.
func TestTheDocumentSaysWhichBarsAreMet(t *testing.T) {
	row := func(f Figures) Result {
		return Result{ID: "cut", Title: "cut", Order: []string{nameRecorder}, By: map[string]Figures{nameRecorder: f}}
	}
	good := Figures{Truth: 10, Seen: 8, Held: 8, HeldSeen: 8, Gaps: 1, RealGaps: 1}
	bad := good
	bad.HeldSeen, bad.Undeclared, bad.Peak = 7, 2, memoryBound+1
	for _, c := range []struct {
		says      string
		report    Report
		met, want []string
	}{
		{"all is well", Report{Results: []Result{row(good)}}, []string{"100 % of the versions", "every fault"}, nil},
		{"versions are missing", Report{Results: []Result{row(bad)}}, []string{"no false event"}, []string{
			"| 100 % of the versions that history still held | 87.50 %, 1 of 8 are missing | **no** |",
			"| every missing version is in a declared gap (recall 1.0) | 2 missing, 2 of them in no gap | **no** |",
			"- cut: 2 missing versions are in no declared gap", "- cut: the recorder used 256 MB",
		}},
		{"a row came to no end", Report{Results: []Result{{ID: "kill", Title: "kill", Broken: "stuck"}}}, nil,
			[]string{"0 of 1 rows | **no** |", "- kill: stuck"}},
		{"it is slow and large", Report{Costs: &Costs{Durable: 1549, Rounds: [][]Cost{{
			{PerEvent: time.Millisecond, Peak: 3 << 20}, {PerEvent: 2 * time.Millisecond, Peak: 2 << 20},
		}}}}, []string{"processor time"}, []string{
			"1549, with 0.00 ms of the recorder's processor time each | **no** |", "1.50 in the worst round | **no** |",
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			var b strings.Builder
			if err := c.report.Write(&b); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("not said: %s\n%s", want, b.String())
				}
			}
			for _, met := range c.met {
				if !strings.Contains(b.String(), "| "+met) || !strings.Contains(lineWith(b.String(), "| "+met), "| yes |") {
					t.Errorf("not met: %s", met)
				}
			}
			if (len(c.report.Missed()) == 0) != (len(c.want) == 0) {
				t.Errorf("missed are %v", c.report.Missed())
			}
		})
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}
