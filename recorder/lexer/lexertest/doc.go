// Package lexertest changes texts at random, for the tests of what compares a text
// with the one before it:
//
//	next := lexertest.Edited(text, random) // a copy with a few changes, seldom still JSON
//
// Only tests import it.
package lexertest
