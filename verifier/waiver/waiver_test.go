package waiver_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/waiver"
)

const good = `# what we know of
waivers:
  - policy: policy-bounds
    verdict: violated
    code: above_limit
    entity: ds/*/PG_DATA
    owner: storage team
    reason: known since the last release
    expires: 2026-12-31
  - {policy: idempotency, verdict: vacuous, owner: qa, reason: "no repetition here", expires: "2026-01-01"}
`

func TestParse(t *testing.T) {
	got, err := waiver.Parse("w.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := []verdict.Waiver{
		{
			Policy: "policy-bounds", Verdict: verdict.Violated, Code: "above_limit", Entity: "ds/*/PG_DATA",
			Owner: "storage team", Reason: "known since the last release", Expires: "2026-12-31", Line: 3,
		},
		{
			Policy: "idempotency", Verdict: verdict.Vacuous, Owner: "qa", Reason: "no repetition here",
			Expires: "2026-01-01", Line: 10,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefusalsNameTheLine(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"an unknown key", "code: above", "cod: above", `w.yaml:5: unknown key "cod" (known: policy, verdict, owner`},
		{"an unknown key at the top", "waivers:", "waiver:", `w.yaml:2: unknown key "waiver" (want waivers)`},
		{"a key twice", "code: above_limit", "owner: me", `w.yaml:7: a waiver has the key "owner" twice`},
		{"no owner", "    owner: storage team\n", "", "w.yaml:3: a waiver needs owner"},
		{"an empty reason", "known since the last release", "", "w.yaml:3: a waiver needs reason"},
		{"an error", "verdict: violated", "verdict: error", `w.yaml:3: the verdict "error" cannot be waived`},
		{"no verdict", "verdict: violated", "verdict: green", `w.yaml:3: the verdict "green" cannot be waived`},
		{"no day", "2026-12-31", "soon", `w.yaml:3: expires is "soon", must be the last day`},
		{"a day that does not exist", "2026-12-31", "2026-02-30", `w.yaml:3: expires is "2026-02-30"`},
		{"a broken pattern", "ds/*/PG_DATA", `"ds/["`, `w.yaml:3: the entity "ds/[" is no pattern`},
		{"a list as owner", "storage team", "[a, b]", "w.yaml:7: owner must be a text"},
		{"no mapping", "  - {policy", "  - word\n  - {policy", "w.yaml:10: a waiver must be a mapping"},
		{"no list", good, "waivers: none", "w.yaml:1: waivers must be a list"},
		{"nothing", good, "", "w.yaml:1: there are no waivers here"},
		{"no YAML", good, "waivers: [", "w.yaml: yaml: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bad := strings.Replace(good, test.old, test.new, 1)
			if bad == good {
				t.Fatalf("there is no %q", test.old)
			}
			if _, err := waiver.Parse("w.yaml", []byte(bad)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	two := strings.NewReplacer("code:", "cod:", `owner: qa`, `ownr: qa`).Replace(good)
	if _, err := waiver.Parse("w.yaml", []byte(two)); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not all is told at once: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("waivers: [[]]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		waivers, err := waiver.Parse("w.yaml", text)
		for _, w := range waivers {
			if err == nil && (w.Policy == "" || w.Owner == "" || w.Reason == "" || w.Expires == "") {
				t.Errorf("accepted %+v", w)
			}
		}
	})
}
