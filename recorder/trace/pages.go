package trace

import (
	"bytes"
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
	w := pageWalk{f: f, meta: m, seen: make([]bool, m.pages)}
	return w.page(m.root, keys{}, 0)
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
}

var errPages = fmt.Errorf("%w: its page structure is damaged", ErrFormat)

// maxPageDepth is far more than a B+ tree of this size can have.
const maxPageDepth = 32

// keys is the range that the keys below a page must lie in, [from, to); to nil
// means no end.
type keys struct{ from, to []byte }

// admit takes the next key of a page, which must be greater than the one before.
func (k *keys) admit(key []byte, first bool) error {
	order := bytes.Compare(key, k.from)
	if order < 0 || order == 0 && !first || k.to != nil && bytes.Compare(key, k.to) >= 0 {
		return errPages
	}
	k.from = key
	return nil
}

// page checks one page and what is below it.
func (w *pageWalk) page(id uint64, in keys, depth int) error {
	if id < 2 || id >= w.meta.pages || w.seen[id] || depth > maxPageDepth {
		return errPages
	}
	le := binary.LittleEndian
	at := int64(id) * w.meta.pageSize
	head := make([]byte, pageHeaderSize)
	if _, err := w.f.ReadAt(head, at); err != nil {
		return errPages
	}
	flags, count, overflow := le.Uint16(head[8:]), int(le.Uint16(head[10:])), uint64(le.Uint32(head[12:]))
	if le.Uint64(head) != id || id+overflow >= w.meta.pages || flags != pageBranch && flags != pageLeaf {
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
	if _, err := w.f.ReadAt(elements, at+pageHeaderSize); err != nil {
		return errPages
	}
	p := pageElements{f: w.f, at: at, size: size, elements: elements}
	if flags == pageBranch {
		return w.branch(p, in, depth)
	}
	return w.leaf(p, in, depth)
}

// pageElements are the elements of one page.
type pageElements struct {
	f        io.ReaderAt
	at, size int64 // of the page
	elements []byte
}

func (p pageElements) count() int { return len(p.elements) / elementSize }

// field returns the 32 bit number at this offset of element i.
func (p pageElements) field(i, offset int) int64 {
	return int64(binary.LittleEndian.Uint32(p.elements[i*elementSize+offset:]))
}

// key returns the key of element i, which lies pos bytes behind the element,
// and where it ends in the page.
func (p pageElements) key(i int, pos, size int64) (key []byte, end int64, err error) {
	from := int64(pageHeaderSize+i*elementSize) + pos
	end = from + size
	if end > p.size || size > maxKeySize {
		return nil, 0, errPages
	}
	key = make([]byte, size)
	if _, err := p.f.ReadAt(key, p.at+from); err != nil {
		return nil, 0, errPages
	}
	return key, end, nil
}

// maxKeySize is bbolt's.
const maxKeySize = 32768

// branch checks elements of pos u32, ksize u32, page u64.
func (w *pageWalk) branch(p pageElements, in keys, depth int) error {
	all := make([][]byte, p.count())
	for i := range all {
		var err error
		if all[i], _, err = p.key(i, p.field(i, 0), p.field(i, 4)); err != nil {
			return err
		}
		if err := in.admit(all[i], i == 0); err != nil {
			return err
		}
	}
	for i, key := range all {
		below := keys{key, in.to}
		if i+1 < len(all) {
			below.to = all[i+1]
		}
		child := binary.LittleEndian.Uint64(p.elements[i*elementSize+8:])
		if err := w.page(child, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks elements of flags u32, pos u32, ksize u32, vsize u32. The value of
// a bucket is its root page u64 and a sequence u64, then, when the root is 0, a
// page of its own inline.
func (w *pageWalk) leaf(p pageElements, in keys, depth int) error {
	for i := range p.count() {
		key, val, err := p.key(i, p.field(i, 4), p.field(i, 8))
		if err != nil {
			return err
		}
		if err := in.admit(key, i == 0); err != nil {
			return err
		}
		end := val + p.field(i, 12)
		if end > p.size {
			return errPages
		}
		if p.field(i, 0)&bucketLeaf == 0 {
			continue
		}
		value := make([]byte, min(end-val, w.meta.pageSize))
		if _, err := w.f.ReadAt(value, p.at+val); err != nil || len(value) < 16 {
			return errPages
		}
		if root := binary.LittleEndian.Uint64(value); root != 0 {
			err = w.page(root, keys{}, depth+1)
		} else {
			err = checkInline(value[16:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkInline checks the page of a small bucket, which holds no buckets.
func checkInline(b []byte) error {
	le := binary.LittleEndian
	if len(b) < pageHeaderSize || le.Uint16(b[8:]) != pageLeaf || le.Uint32(b[12:]) != 0 {
		return errPages
	}
	count := int(le.Uint16(b[10:]))
	if pageHeaderSize+count*elementSize > len(b) {
		return errPages
	}
	elements := b[pageHeaderSize : pageHeaderSize+count*elementSize]
	p := pageElements{f: bytes.NewReader(b), size: int64(len(b)), elements: elements}
	in := keys{}
	for i := range count {
		key, val, err := p.key(i, p.field(i, 4), p.field(i, 8))
		if err != nil {
			return err
		}
		if err := in.admit(key, i == 0); err != nil {
			return err
		}
		if val+p.field(i, 12) > int64(len(b)) || p.field(i, 0)&bucketLeaf != 0 {
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
