package machine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// AST turns a value into OPA's; nil when there is none.
func AST(v Value) ast.Value {
	switch v := v.(type) {
	case Null:
		return ast.NullValue
	case bool:
		return ast.Boolean(v)
	case int64:
		return ast.Number(strconv.FormatInt(v, 10))
	case Number:
		return v
	case string:
		return ast.String(v)
	case *Array:
		terms := make([]*ast.Term, len(v.elems))
		for i, e := range v.elems {
			terms[i] = ast.NewTerm(AST(e))
		}
		return ast.NewArray(terms...)
	case *Object:
		pairs := make([][2]*ast.Term, 0, v.Len())
		v.Each(func(key, value Value) {
			pairs = append(pairs, ast.Item(ast.NewTerm(AST(key)), ast.NewTerm(AST(value))))
		})
		return ast.NewObject(pairs...)
	case *Set:
		terms := make([]*ast.Term, 0, v.Len())
		for _, e := range v.sortedKeys() {
			terms = append(terms, ast.NewTerm(AST(e)))
		}
		return ast.NewSet(terms...)
	default:
		return nil
	}
}

// FromAST turns a value of OPA into one of the machine. It has no variables in it.
func FromAST(v ast.Value) Value {
	switch v := v.(type) {
	case ast.Null:
		return Null{}
	case ast.Boolean:
		return bool(v)
	case ast.Number:
		return number(v)
	case ast.String:
		return string(v)
	case *ast.Array:
		elems := make([]Value, 0, v.Len())
		v.Foreach(func(t *ast.Term) { elems = append(elems, FromAST(t.Value)) })
		return &Array{elems}
	case ast.Object:
		o := &Object{}
		v.Foreach(func(key, value *ast.Term) { o.insert(FromAST(key.Value), FromAST(value.Value)) })
		o.sort()
		return o
	case ast.Set:
		s := &Set{}
		v.Foreach(func(t *ast.Term) { s.add(FromAST(t.Value)) })
		s.sortedKeys()
		return s
	default:
		return nil
	}
}

// number is an int64 where that is written the same way.
func number(n ast.Number) Value {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil && n != "-0" && n[0] != '+' {
		return i
	}
	return n
}

// FromJSON turns what encoding/json decodes, numbers also as int, int64, float64 or
// json.Number, into a value.
func FromJSON(v any) (Value, error) {
	switch v := v.(type) {
	case nil:
		return Null{}, nil
	case bool:
		return v, nil
	case string:
		return v, nil
	case int:
		return int64(v), nil
	case int64:
		return v, nil
	case uint64:
		return number(ast.Number(fmt.Sprint(v))), nil
	case json.Number:
		return number(ast.Number(v)), nil
	case []any:
		elems := make([]Value, len(v))
		for i := range v {
			var err error
			if elems[i], err = FromJSON(v[i]); err != nil {
				return nil, err
			}
		}
		return &Array{elems}, nil
	case map[string]any:
		o := &Object{}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			value, err := FromJSON(v[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			o.keys, o.vals = append(o.keys, name), append(o.vals, value)
		}
		o.sorted = true
		return o, nil
	default: // every other type of Go, by OPA's rules
		value, err := ast.InterfaceToValue(v)
		if err != nil {
			return nil, err
		}
		return FromAST(value), nil
	}
}

// JSON is the opposite of FromJSON: numbers are json.Number, sets sorted lists.
func JSON(v Value) any {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return json.Number(fmt.Sprint(v))
	case Number:
		return json.Number(v)
	case string:
		return v
	case *Array:
		return jsonList(v.elems)
	case *Set:
		return jsonList(v.sortedKeys())
	case *Object:
		out := make(map[string]any, v.Len())
		v.Each(func(key, value Value) {
			name, ok := key.(string)
			if !ok {
				name = AST(key).String()
			}
			out[name] = JSON(value)
		})
		return out
	default:
		return nil
	}
}

func jsonList(list []Value) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = JSON(list[i])
	}
	return out
}
