package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"runtime/debug"
	"syscall"
)

// bbolt trusts its files: on a damaged or hostile one it may panic, read
// outside of its mapping or follow a circle of pages for ever. So the page
// structure is checked before bbolt sees it. The layout below is bbolt's file
// format version 2.
const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	pageHeaderSize = 16
	metaSize       = 64
	elementSize    = 16

	pageBranch = 0x01
	pageLeaf   = 0x02
	bucketLeaf = 0x01 // flag of a leaf element
)

// boltMeta is the part of a meta page that we need.
type boltMeta struct {
	pageSize    int64
	root, pages uint64 // page of the root bucket; pages in use
	txid        uint64
}

// readMeta returns the newest intact meta page. A writer replaces the two in
// turn, so one of them is always intact.
func readMeta(f io.ReaderAt) (boltMeta, error) {
	var best boltMeta
	found := false
	at := int64(0)
	for i := 0; i < 2; i++ {
		b := make([]byte, pageHeaderSize+metaSize)
		if _, err := f.ReadAt(b, at); err != nil {
			break
		}
		m, ok := parseMeta(b[pageHeaderSize:])
		if ok && (!found || m.txid > best.txid) {
			best, found = m, true
		}
		at = 4096 // the usual page size, if the first meta page cannot tell
		if ok {
			at = m.pageSize
		}
	}
	if !found {
		return best, fmt.Errorf("%w: it is not a bbolt file, or its first pages are damaged", ErrFormat)
	}
	return best, nil
}

func parseMeta(b []byte) (boltMeta, bool) {
	le := binary.LittleEndian
	sum := fnv.New64a()
	sum.Write(b[:56])
	m := boltMeta{
		pageSize: int64(le.Uint32(b[8:])), root: le.Uint64(b[16:]), pages: le.Uint64(b[40:]), txid: le.Uint64(b[48:]),
	}
	ok := le.Uint32(b) == boltMagic && le.Uint32(b[4:]) == boltVersion && le.Uint64(b[56:]) == sum.Sum64() &&
		m.pageSize >= 1024 && m.pageSize <= 1<<20
	return m, ok
}

// checkPages walks every page that can be reached.
func checkPages(path string) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: it is empty: the recorder stopped before it wrote anything", ErrFormat)
	}
	m, err := readMeta(f)
	if err != nil {
		return err
	}
	if have := uint64(info.Size()) / uint64(m.pageSize); m.pages > have {
		return fmt.Errorf("%w: it is truncated: it has %d pages and needs %d", ErrFormat, have, m.pages)
	}
	w := pageWalk{f: f, meta: m, seen: make([]bool, m.pages), head: make([]byte, m.pageSize)}
	return w.page(m.root, 0)
}

// openRegular opens a file for reading, but not a folder or a pipe.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is not a regular file", ErrFormat)
	}
	return os.Open(path)
}

// tryLock takes bbolt's lock of the file until it is closed, unless somebody
// holds it: a writer holds it exclusively, readers share it.
func tryLock(f *os.File, how int) bool {
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB) == nil
}

type pageWalk struct {
	f    io.ReaderAt
	meta boltMeta
	seen []bool
	head []byte
}

var errPages = fmt.Errorf("%w: its page structure is damaged", ErrFormat)

// maxPageDepth is far more than a B+ tree of this size can have.
const maxPageDepth = 32

// page checks one page and what is below it.
func (w *pageWalk) page(id uint64, depth int) error {
	if id < 2 || id >= w.meta.pages || w.seen[id] || depth > maxPageDepth {
		return errPages
	}
	le := binary.LittleEndian
	if _, err := w.f.ReadAt(w.head[:pageHeaderSize], int64(id)*w.meta.pageSize); err != nil {
		return errPages
	}
	flags, count, overflow := le.Uint16(w.head[8:]), int(le.Uint16(w.head[10:])), uint64(le.Uint32(w.head[12:]))
	if le.Uint64(w.head) != id || id+overflow >= w.meta.pages || flags != pageBranch && flags != pageLeaf {
		return errPages
	}
	for i := id; i <= id+overflow; i++ {
		if w.seen[i] {
			return errPages
		}
		w.seen[i] = true
	}
	size := int64(overflow+1) * w.meta.pageSize
	if int64(pageHeaderSize+count*elementSize) > size || flags == pageBranch && count == 0 {
		return errPages
	}
	elements := make([]byte, count*elementSize)
	if _, err := w.f.ReadAt(elements, int64(id)*w.meta.pageSize+pageHeaderSize); err != nil {
		return errPages
	}
	for i := range count {
		e := elements[i*elementSize:]
		var err error
		if flags == pageBranch {
			err = w.branch(e, int64(pageHeaderSize+i*elementSize), size, depth)
		} else {
			err = w.leaf(e, int64(id)*w.meta.pageSize, int64(pageHeaderSize+i*elementSize), size, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// branch checks an element: pos u32, ksize u32, page u64.
func (w *pageWalk) branch(e []byte, at, size int64, depth int) error {
	le := binary.LittleEndian
	if at+int64(le.Uint32(e))+int64(le.Uint32(e[4:])) > size {
		return errPages
	}
	return w.page(le.Uint64(e[8:]), depth+1)
}

// leaf checks an element: flags u32, pos u32, ksize u32, vsize u32. The value
// of a bucket is its root page u64 and a sequence u64, then, when the root is 0,
// a page of its own inline.
func (w *pageWalk) leaf(e []byte, page, at, size int64, depth int) error {
	le := binary.LittleEndian
	key := at + int64(le.Uint32(e[4:]))
	val := key + int64(le.Uint32(e[8:]))
	end := val + int64(le.Uint32(e[12:]))
	if end > size {
		return errPages
	}
	if le.Uint32(e)&bucketLeaf == 0 {
		return nil
	}
	value := make([]byte, min(end-val, w.meta.pageSize))
	if _, err := w.f.ReadAt(value, page+val); err != nil || len(value) < 16 {
		return errPages
	}
	if root := le.Uint64(value); root != 0 {
		return w.page(root, depth+1)
	}
	return checkInline(value[16:])
}

// checkInline checks the page of a small bucket, which holds no buckets.
func checkInline(p []byte) error {
	le := binary.LittleEndian
	if len(p) < pageHeaderSize || le.Uint16(p[8:]) != pageLeaf || le.Uint32(p[12:]) != 0 {
		return errPages
	}
	count := int(le.Uint16(p[10:]))
	for i := range count {
		at := pageHeaderSize + i*elementSize
		if at+elementSize > len(p) {
			return errPages
		}
		e := p[at:]
		end := int64(at) + int64(le.Uint32(e[4:])) + int64(le.Uint32(e[8:])) + int64(le.Uint32(e[12:]))
		if end > int64(len(p)) || le.Uint32(e)&bucketLeaf != 0 {
			return errPages
		}
	}
	return nil
}

// guard turns a panic or a memory fault inside bbolt into an error: the last
// line of defence should the file change under our hands.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrFormat, p)
		}
	}()
	return f()
}

// snapshot copies a file that a recorder is writing. bbolt never overwrites a
// page that the newest meta page reaches until it has written the next one; so
// a copy is consistent when the meta page is the same before and after it.
func snapshot(src *os.File) (string, error) {
	for range maxSnapshots {
		before, err := readMeta(src)
		if err != nil {
			return "", err
		}
		dst, err := os.CreateTemp("", "hindsight-*.db")
		if err != nil {
			return "", fmt.Errorf("copy the trace that is being written: %w", err)
		}
		_, err = io.Copy(dst, io.NewSectionReader(src, 0, int64(before.pages)*before.pageSize))
		after, metaErr := readMeta(src)
		if err = errors.Join(err, metaErr, dst.Close()); err == nil && after.txid == before.txid {
			return dst.Name(), nil
		}
		if err = errors.Join(err, os.Remove(dst.Name())); err != nil {
			return "", fmt.Errorf("copy the trace that is being written: %w", err)
		}
	}
	return "", fmt.Errorf("the recorder writes faster than its file can be copied (%d tries): try again", maxSnapshots)
}

const maxSnapshots = 100
