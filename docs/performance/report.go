package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report writes the documents of everything that is known.
func (b *bench) report() error {
	if err := b.r.fromReliability(); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(here, "missed.md"))
	if err != nil {
		return err
	}
	page, silent := b.page(missed(string(text)))
	capacity := capacityPage(b.r)
	if b.o.quick && b.o.out == "" {
		fmt.Print(page)
		return nil
	}
	out := b.o.out
	if out == "" {
		out = "docs"
	}
	files := map[string]string{
		filepath.Join(out, "performance.md"): page,
		filepath.Join(out, "capacity.md"):    capacity,
	}
	quotients := measuredRatios(b.r)
	if !slices.ContainsFunc(slices.Collect(maps.Values(quotients)), math.IsNaN) { // else the old ones stay
		text, err := json.MarshalIndent(quotients, "", "  ")
		if err != nil {
			return err
		}
		files[filepath.Join(out, "performance", "ratios.json")] = string(text) + "\n"
	}
	for path, text := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	if b.o.quick { // the bars are about longer histories
		return nil
	}
	return silent
}

// page is docs/performance.md; the error is about bars, see barTable.
func (b *bench) page(notes map[string]string) (string, error) {
	bars, err := barTable(b.plan.bars(), b.r, b.plan, notes)
	w := b.r.Words
	var p strings.Builder
	fmt.Fprintf(&p, pageHead, w["machine"], w["go"], w["version opa"], w["version conftest"], w["version jq"],
		w["version gojq"], w["version DuckDB"], w["version zstd"], bars)
	fmt.Fprintf(&p, pageJudgement, b.r.value("faults found"), w["who agrees"])
	for _, name := range recorded {
		b.sideBySide(&p, name, name+", a recording of a real cluster", "lean", "whole")
	}
	for _, s := range b.plan.sizes {
		title := fmt.Sprintf("%s: %d events", s.name, s.events)
		if s.quiet > 0 {
			title += ", most of them heartbeats"
		}
		forms := []string{"lean"}
		if s.whole {
			forms = append(forms, "whole")
		}
		b.sideBySide(&p, s.name, title, forms...)
	}
	b.storageTable(&p)
	b.restTable(&p)
	return p.String(), err
}

// peerNames in the order of the tables.
var peerNames = []string{"opa eval", "conftest", "jq", "gojq", "DuckDB"}

// sideBySide writes the figures of one history.
func (b *bench) sideBySide(p *strings.Builder, in, title string, forms ...string) {
	if _, ok := b.r.Figures[in+"/"+wholeSet]; !ok {
		return
	}
	fmt.Fprintf(p, "\n### %s\n\n| who | judges | wall | CPU | peak | CPU / hand-written | rounds |\n", title)
	p.WriteString("|---|---|--:|--:|--:|--:|--:|\n")
	hand := b.r.figure(in + "/" + sameByHand).CPU
	row := func(who, what string, f figure) {
		if f.Runs == 0 {
			fmt.Fprintf(p, "| %s | %s | not within %s | | | | |\n", who, what, b.plan.limit)
			return
		}
		fmt.Fprintf(p, "| %s | %s | %s | %s | %s | %s | %d |\n", who, what, seconds(f.Wall), seconds(f.CPU),
			megabytes(f.Peak), times(f.CPU/hand), f.Runs)
	}
	for _, name := range []string{wholeSet, sixOfThem, onePolicy} {
		what, _ := strings.CutPrefix(name, "verifier check, ")
		row("**verifier check**", what, b.r.figure(in+"/"+name))
	}
	row("**verifier check**", "**the judgement**", b.r.figure(in+"/"+sameByUs))
	row("hand-written Go, same reader", "the judgement", b.r.figure(in+"/"+sameByHand))
	for _, form := range forms {
		for _, name := range peerNames {
			if f, ok := b.r.Figures[in+"/"+form+"/"+name]; ok {
				row(name, "the judgement, "+form, f)
			}
		}
		size := b.r.value(fmt.Sprintf("lines bytes %s %s", in, form))
		fmt.Fprintf(p, "|  | *%s: %s of JSON* | | | | | |\n", form, megabytes(size))
	}
}

// storageTable writes sizes and import.
func (b *bench) storageTable(p *strings.Builder) {
	p.WriteString(pageStorage)
	names := append(slices.Clone(recorded), b.plan.store)
	for _, name := range names {
		n := b.r.value("events " + name)
		packed, trace := b.r.value("packed bytes "+name), b.r.value("trace bytes "+name)
		f := b.r.figure(name + "/recorder import")
		fmt.Fprintf(p, "| %s | %.0f | %s | %s | **%s** | %s | %s | %s |\n", name, n,
			perEvent(b.r.value("log bytes "+name), n), perEvent(packed, n), perEvent(trace, n), times(trace/packed),
			plain(n/f.Wall), megabytes(f.Peak))
	}
	if s := b.find(b.plan.large); b.r.Values["trace bytes "+s.name] > 0 {
		fmt.Fprintf(p, "\nThe trace of %d events is %s, %s an event; packing its log takes too long to compare.\n", s.events,
			megabytes(b.r.value("trace bytes "+s.name)), perEvent(b.r.value("trace bytes "+s.name), float64(s.events)))
	}
}

func perEvent(bytes, events float64) string {
	return number(bytes/events, " B")
}

// restTable writes everything that has one row only.
func (b *bench) restTable(p *strings.Builder) {
	r, many := b.r, b.r.figure("many/"+wholeSet)
	fmt.Fprintf(p, pageRest, b.plan.travel, b.r.value("moments"), millis(r.value("open")),
		millis(r.value("state of one, median")), millis(r.value("state of one, p99")), r.value("objects of a namespace"),
		millis(r.value("state of namespace, median")), millis(r.value("state of namespace, p99")),
		r.value("many"), smallEvents, seconds(many.Wall), seconds(many.CPU), plain(many.CPU/many.Wall), megabytes(many.Peak),
		strings.Join(onStorage, ", "), onStorage[0], millis(r.value("one more policy")))
}
