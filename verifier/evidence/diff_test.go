package evidence_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/evidence"
)

func TestDiff(t *testing.T) {
	tests := []struct {
		name, before, after string
		want                []string // path: before > after
	}{
		{"nothing", `{"a":1}`, `{"a":1}`, nil},
		{"a value that begins with the other", `{"a":1,"b":2}`, `{"a":12,"b":2}`, []string{"a: 1 > 12"}},
		{"the last value that begins with the other", `{"a":{"b":1}}`, `{"a":{"b":12}}`, []string{"a.b: 1 > 12"}},
		{"a key that begins with the other", `{"a":1}`, `{"a":1,"ab":2}`, []string{"ab:  > 2"}},
		{"keys before, between and behind", `{"b":1,"d":1}`, `{"a":1,"b":1,"c":1,"d":1,"e":1}`,
			[]string{"a:  > 1", "c:  > 1", "e:  > 1"}},
		{"keys that go", `{"a":1,"b":1,"c":1}`, `{"b":1}`, []string{"a: 1 > ", "c: 1 > "}},
		{"all of them", `{"a":1}`, `{}`, []string{"a: 1 > "}},
		{"brackets and commas in strings", `{"a":"},{[","b":1}`, `{"a":"},{[","b":2}`, []string{"b: 1 > 2"}},
		{"quotes and backslashes in strings", `{"a":"\\","b":"\"","c":1}`, `{"a":"\\","b":"\"","c":2}`, []string{"c: 1 > 2"}},
		{"keys with escapes", `{"\"x\"":1,"y":1}`, `{"\"x\"":2,"y":1}`, []string{`"x": 1 > 2`}},
		{"keys as bytes order them", `{"Z":1,"a":1}`, `{"Z":1,"a":1,"é":1}`, []string{"é:  > 1"}},
		{"conditions by their type", `{"c":[{"s":"F","type":"A"},{"s":"T","type":"B"}]}`,
			`{"c":[{"s":"T","type":"B"},{"s":"T","type":"A"}]}`, []string{`c[A].s: "F" > "T"`}},
		{"elements by index", `{"l":[1,2]}`, `{"l":[1,3,4]}`, []string{"l[1]: 2 > 3", "l[2]:  > 4"}},
		{"an object that becomes a list", `{"l":{"a":1}}`, `{"l":[2]}`, []string{"l[0]:  > 2", "l[a]: 1 > "}},
		{"an object that becomes a value", `{"l":{"a":1}}`, `{"l":2}`, []string{`l: {"a":1} > 2`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range evidence.Diff(json.RawMessage(test.before), json.RawMessage(test.after)) {
				got = append(got, c.Path+": "+string(c.Before)+" > "+string(c.After))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMember(t *testing.T) {
	object := json.RawMessage(`{"\"q\"":0,"a":{"c":[1]},"b":"}\\","c":3}`)
	for key, want := range map[string]string{
		`"q"`: "0", "a": `{"c":[1]}`, "b": `"}\\"`, "c": "3", "aa": "", "d": "", "": "",
	} {
		if got := evidence.Member(object, key); string(got) != want {
			t.Errorf("%q: %s, want %s", key, got, want)
		}
		if got := evidence.Members(object)[key]; string(got) != want {
			t.Errorf("all of them, %q: %s, want %s", key, got, want)
		}
	}
	if got := evidence.Member(json.RawMessage(`["a"]`), "a"); got != nil {
		t.Errorf("a list has the member %s", got)
	}
}
