package redact

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"pg-1","uid":"u","resourceVersion":"7",` +
	`"annotations":{"example.com/key":"k1","other":"o"}},"spec":{"containers":[{"name":"postgres","env":[` +
	`{"name":"PGUSER","value":"app"},{"name":"PGPASSWORD","value":"hunter2"},{"name":"REF","valueFrom":{}}]},` +
	`{"name":"sidecar","env":[{"name":"API_KEY","value":"abc"}]}]},"status":{"message":"ok"}}`

func podEvent(data string) trace.Event {
	return trace.Event{
		Source: trace.SourceWatch, Type: trace.Modified, Data: json.RawMessage(data),
		Object: trace.Object{Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Name: "pg-1"},
	}
}

func rules(t testing.TB, texts ...string) *Rules {
	t.Helper()
	r, err := Parse(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each case changes exactly what it says in the text of the pod.
func TestWhatIsTakenOut(t *testing.T) {
	redacted := func(values ...string) string {
		text := pod
		for _, v := range values {
			if !strings.Contains(text, v) {
				t.Fatalf("%s is not in the pod", v)
			}
			text = strings.Replace(text, v, `"[redacted]"`, 1)
		}
		return text
	}
	for _, c := range []struct {
		says, rule, want string
	}{
		{"every value at a path", `pods:spec.containers[*].env[*].value`, redacted(`"app"`, `"hunter2"`, `"abc"`)},
		{"elements with a member", `pods:spec.containers[*].env[name=pgpass*].value`, redacted(`"hunter2"`)},
		{"elements with one of several", `spec.containers[*].env[name=*USER|*_key].value`, redacted(`"app"`, `"abc"`)},
		{"a whole subtree", `pods:spec.containers[name=sidecar].env`, redacted(`[{"name":"API_KEY","value":"abc"}]`)},
		{"a name with dots", `*:metadata.annotations[example.com/key]`, redacted(`"k1"`)},
		{"a glob over slashes", `*:metadata.annotations[*key]`, redacted(`"k1"`)},
		{"a glob without brackets", `pods:status.m*`, redacted(`"ok"`)},
		{"any level", `**.value`, redacted(`"app"`, `"hunter2"`, `"abc"`)},
		{"any level, also none", `**.status.**.message`, redacted(`"ok"`)},
		{"a pattern", `~hunter\d`, redacted(`"hunter2"`)},
		{"a part of a string", `pods~h(unter)2`, strings.Replace(pod, "hunter2", "h[redacted]2", 1)},
		{"what is within metadata but has to stay", `*:metadata.*`,
			redacted(`{"example.com/key":"k1","other":"o"}`)},
		{"what has to stay, by a pattern", `~^(pg-1|u|7|v1|Pod)$`, pod},
		{"another resource", `persistentvolumeclaims:spec`, pod},
		{"another group", `pods.example.com:spec`, pod},
		{"a path that is not there", `pods:spec.volumes[*].name`, pod},
		{"the elements of what is no array", `pods:spec[*].env`, pod},
		{"the member of what is an array", `pods:spec.containers.name`, pod},
	} {
		t.Run(c.says, func(t *testing.T) {
			r := rules(t, c.rule)
			got := r.Apply(podEvent(pod))
			if d := cmp.Diff(c.want, string(got)); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
			values := r.Redactions()[0].Values
			if want := uint64(strings.Count(c.want, Mark)); values != want {
				t.Errorf("counted are %d, taken out %d", values, want)
			}
			if again := r.Apply(podEvent(string(got))); string(again) != string(got) || r.Redactions()[0].Values != values {
				t.Errorf("the second time gives %s", again)
			}
		})
	}
}

func TestWhatTheDefaultsTakeOut(t *testing.T) {
	r := rules(t, Defaults...)
	got := string(r.Apply(podEvent(pod)))
	if strings.Contains(got, "hunter2") || strings.Contains(got, `"abc"`) || !strings.Contains(got, `"app"`) {
		t.Errorf("of the pod is left %s", got)
	}
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	key := "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----"
	for before, want := range map[string]string{
		"postgres://app:hunter2@db:5432/app":         "postgres://app:[redacted]@db:5432/app",
		"a postgresql://u:p@ss@h/d, redis://:x@h":    "a postgresql://u:[redacted]@h/d, redis://:[redacted]@h",
		"https://example.com:8080/a@b":               "https://example.com:8080/a@b",
		"host=h password=hunter2 user=u":             "host=h password=[redacted] user=u",
		"PGPASSWORD=hunter2":                         "PGPASSWORD=[redacted]",
		"Authorization: Bearer " + jwt + " and more": "Authorization: Bearer [redacted] and more",
		"x " + key + " y":                            "x [redacted] y",
		"x " + key[:40]:                              "x [redacted]",
		"-----BEGIN CERTIFICATE-----":                "-----BEGIN CERTIFICATE-----",
		"nothing of that":                            "nothing of that",
	} {
		if got := r.Text(before); got != want {
			t.Errorf("of %q is left %q, want %q", before, got, want)
		}
		quoted, _ := json.Marshal(before)
		e := trace.Event{Source: trace.SourceLog, Type: "log", Data: fmt.Appendf(nil, `{"record":{"msg":[%s]}}`, quoted)}
		var line struct{ Record struct{ Msg []string } }
		if err := json.Unmarshal(r.Apply(e), &line); err != nil || line.Record.Msg[0] != want {
			t.Errorf("of a log line with %q is left %q, %v", before, line.Record.Msg, err)
		}
	}
}

// However a JSON encoder writes it, it is found.
func TestEscapesHideNothing(t *testing.T) {
	for _, data := range []string{
		`{"spec":{"x":"postgres:\/\/app:hunter2@db"}}`, `{"spec":{"x":"postgres\u003a//app:\u0068unter2@db"}}`,
		`{"sp\u0065c":{"\u0065nv":[{"name":"\u0050ASSWORD","value":"hunter2"}]}}`,
	} {
		got := string(rules(t, Defaults...).Apply(podEvent(data)))
		if strings.Contains(got, "unter2") || !strings.Contains(got, Mark) {
			t.Errorf("of %s is left %s", data, got)
		}
	}
}

func TestTheCopyOfTheObjectInAnAnnotationIsRedactedAsWell(t *testing.T) {
	with := func(annotation string) string {
		quoted, _ := json.Marshal(annotation)
		return fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}},"spec":{}}`, lastApplied, quoted)
	}
	r := rules(t, `pods:spec.env[*].value`, `~token-\d`)
	for before, want := range map[string]string{
		`{"metadata":{"name":"a"},"spec":{"env":[{"value":"x"}],"y":"token-1"}}`: `{"metadata":{"name":"a"},` +
			`"spec":{"env":[{"value":"[redacted]"}],"y":"[redacted]"}}`,
		`{"spec":{"env":[]}}`: `{"spec":{"env":[]}}`,
		`{"spec":`:            Mark,
		`{} {"spec":{}}`:      Mark,
	} {
		if got := string(r.Apply(podEvent(with(before)))); got != with(want) {
			t.Errorf("of %s is left %s", before, got)
		}
	}
}

func TestMarksGapsAndRecordsOfTheRecorder(t *testing.T) {
	r := rules(t, `mark:driver.password`, `~\d{3}`, `sentinel:error`)
	for _, c := range []struct {
		source       trace.Source
		typ          trace.Type
		before, want string
	}{
		{trace.SourceMark, trace.Mark, `{"driver":{"password":"x"}}`, `{"driver":{"password":"[redacted]"}}`},
		{trace.SourceSentinel, "sentinel.failed", `{"error":"x","n":123}`, `{"error":"[redacted]","n":123}`},
		{trace.SourceWatch, trace.Gap, `{"id":1,"from_rv":"123","reason":"at 456"}`,
			`{"id":1,"from_rv":"123","reason":"at [redacted]"}`},
		{trace.SourceWatch, trace.Stream, `{"state":"listed","rv":"123"}`, `{"state":"listed","rv":"123"}`},
		{trace.SourceWatch, trace.Bookmark, `{"metadata":{"resourceVersion":"123"}}`,
			`{"metadata":{"resourceVersion":"123"}}`},
		{trace.SourceRecorder, "end", `{"digest":"123"}`, `{"digest":"123"}`},
		{trace.SourceMark, trace.Mark, `{"broken 123`, unreadable},
	} {
		e := trace.Event{Source: c.source, Type: c.typ, Data: json.RawMessage(c.before)}
		if got := string(r.Apply(e)); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.typ, c.before, got, c.want)
		}
	}
}

func TestRulesThatCannotBeMeantAreRefused(t *testing.T) {
	for rule, want := range map[string]string{
		"":                             "names no value",
		"pods:":                        "names no value",
		"pods:spec.**":                 "names no value",
		"pods:spec.":                   "ends with a dot",
		"pods:spec..x":                 "is no name",
		"pods:spec[x":                  "not closed",
		"pods:spec[]":                  "is no name",
		"pods:spec[name=]":             "is no name",
		"pods:spec[=x]":                "is no name",
		`pods:spec[a\]`:                "is no name",
		"~(":                           "missing closing",
		"~x*":                          "so everything",
		"~":                            "so everything",
		"*:metadata":                   "it stays",
		"pods:metadata.name":           "it stays",
		"kind":                         "it stays",
		"*:metadata.ownerReferences":   "it stays",
		"~" + strings.Repeat("a", 5e3): "more than 4096 bytes",
	} {
		if _, err := Parse(rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", rule, err, want)
		}
	}
	if _, err := Parse(make([]string, maxRules+1)...); err == nil {
		t.Error("any number of rules is taken")
	}
}

// Whatever the rule and the data: what comes out is JSON if what went in was,
// identity stays, and the quick look that most events get finds all that a close
// one does.
func FuzzApply(f *testing.F) {
	more := []string{`pods:spec.containers[*].env[*].value`, `**.value`, `*:metadata.annotations[*]`}
	for _, rule := range slices.Concat(Defaults, more) {
		f.Add(rule, pod)
	}
	f.Add(`~[a-z]d`, `{"a":"\\\\\"d: ad","b":"\u003cbd"}`)
	f.Add(`**.a[b=x*].c`, `{"a":"\"a","\\":{"a" :[{"b":"y"},{"b":"xx","c":[1]}]}}`)
	f.Add(`~u`, `{"metadata":{"name":"u","annotations":{"`+lastApplied+`":"{\"u\":[1]}"}},"a":"\u0075"}`)
	f.Fuzz(func(t *testing.T, rule, data string) {
		r, err := Parse(rule)
		if err != nil {
			return
		}
		got := r.Apply(podEvent(data))
		close := walker{object: true, twice: true, in: []byte(data)}
		for _, rule := range r.all {
			switch event := podEvent(data); {
			case !rule.applies(&event):
			case rule.pattern != nil:
				close.patterns = append(close.patterns, rule)
			default:
				close.top = append(close.top, place{rule, 0})
			}
		}
		if want, err := close.run(); err == nil && string(want) != string(got) {
			t.Fatalf("got %s, want %s", got, want)
		}
		var before, after struct {
			Metadata struct{ Name, UID, ResourceVersion any }
		}
		if json.Unmarshal([]byte(data), &before) != nil {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil && string(got) != unreadable {
			t.Fatalf("%s is no JSON: %v", got, err)
		}
		if strings.Count(strings.ToLower(data), "metadata") == 1 && string(got) != unreadable {
			if d := cmp.Diff(before, after); d != "" {
				t.Error(d)
			}
		}
	})
}

// What is taken out of a version does not depend on the versions before it.
func FuzzApplyToOneVersionAfterTheOther(f *testing.F) {
	more := []string{`**.value`, `*:metadata.annotations[*]`, `spec.*[name=*x*].b.c`}
	for _, rule := range slices.Concat(Defaults, more) {
		f.Add(rule, pod, strings.Replace(pod, `"ok"`, `"password=x postgres://a:b@c"`, 1), 3, 9)
	}
	f.Add(`**.a[b=x*].c`, `{"a":[{"b":"y","c":{"long":"enough to be found again"}}]}`,
		`{"a":[{"b":"x","c":{"long":"enough to be found again"}}]}`, 0, 0)
	f.Add(`**.a[b=x*].c.long`, `{"a":[{"b":"y","c":{"long":"enough to be found again"}}]}`,
		`{"a":[{"b":"x","c":{"long":"enough to be found again"}}]}`, 0, 0)
	f.Fuzz(func(t *testing.T, rule, first, second string, from, to int) {
		r, err := Parse(rule)
		if err != nil {
			return
		}
		from, to = max(0, min(from, len(first))), max(0, min(to, len(second)))
		for _, data := range []string{first, second, first[:from] + second[to:], second, second[:to] + first[from:]} {
			alone, _ := Parse(rule)
			got, want := r.Apply(podEvent(data)), alone.Apply(podEvent(data))
			if string(got) != string(want) && jsontext.Value(data).IsValid(decoding) {
				t.Fatalf("%s became %s after others, %s alone", data, got, want)
			}
		}
	})
}

func BenchmarkDefaults(b *testing.B) {
	r := rules(b, Defaults...)
	for says, data := range map[string]string{
		"pod with env":  strings.Replace(pod, `"message":"ok"`, `"message":"`+strings.Repeat("x", 6000)+`"`, 1),
		"nothing in it": `{"metadata":{"name":"a"},"spec":{"x":"` + strings.Repeat("x", 6000) + `"}}`,
	} {
		b.Run(says, func(b *testing.B) {
			e := podEvent(data)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r.Apply(e)
			}
		})
	}
}
