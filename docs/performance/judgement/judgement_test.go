package judgement

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier"
)

// The peers that need more than Go are compared by docs/performance itself.
func TestEverybodyFindsTheSame(t *testing.T) {
	codes := map[string]int{}
	for _, name := range []string{"growth", "primary-restart", "node-drain"} {
		t.Run(name, func(t *testing.T) {
			path := faulty(t, name)
			r, err := trace.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			byHand, err := Hand(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range byHand {
				codes[found.Code]++
			}
			same := func(who string, found []Finding) {
				Sort(found)
				if diff := cmp.Diff(byHand, found); diff != "" {
					t.Errorf("%s finds something else than the checker by hand (-hand +%s):\n%s", who, who, diff)
				}
			}
			same("verifier", byVerifier(t, path))
			for _, form := range []Form{Whole, Lean} {
				same("rego, "+string(form), byRego(t, r, form))
			}
		})
	}
	for _, code := range []string{"above_limit", "late", "shrunk"} {
		if codes[code] == 0 {
			t.Errorf("no recording has a finding %s: the comparison says nothing about it", code)
		}
	}
}

func TestARecordingWithoutFaultsHasNoFinding(t *testing.T) {
	r := watchlogtest.Open(t, watchlogtest.Import(t, "../../../recorder/testdata/growth.jsonl.zst"))
	if found, err := Hand(r); err != nil || len(found) > 0 {
		t.Errorf("found %v, error %v; want none", found, err)
	}
}

// The lines and the document are the same events.
func TestBothExportsAreTheSame(t *testing.T) {
	r, err := trace.Open(faulty(t, "growth"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lines, document bytes.Buffer
	if err := export(r, Lean, &lines, &document); err != nil {
		t.Fatal(err)
	}
	var one struct{ Events []json.RawMessage }
	if err := json.Unmarshal(document.Bytes(), &one); err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range bytes.Lines(lines.Bytes()) {
		if !bytes.Equal(bytes.TrimSpace(line), one.Events[i]) {
			t.Fatalf("line %d is not event %d: %s", i, i, line)
		}
		i++
	}
	if events := r.Certificate().Events; uint64(i) != events || len(one.Events) != i {
		t.Errorf("%d lines and %d elements for %d events", i, len(one.Events), events)
	}
}

// faulty imports a recording with faults.
func faulty(t *testing.T, name string) string {
	t.Helper()
	var log bytes.Buffer
	changed, err := Inject(&log, bytes.NewReader(unpacked(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	if changed == 0 {
		t.Fatal("no fault was made")
	}
	path := filepath.Join(t.TempDir(), name+".db")
	watchlogtest.ImportFrom(t, path, &log)
	return path
}

func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join("..", "..", "..", "recorder", "testdata", name+".jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	log, err := reader.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func byVerifier(t *testing.T, path string) []Finding {
	t.Helper()
	run, err := verifier.Check(context.Background(), []string{path}, verifier.Options{Policies: os.DirFS("policies")})
	if err != nil {
		t.Fatal(err)
	}
	var found []Finding
	for _, p := range run.Traces[0].Policies {
		for _, f := range p.Findings {
			found = append(found, Finding{f.Code, slices.Max(f.Seq)})
		}
	}
	return found
}

func byRego(t *testing.T, r *trace.Reader, form Form) []Finding {
	t.Helper()
	var lines, document bytes.Buffer
	if err := export(r, form, &lines, &document); err != nil {
		t.Fatal(err)
	}
	var input any
	if err := json.Unmarshal(document.Bytes(), &input); err != nil {
		t.Fatal(err)
	}
	results, err := rego.New(rego.Query("data.judgement.finding"), rego.Input(input),
		rego.Load([]string{filepath.Join("programs", "judgement.rego")}, nil)).Eval(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(results[0].Expressions[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	var found []Finding
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", text, err))
	}
	return found
}
