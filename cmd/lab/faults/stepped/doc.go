// Command stepped is `recorder attach` with a wall clock that somebody sets: it
// is put before the recorder's own interface to the wall clock, because the wall
// clock of a process cannot be set without that of the machine. The monotonic
// clock is the machine's, as it would be.
//
// $HINDSIGHT_CLOCK_STEP names a file with a duration, by which the wall clock is
// ahead; it may change at any time.
package main
