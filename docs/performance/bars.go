package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// bar is something that was promised.
type bar struct {
	key  string // of its section in missed.md
	work string
	// bound is what measured may be at most, or at least.
	bound   float64
	atLeast bool
	unit    func(float64) string
	// measured is NaN when it was not.
	measured func(*results, plan) float64
}

func (b bar) met(v float64) bool {
	if b.atLeast {
		return v >= b.bound
	}
	return v <= b.bound // not true of NaN
}

func (b bar) text() string {
	if b.atLeast {
		return "≥ " + b.unit(b.bound)
	}
	return "≤ " + b.unit(b.bound)
}

const mega = 1e6 // MB are 10^6 bytes

func wall(in, name string) func(*results, plan) float64 {
	return func(r *results, _ plan) float64 { return r.figure(in + "/" + name).Wall }
}

// cpuOver is a ratio of CPU times on one history.
func cpuOver(in, one, other string) func(*results, plan) float64 {
	return func(r *results, _ plan) float64 { return r.figure(in+"/"+one).CPU / r.figure(in+"/"+other).CPU }
}

func peakOver(in, one, other string) func(*results, plan) float64 {
	return func(r *results, _ plan) float64 { return r.figure(in+"/"+one).Peak / r.figure(in+"/"+other).Peak }
}

func value(name string) func(*results, plan) float64 {
	return func(r *results, _ plan) float64 { return r.value(name) }
}

// figure is all NaN when it was not measured, or not ready in time.
func (r *results) figure(name string) figure {
	if f := r.Figures[name]; f.Runs > 0 {
		return f
	}
	return figure{Wall: math.NaN(), CPU: math.NaN(), Low: math.NaN(), Peak: math.NaN()}
}

func (r *results) value(name string) float64 {
	if v, ok := r.Values[name]; ok {
		return v
	}
	return math.NaN()
}

// slowest recording of a real cluster.
func slowest(r *results, _ plan) float64 {
	worst := 0.0
	for _, name := range recorded {
		worst = math.Max(worst, r.figure(name+"/"+wholeSet).Wall)
	}
	return worst
}

// largest trace of a recording of a real cluster, bytes.
func largest(r *results, _ plan) float64 {
	worst := 0.0
	for _, name := range recorded {
		worst = math.Max(worst, r.value("trace bytes "+name))
	}
	return worst
}

func growth(of func(figure) float64) func(*results, plan) float64 {
	return func(r *results, p plan) float64 {
		return of(r.figure(p.large+"/"+wholeSet)) / of(r.figure(p.small+"/"+wholeSet))
	}
}

// bars of a plan: what they are about is called as in that plan.
func (p plan) bars() []bar {
	big, mid, heavy := p.large, p.small, p.sizes[0].name
	lean, whole := "lean/opa eval", "whole/opa eval"
	return []bar{
		{"check-wall", "`verifier check`, " + big + " events, all policies, cold: wall", 1.5, false, seconds,
			wall(big, wholeSet)},
		{"check-peak", "… its peak memory", 256 * mega, false, megabytes,
			func(r *results, _ plan) float64 { return r.figure(big + "/" + wholeSet).Peak }},
		{"check-hand", "… the same judgement against the hand-written checker, CPU", 2, false, times,
			cpuOver(big, sameByUs, sameByHand)},
		{"check-hand-all", "… all policies against the hand-written checker of three invariants, CPU", 2, false, times,
			cpuOver(big, wholeSet, sameByHand)},
		{"check-100k", "`verifier check`, " + mid + " events, all policies: wall", 0.3, false, seconds,
			wall(mid, wholeSet)},
		{"check-typical", "… a typical recording, the slowest of three: wall", 0.1, false, seconds, slowest},
		{"opa-cpu-lean", "CPU of `opa eval`, " + big + " lean events, to `verifier check`", 20, true, times,
			cpuOver(big, lean, sameByUs)},
		{"opa-peak-lean", "… peak memory", 10, true, times, peakOver(big, lean, sameByUs)},
		{"opa-cpu-whole", "CPU of `opa eval`, " + heavy + " events as recorded, to `verifier check`", 20, true, times,
			cpuOver(heavy, whole, sameByUs)},
		{"opa-peak-whole", "… peak memory", 10, true, times, peakOver(heavy, whole, sameByUs)},
		{"growth", "time(" + big + ") / time(" + mid + "), all policies", 11, false, times,
			growth(func(f figure) float64 { return f.Wall })},
		{"flat", "peak memory(" + big + ") / peak memory(" + mid + ")", 1.25, false, times,
			growth(func(f figure) float64 { return f.Peak })},
		{"one-more", "one more policy on an existing view, CPU per million events", 0.03, false, millis,
			value("one more policy")},
		{"size", "trace of " + p.store + " events / `zstd -19 --long=27` of its log", 0.8, false, times,
			func(r *results, p plan) float64 {
				return r.value("trace bytes "+p.store) / r.value("packed bytes "+p.store)
			}},
		{"size-typical", "sealed trace of a typical recording, the largest of three", 128 * 1024, false, kibibytes, largest},
		{"state-one", "state of one object, " + p.travel + " events: p99", 0.005, false, millis, value("state of one, p99")},
		{"state-namespace", "… of all objects of a namespace: p99", 0.020, false, millis, value("state of namespace, p99")},
		{"import", "`recorder import`, " + p.store + " events, events/s", 20_000, true, plain,
			func(r *results, p plan) float64 {
				return r.value("events "+p.store) / r.figure(p.store+"/recorder import").Wall
			}},
		{"live", "recording a live cluster end to end, events/s ([Reliability](reliability.md))", 5_000, true, plain,
			value("live rate")},
		{"record-cpu", "CPU an event, `recorder attach` / `kubectl get -w -o json` ([Reliability](reliability.md))", 1,
			false, times, value("recorder to kubectl")},
		{"many-cores", "`verifier check` over many small traces: cores at work of 2", 1.7, true, plain,
			func(r *results, _ plan) float64 { f := r.figure("many/" + wholeSet); return f.CPU / f.Wall }},
		{"many-peak", "… its peak memory", 256 * mega, false, megabytes,
			func(r *results, _ plan) float64 { return r.figure("many/" + wholeSet).Peak }},
	}
}

func seconds(v float64) string   { return number(v, " s") }
func millis(v float64) string    { return number(v*1e3, " ms") }
func megabytes(v float64) string { return number(v/mega, " MB") }
func gigabytes(v float64) string { return number(v/1e9, " GB") }
func kibibytes(v float64) string { return number(v/1024, " KiB") }
func hours(v float64) string     { return number(v/3600, " h") }
func times(v float64) string     { return number(v, " ×") }
func plain(v float64) string     { return number(v, "") }

// number has three digits that mean something, and its unit.
func number(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "not measured"
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return "not measured"
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64) + unit
}

// fromReliability takes over what another run has measured on a live cluster.
func (r *results) fromReliability() error {
	text, err := os.ReadFile(filepath.Join("docs", "reliability.md"))
	if err != nil {
		return err
	}
	rate := regexp.MustCompile(`\*\*(\d+) versions a second\*\*`).FindSubmatch(text)
	rounds := regexp.MustCompile(`(?m)^\| \d+ \| [\d.]+ ms \| [\d.]+ ms \| \*\*([\d.]+)\*\*`).FindAllSubmatch(text, -1)
	if rate == nil || len(rounds) == 0 {
		return errors.New("docs/reliability.md has no rate or no rounds beside kubectl where they were looked for")
	}
	if r.Values["live rate"], err = strconv.ParseFloat(string(rate[1]), 64); err != nil {
		return err
	}
	worst := 0.0
	for _, round := range rounds {
		v, err := strconv.ParseFloat(string(round[1]), 64)
		if err != nil {
			return err
		}
		worst = max(worst, v)
	}
	r.Values["recorder to kubectl"] = worst
	return nil
}

// missed is what is written about bars that are not met, by key.
func missed(text string) map[string]string {
	notes := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n## ")[1:] {
		key, note, _ := strings.Cut(part, "\n")
		notes[strings.TrimSpace(key)] = strings.TrimSpace(note)
	}
	return notes
}

// barTable renders the bars, and what is written about those that are missed. The
// error names the missed ones that nothing is written about.
func barTable(bars []bar, r *results, p plan, notes map[string]string) (string, error) {
	var table, about strings.Builder
	var silent []string
	met := 0
	table.WriteString("| work | bar | measured | met |\n|---|--:|--:|---|\n")
	for _, b := range bars {
		v := b.measured(r, p)
		verdict := "yes"
		if b.met(v) {
			met++
		} else {
			verdict = "**no**"
			note, ok := notes[b.key]
			if !ok {
				silent = append(silent, b.key)
				note = "Nothing is written about this yet."
			}
			fmt.Fprintf(&about, "\n### Missed: %s\n\nBar %s, measured %s. %s\n", headline(b.work, bars, b.key), b.text(),
				b.unit(v), note)
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", b.work, b.text(), b.unit(v), verdict)
	}
	fmt.Fprintf(&table, "\n%d of %d bars are met.\n", met, len(bars))
	var err error
	if len(silent) > 0 {
		err = fmt.Errorf("bars are missed, and %s/missed.md has no section about: %s", here, strings.Join(silent, ", "))
	}
	return table.String() + about.String(), err
}

// headline is what a bar is about, with what the bars above it begin.
func headline(work string, bars []bar, key string) string {
	if !strings.HasPrefix(work, "… ") {
		return work
	}
	begin := ""
	for _, b := range bars {
		if !strings.HasPrefix(b.work, "… ") {
			begin, _, _ = strings.Cut(b.work, ":")
		}
		if b.key == key {
			break
		}
	}
	return begin + ", " + strings.TrimPrefix(work, "… ")
}
