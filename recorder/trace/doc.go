// Package trace is the file format of Hindsight, its writer and its reader.
//
// (The format document follows with the tests of this package.)
package trace
