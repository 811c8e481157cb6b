// Package source is what the sources of a recording that are no watches have in
// common: the sentinel, the usage of volumes, logs, what a drain meets. Each of
// them runs beside the watches, gives its events to a [Sink] and ends with its
// context:
//
//	sink := source.Sink{Emit: emit, Now: now, Notify: notify, Abort: aborted}
//	go usage.Run(ctx, usage.Options{Sink: sink, …})
//
// When the context of a source ends, it may still take a last look, which Abort
// cuts short: the first Ctrl-C ends the one, the second the other.
package source
