package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "performance: %v\n", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	dir      string
	out      string
	sections string
	quick    bool
	guard    bool
}

func run(ctx context.Context, args []string) error {
	if len(args) > 1 && args[0] == stepWord {
		return step(ctx, args[1], args[2:])
	}
	var o options
	flags := flag.NewFlagSet("performance", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "", "keep traces and figures here (default: a temporary directory)")
	flags.StringVar(&o.out, "out", "", "write the documents below this directory (default: docs, with -quick none)")
	flags.StringVar(&o.sections, "sections", "", "measure these only, separated by commas (default: all)")
	flags.BoolVar(&o.quick, "quick", false, "small histories; prints what it finds")
	flags.BoolVar(&o.guard, "guard", false, "compare ratios with those of the last run of make bench")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := begin(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(b.measureAll(), b.end())
}

// begin prepares everything that no section measures.
func begin(ctx context.Context, o options) (*bench, error) {
	if _, err := os.Stat(filepath.Join("recorder", "testdata")); err != nil {
		return nil, fmt.Errorf("run this in the root of the repository: %w", err)
	}
	b := &bench{ctx: ctx, o: o, plan: fullPlan}
	if o.quick || o.guard {
		b.plan = quickPlan
	}
	if err := b.enter(); err != nil {
		return nil, err
	}
	return b, b.prepareTools()
}

// bench is one run of this program.
type bench struct {
	ctx    context.Context
	o      options
	plan   plan
	dir    string
	passes bool // the directory goes with the program
	tools  tools
	r      *results
}

// enter makes the directory to work in, and reads what is known there.
func (b *bench) enter() (err error) {
	if b.dir = b.o.dir; b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "performance"); err != nil {
			return err
		}
		b.passes = true
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.r, err = readResults(filepath.Join(b.dir, "results.json"))
	return err
}

func (b *bench) end() error {
	if b.passes {
		return os.RemoveAll(b.dir)
	}
	return nil
}

// plan says how large everything is.
type plan struct {
	sizes    []size
	store    string // name of the size that is imported and packed
	travel   string
	small    string // growth is from small to large
	large    string
	many     int // small traces
	rounds   int
	limit    time.Duration // when a contender is ended
	patience float64       // s that a contender may take, over all of its rounds, until it has had enough of them
}

// size is a history of the generator.
type size struct {
	name   string
	events int
	quiet  int  // see package history
	whole  bool // peers judge whole objects, too
	heavy  bool // opa and conftest as well: they need 20 times the size of the text
}

var fullPlan = plan{
	sizes: []size{
		{name: "10k", events: 10_000, whole: true, heavy: true},
		{name: "100k", events: 100_000, whole: true},
		{name: "1m", events: 1_000_000},
		{name: "soak", events: 1_000_000, quiet: 40},
	},
	store: "100k", travel: "1m", small: "100k", large: "1m", many: 1000, rounds: 5, patience: 20,
	limit: 4 * time.Minute,
}

var quickPlan = plan{
	sizes: []size{
		{name: "2k", events: 2_000, whole: true, heavy: true},
		{name: "10k", events: 10_000, whole: true},
		{name: "40k", events: 40_000},
		{name: "soak", events: 20_000, quiet: 40},
	},
	store: "10k", travel: "40k", small: "10k", large: "40k", many: 20, rounds: 3, patience: 3,
	limit: 4 * time.Minute,
}

// section measures something and keeps it in b.r.
type section struct {
	name string
	run  func(*bench) error
}

func (b *bench) sections() []section {
	all := []section{{"real", (*bench).measureReal}}
	for _, s := range b.plan.sizes {
		all = append(all, section{s.name, func(b *bench) error { return b.measureSize(s) }})
	}
	return append(all, section{"storage", (*bench).measureStorage}, section{"travel", (*bench).measureTravel},
		section{"many", (*bench).measureMany}, section{"more", (*bench).measureMore},
		section{"guard", (*bench).measureGuard})
}

func (b *bench) measureAll() error {
	if b.o.guard {
		return b.keepWatch()
	}
	if err := b.compareFindings(); err != nil {
		return err
	}
	var wanted []string
	if b.o.sections != "" {
		wanted = strings.Split(b.o.sections, ",")
	}
	for _, s := range b.sections() {
		if wanted != nil && !slices.Contains(wanted, s.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "performance: section %s\n", s.name)
		if err := s.run(b); err != nil {
			return fmt.Errorf("section %s: %w", s.name, err)
		}
		if err := b.r.write(); err != nil {
			return err
		}
	}
	return b.report()
}
