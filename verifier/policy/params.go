package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

// paramsFile holds the profiles of thresholds, at the root of a set.
const paramsFile = "params.yaml"

// BaseClass is the class of CI whose profile is complete; the others only say
// what differs.
const BaseClass = "medium"

// thresholds are the parameters of a set.
type thresholds struct {
	inForce  map[string]any            // of the class that was asked for, with the overrides
	profiles map[string]map[string]any // of every class
	comments map[string]string         // group.name → what the file says about it
}

// loadParams reads the profile of a class and applies the overrides. A set
// without a file has no parameters.
func loadParams(fsys fs.FS, class string, overrides []string) (thresholds, error) {
	text, err := fs.ReadFile(fsys, paramsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return thresholds{}, err
	}
	var file struct {
		Profiles map[string]map[string]any `yaml:"profiles"`
	}
	if err == nil {
		if err := decodeStrict(text, &file); err != nil {
			return thresholds{}, fmt.Errorf("%s: %w", paramsFile, err)
		}
	}
	t := thresholds{
		profiles: map[string]map[string]any{BaseClass: file.Profiles[BaseClass]}, comments: commentsOf(text),
	}
	for _, name := range slices.Sorted(maps.Keys(file.Profiles)) {
		if t.profiles[name], err = merge(file.Profiles[BaseClass], file.Profiles[name], ""); err != nil {
			return thresholds{}, fmt.Errorf("%s: profile %s: %w", paramsFile, name, err)
		}
	}
	params, ok := t.profiles[class]
	if !ok {
		return thresholds{}, fmt.Errorf("%s has no profile for CI class %q (there are: %s)",
			paramsFile, class, strings.Join(slices.Sorted(maps.Keys(t.profiles)), ", "))
	}
	for _, o := range overrides {
		if params, err = override(params, o); err != nil {
			return thresholds{}, fmt.Errorf("parameter %s: %w", o, err)
		}
	}
	if params == nil {
		params = map[string]any{}
	}
	t.inForce = params
	return t, nil
}

// commentsOf reads the comments above the thresholds of the base profile. A
// comment belongs to the threshold below it.
func commentsOf(text []byte) map[string]string {
	comments := map[string]string{}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return comments
	}
	for group, values := range pairs(member(member(doc.Content[0], "profiles"), BaseClass)) {
		for name, value := range pairs(values) {
			lines := strings.Split(name.HeadComment, "\n")
			for i, line := range lines {
				lines[i] = strings.TrimSpace(strings.TrimPrefix(line, "#"))
			}
			if comment := strings.Join(lines, " "); comment != "" && value != nil {
				comments[group.Value+"."+name.Value] = comment
			}
		}
	}
	return comments
}

// pairs yields the keys and values of a mapping; nothing for any other node.
func pairs(node *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if node == nil || node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if !yield(node.Content[i], node.Content[i+1]) {
				return
			}
		}
	}
}

func member(node *yaml.Node, name string) *yaml.Node {
	for key, value := range pairs(node) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

func decodeStrict(text []byte, into any) error {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	return d.Decode(into)
}

// merge returns base with the values of over. Only what base has may be
// changed, and only by a value of the same type: anything else is a mistake
// that would leave a policy with the old threshold.
func merge(base, over map[string]any, at string) (map[string]any, error) {
	out := maps.Clone(base)
	for _, key := range slices.Sorted(maps.Keys(over)) {
		name := strings.TrimPrefix(at+"."+key, ".")
		old, ok := base[key]
		if !ok {
			return nil, fmt.Errorf("there is no parameter %s (there are: %s)",
				name, strings.Join(slices.Sorted(maps.Keys(base)), ", "))
		}
		if nested, ok := old.(map[string]any); ok {
			changes, ok := over[key].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s is a group of parameters (%s), not a value",
					name, strings.Join(slices.Sorted(maps.Keys(nested)), ", "))
			}
			merged, err := merge(nested, changes, name)
			if err != nil {
				return nil, err
			}
			out[key] = merged
			continue
		}
		if kind(old) != kind(over[key]) {
			return nil, fmt.Errorf("%s must be a %s, is a %s", name, kind(old), kind(over[key]))
		}
		out[key] = over[key]
	}
	return out, nil
}

// override applies one key.name=value; the value is read as YAML.
func override(params map[string]any, assignment string) (map[string]any, error) {
	name, text, ok := strings.Cut(assignment, "=")
	path := strings.Split(name, ".")
	if !ok || len(path) < 2 || slices.Contains(path, "") {
		return nil, errors.New("want POLICY.NAME=VALUE")
	}
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return nil, fmt.Errorf("the value is no YAML: %w", err)
	}
	for _, key := range slices.Backward(path) {
		value = map[string]any{key: value}
	}
	return merge(params, value.(map[string]any), "")
}

// kind names the JSON type of a decoded YAML value.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case int, int64, uint64, float64:
		return "number"
	case []any:
		return "list"
	case map[string]any:
		return "group"
	default:
		return fmt.Sprintf("%T", v)
	}
}

// paramsSchema describes params exactly, so that the type checker finds a
// reference to a parameter that does not exist.
func paramsSchema(v any) any {
	switch v := v.(type) {
	case map[string]any:
		properties := make(map[string]any, len(v))
		for key, value := range v {
			properties[key] = paramsSchema(value)
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	case bool, string:
		return map[string]any{"type": kind(v)}
	case int, int64, uint64, float64:
		return map[string]any{"type": "number"}
	default:
		return map[string]any{}
	}
}

// groupsOf returns the groups of params that a module names.
func groupsOf(m *ast.Module, params map[string]any) map[string]any {
	groups := map[string]any{}
	ast.WalkRefs(m, func(ref ast.Ref) bool {
		if len(ref) <= len(paramsRef) || !ref.HasPrefix(paramsRef) {
			return false
		}
		if name, ok := ref[len(paramsRef)].Value.(ast.String); ok && params[string(name)] != nil {
			groups[string(name)] = params[string(name)]
		}
		return false
	})
	return groups
}

// Param is one threshold of a policy.
type Param struct {
	Name    string         // group.name, as --param takes it
	Value   any            // in force
	Comment string         // what params.yaml says about it
	Others  map[string]any // CI class → value, of the profiles in which it is another one
}

// Thresholds returns what the policy reads of the parameters, sorted by name.
func (s *Set) Thresholds(p *Policy) []Param {
	var out []Param
	for _, group := range slices.Sorted(maps.Keys(p.Params)) {
		values, ok := p.Params[group].(map[string]any)
		if !ok {
			out = append(out, Param{Name: group, Value: p.Params[group]})
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			param := Param{
				Name: group + "." + name, Value: values[name], Comment: s.comments[group+"."+name], Others: map[string]any{},
			}
			for class, profile := range s.profiles {
				other, _ := profile[group].(map[string]any)
				if value := other[name]; !reflect.DeepEqual(value, values[name]) {
					param.Others[class] = value
				}
			}
			out = append(out, param)
		}
	}
	return out
}
