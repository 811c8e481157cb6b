package waiver

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// keys are what a waiver may say; the first ones it must say.
var (
	required = []string{"policy", "verdict", "owner", "reason", "expires"}
	keys     = append(slices.Clone(required), "code", "entity")
)

// waivable are the verdicts that a waiver can cover. An error cannot be waived:
// it is no answer, so nobody can know what is waived.
var waivable = []verdict.Level{verdict.Violated, verdict.Inconclusive, verdict.Vacuous}

// Parse reads the waivers of a file. name is how the file is called in errors,
// which tell everything that is wrong, one a line.
func Parse(name string, text []byte) ([]verdict.Waiver, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := parser{name: name}
	if len(doc.Content) == 0 {
		p.wrong(1, "there are no waivers here (want a list under the key waivers)")
		return nil, errors.Join(p.errs...)
	}
	for key, list := range p.mapping(doc.Content[0], "the file") {
		switch {
		case key.Value != "waivers":
			p.wrong(key.Line, "unknown key %q (want waivers)", key.Value)
		case list.Kind != yaml.SequenceNode:
			p.wrong(key.Line, "waivers must be a list")
		default:
			for _, node := range list.Content {
				p.waiver(node)
			}
		}
	}
	return p.waivers, errors.Join(p.errs...)
}

type parser struct {
	name    string
	waivers []verdict.Waiver
	errs    []error
}

func (p *parser) wrong(line int, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.name, line, fmt.Sprintf(format, args...)))
}

// mapping yields the keys and values of a mapping, each key once.
func (p *parser) mapping(node *yaml.Node, what string) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if node.Kind != yaml.MappingNode {
			p.wrong(node.Line, "%s must be a mapping", what)
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if seen[key.Value] {
				p.wrong(key.Line, "%s has the key %q twice", what, key.Value)
			}
			seen[key.Value] = true
			if !yield(key, node.Content[i+1]) {
				return
			}
		}
	}
}

// waiver reads one element of the list.
func (p *parser) waiver(node *yaml.Node) {
	const what = "a waiver"
	values := map[string]string{}
	before := len(p.errs)
	for key, value := range p.mapping(node, what) {
		switch {
		case !slices.Contains(keys, key.Value):
			p.wrong(key.Line, "unknown key %q (known: %s)", key.Value, strings.Join(keys, ", "))
		case value.Kind != yaml.ScalarNode:
			p.wrong(value.Line, "%s must be a text", key.Value)
		default:
			values[key.Value] = strings.TrimSpace(value.Value)
		}
	}
	for _, key := range required {
		if values[key] == "" && len(p.errs) == before {
			p.wrong(node.Line, "%s needs %s", what, key)
		}
	}
	if len(p.errs) > before {
		return
	}
	level, err := verdict.ParseLevel(values["verdict"])
	if err != nil || !slices.Contains(waivable, level) {
		p.wrong(node.Line, "the verdict %q cannot be waived (want violated, inconclusive or vacuous)", values["verdict"])
	}
	if _, err := time.Parse(verdict.DayLayout, values["expires"]); err != nil {
		p.wrong(node.Line, "expires is %q, must be the last day, such as 2026-12-31", values["expires"])
	}
	if _, err := path.Match(values["entity"], ""); err != nil {
		p.wrong(node.Line, "the entity %q is no pattern: %v", values["entity"], err)
	}
	p.waivers = append(p.waivers, verdict.Waiver{
		Policy: values["policy"], Code: values["code"], Entity: values["entity"], Verdict: level,
		Owner: values["owner"], Reason: values["reason"], Expires: values["expires"], Line: node.Line,
	})
}
