package views

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// elements is a set of numbers as disjoint closed intervals in rising order. It
// is written "1-100,102", so that a hundred thousand numbers stay readable.
type elements []interval

type interval struct{ low, high int64 }

// maxElement keeps numbers exact in JSON and sums of them in range.
const maxElement = 1 << 53

// parseElements reads the written form; intervals may overlap and be in any order.
func parseElements(text string) (elements, error) {
	var set elements
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		low, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
		high := low
		if err == nil && isRange {
			high, err = strconv.ParseInt(strings.TrimSpace(last), 10, 64)
		}
		if err != nil || low < 0 || high < low || high > maxElement {
			return nil, fmt.Errorf("%q is no interval of numbers (want 1-100,102)", part)
		}
		set = append(set, interval{low, high})
	}
	return set.normal(), nil
}

// elementsOf makes a set of single numbers.
func elementsOf(numbers []int64) elements {
	set := make(elements, len(numbers))
	for i, n := range numbers {
		set[i] = interval{n, n}
	}
	return set.normal()
}

// normal sorts and joins in place.
func (e elements) normal() elements {
	slices.SortFunc(e, func(a, b interval) int {
		switch {
		case a.low < b.low:
			return -1
		case a.low > b.low:
			return 1
		default:
			return 0
		}
	})
	out := e[:0]
	for _, i := range e {
		if n := len(out); n > 0 && i.low-1 <= out[n-1].high {
			out[n-1].high = max(out[n-1].high, i.high)
		} else {
			out = append(out, i)
		}
	}
	return out
}

func (e elements) union(o elements) elements { return slices.Concat(e, o).normal() }

func (e elements) contains(n int64) bool {
	_, found := slices.BinarySearchFunc(e, n, func(i interval, n int64) int {
		switch {
		case i.high < n:
			return -1
		case i.low > n:
			return 1
		default:
			return 0
		}
	})
	return found
}

// minus returns what is in e and not in o.
func (e elements) minus(o elements) elements {
	var out elements
	at := 0
	for _, i := range e {
		low := i.low
		for at < len(o) && o[at].high < low {
			at++
		}
		for k := at; k < len(o) && o[k].low <= i.high; k++ {
			if o[k].low > low {
				out = append(out, interval{low, o[k].low - 1})
			}
			low = o[k].high + 1
		}
		if low <= i.high {
			out = append(out, interval{low, i.high})
		}
	}
	return out
}

func (e elements) count() int64 {
	var n int64
	for _, i := range e {
		n += i.high - i.low + 1
	}
	return n
}

// String renders "1-100,102".
func (e elements) String() string {
	var b strings.Builder
	for k, i := range e {
		if k > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(i.low, 10))
		if i.high > i.low {
			b.WriteString("-" + strconv.FormatInt(i.high, 10))
		}
	}
	return b.String()
}
