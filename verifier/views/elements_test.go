package views

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestElementsAsIntervals(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"1", "1"},
		{"1-3", "1-3"},
		{"3,1,2", "1-3"},
		{" 5 - 7 , 1 ,", "1,5-7"},
		{"1-5,3-9,11", "1-9,11"},
		{"0-9007199254740992", "0-9007199254740992"},
	} {
		e, err := parseElements(test.text)
		if err != nil || e.String() != test.want {
			t.Errorf("%q: %q, %v; want %q", test.text, e.String(), err, test.want)
		}
	}
}

// The operations on intervals are those on sets of numbers.
func TestElementsAreSets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	numbers := func() []int64 {
		out := make([]int64, random.IntN(40))
		for i := range out {
			out[i] = random.Int64N(50)
		}
		return out
	}
	for range 2000 {
		a, b := numbers(), numbers()
		x, y := elementsOf(a), elementsOf(b)
		union, minus := x.union(y), x.minus(y)
		var inUnion, inMinus int64
		for n := range int64(50) {
			inA, inB := slices.Contains(a, n), slices.Contains(b, n)
			if x.contains(n) != inA || union.contains(n) != (inA || inB) || minus.contains(n) != (inA && !inB) {
				t.Fatalf("%d: %s and %s give %s and %s", n, x, y, union, minus)
			}
			if inA || inB {
				inUnion++
			}
			if inA && !inB {
				inMinus++
			}
		}
		if union.count() != inUnion || minus.count() != inMinus {
			t.Fatalf("%s and %s: %d and %d elements", x, y, union.count(), minus.count())
		}
	}
}

// Whatever parses comes back from what it is written as.
func FuzzElements(f *testing.F) {
	for _, text := range []string{"", "1-100,102", "5,4,3", "1-", "-1", "9-1", " 7 ", "1-2-3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseElements(text)
		if err != nil {
			return
		}
		again, err := parseElements(e.String())
		if err != nil || !slices.Equal(again, e) {
			t.Errorf("%q is %q, read again %q, %v", text, e, again, err)
		}
	})
}

func TestLogPositions(t *testing.T) {
	for text, want := range map[string]uint64{
		"0/3000060": 0x3000060, "1/0": 1 << 32, "": 0, "7": 0, "x/1": 0, "1/y": 0, "100000000/0": 0,
	} {
		if got := parseLSN(text); got != want {
			t.Errorf("%q is %x, want %x", text, got, want)
		}
	}
}
