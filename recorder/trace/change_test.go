package trace

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/lexer/lexertest"
)

// What a text says is the same, whatever the texts of its object were before.
func FuzzAChangeLeadsToWhatTheTextSays(f *testing.F) {
	object := `{"metadata":{"name":"pg-1","labels":{"app":"a long enough name","b":"c"},"resourceVersion":"10"},` +
		`"spec":{"containers":[{"name":"one","image":"registry.example/one:1"},{"name":"two","image":"x"}]}}`
	for _, next := range []string{
		object, `{}`, `[1]`, `7`, `{"a":1,"a":2}`,
		`{"spec":{"containers":[{"name":"one","image":"registry.example/one:1"}]}}`,
		`{"spec":{"containers":[{"name":"two","image":"x"},{"name":"one","image":"registry.example/one:1"}]},"metadata":{}}`,
	} {
		f.Add([]byte(object), []byte(next), uint64(1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, seed uint64) {
		p := parser{dict: newDictionary()}
		root := p.dict.child(0, []byte("g/v1/things/Thing"))
		random := rand.New(rand.NewPCG(seed, 0))
		var state []leaf
		for _, text := range [][]byte{
			first, second, lexertest.Edited(first, random), first, lexertest.Edited(second, random), second,
		} {
			state = goOn(t, &p, root, state, text)
		}
	})
}

// goOn takes the object from one state to the next, and compares with what the
// text alone says.
func goOn(t *testing.T, p *parser, root uint32, state []leaf, text []byte) []leaf {
	t.Helper()
	alone := parser{dict: p.dict}
	want, wantErr := alone.parse(root, text)
	c, err := p.change(Object{Name: "o"}, root, text)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: %v, alone %v", text, err, wantErr)
	}
	if err != nil {
		return state
	}
	got := c.leaves
	if c.base != 0 {
		ops := c.difference(state)
		if whole := diff(nil, state, want); !slices.Equal(ops, whole) {
			t.Fatalf("%s: changes are %v, not %v", text, ops, whole)
		}
		got = after(slices.Clone(state), ops, true)
		if other := after(state, ops, false); !slices.Equal(got, other) {
			t.Fatalf("%s: in place %v, else %v", text, got, other)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s: the leaves are %v, not %v", text, got, want)
	}
	return got
}

// Of a text that was refused together with its batch, or was a duplicate, nothing
// is left in the texts that come behind it.
func TestAChangeIsAgainstWhatTheHistoryHas(t *testing.T) {
	w, err := Create(t.TempDir()+"/trace.db", Run{ID: "r", Origin: OriginImport, Start: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	event := func(rv, phase string) Event {
		return Event{Type: Modified, Time: 1, Object: Object{
			Resource: Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Name: "p", UID: "u",
		}, Data: []byte(`{"metadata":{"name":"p","uid":"u","resourceVersion":"` + rv + `"},` +
			`"status":{"phase":"` + phase + `"}}`)}
	}
	for _, batch := range [][]Event{
		{event("1", "a")}, {event("2", "b"), {Type: Modified}}, {event("1", "c")},
		{event("3", "a"), event("2", "d"), event("4", "a")},
	} {
		for len(batch) > 0 {
			if _, err = w.Append(nil, batch...); err == nil {
				break
			}
			batch = batch[:1]
		}
	}
	var got []string
	if err := w.Live(func(_ Object, rv string, data json.RawMessage) error {
		got = append(got, rv+string(data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := `4{"metadata":{"name":"p","resourceVersion":"4","uid":"u"},"status":{"phase":"a"}}`
	if len(got) != 1 || got[0] != want {
		t.Errorf("the state is %s, not %s", got, want)
	}
}
