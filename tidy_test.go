package hindsight

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// columnsMax is the longest line of code. Prose in Markdown wraps by itself.
const columnsMax = 120

// file is a text of the repository.
type file struct {
	path string // slash-separated, from the root
	text string
}

// files returns the texts with one of these endings, those that are generated
// or recorded left out.
func files(t *testing.T, endings ...string) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "dist", "node_modules"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		matches := func(ending string) bool { return strings.HasSuffix(path, ending) }
		if !slices.ContainsFunc(endings, matches) {
			return nil
		}
		text, err := os.ReadFile(path)
		all = append(all, file{filepath.ToSlash(path), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("no files end with %v", endings)
	}
	return all
}

func TestLinesAreShort(t *testing.T) {
	for _, f := range files(t, ".go", ".rego", "Makefile") {
		n := 0
		for line := range strings.Lines(f.text) {
			n++
			if columns := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > columnsMax {
				t.Errorf("%s:%d has %d columns, more than %d", f.path, n, columns, columnsMax)
			}
		}
	}
}

// TestNothingIsLeftOver finds what was to be finished later. The words are put
// together here, so that this file is not found.
func TestNothingIsLeftOver(t *testing.T) {
	leftover := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK|WI` + `P)\b`)
	for _, f := range files(t, ".go", ".rego", ".md", ".yaml", "Makefile", "run") {
		n := 0
		for line := range strings.Lines(f.text) {
			n++
			if word := leftover.FindString(line); word != "" {
				t.Errorf("%s:%d: %s: do it, or write down elsewhere that it is to be done", f.path, n, word)
			}
		}
	}
}

// TestNothingTellsOfOneMachine finds paths and hosts that exist only where
// somebody worked.
func TestNothingTellsOfOneMachine(t *testing.T) {
	machine := regexp.MustCompile(`(^|[\s"'(=])/(wo` + `rk|ro` + `ot|ho` + `me|Us` + `ers)/` +
		`|pro` + `xy\.golang|regis` + `try\.npmjs`)
	for _, f := range files(t, ".go", ".rego", ".md", ".yaml", ".json", ".txtar", "Makefile", "run", "go.mod") {
		n := 0
		for line := range strings.Lines(f.text) {
			n++
			if found := machine.FindString(line); found != "" {
				t.Errorf("%s:%d: %q is of one machine", f.path, n, strings.TrimSpace(found))
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t, ".go") {
		dir := filepath.ToSlash(filepath.Dir(f.path))
		if seen[dir] || strings.Contains(f.path, "testdata/") || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		seen[dir] = true
		text, err := os.ReadFile(filepath.Join(dir, "doc.go"))
		if err != nil {
			t.Errorf("package %s has no doc.go", dir)
			continue
		}
		if len(text) < 200 {
			t.Errorf("%s/doc.go says too little to be the manual of its package", dir)
		}
	}
}

func TestEveryExportedSymbolIsDocumented(t *testing.T) {
	for _, f := range files(t, ".go") {
		if strings.HasSuffix(f.path, "_test.go") || strings.Contains(f.path, "testdata/") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, decl := range parsed.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s has no comment", set.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration that no comment is
// about; one comment may be about a group.
func undocumented(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		wellKnown := d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "Unwrap")
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !wellKnown {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc == nil {
			return undocumentedSpecs(d.Specs)
		}
	}
	return nil
}

func undocumentedSpecs(specs []ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	for _, spec := range specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Name.IsExported() {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if s.Doc == nil && s.Comment == nil && name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether d is a function, or a method that users of
// the package can name.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if index, ok := receiver.(*ast.IndexExpr); ok {
		receiver = index.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

func TestEveryPolicyHasATest(t *testing.T) {
	all := files(t, ".rego")
	for _, f := range all {
		if strings.HasSuffix(f.path, "_test.rego") || !strings.HasPrefix(f.path, "policies/") {
			continue
		}
		want := strings.TrimSuffix(f.path, ".rego") + "_test.rego"
		if !slices.ContainsFunc(all, func(other file) bool { return other.path == want }) {
			t.Errorf("%s has no test: %s", f.path, want)
		}
	}
}

// TestImportsGoOneWay keeps the rooms apart: see docs/architecture.md.
func TestImportsGoOneWay(t *testing.T) {
	const module = "github.com/hindsight-project/hindsight/"
	forbidden := []struct{ from, to string }{
		{"recorder/lexer/", ""},
		{"recorder/trace/", ""}, // but recorder/lexer
		{"recorder/", "verifier"},
		{"recorder/", "cmd"},
		{"policies/", ""},
		{"drivers/", "verifier"},
		{"drivers/", "policies"},
		{"drivers/", "recorder\""},
		{"recorder/", "drivers"},
		{"verifier/", "drivers"},
		{"verifier/", "recorder/watch"},
		{"verifier/", "recorder/bus"},
		{"verifier/", "recorder\""},
		{"verifier/", "cmd"},
	}
	for _, f := range files(t, ".go") {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		text := strings.ReplaceAll(f.text, "\t\""+module+"recorder/lexer\"", "")
		for _, rule := range forbidden {
			if strings.HasPrefix(f.path, rule.from) && strings.Contains(text, "\t\""+module+rule.to) {
				t.Errorf("%s imports %s", f.path, strings.TrimSuffix(module+rule.to, "\""))
			}
		}
	}
}

// TestLinksLeadSomewhere follows the links between our own documents.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, f := range files(t, ".md") {
		for _, match := range link.FindAllStringSubmatch(f.text, -1) {
			target := filepath.Join(filepath.Dir(f.path), filepath.FromSlash(match[1]))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", f.path, match[1])
			}
		}
	}
}
