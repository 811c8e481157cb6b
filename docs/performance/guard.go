package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/docs/performance/judgement"
)

// A ratio is better the lower it is.
type ratio struct {
	name string
	// tolerance is how many times the committed value it may be: CPU times of short
	// processes differ by a third between two runs on a busy machine, sizes do not.
	tolerance float64
	of        func(*results) float64
}

// lowOver is a ratio of the lowest CPU times of two contenders.
func lowOver(one, other string) func(*results) float64 {
	return func(r *results) float64 { return r.Figures["guard/"+one].Low / r.Figures["guard/"+other].Low }
}

var ratios = []ratio{
	{"CPU of the judgement, verifier to hand-written, 40k events", 1.8, lowOver("40k/"+sameByUs, "40k/"+sameByHand)},
	{"CPU of all policies to the hand-written judgement, 40k events", 1.8, lowOver("40k/"+wholeSet, "40k/"+sameByHand)},
	{"CPU of all policies, 40k to 10k events", 1.6, lowOver("40k/"+wholeSet, "10k/"+wholeSet)},
	{"CPU of the judgement, verifier to opa eval, 10k lean events", 1.8, lowOver("10k/"+sameByUs, "10k/opa eval")},
	{"peak memory of all policies, 40k to 10k events", 1.6, func(r *results) float64 {
		return r.Figures["guard/40k/"+wholeSet].Peak / r.Figures["guard/10k/"+wholeSet].Peak
	}},
	{"size of the trace to its log in zstd, 10k events", 1.05, func(r *results) float64 {
		return r.Values["guard trace bytes"] / r.Values["guard packed bytes"]
	}},
}

// ratiosFile is what the last run of make bench has left.
var ratiosFile = filepath.Join(here, "ratios.json")

// measureGuard measures what the ratios are of.
func (b *bench) measureGuard() error {
	small, large := size{name: "10k", events: 10_000}, size{name: "40k", events: 40_000}
	for _, s := range []size{small, large} {
		trace, err := b.generated(s)
		if err != nil {
			return err
		}
		all := []contender{b.verifier(wholeSet, trace), b.judgementByUs(trace), b.byHand(trace)}
		if s == small {
			lines, document, err := b.exported(input{name: s.name, trace: trace}, judgement.Lean)
			if err != nil {
				return err
			}
			all = append(all, b.peers(lines, document, true)[0])
		}
		watched := *b
		watched.plan.rounds, watched.plan.patience = 5, 60
		figures, found, err := watched.contest(all)
		if err != nil {
			return err
		}
		if err := agree(found); err != nil {
			return err
		}
		for name, f := range figures {
			b.r.Figures["guard/"+s.name+"/"+name] = f
		}
	}
	return b.weighGuard(small.name)
}

// weighGuard compares sizes with one program for all machines, not the best of each.
func (b *bench) weighGuard(name string) error {
	log, packed, sealed := b.path(name+".log.jsonl"), b.path("guard.zst"), b.path(name+".db")
	for _, args := range [][]string{{"log", sealed, log}, {"pack", log, packed}} {
		if _, err := b.step(args[0], args[1:]...); err != nil {
			return err
		}
	}
	for what, path := range map[string]string{"guard trace bytes": sealed, "guard packed bytes": packed} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		b.r.Values[what] = float64(info.Size())
	}
	return nil
}

// measuredRatios are those of this run.
func measuredRatios(r *results) map[string]float64 {
	all := map[string]float64{}
	for _, q := range ratios {
		all[q.name] = q.of(r)
	}
	return all
}

// keepWatch measures, and compares with what is committed.
func (b *bench) keepWatch() error {
	text, err := os.ReadFile(ratiosFile)
	if err != nil {
		return fmt.Errorf("there is nothing to compare with, run make bench: %w", err)
	}
	var committed map[string]float64
	if err := json.Unmarshal(text, &committed); err != nil {
		return fmt.Errorf("%s: %w", ratiosFile, err)
	}
	if err := b.measureGuard(); err != nil {
		return err
	}
	report, err := compareRatios(committed, measuredRatios(b.r))
	fmt.Print(report)
	return err
}

// compareRatios says how each ratio is against what is committed. The error names
// those that are worse than is tolerated.
func compareRatios(committed, measured map[string]float64) (string, error) {
	var report strings.Builder
	var worse []string
	for _, q := range ratios {
		was, known := committed[q.name]
		is := measured[q.name]
		switch {
		case !known || was <= 0:
			worse = append(worse, q.name+" is not in "+ratiosFile+": run make bench")
		case !(is > 0): // a figure is missing, or 0/0
			worse = append(worse, q.name+" could not be measured")
		case is > was*q.tolerance:
			worse = append(worse, fmt.Sprintf("%s: %.3g, was %.3g, up to %.3g is tolerated", q.name, is, was, was*q.tolerance))
		}
		fmt.Fprintf(&report, "%-62s %8.3g  committed %8.3g  tolerated %8.3g\n", q.name, is, was, was*q.tolerance)
	}
	for name := range committed {
		if !slices.ContainsFunc(ratios, func(q ratio) bool { return q.name == name }) {
			worse = append(worse, ratiosFile+" has "+name+", which nobody measures: run make bench")
		}
	}
	if len(worse) == 0 {
		return report.String(), nil
	}
	return report.String(), errors.New("slower or larger than it was:\n  " + strings.Join(worse, "\n  ") +
		"\nfind out why; if it has to be so, make bench writes the new ratios")
}
