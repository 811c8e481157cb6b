package slice_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hindsight-project/hindsight/verifier/slice"
)

func parse(t rapid.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func write(t rapid.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatMattersIsLeft(t *testing.T) {
	tests := []struct {
		name, document, keeps, want string // keeps: texts that must stay, separated by blanks
		paths                       string
	}{
		{"one of many", `{"a":[{"n":1},{"n":2},{"n":3}],"b":7}`, `"n":2`, `{"a":[{"n":2}],"b":7}`, "a[1]"},
		{"nothing matters", `{"a":[1,2,3],"b":[[1],[2]]}`, ``, `{"a":[],"b":[]}`, ""},
		{"all matters", `{"a":[1,2]}`, `[1,2]`, `{"a":[1,2]}`, "a[0] a[1]"},
		{"no arrays", `{"a":1}`, ``, `{"a":1}`, ""},
		{"one of each of two", `{"a":[10,20,30],"b":[40,50]}`, `20 50`, `{"a":[20],"b":[50]}`, "a[1] b[1]"},
		{
			"inner arrays too", `{"a":[{"in":[11,12]},{"in":[13,14],"on":true}]}`, `14`, `{"a":[{"in":[14],"on":true}]}`,
			"a[1] a[1].in[1]",
		},
		{"below an object", `{"o":{"a":[10,20]}}`, `20`, `{"o":{"a":[20]}}`, "o.a[1]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			document := parse(t, test.document)
			r := slice.Minimize(document, func(v map[string]any) (bool, error) {
				for word := range strings.FieldsSeq(test.keeps) {
					if !strings.Contains(write(t, v), word) {
						return false, nil
					}
				}
				return true, nil
			}, slice.Budget)
			var paths []string
			for _, p := range r.Points {
				paths = append(paths, p.Path)
			}
			if got := write(t, r.Document); got != test.want || !r.Minimal || strings.Join(paths, " ") != test.paths {
				t.Errorf("got %s with %v, want %s with %s", got, paths, test.want, test.paths)
			}
			if write(t, document) != write(t, parse(t, test.document)) {
				t.Error("the document itself was changed")
			}
		})
	}
}

func TestIndicesFollowWhatTheyName(t *testing.T) {
	document := parse(t, `{"specs":[{"v":1},{"v":2},{"v":3}],"statuses":["x","y"],
		"spans":[{"spec":0,"status":1},{"spec":2,"status":0},{"spec":-1,"status":7}],"spec":1}`)
	r := slice.Minimize(document, func(v map[string]any) (bool, error) {
		text := write(t, v)
		return strings.Contains(text, `"v":3`) && strings.Count(text, `"status"`) >= 3, nil
	}, slice.Budget)
	const want = `{"spans":[{"spec":-1,"status":-1},{"spec":0,"status":-1},{"spec":-1,"status":7}],"spec":-1,` +
		`"specs":[{"v":3}],"statuses":[]}`
	if got := write(t, r.Document); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBudgetEndsTheSearchAndSaysSo(t *testing.T) {
	document := map[string]any{"a": make([]any, 1000)}
	asked := 0
	r := slice.Minimize(document, func(v map[string]any) (bool, error) {
		asked++
		list, _ := v["a"].([]any)
		return len(list) >= 500, nil
	}, 20_000)
	if r.Minimal || asked > 20 || len(r.Points) < 500 {
		t.Errorf("minimal %t after %d questions, %d points", r.Minimal, asked, len(r.Points))
	}
}

func TestHintsShortenTheSearch(t *testing.T) {
	list := []any{}
	for i := range 1000 {
		list = append(list, map[string]any{"n": json.Number(write(t, i)), "spec": json.Number("1"), "in": []any{true, false}})
	}
	document := map[string]any{"a": list, "specs": []any{"x", "y", "z"}}
	is := func(n string) func(any) bool {
		return func(v any) bool {
			object, _ := v.(map[string]any)
			return object["n"] == json.Number(n)
		}
	}
	asked := 0
	search := func(hints ...func(any) bool) slice.Result {
		asked = 0
		return slice.Minimize(document, func(v map[string]any) (bool, error) {
			asked++
			text := write(t, v)
			return strings.Contains(text, `"n":500`) && strings.Contains(text, `"y"`), nil
		}, 10*slice.Budget, hints...)
	}
	blind := search()
	hinted := search(is("7"), is("500"))
	if !reflect.DeepEqual(blind, hinted) || asked > 15 || len(hinted.Points) != 2 {
		t.Errorf("%d questions, %d points, without hints %d", asked, len(hinted.Points), len(blind.Points))
	}
	if misled := search(is("7")); !reflect.DeepEqual(blind, misled) {
		t.Errorf("a wrong hint gives %d points", len(misled.Points))
	}
}

func TestQuestionThatFailsIsNo(t *testing.T) {
	r := slice.Minimize(parse(t, `{"a":[1,2]}`), func(map[string]any) (bool, error) {
		return true, errors.New("conflict")
	}, slice.Budget)
	if len(r.Points) != 2 || !r.Minimal {
		t.Errorf("got %+v", r)
	}
}

// The question is: are the wanted elements there, and an odd number of the
// others' neighbours not broken — any monotone or odd question must do.
func TestSlicesAreOneMinimalAndRepeatable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		wanted := rapid.SliceOfDistinct(rapid.IntRange(0, 40), rapid.ID[int]).Draw(t, "wanted")
		pairs := rapid.Bool().Draw(t, "pairs")
		list := []any{}
		for i := range n {
			list = append(list, map[string]any{"n": json.Number(json.Number(write(t, i))), "in": []any{json.Number("1")}})
		}
		document := map[string]any{"a": list}
		keeps := func(v map[string]any) (bool, error) {
			have := map[string]bool{}
			elements, _ := v["a"].([]any)
			for _, e := range elements {
				have[string(e.(map[string]any)["n"].(json.Number))] = true
			}
			for _, w := range wanted {
				if w < n && !have[write(t, w)] {
					return false, nil
				}
			}
			return !pairs || len(elements)%2 == len(list)%2, nil
		}
		r := slice.Minimize(document, keeps, slice.Budget)
		if ok, _ := keeps(r.Document); !ok || !r.Minimal {
			t.Fatalf("the slice does not keep the answer: %s", write(t, r.Document))
		}
		left, _ := r.Document["a"].([]any)
		for i := range left {
			smaller := append(append([]any{}, left[:i]...), left[i+1:]...)
			if ok, _ := keeps(map[string]any{"a": smaller}); ok {
				t.Fatalf("%s is not needed in %s", write(t, left[i]), write(t, left))
			}
		}
		if again := slice.Minimize(document, keeps, slice.Budget); !reflect.DeepEqual(r, again) {
			t.Fatal("twice is not the same")
		}
	})
}

func FuzzMinimizeAnyDocument(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":[1,"x",null]},[]],"b":{"c":[[1]]}}`), "x")
	f.Fuzz(func(t *testing.T, text []byte, word string) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var document map[string]any
		if d.Decode(&document) != nil || document == nil {
			t.Skip()
		}
		keeps := func(v map[string]any) (bool, error) {
			text, err := json.Marshal(v)
			return strings.Contains(string(text), word), err
		}
		if ok, _ := keeps(document); !ok {
			t.Skip()
		}
		if ok, _ := keeps(slice.Minimize(document, keeps, slice.Budget).Document); !ok {
			t.Error("the slice does not keep the answer")
		}
	})
}
