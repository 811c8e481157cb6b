package fleet

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/verifier"
)

// questionMax bounds a packed question and what is in it, in bytes.
const questionMax = 64 << 20

// The parts of a packed question: a zip archive, in which what has to be known
// about the policies stands beside their directory.
const (
	optionsFile = "options.json"
	policiesDir = "policies"
)

// options are those of verifier.Options that change what is said of a trace.
type options struct {
	Root    string   `json:"root"`
	CIClass string   `json:"ci_class"`
	Params  []string `json:"params"`
	Only    []string `json:"only"`
	Require []string `json:"require"`
	Story   bool     `json:"story"`
}

// pack writes a question as an archive: the same question always as the same bytes.
func pack(o verifier.Options) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	text, err := json.Marshal(options{o.Root, o.CIClass, o.Params, o.Only, o.Require, o.Story})
	if err != nil {
		return nil, err
	}
	if err := add(archive, optionsFile, text); err != nil {
		return nil, err
	}
	fsys, root := o.Policies, cmp.Or(o.Root, "built-in policies")
	if fsys == nil {
		fsys = policies.FS
	}
	err = fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !judges(file) {
			return err
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		return add(archive, path.Join(policiesDir, file), text)
	})
	if err := errors.Join(err, archive.Close()); err != nil {
		return nil, fmt.Errorf("cannot pack %s: %w", root, err)
	}
	return out.Bytes(), nil
}

// judges reports whether a file is part of what a set of policies says: Rego that
// is no test, and parameters.
func judges(file string) bool {
	return path.Ext(file) == ".yaml" || path.Ext(file) == ".rego" && !strings.HasSuffix(file, "_test.rego")
}

func add(archive *zip.Writer, name string, text []byte) error {
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate}) // without a time
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// unpack is the inverse of pack.
func unpack(archive []byte) (verifier.Options, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return verifier.Options{}, fmt.Errorf("the question cannot be read: %w", err)
	}
	var size uint64
	for _, f := range r.File {
		if size += f.UncompressedSize64; f.UncompressedSize64 > questionMax || size > questionMax {
			return verifier.Options{}, fmt.Errorf("the question has more than %d bytes of policies", questionMax)
		}
	}
	f, err := r.Open(optionsFile)
	if err != nil {
		return verifier.Options{}, fmt.Errorf("the question cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return verifier.Options{}, fmt.Errorf("the question cannot be read: %w", err)
	}
	var o options
	if err := json.Unmarshal(text, &o); err != nil {
		return verifier.Options{}, fmt.Errorf("the question cannot be read: %w", err)
	}
	asked := verifier.Options{
		Root: o.Root, CIClass: o.CIClass, Params: o.Params, Only: o.Only, Require: o.Require, Story: o.Story,
	}
	if own, err := pack(asked); err == nil && bytes.Equal(own, archive) {
		return asked, nil // our own policies, which need no proof that they are in order
	}
	asked.Policies, err = fs.Sub(r, policiesDir)
	return asked, err
}

// digest names bytes.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
