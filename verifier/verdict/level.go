package verdict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Level is one verdict of the lattice. The zero value is Held, the least.
type Level uint8

// The lattice, from best to worst.
const (
	Held Level = iota
	Vacuous
	Inconclusive
	Error
	Violated
)

var names = [...]string{"held", "vacuous", "inconclusive", "error", "violated"}

// Levels returns the lattice from worst to best: the order in which reports
// speak of them.
func Levels() []Level { return []Level{Violated, Error, Inconclusive, Vacuous, Held} }

// String returns the lower-case word that reports and scripts use.
func (l Level) String() string {
	if int(l) < len(names) {
		return names[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// MarshalJSON writes the word.
func (l Level) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// UnmarshalJSON reads the word.
func (l *Level) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := ParseLevel(s)
	*l = parsed
	return err
}

// ParseLevel is the inverse of String.
func ParseLevel(s string) (Level, error) {
	if i := slices.Index(names[:], s); i >= 0 {
		return Level(i), nil
	}
	return Held, fmt.Errorf("no verdict is called %q (there are: %s)", s, strings.Join(names[:], ", "))
}

// Worst returns the greatest of the levels, Held when there is none.
func Worst(levels ...Level) Level {
	worst := Held
	for _, l := range levels {
		worst = max(worst, l)
	}
	return worst
}

// Class says whose fault a finding is. It explains, it never excuses.
type Class string

// The classes.
const (
	Product        Class = "product"        // the operator under test
	Infrastructure Class = "infrastructure" // cloud, CSI driver, nodes, foreign objects
	Test           Class = "test"           // the suite asked for the impossible
	Recorder       Class = "recorder"       // the recording itself
)

// Classes returns all of them.
func Classes() []Class { return []Class{Product, Infrastructure, Test, Recorder} }
