package watchlog

import (
	"bytes"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// FuzzLine checks that a line which is accepted says the same when it is
// written and read once more.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`{"time":"2026-11-22T02:08:29.916259Z","type":"ADDED","object":{"apiVersion":"v1","kind":"Pod",` +
			`"metadata":{"name":"a","namespace":"ns","uid":"u","resourceVersion":"7","generation":2}}}`,
		`{"time":"2026-11-22T03:08:29.9+01:00","type":"MARK","mark":{"phase":"run-start","n":1.0}}`,
		`{"time":"2026-11-22T02:08:29Z","type":"BOOKMARK","object":{"apiVersion":"v1","kind":"Pod",` +
			`"metadata":{"resourceVersion":"9"}}}`,
		`{"time":"2026-11-22T02:08:29Z","type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}`,
		`{"time":"2026-11-22T02:08:29Z","type":"GAP","about":{"group":"","version":"v1","resource":"pods","kind":"Pod"},` +
			`"gap":{"id":1,"side":"begin","from_rv":"1","to_rv":"2","reason":"r"},"elapsed_ns":5,"not_before_ns":3}`,
		`{"time":"2026-11-22T02:08:29Z","type":"STREAM","source":"watch","stream":{"state":"listed","items":3}}`,
		`{"time":"2026-11-22T02:08:29Z","type":"EVENT","event":"sentinel.ack","source":"sentinel","data":[1]}`,
		`{"time":"2026-11-22T02:08:29Z","type":"DELETED","inferred":true,"object":{"apiVersion":"apps/v1",` +
			`"kind":"Gateway","metadata":{"name":"\ud83d\ude00"}}}`,
		`{"time":"","type":"ADDED"}`, `[]`, `{`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, err := parseLine(raw)
		if err != nil {
			if err.Error() == "" {
				t.Error("a rejection without a reason")
			}
			return
		}
		e := first.event
		e.Time, e.NotBefore = 3*time.Second, 2*time.Second
		text, err := encode(e, time.Second)
		if err != nil {
			t.Fatalf("accepted, but cannot be written: %v", err)
		}
		again, err := parseLine(text)
		if err != nil {
			t.Fatalf("written as %s, and then rejected: %v", text, err)
		}
		if *again.elapsed != int64(e.Time) || *again.notBefore != int64(e.NotBefore) {
			t.Fatalf("times got lost in %s", text)
		}
		a := again.event
		a.Time, a.NotBefore = e.Time, e.NotBefore
		twice, err := encode(a, time.Second)
		if err != nil || !bytes.Equal(text, twice) {
			t.Fatalf("%s\nbecame\n%s (%v)", text, twice, err)
		}
		if a.Object != e.Object || a.ResourceVersion != e.ResourceVersion || a.Source != e.Source || !a.Wall.Equal(e.Wall) {
			t.Fatalf("%+v\nbecame\n%+v", e, a)
		}
	})
}

func FuzzAHeaderIsReadAsTheWholeObjectWouldBe(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","generation":3}}`, `{"kind":null}`,
		`{ "a" : [ {"b":"\\\""} , "}" ] , "metadata" : { "uid" : "u" , "labels":{"name":"x"} } , "kind" : "K" }`,
		`{"k\u0069nd":"Pod"}`, `{"metadata":{"generation":1e3}}`, `{"metadata":[],"kind":5}`, `{"kind":"\u0041"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		if !jsontext.Value(object).IsValid() {
			return
		}
		got, ok := scanHeader(object)
		if !ok {
			return
		}
		var want header
		if err := json.Unmarshal(object, &want); err != nil || got != want {
			t.Errorf("%s: read %+v, want %+v, %v", object, got, want, err)
		}
	})
}
