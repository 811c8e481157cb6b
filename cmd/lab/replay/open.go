package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// Recording is an open recording. Close it after use.
type Recording struct {
	*trace.Reader
	dir string // of an imported watch log, removed by Close
}

// Open opens a trace, or a watch log, which it imports.
func Open(ctx context.Context, path string) (*Recording, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(file, head); err != nil {
		return nil, fmt.Errorf("%s: neither a trace nor a watch log: %w", path, err)
	}
	if !isLog(head) {
		reader, err := trace.Open(path)
		return &Recording{Reader: reader}, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return Import(ctx, file, path)
}

// isLog tells a watch log, which begins with a JSON object or is compressed
// with zstd, from a trace, which begins with a page of zeros and small numbers.
func isLog(head []byte) bool {
	return bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) || head[0] == '{'
}

// Import opens the watch log in r. A line that cannot be used is an error: a
// replay is a recording's stand-in, and says so when it cannot be.
func Import(ctx context.Context, r io.Reader, name string) (*Recording, error) {
	dir, err := os.MkdirTemp("", "hindsight-replay-")
	if err != nil {
		return nil, err
	}
	reader, err := importLog(ctx, r, name, filepath.Join(dir, "log.trace.db"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Recording{reader, dir}, nil
}

func importLog(ctx context.Context, r io.Reader, name, out string) (*trace.Reader, error) {
	report, err := watchlog.Import(ctx, r, watchlog.Options{Out: out, Name: name, Tool: "lab"})
	if err != nil {
		return nil, err
	}
	if report.Unusable > 0 {
		first := report.Rejected[0]
		return nil, fmt.Errorf("%s: %d lines cannot be used, the first is line %d: %s",
			name, report.Unusable, first.Line, first.Reason)
	}
	return trace.Open(out)
}

// Close releases the recording.
func (r *Recording) Close() error {
	err := r.Reader.Close()
	if r.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}
