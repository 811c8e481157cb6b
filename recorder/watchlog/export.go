package watchlog

import (
	"bufio"
	"io"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Export writes the history of a trace as a watch log, one line an event, in
// the order of the trace. Objects are in canonical form: keys sorted, no white
// space. It returns the number of events written.
func Export(r *trace.Reader, w io.Writer) (int, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	times := newHistory(nil) // derives the times that Import will derive
	n := 0
	for e, err := range r.Events(0) {
		if err != nil {
			return n, err
		}
		if n == 0 {
			times.start = e.Wall
		}
		text, err := encode(e, times.elapsed(e.Wall))
		if err != nil {
			return n, err
		}
		if n == 0 {
			times.start = e.Wall.Add(-e.Time)
		}
		times.now = e.Time
		if _, err := out.Write(append(text, '\n')); err != nil {
			return n, err
		}
		n++
	}
	return n, out.Flush()
}
