package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// tally compares traces with what was published.
type tally struct {
	collected int // events in the traces
	missing   int
	twice     int // in a trace twice, or received twice and left out by the trace
	disorder  int // behind a later one
	gaps      int // declared
	open      int // traces that are not sealed, or not proven to be complete
	lag       time.Duration
}

// count reads the traces of runs.
func count(dir string, runs []string, outcomes []outcome) (tally, error) {
	var all tally
	for i, id := range runs {
		if err := all.add(filepath.Join(dir, id+".trace.db"), outcomes[i].Published); err != nil {
			return all, err
		}
	}
	return all, nil
}

// add reads one trace that ought to have the events 1 to n.
func (t *tally) add(path string, n int) (err error) {
	r, err := trace.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	seen := make([]bool, n+1)
	last := 0
	for e, err := range r.Events(0) {
		if err != nil {
			return err
		}
		if e.Type == trace.Gap {
			continue
		}
		var data struct{ N int }
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return err
		}
		switch {
		case data.N < 1 || data.N > n:
			return errors.New(path + " has an event that nobody published")
		case seen[data.N]:
			t.twice++
		case data.N < last:
			t.disorder++
		}
		seen[data.N], last = true, data.N
		t.collected++
	}
	for _, there := range seen[1:] {
		if !there {
			t.missing++
		}
	}
	cert := r.Certificate()
	t.gaps += len(cert.Gaps)
	if !cert.Sealed {
		t.open++
	}
	for _, s := range cert.Streams {
		t.twice += int(s.Duplicates)
		t.lag = max(t.lag, time.Duration(s.LagMax))
		if s.Proof != trace.ProofComplete {
			t.open++
		}
	}
	return nil
}
