package policy_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// options are those of a verifier whose only view is the one of testdata.
func options() policy.Options {
	return policy.Options{
		Views: []string{"volume"},
		Schema: func(view string) ([]byte, bool) {
			text, err := os.ReadFile(path.Join("testdata", "views", path.Base(view)+".json"))
			return text, err == nil
		},
	}
}

func good(t testing.TB) *policy.Set {
	t.Helper()
	set, err := policy.Load(os.DirFS("testdata/good"), options())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestLoadReadsMetadata(t *testing.T) {
	set := good(t)
	if len(set.Policies) != 2 {
		t.Fatalf("loaded %v", set.Policies)
	}
	want := policy.Metadata{
		Title: "Sizes stay below the limit", Description: "Compares every recorded size of a volume with its limit.",
		ID: "volume-bounds", Class: "state", View: "volume", Requirement: "demo 1",
		Promise: "A volume is never larger than its limit.", Severity: "critical", ExercisedMin: 1,
		Codes:   map[string]string{"above_limit": "The volume is larger than its limit."},
		Reasons: map[string]string{"gap": "The recording has a gap."},
		Demand:  verdict.DemandAlways,
	}
	if diff := cmp.Diff(want, set.Policies[0].Metadata); diff != "" {
		t.Error(diff)
	}
	if got := set.Policies[0].String(); got != "volume-bounds (demo/bounds/bounds.rego:20)" {
		t.Errorf("the policy is called %s", got)
	}
	if got := set.Reads(); !cmp.Equal(got, map[string][]string{"volume": {"gaps", "limit", "samples"}}) {
		t.Errorf("it reads %v", got)
	}
}

func TestDigestChangesWithWhatJudgesAndOnlyWithThat(t *testing.T) {
	load := func(change func(fstest.MapFS), o policy.Options) string {
		files := copyOf(t, "testdata/good")
		change(files)
		set, err := policy.Load(files, o)
		if err != nil {
			t.Fatal(err)
		}
		return set.Digest
	}
	same, slow := options(), options()
	slow.CIClass = "slow"
	base := load(func(fstest.MapFS) {}, same)
	if got := good(t).Digest; got != base {
		t.Errorf("a directory gives %s, a file system in memory %s", got, base)
	}
	unchanged := load(func(f fstest.MapFS) {
		f["README.md"] = &fstest.MapFile{Data: []byte("words")}
		delete(f, "demo/bounds/bounds_test.rego")
	}, same)
	if unchanged != base {
		t.Error("a file that does not judge changes the digest")
	}
	if load(func(fstest.MapFS) {}, slow) == base {
		t.Error("another CI class does not change the digest")
	}
	changed := load(func(f fstest.MapFS) {
		lib := f["lib/sizes/sizes.rego"]
		lib.Data = bytes.Replace(lib.Data, []byte("s.size > limit"), []byte("s.size >= limit"), 1)
	}, same)
	if changed == base {
		t.Error("a changed library does not change the digest")
	}
}

func TestOnlyTheNamedPoliciesAreKept(t *testing.T) {
	o := options()
	o.Only = []string{"volume-grows"}
	set, err := policy.Load(os.DirFS("testdata/good"), o)
	if err != nil || len(set.Policies) != 1 || set.Policies[0].ID != "volume-grows" {
		t.Fatalf("kept %v, %v", set, err)
	}
	o.Only = []string{"volume-shrinks"}
	_, err = policy.Load(os.DirFS("testdata/good"), o)
	if err == nil || !strings.Contains(err.Error(), "volume-bounds, volume-grows") {
		t.Errorf("the error does not list the policies that exist: %v", err)
	}
}

// A refusal changes one file of the good set and expects these problems.
func TestRefusals(t *testing.T) {
	const bounds, grows = "demo/bounds/bounds.rego", "demo/grows/grows.rego"
	tests := []struct {
		name     string
		file     string
		old, new string // new replaces old; an empty old replaces the file
		want     []string
	}{
		{
			"unknown METADATA key", bounds, "# entrypoint: true", "# entrypiont: true",
			[]string{bounds + `:5: unknown METADATA key "entrypiont"`},
		},
		{
			"unknown custom key", bounds, "#   severity: critical", "#   severity: critical\n#   sevrity: major",
			[]string{bounds + `:16: unknown METADATA custom key "sevrity"`},
		},
		{
			"custom key above a rule", bounds, "exercised contains", "# METADATA\n# custom:\n#   id: two\nexercised contains",
			[]string{bounds + `:29: unknown METADATA key "custom"`},
		},
		{
			"class out of the vocabulary", bounds, "class: state", "class: safety",
			[]string{bounds + `:11: METADATA custom class is "safety", must be one of: state`},
		},
		{
			"severity out of the vocabulary", bounds, "severity: critical", "severity: P0",
			[]string{bounds + `:15: METADATA custom severity is "P0"`},
		},
		{
			"no promise", bounds, "#   promise: A volume is never larger than its limit.\n", "",
			[]string{bounds + ":9: METADATA custom has no promise"},
		},
		{
			"no title", bounds, "# title: Sizes stay below the limit\n", "",
			[]string{bounds + ":1: METADATA has no title"},
		},
		{
			"id of another form", bounds, "id: volume-bounds", "id: Volume_Bounds",
			[]string{bounds + `:10: METADATA custom id must be lower-case words`},
		},
		{
			"exercised_min of zero", grows, "exercised_min: 2", "exercised_min: 0",
			[]string{grows + ":15: METADATA custom exercised_min must be at least 1"},
		},
		{
			"exercised_min that is no number", grows, "exercised_min: 2", "exercised_min: often",
			[]string{grows + ":15: METADATA custom exercised_min has the wrong type: want int"},
		},
		{
			"no custom section", grows, "# custom:", "# customs:",
			[]string{grows + ":1: METADATA has no custom section", grows + `:8: unknown METADATA key "customs"`},
		},
		{
			"no METADATA at all", grows, "# METADATA", "# NOTES",
			[]string{grows + ":17: package has no METADATA block"},
		},
		{
			"METADATA that is no YAML", grows, "# title: Volumes grow in time", "# title: [",
			[]string{grows + ":"},
		},
		{
			"two policies with one id", grows, "id: volume-grows", "id: volume-bounds",
			[]string{grows + ":17: policy id volume-bounds is taken by " + bounds + ":20"},
		},
		{
			"a view that does not exist", grows, "view: volume", "view: volumes",
			[]string{
				grows + `:17: policy volume-grows: there is no view "volumes" (there are: volume)`,
				grows + `:6: METADATA schemas must be exactly "- input: schema.volumes"`,
			},
		},
		{
			"the schema of another view", grows, "schema.volume", "schema.cluster",
			[]string{grows + `:6: METADATA schemas must be exactly "- input: schema.volume"`},
		},
		{
			"no schema", grows, "# schemas:\n#   - input: schema.volume\n", "",
			[]string{grows + ":1: METADATA schemas must be exactly"},
		},
		{
			"a public rule of another name", grows, "_limits := data", "limits := data",
			[]string{grows + ":31: rule limits is public"},
		},
		{
			"a violation that is no set", grows, "violation contains {", "violation := {",
			[]string{grows + ":19: rule violation must be a set"},
		},
		{
			"a default for a public rule", grows, "_limits := data", "default blame := false\n\n_limits := data",
			[]string{grows + ":31: rule blame must be a set"},
		},
		{
			"no exercised rule", bounds, "exercised contains", "_exercised contains",
			[]string{bounds + ":20: the policy has no rule exercised"},
		},
		{
			"a misspelt field of the input", bounds, "s.size % 2", "s.sise % 2",
			[]string{bounds + ":42: s.sise: there is no such field (there are: seq, size, t)"},
		},
		{
			"a misspelt parameter", grows, `data.params["volume-grows"]`, `data.params["volume-grow"]`,
			[]string{grows + ":31: "},
		},
		{
			"a misspelt parameter behind a helper", grows, "s.t > _limits.deadline_ns", "s.t > _limits.dedline_ns",
			[]string{grows + ":21: "},
		},
		{
			"the network", bounds, "input.limit\n}", "input.limit\n\thttp.send({\"method\": \"get\", \"url\": \"http://x\"})\n}",
			[]string{bounds + ":31: http.send is not allowed in a policy"},
		},
		{
			"the clock", bounds, "input.limit\n}", "time.now_ns() > input.limit\n}",
			[]string{bounds + ":30: time.now_ns is not allowed in a policy"},
		},
		{
			"the environment", bounds, "input.limit\n}", "opa.runtime().env\n}",
			[]string{bounds + ":30: opa.runtime is not allowed in a policy"},
		},
		{
			"chance", bounds, "input.limit\n}", "rand.intn(\"x\", 2) == 1\n}",
			[]string{bounds + ":30: rand.intn is not allowed in a policy"},
		},
		{
			"the clock in a library", "lib/sizes/sizes.rego", "s.size > limit", "s.size > time.now_ns()",
			[]string{"lib/sizes/sizes.rego:3: time.now_ns is not allowed in a policy"},
		},
		{
			"thresholds in a library", "lib/sizes/sizes.rego", "s.size > limit", "s.size > data.params.x.limit",
			[]string{"lib/sizes/sizes.rego:3: a library takes thresholds as arguments"},
		},
		{
			"a package in the wrong directory", grows, "package demo.grows", "package demo.shrinks",
			[]string{grows + ":17: package demo.shrinks belongs into the directory demo/shrinks"},
		},
		{
			"two policies in one directory", "demo/bounds/more.rego", "",
			strings.Replace(read(t, "testdata/good/"+bounds), "volume-bounds", "volume-more", 1),
			[]string{"demo/bounds/more.rego:20: one directory is one policy, and " + bounds + " is one already"},
		},
		{
			"a code without a sentence", bounds, `"code": "above_limit"`, `"code": "above"`,
			[]string{bounds + `:24: volume-bounds has no sentence for "above" in METADATA custom codes (there`},
		},
		{
			"a reason without a sentence", bounds, `"reason": "gap"`, `"reason": "hole"`,
			[]string{bounds + `:33: volume-bounds has no sentence for "hole" in METADATA custom reasons`},
		},
		{
			"text that is no Rego", bounds, "package demo.bounds", "pakage demo.bounds",
			[]string{bounds + ":20: "},
		},
		{"an empty file", bounds, "", "", []string{bounds + ": empty module"}},
		{
			"an unsafe variable", bounds, "s.size % 2 == 1", "q.size % 2 == 1",
			[]string{bounds + ":42: var q is unsafe"},
		},
		{
			"a type that cannot be", bounds, "s.size % 2 == 1", "startswith(s.size, \"1\")",
			[]string{bounds + ":42: startswith: invalid argument(s)"},
		},
		{"params.yaml that is no YAML", "params.yaml", "", "profiles: [", []string{"params.yaml: "}},
		{
			"params.yaml with another key", "params.yaml", "profiles:", "profile:",
			[]string{"params.yaml: yaml: unmarshal errors:"},
		},
		{
			"a threshold that only the slow profile has", "params.yaml", "{deadline_ns: 200}", "{deadline: 200}",
			[]string{"params.yaml: profile slow: there is no parameter volume-grows.deadline"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := copyOf(t, "testdata/good")
			text := test.new
			if test.old != "" {
				before := string(files[test.file].Data)
				if text = strings.Replace(before, test.old, test.new, 1); text == before {
					t.Fatalf("%s does not contain %q", test.file, test.old)
				}
			}
			files[test.file] = &fstest.MapFile{Data: []byte(text)}
			_, err := policy.Load(files, options())
			if err == nil {
				t.Fatal("was not refused")
			}
			for _, want := range test.want {
				if !strings.Contains("\n"+err.Error(), "\n"+want) {
					t.Errorf("no line starts with %q in:\n%v", want, err)
				}
			}
		})
	}
}

func TestAllProblemsAreListedNotOnlyTheFirst(t *testing.T) {
	files := copyOf(t, "testdata/good")
	for file, change := range map[string][2]string{
		"demo/bounds/bounds.rego": {"severity: critical", "severity: P0"},
		"demo/grows/grows.rego":   {"s.size > 0", "s.sise > 0"},
		"lib/sizes/sizes.rego":    {"s.size > limit", "s.size > limit + time.now_ns()"},
	} {
		files[file].Data = []byte(strings.Replace(string(files[file].Data), change[0], change[1], 1))
	}
	o := options()
	o.Root = "my/policies"
	_, err := policy.Load(files, o)
	const root = "my/policies/"
	want := root + `demo/bounds/bounds.rego:15: METADATA custom severity is "P0", must be one of: critical, major, minor
` + root + `demo/grows/grows.rego:26: s.sise: there is no such field (there are: seq, size, t)
` + root + `lib/sizes/sizes.rego:3: time.now_ns is not allowed in a policy: ` +
		`the same recording must always give the same verdict`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestAbsentOrEmptyDirectoryIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		files fs.FS
		want  string
	}{
		"absent":        {os.DirFS("testdata/absent"), "policies: cannot read the policies: no such file or directory"},
		"empty":         {fstest.MapFS{}, "policies: there are no policies here"},
		"only a readme": {fstest.MapFS{"README.md": {Data: []byte("x")}}, "policies: there are no policies here"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Root = "policies"
			if _, err := policy.Load(test.files, o); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	late := document(t, "pg-1", map[string]any{"samples": []any{sample(1, 100, 1), sample(2, 150, 1)}})
	tests := []struct {
		name   string
		class  string
		params []string
		want   verdict.Level // of volume-grows on samples at 100 and 150
		err    string
	}{
		{name: "the base profile", want: verdict.Violated},
		{name: "another profile", class: "slow", want: verdict.Held},
		{name: "an override", params: []string{"volume-grows.deadline_ns=150"}, want: verdict.Held},
		{name: "an override at the edge", params: []string{"volume-grows.deadline_ns=149"}, want: verdict.Violated},
		{name: "the last override wins", params: []string{
			"volume-grows.deadline_ns=1", "volume-grows.deadline_ns=150",
		}, want: verdict.Held},
		{name: "an unknown class", class: "fast", err: `no profile for CI class "fast" (there are: medium, slow)`},
		{name: "an unknown policy", params: []string{"volume.x=1"}, err: "no parameter volume (there are: volume-grows)"},
		{name: "an unknown name", params: []string{"volume-grows.deadline=1"}, err: "no parameter volume-grows.deadline"},
		{name: "a whole group", params: []string{"volume-grows=1"}, err: "want POLICY.NAME=VALUE"},
		{name: "another type", params: []string{"volume-grows.slack=much"}, err: "must be a number, is a string"},
		{name: "no value", params: []string{"volume-grows.slack"}, err: "want POLICY.NAME=VALUE"},
		{name: "a value that is no YAML", params: []string{"volume-grows.slack=["}, err: "the value is no YAML"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options()
			o.CIClass, o.Params = test.class, test.params
			set, err := policy.Load(os.DirFS("testdata/good"), o)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := evaluate(t, set, late)["volume-grows"].Verdict; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestForbiddenBuiltinsAreNotAmongTheCapabilities(t *testing.T) {
	allowed := map[string]bool{}
	for _, b := range policy.Capabilities().Builtins {
		allowed[b.Name] = true
	}
	for _, name := range []string{
		"http.send", "time.now_ns", "opa.runtime", "rand.intn", "uuid.rfc4122", "uuid.parse",
		"net.lookup_ip_addr", "net.cidr_contains", "trace", "io.jwt.encode_sign",
	} {
		if allowed[name] {
			t.Errorf("%s is allowed", name)
		}
	}
	for _, name := range []string{"count", "time.parse_rfc3339_ns", "units.parse_bytes", "walk", "object.get"} {
		if !allowed[name] {
			t.Errorf("%s is not allowed", name)
		}
	}
	for _, b := range ast.Builtins {
		if b.IsNondeterministic() && allowed[b.Name] {
			t.Errorf("%s is nondeterministic and allowed", b.Name)
		}
	}
}

// ---- evaluation

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name string
		docs []policy.Document
		want map[string]verdict.Level
	}{
		{"no document", nil, levels(verdict.Vacuous, verdict.Vacuous)},
		{
			"nothing happened",
			[]policy.Document{document(t, "pg-1", nil)},
			levels(verdict.Vacuous, verdict.Vacuous),
		},
		{
			"exercised, and exercised often enough",
			[]policy.Document{document(t, "pg-1", map[string]any{
				"limit": 5, "samples": []any{sample(1, 1, 5), sample(2, 2, 5)},
			})},
			levels(verdict.Held, verdict.Held),
		},
		{
			"exercised once too little",
			[]policy.Document{document(t, "pg-1", map[string]any{"limit": 5, "samples": []any{sample(1, 1, 5)}})},
			levels(verdict.Held, verdict.Vacuous),
		},
		{
			"a gap",
			[]policy.Document{document(t, "pg-1", map[string]any{
				"limit": 5, "samples": []any{sample(1, 1, 5)}, "gaps": []any{map[string]any{"seq": 3}},
			})},
			levels(verdict.Inconclusive, verdict.Vacuous),
		},
		{
			"a violation beside a gap",
			[]policy.Document{document(t, "pg-1", map[string]any{
				"limit": 4, "samples": []any{sample(1, 1, 5)}, "gaps": []any{map[string]any{"seq": 3}},
			})},
			levels(verdict.Violated, verdict.Vacuous),
		},
		{
			"one entity exercised, another did not",
			[]policy.Document{
				document(t, "pg-2", nil),
				document(t, "pg-1", map[string]any{"limit": 5, "samples": []any{sample(1, 1, 5)}}),
			},
			levels(verdict.Held, verdict.Vacuous),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]verdict.Level{}
			for id, p := range evaluate(t, good(t), test.docs...) {
				got[id] = p.Verdict
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindingCarriesEverythingTheRowSaid(t *testing.T) {
	doc := document(t, "pg-1", map[string]any{"limit": 4, "samples": []any{sample(7, 1, 5)}})
	got := evaluate(t, good(t), doc)["volume-bounds"]
	want := verdict.Policy{
		ID: "volume-bounds", Verdict: verdict.Violated, Reached: 1, Exercised: 1, ExercisedBy: 1,
		Title: "Sizes stay below the limit", Promise: "A volume is never larger than its limit.",
		Requirement: "demo 1", Severity: "critical", View: "volume", ExercisedMin: 1,
		Demand: verdict.DemandAlways, Demanded: true,
		File: "demo/bounds/bounds.rego", Line: 20,
		Findings: []verdict.Finding{{
			Code: "above_limit", Message: "The volume is larger than its limit.", Entity: "pg-1",
			Class: verdict.Product, Seq: []uint64{7}, Got: int64(5), Want: int64(4), Line: 24,
			Blame: []verdict.Blame{{
				Policy: "volume-bounds", Class: verdict.Infrastructure, Reason: "provider_rounds_up",
				Message: "provider rounds up", NS: 5, Seq: []uint64{},
			}},
		}},
		Entities: []verdict.Entity{{Entity: "pg-1", Verdict: verdict.Violated, Exercised: 1, Reached: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFurtherFieldsOfARowBecomeItsDetail(t *testing.T) {
	files := copyOf(t, "testdata/good")
	const file = "demo/grows/grows.rego"
	files[file].Data = append(files[file].Data, []byte(`
unknown contains {
	"reason": "not_seen", "seq": {9, 3, 3},
	"text": "x", "yes": true, "no": null, "half": 0.5, "many": 9007199254740993,
	"list": [1, "a"], "set": {"b", "a"}, "object": {"k": 1, 2: "v"},
}
`)...)
	set, err := policy.Load(files, options())
	if err != nil {
		t.Fatal(err)
	}
	want := []verdict.Unknown{{
		Reason: "not_seen", Message: "not seen", Entity: "pg-1", Seq: []uint64{3, 9},
		Detail: map[string]any{
			"text": "x", "yes": true, "no": nil, "half": 0.5, "many": int64(9007199254740993),
			"list": []any{int64(1), "a"}, "set": []any{"a", "b"}, "object": map[string]any{"k": int64(1), "2": "v"},
		},
	}}
	if diff := cmp.Diff(want, evaluate(t, set, document(t, "pg-1", nil))["volume-grows"].Unknowns); diff != "" {
		t.Error(diff)
	}
}

func TestExercisedInDisruptionCountsOnlyWhatLiesInside(t *testing.T) {
	doc := document(t, "pg-1", map[string]any{"samples": []any{sample(1, 1, 1), sample(2, 2, 0)}})
	got := evaluate(t, good(t), doc)["volume-grows"].Entities[0]
	want := verdict.Entity{Entity: "pg-1", Verdict: verdict.Vacuous, Reached: 1, Exercised: 2, Disrupted: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOrderOfDocumentsDoesNotMatter(t *testing.T) {
	a := document(t, "pg-1", map[string]any{"limit": 4, "samples": []any{sample(7, 1, 5)}})
	b := document(t, "pg-2", map[string]any{"limit": 4, "samples": []any{sample(8, 1, 6), sample(9, 2, 7)}})
	set := good(t)
	if diff := cmp.Diff(evaluate(t, set, a, b), evaluate(t, set, b, a)); diff != "" {
		t.Error(diff)
	}
}

func TestFailuresAreVerdictsOfTheirPolicyAlone(t *testing.T) {
	tests := []struct {
		name, rule, want string
	}{
		{"conflicting values", "_f := s.size if some s in input.samples\n\nviolation contains " +
			`{"code": "x", "seq": [], "got": _f} if _f > 0`, "eval_conflict_error"},
		{"a built-in function that fails", `violation contains {"code": "x", "seq": [to_number("ten")]}`, "to_number"},
		{"a division by zero", "violation contains {\"code\": \"x\", \"seq\": []} if {\n\tsome s in input.samples\n\t" +
			"s.size / (s.size - s.size) > 1\n}", "divide by zero"},
		{"a row that is no object", `violation contains "x"`, `row 1 of violation: is no object: "x"`},
		{"a row without a code", `violation contains {"seq": [1]}`, "row 1 of violation: has no code (want a word)"},
		{"a code that is no word", `violation contains {"code": 5, "seq": [1]}`, "row 1 of violation: has no code"},
		{"a row without seq", `violation contains {"code": "x"}`, "row 1 of violation: has no seq"},
		{"a seq that is no number", `violation contains {"code": "x", "seq": ["1"]}`, "seq holds 1, which is no sequence"},
		{"a seq below zero", `violation contains {"code": "x", "seq": [-1]}`, "seq holds -1"},
		{"a fractional seq", `violation contains {"code": "x", "seq": [1.5]}`, "seq holds 1.5"},
		{"an unknown class", `violation contains {"code": "x", "seq": [], "class": "cloud"}`, "class is cloud, must be"},
		{"an unknown unit", `violation contains {"code": "x", "seq": [], "unit": "GB"}`, "unit is GB, must be one of"},
		{"an unknown without a reason", `unknown contains {"seq": []}`, "row 1 of unknown: has no reason"},
		{"an exercised without seq", `exercised contains {"in": "x"}`, "of exercised: has no seq"},
		{"an exercised in another word", `exercised contains {"seq": [], "in": "x"}`, "in is x, must be disruption"},
		{"a blame without a class", `blame contains {"reason": "x", "seq": []}`, "row 1 of blame: class is"},
		{"a blame with words for ns", `blame contains {"class": "test", "reason": "x", "seq": [], "ns": "1s"}`, "ns is 1s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := copyOf(t, "testdata/good")
			const file = "demo/grows/grows.rego"
			files[file].Data = append(files[file].Data, []byte("\n"+test.rule+"\n")...)
			set, err := policy.Load(files, options())
			if err != nil {
				t.Fatal(err)
			}
			got := evaluate(t, set, document(t, "pg-1", map[string]any{
				"limit": 5, "samples": []any{sample(1, 1, 5), sample(2, 1, 4)},
			}))
			p := got["volume-grows"]
			if p.Verdict != verdict.Error || len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Text, test.want) {
				t.Errorf("got %s with %+v, want an error with %q", p.Verdict, p.Errors, test.want)
			}
			if other := got["volume-bounds"].Verdict; other != verdict.Held {
				t.Errorf("the other policy is %s", other)
			}
		})
	}
}

func TestPolicyThatDoesNotEndIsStopped(t *testing.T) {
	files := copyOf(t, "testdata/good")
	const file = "demo/grows/grows.rego"
	files[file].Data = append(files[file].Data, []byte(`
violation contains {"code": "x", "seq": []} if {
	some a in numbers.range(1, 1000)
	some b in numbers.range(1, 1000)
	some c in numbers.range(1, 1000)
	a + b == c - 1000000
}
`)...)
	o := options()
	o.Timeout = 20 * time.Millisecond
	set, err := policy.Load(files, o)
	if err != nil {
		t.Fatal(err)
	}
	p := evaluate(t, set, document(t, "pg-1", nil))["volume-grows"]
	if p.Verdict != verdict.Error || !strings.Contains(p.Errors[0].Text, "gave no answer within 20ms") {
		t.Errorf("got %s with %+v", p.Verdict, p.Errors)
	}
}

func TestADocumentWithoutContentIsAnErrorOfItsOwn(t *testing.T) {
	broken := policy.Document{View: "volume", Entity: "pg-0"}
	got := evaluate(t, good(t), broken, document(t, "pg-1", map[string]any{"limit": 5, "samples": []any{sample(1, 1, 5)}}))
	p := got["volume-bounds"]
	if p.Verdict != verdict.Error || p.Entities[0].Verdict != verdict.Error || p.Entities[1].Verdict != verdict.Held {
		t.Errorf("got %s with %+v", p.Verdict, p.Entities)
	}
}

// A threshold that is still too low must not let the finding go.
func TestAskingWithAnotherThreshold(t *testing.T) {
	set := good(t)
	doc := document(t, "pg-1", map[string]any{"samples": []any{sample(7, 150, 1)}})
	for deadline, want := range map[int64]int{149: 1, 150: 0} {
		with, err := set.With("volume-grows", "deadline_ns", deadline)
		if err != nil {
			t.Fatal(err)
		}
		found, err := with.Ask(context.Background(), set.Policy("volume-grows"), doc)
		if err != nil || len(found) != want {
			t.Errorf("with %d: %d findings and %v, want %d", deadline, len(found), err, want)
		}
	}
}

func TestCancelledContextEndsTheEvaluation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := good(t).Evaluate(ctx, []policy.Document{document(t, "pg-1", nil)}); err == nil {
		t.Error("no error")
	}
}

// ---- what people write

// Whatever stands in a policy is either loaded or refused with words.
func FuzzPolicyText(f *testing.F) {
	for _, file := range []string{"demo/bounds/bounds.rego", "demo/grows/grows.rego", "lib/sizes/sizes.rego"} {
		f.Add(read(f, "testdata/good/"+file))
	}
	f.Add("# METADATA\n# scope: package\n# custom: [1]\npackage demo.bounds")
	f.Add("# METADATA\n# custom:\n#   view: \"a b\"\n#   codes: 5\npackage demo.bounds\nviolation[x] if x := 1")
	f.Fuzz(func(t *testing.T, text string) {
		files := copyOf(t, "testdata/good")
		files["demo/bounds/bounds.rego"].Data = []byte(text)
		set, err := policy.Load(files, options())
		if (err == nil) == (set == nil) || (err != nil && err.Error() == "") {
			t.Errorf("set %v, error %v", set, err)
		}
	})
}

// Whatever stands in params.yaml or behind --param is applied or refused.
func FuzzParameters(f *testing.F) {
	f.Add(read(f, "testdata/good/params.yaml"), "volume-grows.deadline_ns=5")
	f.Add("profiles: {medium: {a: {b: {c: [1]}}}, slow: {a: 1}}", "a.b.c=[2]")
	f.Add("profiles: {medium: {a: {1: x}}}", "a.1=y")
	f.Fuzz(func(t *testing.T, file, override string) {
		files := fstest.MapFS{"params.yaml": {Data: []byte(file)}}
		o := options()
		o.Params = []string{override}
		if _, err := policy.Load(files, o); err == nil || err.Error() == "" {
			t.Errorf("a set without policies was loaded: %v", err)
		}
	})
}

// ---- helpers

func evaluate(t testing.TB, set *policy.Set, docs ...policy.Document) map[string]verdict.Policy {
	t.Helper()
	judged, err := set.Evaluate(context.Background(), docs)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]verdict.Policy{}
	for _, p := range judged.Policies {
		out[p.ID] = p
	}
	return out
}

// document is one of the view volume: an entity without samples and gaps, with changes.
func document(t testing.TB, entity string, changes map[string]any) policy.Document {
	t.Helper()
	value := map[string]any{"entity": entity, "samples": []any{}, "gaps": []any{}}
	for key, v := range changes {
		value[key] = v
	}
	doc, err := policy.NewDocument("volume", entity, value)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func sample(seq, t, size int) map[string]any { return map[string]any{"seq": seq, "t": t, "size": size} }

func levels(bounds, grows verdict.Level) map[string]verdict.Level {
	return map[string]verdict.Level{"volume-bounds": bounds, "volume-grows": grows}
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatAPolicyReadsIsKnownWhereItSaysSo(t *testing.T) {
	const bounds = "demo/bounds/bounds.rego"
	for _, test := range []struct {
		name, from, to string
		want           []string
	}{
		{"by name", "", "", []string{"gaps", "limit", "samples"}},
		{"one more by name", "input.limit\n}", `input["until_ns"] > input.limit` + "\n}",
			[]string{"gaps", "limit", "samples", "until_ns"}},
		{"all of it", "input.limit\n}", "count(input) > input.limit\n}", nil},
		{"by a computed name", "input.limit\n}", "some key in {\"limit\"}\n\ts.size > input[key]\n}", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			files, o := copyOf(t, "testdata/good"), options()
			o.Checked = true // of the types
			files[bounds].Data = []byte(strings.Replace(string(files[bounds].Data), test.from, test.to, 1))
			set, err := policy.Load(files, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := set.Policy("volume-bounds").Reads; !slices.Equal(got, test.want) {
				t.Errorf("it reads %v, want %v", got, test.want)
			}
		})
	}
}

// copyOf reads a directory into memory, so that a test may change it.
func copyOf(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[file] = &fstest.MapFile{Data: []byte(read(t, path.Join(dir, file)))}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// BenchmarkLoad is the cold start: parse, check and compile, as every process
// does it once.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		good(b)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	set := good(b)
	docs := make([]policy.Document, 100)
	for i := range docs {
		docs[i] = document(b, "pg-1", map[string]any{
			"limit": 5, "samples": []any{sample(1, 1, 5), sample(2, 2, 5), sample(3, 3, 5)},
		})
	}
	for b.Loop() {
		evaluate(b, set, docs...)
	}
}
