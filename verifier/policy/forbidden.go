package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// forbiddenPrefixes are families of built-in functions that look outside of the
// input or draw lots. OPA marks most of their members as nondeterministic; the
// whole families are shut so that a later version cannot open one.
var forbiddenPrefixes = []string{"http.", "net.", "rand.", "uuid.", "opa.", "io.jwt.encode"}

// forbiddenNames are further functions: the clock, and output to the side.
var forbiddenNames = []string{"time.now_ns", "trace"}

// Forbidden reports whether a policy must not call the built-in function: its
// answer, or its effect, depends on more than the recording and the parameters,
// so that two runs could differ.
func Forbidden(b *ast.Builtin) bool {
	if b.IsNondeterministic() || slices.Contains(forbiddenNames, b.Name) {
		return true
	}
	return slices.ContainsFunc(forbiddenPrefixes, func(p string) bool { return strings.HasPrefix(b.Name, p) })
}

// Capabilities returns what OPA can do, less what is forbidden and less the network.
func Capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, Forbidden)
	c.AllowNet = []string{}
	return c
}
