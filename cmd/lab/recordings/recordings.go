package recordings

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.jsonl.zst
var files embed.FS

const suffix = ".jsonl.zst"

// Open opens a recording by name.
func Open(name string) (fs.File, error) {
	file, err := files.Open(name + suffix)
	if err != nil {
		return nil, fmt.Errorf("no shipped recording is called %q; there is: %s", name, strings.Join(Names(), ", "))
	}
	return file, nil
}

// Names lists the recordings in alphabetical order.
func Names() []string {
	paths, _ := fs.Glob(files, "*"+suffix) // the pattern is well-formed
	for i := range paths {
		paths[i] = strings.TrimSuffix(paths[i], suffix)
	}
	return paths
}
