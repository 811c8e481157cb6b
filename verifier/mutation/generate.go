package mutation

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// mutation is one changed module, before it has an id.
type mutation struct {
	operator      string
	line          int
	rule          string
	before, after ast.Node // the innermost expression around the change; after is nil when it was deleted
	module        *ast.Module
}

// generator walks a module and emits a changed copy of it for every place where
// an operator applies. Nothing is changed in place: every level is told by a
// function put what takes the place of its child, and puts a copy of itself.
type generator struct {
	emit func(mutation)
	next mutation // in the making
}

// generate emits every mutant of the module, in the order of the source.
func generate(m *ast.Module, emit func(mutation)) {
	g := &generator{emit: emit}
	for i, rule := range m.Rules {
		g.walkRule(rule, func(changed *ast.Rule) {
			mutant := *m
			mutant.Annotations = nil // they point at rules, and no test reads them
			mutant.Rules = slices.Clone(m.Rules)
			if mutant.Rules[i] = changed; changed == nil {
				mutant.Rules = slices.Delete(mutant.Rules, i, i+1)
			}
			g.next.module, g.next.rule = &mutant, m.Rules[i].Head.Ref().String()
			emit(g.next)
		})
	}
}

// begin starts a mutant at a line; put must follow.
func (g *generator) begin(operator string, at *ast.Location) {
	g.next = mutation{operator: operator}
	if at != nil {
		g.next.line = at.Row
	}
}

// show notes what the report shows, unless something further in did already.
func (g *generator) show(before, after ast.Node) {
	if g.next.before == nil {
		g.next.before, g.next.after = before, after
	}
}

// walkRule visits a rule and its else branches; put(nil) deletes it.
func (g *generator) walkRule(rule *ast.Rule, put func(*ast.Rule)) {
	g.begin(opRule, rule.Location)
	g.show(rule.Head, nil)
	put(rule.Else)

	head := func(change func(*ast.Head)) {
		changed := *rule
		changed.Head = rule.Head.Copy()
		change(changed.Head)
		g.show(rule.Head, changed.Head)
		put(&changed)
	}
	switch {
	case rule.Head.RuleKind() == ast.MultiValue:
		g.walkTerm(rule.Head.Key, func(t *ast.Term) { head(func(h *ast.Head) { h.Key = t }) })
	case rule.Head.Value != nil && !isTrue(rule.Head.Value):
		g.walkTerm(rule.Head.Value, func(t *ast.Term) { head(func(h *ast.Head) { h.Value = t }) })
	}
	g.walkBody(rule.Body, func(b ast.Body) {
		changed := *rule
		changed.Body = b
		put(&changed)
	})
	if rule.Else != nil {
		g.walkRule(rule.Else, func(branch *ast.Rule) {
			changed := *rule
			changed.Else = branch
			put(&changed)
		})
	}
}

// isTrue reports whether a term is the constant true, which OPA puts where the
// source has nothing.
func isTrue(t *ast.Term) bool { return ast.Boolean(true).Equal(t.Value) }

func (g *generator) walkBody(body ast.Body, put func(ast.Body)) {
	for i, expr := range body {
		if term, ok := expr.Terms.(*ast.Term); ok && isTrue(term) {
			continue
		}
		g.begin(opDrop, expr.Location)
		g.show(expr, nil)
		put(without(body, i))
		g.walkExpr(expr, func(e *ast.Expr) {
			g.show(expr, e)
			changed := slices.Clone(body)
			changed[i] = e
			put(changed)
		})
	}
}

// without returns the body less one expression; an empty body is true.
func without(body ast.Body, i int) ast.Body {
	var out ast.Body
	for k, expr := range body {
		if k != i {
			e := *expr
			out.Append(&e)
		}
	}
	if len(out) == 0 {
		out.Append(ast.NewExpr(ast.BooleanTerm(true)).SetLocation(body[i].Location))
	}
	return out
}

func (g *generator) walkExpr(expr *ast.Expr, put func(*ast.Expr)) {
	with := func(terms any) {
		e := *expr
		e.Terms = terms
		put(&e)
	}
	g.walkNegation(expr, put)
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		g.walkTerm(terms, func(t *ast.Term) { with(t) })
	case []*ast.Term:
		g.walkCall(terms, expr.Location, func(t []*ast.Term) { with(t) })
	case *ast.SomeDecl:
		for i, symbol := range terms.Symbols {
			g.walkTerm(symbol, func(t *ast.Term) {
				d := *terms
				d.Symbols = slices.Clone(terms.Symbols)
				d.Symbols[i] = t
				with(&d)
			})
		}
	case *ast.Every:
		g.walkTerm(terms.Domain, func(t *ast.Term) {
			e := *terms
			e.Domain = t
			with(&e)
		})
		g.walkBody(terms.Body, func(b ast.Body) {
			e := *terms
			e.Body = b
			with(&e)
		})
	}
}

// walkNegation adds or drops a not, where that can be said in Rego and is no
// other operator's mistake.
func (g *generator) walkNegation(expr *ast.Expr, put func(*ast.Expr)) {
	e := *expr
	e.Negated = !expr.Negated
	if expr.Negated {
		g.begin(opNot, expr.Location)
		put(&e)
		return
	}
	switch terms := expr.Terms.(type) {
	case *ast.SomeDecl, *ast.Every:
		return
	case []*ast.Term:
		if name := terms[0].String(); binds(name) || relates(name) {
			return
		}
	}
	g.begin(opNegate, expr.Location)
	put(&e)
}

// walkCall visits a call, whose first term is the function.
func (g *generator) walkCall(call []*ast.Term, at *ast.Location, put func([]*ast.Term)) {
	with := func(i int, t *ast.Term) {
		changed := slices.Clone(call)
		changed[i] = t
		put(changed)
	}
	for _, r := range replacements[call[0].String()] {
		g.begin(r.operator, at)
		function := ast.NewTerm(r.by.Ref())
		function.Location = call[0].Location
		with(0, function)
	}
	for i, argument := range call[1:] {
		g.walkTerm(argument, func(t *ast.Term) { with(i+1, t) })
	}
}

func (g *generator) walkTerm(term *ast.Term, put func(*ast.Term)) {
	with := func(v ast.Value) {
		put(&ast.Term{Value: v, Location: term.Location})
	}
	switch v := term.Value.(type) {
	case ast.Number, ast.Boolean:
		for _, other := range others(v) {
			g.begin(opConstant, term.Location)
			with(other)
		}
	case ast.Call:
		g.walkCall(v, term.Location, func(c []*ast.Term) { with(ast.Call(c)) })
	case ast.Ref:
		for i, part := range v {
			g.walkTerm(part, func(t *ast.Term) {
				ref := slices.Clone(v)
				ref[i] = t
				with(ref)
			})
		}
	default:
		g.walkCollection(term, with)
	}
}

func (g *generator) walkCollection(term *ast.Term, with func(ast.Value)) {
	switch v := term.Value.(type) {
	case *ast.Array:
		for i := range v.Len() {
			g.walkTerm(v.Elem(i), func(t *ast.Term) {
				changed := v.Copy()
				changed.Set(i, t)
				with(changed)
			})
		}
	case ast.Set:
		g.walkSet(term, v.Slice(), with)
	case ast.Object:
		for _, key := range v.Keys() {
			g.walkTerm(v.Get(key), func(t *ast.Term) {
				o, _ := v.Map(func(k, old *ast.Term) (*ast.Term, *ast.Term, error) {
					if k.Equal(key) {
						return k, t, nil
					}
					return k, old, nil
				})
				with(o)
			})
		}
	case *ast.ArrayComprehension:
		g.walkTerm(v.Term, func(t *ast.Term) { with(&ast.ArrayComprehension{Term: t, Body: v.Body}) })
		g.walkBody(v.Body, func(b ast.Body) { with(&ast.ArrayComprehension{Term: v.Term, Body: b}) })
	case *ast.SetComprehension:
		g.walkTerm(v.Term, func(t *ast.Term) { with(&ast.SetComprehension{Term: t, Body: v.Body}) })
		g.walkBody(v.Body, func(b ast.Body) { with(&ast.SetComprehension{Term: v.Term, Body: b}) })
	case *ast.ObjectComprehension:
		g.walkTerm(v.Key, func(t *ast.Term) { with(&ast.ObjectComprehension{Key: t, Value: v.Value, Body: v.Body}) })
		g.walkTerm(v.Value, func(t *ast.Term) { with(&ast.ObjectComprehension{Key: v.Key, Value: t, Body: v.Body}) })
		g.walkBody(v.Body, func(b ast.Body) { with(&ast.ObjectComprehension{Key: v.Key, Value: v.Value, Body: b}) })
	}
}

func (g *generator) walkSet(term *ast.Term, elements []*ast.Term, with func(ast.Value)) {
	for i, element := range elements {
		smaller := ast.NewSet(slices.Delete(slices.Clone(elements), i, i+1)...)
		g.begin(opElement, term.Location)
		g.show(term, &ast.Term{Value: smaller, Location: term.Location})
		with(smaller)
		g.walkTerm(element, func(t *ast.Term) {
			changed := slices.Clone(elements)
			changed[i] = t
			with(ast.NewSet(changed...))
		})
	}
}

// others returns the constants next to one.
func others(v ast.Value) []ast.Value {
	if b, ok := v.(ast.Boolean); ok {
		return []ast.Value{!b}
	}
	n, err := strconv.ParseInt(v.String(), 10, 64)
	if err != nil {
		return nil
	}
	number := func(n int64) ast.Value { return ast.Number(json.Number(strconv.FormatInt(n, 10))) }
	return []ast.Value{number(n + 1), number(n - 1)}
}
