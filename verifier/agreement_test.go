package verifier_test

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/machine"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// byOPA prepares the question of a policy for OPA's own evaluator.
func byOPA(t *testing.T, set *policy.Set, p *policy.Policy) rego.PreparedEvalQuery {
	t.Helper()
	options := []func(*rego.Rego){
		rego.Query(p.Package()), rego.StrictBuiltinErrors(true),
		rego.Store(inmem.NewFromObject(map[string]any{"params": set.Params()})),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
	}
	for _, f := range p.Sources {
		options = append(options, rego.Module(f.Name, f.Text))
	}
	query, err := rego.New(options...).PrepareForEval(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return query
}

// agree asks OPA and the machine about one document.
func agree(t *testing.T, set *policy.Set, p *policy.Policy, opa rego.PreparedEvalQuery, entity string, value any) {
	t.Helper()
	doc, err := policy.NewDocument(p.View, entity, value.(map[string]any))
	if err != nil {
		t.Fatal(err)
	}
	results, wantErr := opa.Eval(context.Background(), rego.EvalParsedInput(machine.AST(doc.Input)))
	answer, gotErr := set.Answer(context.Background(), p, doc)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%s about %s: the machine says %v, OPA %v", p.ID, entity, gotErr, wantErr)
	}
	if wantErr != nil {
		return
	}
	want := results[0].Expressions[0].Value.(ast.Object)
	answer.Each(func(rule, rows machine.Value) {
		if other := want.Get(ast.StringTerm(rule.(string))); other.Value.Compare(machine.AST(rows)) != 0 {
			t.Fatalf("%s about %s: the machine derives %s %v\nOPA %v", p.ID, entity, rule, machine.AST(rows), other)
		}
	})
}

// TestTheMachineAgreesWithOPA asks every built-in policy about what was recorded,
// and about what might have been.
func TestTheMachineAgreesWithOPA(t *testing.T) {
	set := defaultSet(t)
	queries := map[string]rego.PreparedEvalQuery{}
	for _, p := range set.Policies {
		queries[p.ID] = byOPA(t, set, p)
	}
	recordings := slices.Concat(
		glob(t, filepath.Join("..", "recorder", "testdata", "*.jsonl.zst")),
		glob(t, filepath.Join("..", "policies", "testdata", "*", "*.jsonl.zst")),
	)
	random := rand.New(rand.NewPCG(6, 6))
	for _, file := range recordings {
		for _, d := range documentsOf(t, file) {
			for _, p := range set.Policies {
				if p.View != d.View {
					continue
				}
				agree(t, set, p, queries[p.ID], d.Entity, d.Value())
				agree(t, set, p, queries[p.ID], d.Entity, disturbed(random, d.Value()))
			}
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return files
}

// documentsOf imports a log and projects it.
func documentsOf(t *testing.T, file string) []views.Document {
	t.Helper()
	documents, err := views.Project(watchlogtest.Open(t, watchlogtest.Import(t, file)), views.Names())
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// disturbed is a copy of a document in which here and there an element of a list
// is missing, a number is another one, a word is one of its neighbours', or what
// was true is false.
func disturbed(random *rand.Rand, value any) any {
	const seldom = 12
	now := random.IntN(seldom) == 0
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out[key] = disturbed(random, v[key])
		}
		return out
	case []any:
		out := []any{}
		for _, element := range v {
			if random.IntN(seldom) > 0 {
				out = append(out, disturbed(random, element))
			}
		}
		return out
	case json.Number:
		if n, err := v.Int64(); err == nil && n > 0 && now {
			return json.Number(string(v)[:1+random.IntN(len(v))])
		} else if err == nil && random.IntN(seldom) == 0 {
			return n + int64(random.IntN(3)) - 1
		}
	case bool:
		return v != now
	case string:
		if now && len(v) > 0 {
			return v[:random.IntN(len(v))]
		}
	}
	return value
}
