package trace

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendSection appends raw as a section: its length, the length as stored, a
// CRC-32C of what is stored, and what is stored — compressed where that helps.
func appendSection(dst []byte, encoder *zstd.Encoder, raw []byte) []byte {
	stored := encoder.EncodeAll(raw, nil)
	if len(stored) >= len(raw) {
		stored = raw
	}
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	dst = binary.AppendUvarint(dst, uint64(len(stored)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(stored, castagnoli))
	return append(dst, stored...)
}

// section is a part of a block that has been located but not decompressed.
type section struct {
	size   int // decompressed
	crc    uint32
	stored []byte
}

// cutSection splits the first section from b.
func cutSection(b []byte) (section, []byte, error) {
	c := cursor{b: b}
	size, stored := c.uvarint(), c.uvarint()
	if c.err != nil {
		return section{}, nil, c.err
	}
	if size > maxSection || stored > size {
		return section{}, nil, fmt.Errorf("%w: a section claims %d bytes in %d, the limit is %d",
			ErrFormat, size, stored, maxSection)
	}
	crc := c.take(4)
	body := c.take(int(stored))
	if c.err != nil {
		return section{}, nil, c.err
	}
	return section{size: int(size), crc: binary.LittleEndian.Uint32(crc), stored: body}, c.b, nil
}

// open checks and decompresses a section that needs no dictionary.
func (s section) open() ([]byte, error) { return s.openWith(sectionDecoder, nil) }

// openWith checks and decompresses the section, into the memory of free if that
// is large enough.
func (s section) openWith(decoder *zstd.Decoder, free []byte) ([]byte, error) {
	if crc32.Checksum(s.stored, castagnoli) != s.crc {
		return nil, fmt.Errorf("%w: the checksum of a section does not match: the file is damaged", ErrFormat)
	}
	if len(s.stored) == s.size {
		return s.stored, nil
	}
	var head zstd.Header
	if err := head.Decode(s.stored); err != nil {
		return nil, fmt.Errorf("%w: section: %v", ErrFormat, err)
	}
	if head.HasFCS && head.FrameContentSize != uint64(s.size) {
		return nil, fmt.Errorf("%w: a section of %d bytes announces %d", ErrFormat, s.size, head.FrameContentSize)
	}
	if cap(free) < s.size {
		free = make([]byte, 0, min(s.size, 64*len(s.stored)))
	}
	raw, err := decoder.DecodeAll(s.stored, free[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: section: %v", ErrFormat, err)
	}
	if len(raw) != s.size {
		return nil, fmt.Errorf("%w: a section of %d bytes holds %d", ErrFormat, s.size, len(raw))
	}
	return raw, nil
}

// cursor reads varints and bytes and remembers the first error.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail() {
	if c.err == nil {
		c.err = fmt.Errorf("%w: data ends too early", ErrFormat)
	}
	c.b = nil
}

func (c *cursor) uvarint() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 { // most of them
		v := c.b[0]
		c.b = c.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// skipVarints passes over n of them.
func (c *cursor) skipVarints(n int) {
	at := 0
	for ; n > 0 && at < len(c.b); at++ {
		if c.b[at] < 0x80 {
			n--
		}
	}
	if c.b = c.b[at:]; n > 0 {
		c.fail()
	}
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.fail()
		return make([]byte, 4)[:min(max(n, 0), 4)]
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

// bytes reads a length and as many bytes.
func (c *cursor) bytes() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	return c.take(int(n))
}

// count reads the number of entries that follow, each of at least one byte, so
// that a lie about it cannot make anybody allocate.
func (c *cursor) count() int {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.fail()
		return 0
	}
	return int(n)
}

func crc(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
