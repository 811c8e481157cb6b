package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// uidOf makes UIDs of the usual form.
func uidOf(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n*7919, n) }

// anyText draws texts of what templates leave out and of what looks like it.
func anyText(rt *rapid.T) string {
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
		"", "a", "-", "team-green", "pod-with-a-name", uidOf(1), uidOf(2), uidOf(3), uidOf(99), uidOf(1)[:35],
		"pvc-" + uidOf(2),
		"\x01", "\x02", "\x03", "\x04", "\x05", "é", "team-", "12", "2026-11-22T02:08:31Z", "2026-11-22T02:08:32.000001Z",
	}), 0, 4).Draw(rt, "text")
	return strings.Join(pieces, "")
}

// Blocks are forced to be short, so that what many have becomes phrases.
func TestWhatManyBlocksHaveComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprint(time.Now().UnixNano(), ".db"))
		w, err := Create(path, Run{ID: "r", Origin: OriginImport, Start: time.Unix(1_800_000_000, 123).UTC()})
		if err != nil {
			rt.Fatal(err)
		}
		var want []Event
		for n := range rapid.IntRange(1, 8).Draw(rt, "blocks") {
			var batch []Event
			for i := range rapid.IntRange(1, 12).Draw(rt, "events") {
				batch = append(batch, anyEvent(rt, n*20+i))
			}
			w.weight.events = rapid.SampledFrom([]int{0, blockEvents}).Draw(rt, "full")
			if _, err := w.Append(nil, batch...); err != nil {
				rt.Fatal(err)
			}
			want = append(want, batch...)
			if rapid.IntRange(0, 5).Draw(rt, "interrupted") == 0 {
				if err := w.Close(); err != nil {
					rt.Fatal(err)
				}
				if w, err = Resume(path); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if _, err := w.Seal(""); err != nil {
			rt.Fatal(err)
		}
		r, err := Open(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		if err := r.Verify(); err != nil {
			rt.Fatal(err)
		}
		i := 0
		for got, err := range r.Events(0) {
			if err != nil {
				rt.Fatal(err)
			}
			data, err := canonical(want[i].Data)
			if err != nil {
				rt.Fatal(err)
			}
			if string(got.Data) != string(data) || got.Object != want[i].Object || got.Time != want[i].Time ||
				!got.Wall.Equal(want[i].Wall) {
				rt.Fatalf("event %d: %s %v %v came back as %s %v %v", i+1, data, want[i].Time, want[i].Wall,
					got.Data, got.Time, got.Wall)
			}
			i++
		}
		if i != len(want) {
			rt.Fatalf("%d events came back of %d", i, len(want))
		}
	})
}

func anyEvent(rt *rapid.T, n int) Event {
	at := time.Duration(n)*time.Second + time.Duration(rapid.SampledFrom([]int{0, 1000, 777}).Draw(rt, "ns"))
	ev := Event{
		Type: rapid.SampledFrom([]Type{Added, Modified, Deleted, Mark}).Draw(rt, "type"), Source: SourceWatch, Time: at,
		Wall: time.Unix(1_800_000_000, 123).Add(at + time.Duration(rapid.SampledFrom([]int{0, -5, 1e9}).Draw(rt, "wall"))),
	}
	if ev.Type.IsObject() {
		i := rapid.IntRange(1, 3).Draw(rt, "object")
		ev.Object = Object{
			Resource:  Resource{Version: "v1", Resource: "pods", Kind: "Pod"},
			Namespace: "team-green", Name: []string{"", "pod-with-a-name", "x", "team"}[i], UID: uidOf(i),
		}
	}
	stamp := time.Unix(1_800_000_000+rapid.Int64Range(-100, 100).Draw(rt, "stamp"), 0).UTC()
	value := map[string]any{
		"metadata": map[string]any{
			"resourceVersion": fmt.Sprint(1000 + n), "uid": ev.Object.UID, "name": ev.Object.Name,
			"annotations": map[string]any{"a": anyText(rt), "b": anyText(rt)},
		},
		"status": map[string]any{
			"at": stamp.Format(layoutSeconds), "now": stamp.Add(time.Microsecond).Format(layoutMicros),
			"seen": fmt.Sprint(rapid.IntRange(0, 2000).Draw(rt, "seen")),
			"any":  rapid.SampledFrom([]any{nil, 1, -1, "1", true, "", []any{}, 1.5}).Draw(rt, "any"),
		},
	}
	ev.Data, _ = json.Marshal(value)
	return ev
}

func TestWhatIsKnownByOtherMeansIsLeftOut(t *testing.T) {
	objects := newObjectTable()
	own := objects.id(Object{Namespace: "team-green", Name: "pg-1", UID: uidOf(1)})
	objects.id(Object{Namespace: "team-green", Name: "pg", UID: uidOf(2)})
	none := objects.id(Object{})
	for text, want := range map[string]string{
		uidOf(1): "\x01", "pg-1": "\x02", "team-green": "\x03", uidOf(2): "\x04", uidOf(3): uidOf(3),
		"pvc-" + uidOf(2) + " of team-green/pg-1": "pvc-\x04 of \x03/\x02", "": "", "pg": "pg",
		"a\x01": "\x05a\x01", uidOf(1)[:35]: uidOf(1)[:35], "--------" + uidOf(2) + "-": "--------\x04-",
	} {
		of := templates{objects: objects}
		v := value{kind: kindString, str: text}
		got, _ := of.of(v, own)
		if string(got) != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if got, others := of.of(v, none); len(others) > 0 || !strings.Contains(string(got), text) {
			t.Errorf("of no object, %q became %q", text, got)
		}
	}
}

func TestAPatchIsWhatADifferenceLeadsTo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		states := rapid.SliceOfN(rapid.MapOfN(rapid.Uint32Range(1, 40), rapid.IntRange(0, 3), 0, 30), 2, 5).Draw(rt, "states")
		var now []leaf
		for _, state := range states {
			var next []leaf
			for path := range uint32(41) {
				if v, ok := state[path]; ok {
					next = append(next, leaf{path, value{kind: kindInt + kind(v%2), num: int64(v)}})
				}
			}
			ops := diff(nil, now, next)
			for i := range ops {
				if o := &ops[i]; o.old.kind == o.new.kind {
					o.rel, o.new.num = true, o.new.num-o.old.num
				}
				ops[i].old = value{}
			}
			if now = patch(now, ops); !slices.Equal(now, next) {
				rt.Fatalf("got %v, want %v", now, next)
			}
		}
	})
}

// FuzzAnyBlockIsReadOrRefused gives the decoder sections of any content, with
// checksums that are right.
func FuzzAnyBlockIsReadOrRefused(f *testing.F) {
	w, blocks := someBlocks(f)
	for _, b := range blocks {
		var parts [4][]byte
		for i, s := range []section{b.paths, b.objects, b.index, b.payload} {
			raw, err := s.open()
			if err != nil {
				f.Fatal(err)
			}
			parts[i] = raw
		}
		f.Add(uint16(b.count), parts[0], parts[1], parts[2], parts[3], 3, byte(1))
	}
	f.Fuzz(func(t *testing.T, count uint16, paths, objects, index, payload []byte, at int, flip byte) {
		if len(index)+len(payload) > 0 { // damage that is not only at the ends
			at = int(uint(at) % uint(len(index)+len(payload)))
			if index, payload = slices.Clone(index), slices.Clone(payload); at < len(index) {
				index[at] ^= flip
			} else {
				payload[at-len(index)] ^= flip
			}
		}
		head := appendHead(make([]entry, int(count)+1))
		for _, raw := range [][]byte{paths, objects, index, payload} {
			head = appendSection(head, tailEncoder, raw)
		}
		b, err := parseBlock(1, head)
		if err == nil {
			p := w.newReplay()
			err = p.run(b, func(r *record) error {
				for _, l := range r.leaves {
					if l.kind > kindLast || l.kind == kindAbsent {
						t.Fatalf("a leaf of kind %d", l.kind)
					}
				}
				return nil
			})
			err = errors.Join(err, w.newReplay().outline(b, func(int, *record) {}))
		}
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("the error does not say that the file is not a readable trace: %v", err)
		}
	})
}

// someBlocks returns a writer and the blocks that it has written.
func someBlocks(t testing.TB) (w *Writer, blocks []*block) {
	w, err := Create(filepath.Join(t.TempDir(), "trace.db"), Run{ID: "r", Start: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		var batch []Event
		for i := range 20 {
			rv := 100*n + i + 5
			batch = append(batch, Event{
				Type: Modified, Source: SourceWatch, Time: time.Duration(rv) * time.Second, Data: fmt.Appendf(nil,
					`{"metadata":{"resourceVersion":"%d","uid":%q,"name":"pod-%d"},"spec":{"text":"a text %d","n":%d,"on":%v}}`,
					rv, uidOf(i%3), i%3, i%4, rv*rv, i%2 == 0),
				Object: Object{
					Resource: Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Name: fmt.Sprint("pod-", i%3), UID: uidOf(i % 3),
				},
			})
		}
		w.weight.events = blockEvents
		if _, err := w.Append(nil, batch...); err != nil {
			t.Fatal(err)
		}
		b, err := w.shared.fetch(uint64(20*n + 1))
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
	}
	if len(w.texts.list) == 0 || len(w.shapes.list) == 0 {
		t.Fatal("there are no phrases")
	}
	return w, blocks
}
