package views

import (
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// quantity returns the bytes of a Kubernetes quantity such as "6400Mi", rounded
// up to a whole byte; 0 for an empty text or one that is no quantity.
func quantity(text string) int64 { return quantityOr(text, 0) }

// textOf returns a quantity or another scalar as it was written: YAML lets
// users write a quantity as a bare number.
func textOf(s trace.State) string {
	if text := s.String(); text != "" || !s.Exists() {
		return text
	}
	if text := string(s.JSON()); text != "null" && text != `""` {
		return text
	}
	return ""
}

// intOr returns the integer at s, or what stands for its absence.
func intOr(s trace.State, absent int64) int64 {
	if n, ok := s.Int(); ok {
		return n
	}
	return absent
}

// boolOr returns the boolean at s, or what stands for its absence.
func boolOr(s trace.State, absent bool) bool {
	if !s.Exists() || string(s.JSON()) == "null" {
		return absent
	}
	return s.Bool()
}

// quantityOr returns the bytes of a quantity, 0 for an empty text, and what
// stands for a text that is no quantity.
func quantityOr(text string, invalid int64) int64 {
	if text == "" {
		return 0
	}
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return invalid
	}
	return q.Value()
}
