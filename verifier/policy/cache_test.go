package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/policy"
)

// judged is what a set says of a document, and of itself, as text.
func judged(t *testing.T, files fstest.MapFS, dir string, params ...string) string {
	t.Helper()
	o := options()
	o.Cache, o.Params = dir, params
	set, err := policy.Load(files, o)
	if err != nil {
		t.Fatal(err)
	}
	said := evaluate(t, set, document(t, "pg-1", map[string]any{
		"limit": 5, "samples": []any{sample(1, 1, 9), sample(7, 150, 1)},
	}))
	var about []any
	for _, p := range set.Policies {
		about = append(about, p.Metadata, p.Fields, p.Params, p.Sources, p.Package(), set.Thresholds(p))
	}
	text, err := json.MarshalIndent([]any{said, about, set.Digest}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func kept(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.policies"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestASetFromTheCacheSaysTheSame(t *testing.T) {
	files, dir := copyOf(t, "testdata/good"), t.TempDir()
	want := judged(t, files, "")
	for _, when := range []string{"when it is compiled", "when it was kept"} {
		if diff := cmp.Diff(want, judged(t, files, dir)); diff != "" {
			t.Errorf("%s: -without a cache +with one:\n%s", when, diff)
		}
	}
	if n := len(kept(t, dir)); n != 1 {
		t.Errorf("%d files are kept", n)
	}
}

func TestADamagedCacheIsNotBelieved(t *testing.T) {
	files := copyOf(t, "testdata/good")
	want := judged(t, files, "")
	for name, damage := range map[string]func(text []byte) []byte{
		"cut off":    func(text []byte) []byte { return text[:len(text)/2] },
		"empty":      func([]byte) []byte { return nil },
		"one bit":    func(text []byte) []byte { text[len(text)-9] ^= 1; return text },
		"other text": func([]byte) []byte { return []byte("nobody reads this, it is much too short to be true") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			judged(t, files, dir)
			file := kept(t, dir)[0]
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, judged(t, files, dir)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnotherSetIsNotTakenFromTheCache(t *testing.T) {
	files, dir := copyOf(t, "testdata/good"), t.TempDir()
	before := judged(t, files, dir)
	for name, f := range files {
		if filepath.Ext(name) == ".rego" {
			f.Data = append(f.Data, "\n# changed\n"...)
		}
	}
	if judged(t, files, dir) == before {
		t.Error("a changed set has the digest of the one before")
	}
	if n := len(kept(t, dir)); n != 2 {
		t.Errorf("%d files are kept", n)
	}
}

func TestOtherParametersAreNotTakenFromTheCache(t *testing.T) {
	files, dir := copyOf(t, "testdata/good"), t.TempDir()
	judged(t, files, dir)
	want := judged(t, files, "", "volume-grows.deadline_ns=150")
	if diff := cmp.Diff(want, judged(t, files, dir, "volume-grows.deadline_ns=150")); diff != "" {
		t.Errorf("-without a cache +with one:\n%s", diff)
	}
	if n := len(kept(t, dir)); n != 2 {
		t.Errorf("%d files are kept", n)
	}
}

func TestASetWithProblemsIsNotKept(t *testing.T) {
	files, dir := copyOf(t, "testdata/good"), t.TempDir()
	for name, f := range files {
		if filepath.Ext(name) == ".rego" {
			f.Data = append(f.Data, "\nbroken {\n"...)
		}
	}
	o := options()
	o.Cache = dir
	for range 2 {
		if _, err := policy.Load(files, o); err == nil {
			t.Error("a broken set is loaded")
		}
	}
	if n := len(kept(t, dir)); n != 0 {
		t.Errorf("%d files are kept", n)
	}
}
