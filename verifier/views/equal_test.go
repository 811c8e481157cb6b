package views

import (
	"reflect"
	"slices"
	"testing"
)

// What is compared field by field has to know every field that is told of.
func TestEqualLooksAtEveryField(t *testing.T) {
	differs(t, func(a, b *health) bool { return a.equal(b) })
	differs(t, func(a, b *scene) bool { return a.equal(b) })
	differs(t, func(a, b *clusterExtra) bool { return a.equal(*b) }, "moment")
	differs(t, func(a, b *clusterPoint) bool { return a.equal(b) }, "moment")
	differs(t, func(a, b *healthSpan) bool { return a.equal(b) }, "moment", "UntilNS", "UntilNotBefore", "Last")
}

// differs changes each field of a T but for some, and wants equal to see it.
func differs[T any](t *testing.T, equal func(a, b *T) bool, but ...string) {
	t.Helper()
	if !equal(new(T), new(T)) {
		t.Errorf("two empty %T differ", *new(T))
	}
	of := reflect.TypeFor[T]()
	for i := range of.NumField() {
		name := of.Field(i).Name
		if slices.Contains(but, name) {
			continue
		}
		changed := reflect.New(of)
		alter(t, reflect.NewAt(of.Field(i).Type, changed.Elem().Field(i).Addr().UnsafePointer()).Elem())
		if equal(new(T), changed.Interface().(*T)) {
			t.Errorf("%s: equal does not look at %s", of, name)
		}
	}
}

// alter gives a field another value than the zero one.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem())
	case reflect.Array:
		alter(t, v.Index(0))
	case reflect.Struct:
		alter(t, reflect.NewAt(v.Field(0).Type(), v.Field(0).Addr().UnsafePointer()).Elem())
	default:
		t.Fatalf("no way to alter a %s", v.Type())
	}
}
