package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-project/hindsight/docs/performance/judgement"
)

// history of which everybody judges one.
type input struct {
	name  string
	trace string
	whole bool // the peers judge whole objects, too
	heavy bool // opa and conftest as well
}

// recorded are the recordings of a real cluster.
var recorded = []string{"growth", "primary-restart", "node-drain"}

// coreSix are the invariants of the storage that the project began with.
var coreSix = []string{
	"policy-bounds", "replica-consistency", "idempotency", "status-coherence", "convergence-resumes", "no-data-loss",
}

// Names of contenders: figures are kept under INPUT/NAME, those of peers under INPUT/FORM/NAME.
const (
	wholeSet   = "verifier check, all policies"
	sixOfThem  = "verifier check, core six"
	onePolicy  = "verifier check, policy-bounds"
	sameByUs   = "verifier check, the judgement"
	sameByHand = "hand-written Go, same reader"
)

func (b *bench) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// once makes a file if it is not there yet. It is complete or not there.
func (b *bench) once(path string, make func(unfinished string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	fmt.Fprintf(os.Stderr, "performance: making %s\n", filepath.Base(path))
	unfinished := path + ".unfinished"
	if err := errors.Join(os.RemoveAll(unfinished), make(unfinished)); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

func (b *bench) measureReal() error {
	for _, name := range recorded {
		in := input{name: name, trace: b.path(name + ".db"), whole: true, heavy: true}
		err := b.once(in.trace, func(path string) error {
			log := filepath.Join("recorder", "testdata", name+".jsonl.zst")
			return b.command(b.ctx, b.tools.recorder, "import", log, "-o", path).Run()
		})
		if err == nil {
			err = b.judge(in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureSize(s size) error {
	path, err := b.generated(s)
	if err != nil {
		return err
	}
	return b.judge(input{s.name, path, s.whole, s.heavy})
}

// generated returns the trace of a size.
func (b *bench) generated(s size) (string, error) {
	path := b.path(s.name + ".db")
	err := b.once(path, func(path string) error {
		_, err := b.step("generate", path, strconv.Itoa(s.events), strconv.Itoa(s.quiet))
		return err
	})
	info, statErr := os.Stat(path)
	if err = errors.Join(err, statErr); err != nil {
		return "", err
	}
	b.r.Values["events "+s.name] = float64(s.events)
	b.r.Values["trace bytes "+s.name] = float64(info.Size())
	return path, nil
}

// judge measures everybody on one history: ourselves with more or less policies,
// and the one judgement by everybody.
func (b *bench) judge(in input) error {
	ours := []contender{
		b.verifier(wholeSet, in.trace),
		b.verifier(sixOfThem, in.trace, chosen(coreSix...)...),
		b.verifier(onePolicy, in.trace, chosen("policy-bounds")...),
		b.judgementByUs(in.trace),
		b.byHand(in.trace),
	}
	forms := []judgement.Form{judgement.Lean}
	if in.whole {
		forms = append(forms, judgement.Whole)
	}
	all := ours
	for _, form := range forms {
		lines, document, err := b.exported(in, form)
		if err != nil {
			return err
		}
		for _, c := range b.peers(lines, document, form == judgement.Lean || in.heavy) {
			c.name = string(form) + "/" + c.name
			all = append(all, c)
		}
	}
	figures, found, err := b.contest(all)
	if err != nil {
		return err
	}
	for name, f := range figures {
		b.r.Figures[in.name+"/"+name] = f
	}
	return agree(found)
}

func chosen(ids ...string) []string {
	var args []string
	for _, id := range ids {
		args = append(args, "--policy", id)
	}
	return args
}

// verifier is our own program with its text report.
func (b *bench) verifier(name, trace string, flags ...string) contender {
	args := slices.Concat([]string{b.tools.verifier, "check", trace}, flags)
	return contender{name: name, args: args, codes: []int{1, 3}}
}

// judgementByUs tells no story of the run, as nobody else does.
func (b *bench) judgementByUs(trace string) contender {
	c := b.verifier(sameByUs, trace, "--policies", filepath.Join(here, "judgement", "policies"),
		"-o", "json", "--story=false")
	c.found = foundByVerifier
	return c
}

func (b *bench) byHand(trace string) contender {
	return contender{name: sameByHand, args: []string{b.tools.self, stepWord, "hand", trace}, found: foundInJSON}
}

// exported returns a trace as the peers read it.
func (b *bench) exported(in input, form judgement.Form) (lines, document string, err error) {
	lines, document = b.path(in.name+"."+string(form)+".jsonl"), b.path(in.name+"."+string(form)+".json")
	err = b.once(document, func(path string) error {
		_, err := b.step("export", in.trace, string(form), lines, path)
		return err
	})
	for what, path := range map[string]string{"lines": lines, "document": document} {
		info, statErr := os.Stat(path)
		if err = errors.Join(err, statErr); err != nil {
			return "", "", err
		}
		b.r.Values[fmt.Sprintf("%s bytes %s %s", what, in.name, form)] = float64(info.Size())
	}
	return lines, document, nil
}

// peers are the others, as far as they are to be had and can be asked of so much.
func (b *bench) peers(lines, document string, heavy bool) []contender {
	programs := filepath.Join(here, "judgement", "programs")
	rego, jq := filepath.Join(programs, "judgement.rego"), filepath.Join(programs, "judgement.jq")
	opa := contender{name: "opa eval", found: foundByOPA, args: []string{
		b.tools.opa, "eval", "--format", "json", "--data", rego, "--input", document, "data.judgement.finding",
	}}
	conftest := contender{name: "conftest", found: foundByConftest, codes: []int{1}, args: []string{
		b.tools.conftest, "test", "--policy", programs, "--output", "json", document,
	}}
	var all []contender
	for _, c := range []struct {
		tool string
		contender
		heavy bool
	}{
		{b.tools.opa, opa, true},
		{b.tools.conftest, conftest, true},
		{b.tools.jq, contender{name: "jq", args: []string{b.tools.jq, "-n", "-c", "-f", jq, lines}}, false},
		{b.tools.gojq, contender{name: "gojq", args: []string{b.tools.gojq, "-n", "-c", "-f", jq, lines}}, false},
		{b.tools.duckdb, contender{name: "DuckDB", args: []string{"node", b.tools.duckdb, lines}}, false},
	} {
		if c.tool == "" || c.heavy && !heavy {
			continue
		}
		if c.found == nil {
			c.found = foundInJSON
		}
		all = append(all, c.contender)
	}
	return all
}

// compareFindings has everybody judge a history with faults.
func (b *bench) compareFindings() error {
	in := input{name: "faulty", trace: b.path("faulty.db"), whole: true, heavy: true}
	if err := b.once(in.trace, func(path string) error {
		_, err := b.step("faulty", path)
		return err
	}); err != nil {
		return err
	}
	lines, document, err := b.exported(in, judgement.Whole)
	if err != nil {
		return err
	}
	all := append(b.peers(lines, document, true), b.judgementByUs(in.trace), b.byHand(in.trace))
	once := *b
	once.plan.rounds = 1
	_, found, err := once.contest(all)
	if err != nil {
		return err
	}
	byHand := found[sameByHand]
	if len(byHand) == 0 {
		return errors.New("nothing was found in a history with faults: the comparison would say nothing")
	}
	b.r.Values["faults found"] = float64(len(byHand))
	b.r.Words["who agrees"] = fmt.Sprintf("%d programs", len(found))
	return agree(found)
}

// agree fails when somebody finds something else than the checker by hand.
func agree(found map[string][]finding) error {
	want := found[sameByHand]
	judgement.Sort(want)
	for who, got := range found {
		judgement.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s finds %v, the checker by hand %v: one of them judges something else", who, got, want)
		}
	}
	return nil
}

func foundInJSON(path string) ([]finding, error) {
	var found []finding
	return found, decode(path, &found)
}

func foundByOPA(path string) ([]finding, error) {
	var out struct {
		Result []struct{ Expressions []struct{ Value []finding } }
	}
	if err := decode(path, &out); err != nil {
		return nil, err
	}
	if len(out.Result) != 1 || len(out.Result[0].Expressions) != 1 {
		return nil, errors.New("no result")
	}
	return out.Result[0].Expressions[0].Value, nil
}

func foundByConftest(path string) ([]finding, error) {
	var out []struct{ Failures []struct{ Msg string } }
	if err := decode(path, &out); err != nil {
		return nil, err
	}
	var found []finding
	for _, file := range out {
		for _, failure := range file.Failures {
			code, number, _ := strings.Cut(failure.Msg, " ")
			seq, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("not a finding: %q", failure.Msg)
			}
			found = append(found, finding{Code: code, Seq: seq})
		}
	}
	return found, nil
}

func foundByVerifier(path string) ([]finding, error) {
	var out struct {
		Traces []struct {
			Policies []struct {
				Findings []struct {
					Code string
					Seq  []uint64
				}
			}
		}
	}
	if err := decode(path, &out); err != nil {
		return nil, err
	}
	var found []finding
	for _, t := range out.Traces {
		for _, p := range t.Policies {
			for _, f := range p.Findings {
				found = append(found, finding{Code: f.Code, Seq: slices.Max(f.Seq)})
			}
		}
	}
	return found, nil
}

func decode(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("its answer cannot be read: %w", err)
	}
	return nil
}
