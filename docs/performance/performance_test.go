package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func committed() map[string]float64 {
	all := map[string]float64{}
	for i, q := range ratios {
		all[q.name] = 0.5 + float64(i)
	}
	return all
}

func TestTheGuard(t *testing.T) {
	first := ratios[0]
	for _, tc := range []struct {
		name   string
		change func(committed, measured map[string]float64)
		want   string // of the error; "" none
	}{
		{"lets pass what is as it was", func(_, _ map[string]float64) {}, ""},
		{"lets pass what is better", func(_, m map[string]float64) { m[first.name] /= 10 }, ""},
		{"lets pass what is just tolerated", func(_, m map[string]float64) { m[first.name] *= first.tolerance }, ""},
		{"finds what is worse than tolerated", func(_, m map[string]float64) { m[first.name] *= first.tolerance * 1.01 },
			first.name + ": 0.909, was 0.5, up to 0.9 is tolerated"},
		{"finds each one that is worse", func(_, m map[string]float64) {
			for name := range m {
				m[name] *= 10
			}
		}, ratios[len(ratios)-1].name},
		{"finds what was not measured", func(_, m map[string]float64) { m[first.name] = math.NaN() },
			"could not be measured"},
		{"finds what is missing in this run", func(_, m map[string]float64) { delete(m, first.name) },
			"could not be measured"},
		{"finds what was never committed", func(c, _ map[string]float64) { delete(c, first.name) }, "run make bench"},
		{"finds what nobody measures any more", func(c, _ map[string]float64) { c["old"] = 1 },
			"has old, which nobody measures"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			was := committed()
			is := maps.Clone(was)
			tc.change(was, is)
			report, err := compareRatios(was, is)
			if tc.want == "" && err != nil {
				t.Fatal(err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			for _, q := range ratios {
				if !strings.Contains(report, q.name) {
					t.Errorf("the report does not say how %s is", q.name)
				}
			}
		})
	}
}

func TestTheCommittedRatiosAreThoseThatAreMeasured(t *testing.T) {
	text, err := os.ReadFile("ratios.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]float64
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if report, err := compareRatios(all, all); err != nil {
		t.Errorf("%v\n%s", err, report)
	}
}

func TestABarIsMetAtEqualityOnly(t *testing.T) {
	most, least := bar{bound: 2}, bar{bound: 2, atLeast: true}
	for _, tc := range []struct {
		measured    float64
		most, least bool
	}{
		{1.999, true, false}, {2, true, true}, {2.001, false, true}, {math.NaN(), false, false}, {math.Inf(1), false, true},
	} {
		if got := most.met(tc.measured); got != tc.most {
			t.Errorf("at most 2, measured %v: met %v", tc.measured, got)
		}
		if got := least.met(tc.measured); got != tc.least {
			t.Errorf("at least 2, measured %v: met %v", tc.measured, got)
		}
	}
}

func TestTheTableOfBars(t *testing.T) {
	fixed := func(v float64) func(*results, plan) float64 { return func(*results, plan) float64 { return v } }
	bars := []bar{
		{"fast", "the whole: wall", 1.5, false, seconds, fixed(1.4)},
		{"small", "… its peak memory", 256 * mega, false, megabytes, fixed(300 * mega)},
		{"never", "something else", 20, true, times, fixed(math.NaN())},
	}
	notes := missed("# Head\n\n## fast\n\nNot to be shown.\n\n## small\n\nThe profile.\n\n## never\n\nNo time.\n")
	table, err := barTable(bars, &results{}, plan{}, notes)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| the whole: wall | ≤ 1.5 s | 1.4 s | yes |", "| … its peak memory | ≤ 256 MB | 300 MB | **no** |",
		"| something else | ≥ 20 × | not measured | **no** |", "1 of 3 bars are met.",
		"### Missed: the whole, its peak memory\n\nBar ≤ 256 MB, measured 300 MB. The profile.", "No time.",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no %q:\n%s", want, table)
		}
	}
	if strings.Contains(table, "Not to be shown") {
		t.Errorf("a bar that is met has its old excuse:\n%s", table)
	}
	delete(notes, "small")
	if _, err := barTable(bars, &results{}, plan{}, notes); err == nil || !strings.Contains(err.Error(), "small") {
		t.Errorf("error %v, want one that names the bar that nothing is written about", err)
	}
}

func TestBarsHaveKeysOfTheirOwn(t *testing.T) {
	text, err := os.ReadFile("missed.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, p := range []plan{fullPlan, quickPlan} {
		clear(known)
		for _, b := range p.bars() {
			if known[b.key] {
				t.Errorf("two bars are called %s", b.key)
			}
			known[b.key] = true
			if b.met(b.measured(&results{}, p)) {
				t.Errorf("%s is met by what was not measured", b.key)
			}
		}
	}
	for key := range missed(string(text)) {
		if !known[key] {
			t.Errorf("missed.md has a section %s, but no bar is called that", key)
		}
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0012345: "0.00123", 0.05: "0.05", 1.5: "1.5", 12.345: "12.3", 123.45: "123", 1234.5: "1230",
		123456: "123000", math.NaN(): "not measured", 20000: "20000",
	} {
		if got := number(v, ""); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

func TestCapacityFollowsFromWhatWasMeasured(t *testing.T) {
	r := &results{
		Figures: map[string]figure{"many/" + wholeSet: {CPU: 86.4, Wall: 50, Peak: 1e8, Runs: 1}},
		Values:  map[string]float64{"many": 1000, "many bytes": 64e6, "verdict bytes": 36e3},
		Words:   map[string]string{"machine": "a machine"},
	}
	c := planned(r)
	for _, q := range []struct {
		what      string
		got, want float64
	}{
		{"CPU of a run", c.cpu, 0.0864},
		{"cores at work", c.average, 0.01},
		{"cores to have", c.cores, 1},
		{"CPU to judge a week", c.week, 6048},
		{"object store", c.stored, 7e9},
		{"disks", c.onDisks, 21e9},
	} {
		if math.Abs(q.got-q.want) > 1e-9*q.want {
			t.Errorf("%s: %v, want %v", q.what, q.got, q.want)
		}
	}
	page := capacityPage(r)
	for _, want := range []string{"| object store |", "7 GB", "86.4 ms", "a machine"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "%!") {
		t.Errorf("the page is not filled in:\n%s", page)
	}
}

func TestDocsReliabilityHasWhatIsTakenOver(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	r := &results{Values: map[string]float64{}}
	if err := r.fromReliability(); err != nil {
		t.Fatal(err)
	}
	if r.Values["live rate"] <= 0 || r.Values["recorder to kubectl"] <= 0 {
		t.Errorf("took over %v", r.Values)
	}
}

func TestWhoFindsSomethingElseIsNamed(t *testing.T) {
	hand := []finding{{Code: "late", Seq: 7}, {Code: "shrunk", Seq: 5}}
	if err := agree(map[string][]finding{sameByHand: hand, "jq": {hand[1], hand[0]}}); err != nil {
		t.Errorf("another order is no other finding: %v", err)
	}
	err := agree(map[string][]finding{sameByHand: hand, "jq": hand[:1]})
	if err == nil || !strings.Contains(err.Error(), "jq") {
		t.Errorf("error %v, want one that names jq", err)
	}
}

// The rest of this test's program is a small process that starts others.
func TestMain(m *testing.M) {
	flag.Parse()
	if args := flag.Args(); len(args) > 1 && args[0] == stepWord {
		if err := step(context.Background(), args[1], args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestAProcessIsMeasuredWithItsExitCode(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		ctx: t.Context(), dir: t.TempDir(), tools: tools{self: self},
		plan: plan{rounds: 2, patience: 60, limit: time.Minute},
	}
	shell := func(name, script string, codes ...int) contender {
		return contender{name: name, args: []string{"sh", "-c", script}, codes: codes, found: foundInJSON}
	}
	figures, found, err := b.contest([]contender{shell("finds", `echo '[{"code":"late","seq":3}]'; exit 1`, 1)})
	if err != nil {
		t.Fatal(err)
	}
	f := figures["finds"]
	if f.Runs != 2 || f.Wall <= 0 || f.Peak <= 0 || len(found["finds"]) != 1 {
		t.Errorf("figure %+v, found %v", f, found)
	}
	_, _, err = b.contest([]contender{shell("fails", "exit 2", 1)})
	if err == nil || !strings.Contains(err.Error(), "fails ended with exit code 2") {
		t.Errorf("error %v, want one about the exit code", err)
	}
	b.plan.limit = time.Second
	figures, _, err = b.contest([]contender{shell("sleeps", "sleep 600")})
	if f, took := figures["sleeps"]; err != nil || !took || f.Runs != 0 {
		t.Errorf("figures %+v, error %v, want none of who sleeps", figures, err)
	}
	b.plan.limit = time.Minute
	_, _, err = b.contest([]contender{shell("babbles", "echo hello")})
	if err == nil || !strings.Contains(err.Error(), "babbles") {
		t.Errorf("error %v, want one about an answer that cannot be read", err)
	}
	var missing *os.PathError
	if err := step(t.Context(), "events", []string{"nowhere.db"}); !errors.As(err, &missing) {
		t.Errorf("error %v, want one about the file", err)
	}
}

func TestResultsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	r, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Figures["a/b"] = figureOf([]sample{{Wall: 3, CPU: 1}, {Wall: 1, CPU: 2}, {Wall: 2, CPU: 9}})
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	again, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	if f := again.Figures["a/b"]; f.Wall != 2 || f.CPU != 2 || f.Low != 1 || f.Runs != 3 {
		t.Errorf("read back %+v", f)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("{"), 3), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readResults(path); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}
