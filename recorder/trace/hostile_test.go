package trace_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// small is a sealed trace of thirty real events, and the same unsealed.
func small(t testing.TB) (sealed, unsealed []byte) {
	t.Helper()
	run, events := load(t, "../testdata/growth.jsonl.zst")
	path, w := write(t, run, events[:30], 7)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	unsealed = read(t, path)
	w, err := trace.Resume(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	return read(t, path), unsealed
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// survive opens and reads a file by all means; it reports whether something was
// wrong with it, and fails on any error that does not say so.
func survive(t testing.TB, path string) bool {
	t.Helper()
	r, err := trace.Open(path)
	if err == nil {
		defer r.Close()
		if err = r.Verify(); err == nil {
			if _, err = r.StateAt(1<<40, nil); err == nil {
				_, err = r.SeqAt(time.Minute)
			}
		}
	}
	if err != nil && !errors.Is(err, trace.ErrFormat) {
		t.Errorf("the error does not say that the file is not a readable trace: %v", err)
	}
	if w, err := trace.Resume(path); err == nil {
		_ = w.Close()
	}
	return err != nil
}

func TestADamagedFileGivesAnErrorNotAPanic(t *testing.T) {
	sealed, unsealed := small(t)
	path := filepath.Join(t.TempDir(), "trace.db")
	for name, data := range map[string][]byte{"sealed": sealed, "unsealed": unsealed} {
		missed := 0
		tries := 0
		for at := 0; at < len(data); at += 331 {
			broken := bytes.Clone(data)
			broken[at] ^= 0x41
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			tries++
			if !survive(t, path) {
				missed++
			}
		}
		// Padding, free pages and the older meta page carry nothing.
		t.Logf("%s: %d of %d flipped bytes lie where nothing is kept", name, missed, tries)
		if missed == tries {
			t.Errorf("%s: no damage was noticed", name)
		}
		for _, n := range []int{0, 1, 15, 16, 80, 4095, 4096, 8192, len(data) / 2, len(data) - 4096, len(data) - 1} {
			if err := os.WriteFile(path, data[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			if !survive(t, path) && n < len(sealed)/2 {
				t.Errorf("%s: cut to %d of %d bytes, nothing was noticed", name, n, len(data))
			}
		}
	}
}

func TestFlippedContentIsNoticedByAChecksum(t *testing.T) {
	sealed, _ := small(t)
	path := filepath.Join(t.TempDir(), "trace.db")
	for _, bucket := range []string{"blocks", "paths", "objects", "meta"} {
		if err := os.WriteFile(path, sealed, 0o600); err != nil {
			t.Fatal(err)
		}
		alter(t, path, func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucket))
			k, v := b.Cursor().First()
			v = bytes.Clone(v)
			v[len(v)-1] ^= 1
			return b.Put(k, v)
		})
		if !survive(t, path) {
			t.Errorf("a flipped bit in %s was not noticed", bucket)
		}
	}
}

func alter(t *testing.T, path string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFilesAreNamedAsSuch(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	alter(t, foreign, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err })
	sealed, _ := small(t)
	future := filepath.Join(dir, "future.db")
	if err := os.WriteFile(future, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	alter(t, future, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("hindsight trace 3"))
	})
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no trace ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		foreign: "another program", text: "not a bbolt file", dir: "not a regular file",
		future: `its format is "hindsight trace 3", this program reads "hindsight trace 2" and what is older`,
	} {
		_, err := trace.Open(path)
		if !errors.Is(err, trace.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
		}
	}
	if _, err := trace.Open(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestBombsAndAbsurdLengthsAreRefused(t *testing.T) {
	sealed, _ := small(t)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := enc.EncodeAll(make([]byte, 256<<20), nil)
	section := func(size, stored uint64, body []byte) []byte {
		b := binary.AppendUvarint(nil, size)
		b = binary.AppendUvarint(b, stored)
		return append(append(b, 0, 0, 0, 0), body...)
	}
	withCRC := func(b, body []byte) []byte {
		at := len(b) - len(body) - 4
		binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	for name, chunk := range map[string][]byte{
		"a bomb that says its size":    withCRC(section(256<<20, uint64(len(zeros)), zeros), zeros),
		"a bomb that lies":             withCRC(section(100<<10, uint64(len(zeros)), zeros), zeros),
		"a length beyond the file":     section(1<<40, 1<<39, []byte("x")),
		"a length beyond all reason":   section(1<<63, 1<<62, nil),
		"a number that never ends":     bytes.Repeat([]byte{0xff}, 40),
		"nothing":                      {},
		"more entries than bytes":      withCRC(section(3, 3, []byte{0xff, 0xff, 0x03}), []byte{0xff, 0xff, 0x03}),
		"a parent that does not exist": withCRC(section(3, 3, []byte{1, 99, 1}), []byte{1, 99, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trace.db")
			if err := os.WriteFile(path, sealed, 0o600); err != nil {
				t.Fatal(err)
			}
			alter(t, path, func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte("paths"))
				k, _ := b.Cursor().First()
				return b.Put(k, chunk)
			})
			if _, err := trace.Open(path); !errors.Is(err, trace.ErrFormat) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func FuzzAnyFileOpensOrIsRefused(f *testing.F) {
	sealed, unsealed := small(f)
	f.Add(sealed, 100, byte(1))
	f.Add(unsealed, 9000, byte(255))
	f.Add([]byte("hindsight"), 0, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		if len(data) > 0 {
			data = bytes.Clone(data)
			data[uint(at)%uint(len(data))] ^= flip
		}
		path := filepath.Join(t.TempDir(), "trace.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		survive(t, path)
	})
}
