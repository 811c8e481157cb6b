package ledger_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/ledger"
)

const seeds = "testdata/seeds"

// catalogue reads the catalogue as the command does.
func catalogue(t testing.TB, paths ...string) ledger.Catalogue {
	t.Helper()
	c, err := ledger.ReadCatalogue("", paths)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fold makes a ledger of files that are all in order.
func fold(t testing.TB, paths ...string) *ledger.Ledger {
	t.Helper()
	return foldWith(t, ledger.Options{Catalogue: catalogue(t, paths...)}, paths...)
}

func foldWith(t testing.TB, o ledger.Options, paths ...string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Make(context.Background(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range l.Problems {
		t.Errorf("%s: %s", p.File, p.Text)
	}
	return l
}

func write(t testing.TB, form string, l *ledger.Ledger) []byte {
	t.Helper()
	f, err := ledger.Named(form)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out, l); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// history is the worked example, without the digest of the policies, which change.
func history(t testing.TB) *ledger.Ledger {
	t.Helper()
	l := fold(t, seeds)
	l.Policies.Digest, l.Policies.Count = "sha256:of-the-policies", 1
	return l
}

func TestEveryFormOfTheWorkedExample(t *testing.T) {
	l := history(t)
	golden.Compare(t, "testdata/seeds.md", write(t, "markdown", l))
	golden.Compare(t, "testdata/seeds.json", write(t, "json", l))
	golden.Compare(t, "testdata/seeds.html", write(t, "html", l))
}

func TestTheSameSourcesGiveTheSameBytes(t *testing.T) {
	for _, f := range ledger.Formats() {
		first, l := write(t, f.Name, history(t)), history(t)
		for range 20 {
			if !bytes.Equal(first, write(t, f.Name, l)) {
				t.Fatalf("%s differs from one time to the next", f.Name)
			}
		}
	}
}

// handKept is the flakiness table of the results document as it was kept by hand:
// name, passes, fails, skips.
const handKept = `
rejects invalid configurations|5|0|0
provisions PVC at request size|5|0|0
grows storage when usage exceeds|4|1|0
respects limit and does not grow beyond|5|0|0
creates new replicas at effective size|5|0|0
grows tablespace storage|3|0|0
queues growth when outside maintenance window|5|0|0
grows immediately when critical threshold|5|0|0
initializes max-actions budget counters|5|0|0
resumes growth after operator restart|5|0|0
resumes growth after primary pod restart|4|2|0
continues growth safely after failover|2|2|0
node drain during growth|1|3|0
concurrent backup, node drain, growth (P1)|3|1|0
rolling image upgrade (P1)|3|0|0
volume snapshot creation (P1)|0|2|2
post-growth steady state flapping (P1)|3|1|0
Topology T1 (single instance)|4|0|0
Topology T2 (two instances)|3|1|0
Topology T3 (multiple replicas)|4|0|0
spec mutation|3|0|0
replica scale-up after resize|2|0|0
`

// One row differs, and has to: the results list a run in which the rolling upgrade
// failed, and their table does not count it.
func TestTheHistoryReproducesTheTableThatWasKeptByHand(t *testing.T) {
	got := map[string]string{}
	l := history(t)
	for _, test := range l.Tests {
		got[test.Name] = strings.Join([]string{test.Name, digit(test.Passes), digit(test.Fails), digit(test.Skips)}, "|")
	}
	var differ []string
	for i, want := range strings.Split(strings.TrimSpace(handKept), "\n") {
		name, _, _ := strings.Cut(want, "|")
		if l.Tests[i].Name != name {
			t.Errorf("row %d is %q, want %q", i, l.Tests[i].Name, name)
		}
		if got[name] != want {
			differ = append(differ, got[name])
		}
	}
	if diff := cmp.Diff([]string{"rolling image upgrade (P1)|3|1|0"}, differ); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func digit(n int) string { return string(rune('0' + n)) }

func TestDeltasOfTheWorkedExample(t *testing.T) {
	l := history(t)
	for _, c := range []struct {
		run                    int
		regression             string
		fixed, unchanged, left []string
	}{
		{1, "", []string{"concurrent backup, node drain, growth (P1)"}, []string{}, nil},
		{2, "", []string{"resumes growth after primary pod restart"}, []string{}, nil},
		{3, "", []string{"Topology T2 (two instances)"}, []string{}, nil},
		{6, "", []string{}, []string{"continues growth safely after failover", "node drain during growth"}, nil},
		{7, "resumes growth after primary pod restart", []string{}, []string{}, []string{"volume snapshot creation (P1)"}},
	} {
		d := l.Runs[c.run].Deltas
		regression := ""
		for _, r := range d.Regression {
			regression += r.Test
		}
		if regression != c.regression {
			t.Errorf("%s: regression %q, want %q", l.Runs[c.run].Date, regression, c.regression)
		}
		if diff := cmp.Diff([][]string{c.fixed, c.unchanged}, [][]string{d.Fixed, d.UnchangedFailing}); diff != "" {
			t.Errorf("%s: -want +got\n%s", l.Runs[c.run].Date, diff)
		}
		if c.left != nil && !cmp.Equal(c.left, d.NowSkipped) {
			t.Errorf("%s: now skipped %v", l.Runs[c.run].Date, d.NowSkipped)
		}
	}
}

func TestJSONMatchesItsSchemaAndTheSchemaKnowsEveryKey(t *testing.T) {
	for name, l := range map[string]*ledger.Ledger{"seeds": history(t), "recordings": recorded(t)} {
		out := write(t, "json", l)
		for _, schema := range []*jsonschema.Schema{golden.Schema(t, ledger.Schema), golden.Closed(t, ledger.Schema)} {
			if err := schema.Validate(golden.JSON(t, out)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSchemaRefusesWhatIsNoLedger(t *testing.T) {
	good := string(write(t, "json", history(t)))
	for name, change := range map[string][2]string{
		"another version":       {`"schema_version": "1"`, `"schema_version": "2"`},
		"an unknown outcome":    {`"outcome": "passed"`, `"outcome": "green"`},
		"an unknown assessment": {`"assessment": "Too few runs"`, `"assessment": "Good"`},
		"no runs":               {`"runs":`, `"ran":`},
		"a rate above 1":        {`"high": 1`, `"high": 100`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s: the ledger has no %s", name, change[0])
		} else if golden.Schema(t, ledger.Schema).Validate(golden.JSON(t, []byte(bad))) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A page that is sent by mail must not ask anybody for anything.
func TestThePageNeedsNothingElse(t *testing.T) {
	text := string(write(t, "html", history(t)))
	for _, asks := range []string{"src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "http://", "https://"} {
		if strings.Contains(text, asks) {
			t.Errorf("the page has %q", asks)
		}
	}
	if !strings.Contains(text, "default-src 'none'") {
		t.Error("the page does not forbid what it does not need")
	}
}

// What stands in names and messages is text, in every form.
func TestHostileTextStaysText(t *testing.T) {
	dir := t.TempDir()
	hostile := `</script><script>alert(1)</script> | x`
	put(t, dir, "report.xml", `<testsuite name="s"><testcase name="&lt;/script>&lt;script>alert(1)&lt;/script> | x" `+
		`time="1"><failure message="&lt;/script>&lt;b>"/></testcase></testsuite>`)
	put(t, dir, "run.yaml", "date: 2026-03-01\nbranch: '<b>'\nnotes: '</script>'\n")
	l := fold(t, dir)
	page := string(write(t, "html", l))
	if strings.Contains(page, "<script>alert") || strings.Count(page, "</script>") != 2 {
		t.Error("a name became a part of the page")
	}
	table := string(write(t, "markdown", l))
	if strings.Contains(table, hostile) || !strings.Contains(table, `alert(1)&lt;/script&gt; \| x`) {
		t.Error("a name broke out of its cell")
	}
}

func put(t testing.TB, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
