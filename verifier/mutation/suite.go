package mutation

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"go.yaml.in/yaml/v3"
)

const (
	policySuffix = ".rego"
	testSuffix   = "_test.rego"
	paramsFile   = "params.yaml"
)

// suite is a set of policies with their tests.
type suite struct {
	modules map[string]*ast.Module // by file
	store   storage.Store          // params.yaml as OPA loads it, for the tests
}

// subject is one file whose mutants its own tests must kill.
type subject struct {
	id      string // the policy's, or the directory of a library
	file    string
	modules map[string]*ast.Module // the file, its tests, and the libraries they need
	tests   []ast.Ref              // packages of its tests
}

// loadSuite parses every Rego file below the root.
func loadSuite(fsys fs.FS) (*suite, error) {
	s := &suite{modules: map[string]*ast.Module{}}
	err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != policySuffix {
			return err
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1}
		s.modules[file], err = ast.ParseModuleWithOpts(file, string(text), options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the policies: %w", err)
	}
	data, err := loadData(fsys)
	if err != nil {
		return nil, err
	}
	s.store = inmem.NewFromObject(data)
	return s, nil
}

// loadData reads what the tests find as data.
func loadData(fsys fs.FS) (map[string]any, error) {
	data := map[string]any{}
	text, err := fs.ReadFile(fsys, paramsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return data, nil
	}
	if err == nil {
		err = yaml.NewDecoder(bytes.NewReader(text)).Decode(&data)
	}
	if err != nil {
		return nil, fmt.Errorf("read the parameters: %s: %w", paramsFile, err)
	}
	return data, nil
}

// subjects returns the policies and libraries, sorted by id. Only those with
// the ids when there are any.
func (s *suite) subjects(only []string) ([]subject, error) {
	all := map[string]subject{}
	for file, module := range s.modules {
		if strings.HasSuffix(file, testSuffix) {
			continue
		}
		id := idOf(file, module)
		if other, taken := all[id]; taken {
			return nil, fmt.Errorf("the id %s is taken twice: by %s and by %s", id, file, other.file)
		}
		all[id] = s.subject(id, file)
	}
	for _, id := range only {
		if _, ok := all[id]; !ok {
			return nil, fmt.Errorf("there is no policy or library %q (there are: %s)",
				id, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
	}
	var out []subject
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if len(only) == 0 || slices.Contains(only, id) {
			out = append(out, all[id])
		}
	}
	return out, nil
}

// idOf returns the id of a policy; a library is called by its directory.
func idOf(file string, m *ast.Module) string {
	for _, a := range m.Annotations {
		if id, ok := a.Custom["id"].(string); ok && a.Scope == "package" {
			return id
		}
	}
	return path.Dir(file)
}

// subject collects what the tests of a file need, and nothing else: a compiler
// that has less to compile is what makes thousands of mutants bearable.
func (s *suite) subject(id, file string) subject {
	out := subject{id: id, file: file, modules: map[string]*ast.Module{file: s.modules[file]}}
	todo := []*ast.Module{s.modules[file]}
	for _, test := range slices.Sorted(maps.Keys(s.modules)) {
		if strings.HasSuffix(test, testSuffix) && path.Dir(test) == path.Dir(file) {
			out.modules[test] = s.modules[test]
			out.tests = append(out.tests, s.modules[test].Package.Path)
			todo = append(todo, s.modules[test])
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for other, module := range s.modules {
			if out.modules[other] == nil && names(todo[0], module.Package.Path) {
				out.modules[other] = module
				todo = append(todo, module)
			}
		}
	}
	return out
}

// names reports whether a module refers to a package, or to anything in it.
func names(m *ast.Module, path ast.Ref) bool {
	found := false
	ast.WalkRefs(m, func(ref ast.Ref) bool {
		found = found || ref.HasPrefix(path)
		return found
	})
	return found
}
