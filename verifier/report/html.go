package report

import (
	"errors"
	"io"

	"github.com/hindsight-project/hindsight/verifier/timeline"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// writeHTML writes the run as a page to look at, see package timeline.
func writeHTML(w io.Writer, run verdict.Run, o Options) error {
	if o.Open == nil {
		return errors.New("the timeline shows the traces themselves, which cannot be opened here")
	}
	return timeline.Write(w, run, o.Open)
}
