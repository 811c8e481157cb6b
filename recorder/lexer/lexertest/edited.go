package lexertest

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

// Edited makes a few random changes to a copy of a text: parts of it go, come again
// elsewhere, or are replaced by a token of JSON.
func Edited(text []byte, random *rand.Rand) []byte {
	text = bytes.Clone(text)
	for range 1 + random.IntN(4) {
		at := random.IntN(len(text) + 1)
		to := min(len(text), at+random.IntN(3))
		from := random.IntN(len(text) + 1)
		what := text[from:min(len(text), from+random.IntN(40))]
		if random.IntN(2) == 0 {
			what = []byte{`"0123{}[],:ab\`[random.IntN(14)]}
		}
		text = slices.Concat(text[:at], what, text[to:])
	}
	return text
}
