package history

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// names of the recordings of a real cluster under recorder/testdata.
var names = []string{"growth", "primary-restart", "node-drain"}

// Recordings reads the recordings of a real cluster out of a directory.
func Recordings(dir string) ([]*Recording, error) {
	var out []*Recording
	for _, name := range names {
		log, err := unpack(filepath.Join(dir, name+".jsonl.zst"))
		if err != nil {
			return nil, err
		}
		r, err := Parse(log)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	return io.ReadAll(plain)
}
