package mutation

import (
	"path"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// shownMax is how many characters of a piece of source a report shows.
const shownMax = 160

// render writes a piece of source on one line; "" for what was deleted.
func render(n ast.Node) string {
	if n == nil {
		return ""
	}
	text, err := format.AstWithOpts(n, format.Opts{IgnoreLocations: true, RegoVersion: ast.RegoV1})
	if err != nil {
		text = []byte(n.String())
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func shorten(line string) string {
	if letters := []rune(line); len(letters) > shownMax {
		return string(letters[:shownMax]) + "…"
	}
	return line
}

// testFile is where the tests of a policy belong.
func testFile(file string) string { return strings.TrimSuffix(file, path.Ext(file)) + testSuffix }
