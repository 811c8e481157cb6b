package watchlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// lineMax is far above etcd's limit for one object (1.5 MiB by default).
	lineMax = 16 << 20

	// windowMax is what `zstd --long=27` needs, the largest window that zstd
	// itself unpacks without being told to.
	windowMax = 128 << 20
)

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

var (
	errLineTooLong = fmt.Errorf("longer than %d MiB", lineMax>>20)
	errTruncated   = errors.New("the input ends in the middle of this line: it is truncated")
)

// lineReader delivers lines with bounded memory.
type lineReader struct {
	source *source
	in     *bufio.Reader
	close  func()
	number int // of the last line delivered, from 1
	bytes  int64
}

// newLineReader finds out whether in is compressed.
func newLineReader(in io.Reader) (*lineReader, error) {
	origin := &source{in: in}
	buffered := bufio.NewReaderSize(origin, 1<<16)
	head, err := buffered.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(head, zstdMagic) {
		return &lineReader{source: origin, in: buffered, close: func() {}}, nil
	}
	plain, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowMax))
	if err != nil {
		return nil, fmt.Errorf("read zstd: %w", err)
	}
	return &lineReader{source: origin, in: bufio.NewReaderSize(plain, 1<<16), close: plain.Close}, nil
}

// next returns a copy of the next line without its end, and io.EOF after the
// last one. With errLineTooLong the line was passed over and reading goes on;
// errTruncated comes with what there is of a last line.
func (r *lineReader) next() ([]byte, error) {
	var text []byte
	tooLong := false
	for {
		part, err := r.in.ReadSlice('\n')
		r.bytes += int64(len(part))
		if tooLong = tooLong || len(text)+len(part) > lineMax; tooLong {
			text = nil
		} else {
			text = append(text, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(text) == 0 && !tooLong {
			return nil, io.EOF
		}
		r.number++
		switch {
		case err != nil && err != io.EOF:
			return nil, err
		case tooLong:
			return nil, errLineTooLong
		case err == io.EOF:
			return text, errTruncated
		}
		return bytes.TrimRight(text, "\r\n"), nil
	}
}

// reading is what became of one line. The last one has no line.
type reading struct {
	line     line
	number   int   // of lines so far
	bytes    int64 // of them
	unusable error // why the line is rejected
	failed   error // why nothing more can be read
	last     bool
}

// What is read and parsed before it is asked for: so many pieces of so many lines,
// or of so many bytes.
const (
	piecesMax  = 16
	pieceLines = 64
	pieceBytes = 512 << 10
)

// readAhead reads and parses lines while those before them are written, until
// the last one, or until ended is closed. It closes the reader.
func readAhead(lines *lineReader, ended <-chan struct{}) <-chan []reading {
	out := make(chan []reading, piecesMax)
	go func() {
		defer lines.close()
		for {
			piece, more := lines.piece()
			select {
			case out <- piece:
			case <-ended:
				return
			}
			if !more {
				return
			}
		}
	}()
	return out
}

// piece reads and parses some lines, and reports whether there are more.
func (r *lineReader) piece() (piece []reading, more bool) {
	for end := r.bytes + pieceBytes; len(piece) < pieceLines && r.bytes < end; {
		l := r.read()
		piece = append(piece, l)
		if l.last || l.failed != nil {
			return piece, false
		}
	}
	return piece, true
}

// read reads and parses one line.
func (r *lineReader) read() reading {
	raw, err := r.next()
	out := reading{number: r.number, bytes: r.bytes}
	switch {
	case err == io.EOF:
		out.last = true
	case err == errLineTooLong:
		out.unusable = err
	case err != nil && err != errTruncated && !r.damaged():
		out.failed = err
	case err != nil && err != errTruncated:
		out.last = true
		out.unusable = fmt.Errorf("the compressed input is damaged or cut off from here on: %w", err)
	case len(raw) == 0:
		out.unusable = errors.New("empty")
	default:
		l, parseErr := parseLine(raw)
		if parseErr != nil && err == errTruncated {
			parseErr = fmt.Errorf("%w: %w", errTruncated, parseErr)
		}
		out.line, out.unusable = l, parseErr
		out.line.number = r.number
	}
	return out
}

// damaged reports whether an error of next other than its own means that the
// compressed input is broken or cut off, as a killed recorder leaves it, and
// not that reading failed.
func (r *lineReader) damaged() bool { return r.source.err == nil }

// source remembers a failure to read, which a decoder may hide in its own words.
type source struct {
	in  io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
