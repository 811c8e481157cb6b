package watchlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// What Import holds at once: a batch for one transaction of the trace, and the
// lines ahead in which it looks for a list.
const (
	batchEvents = 2048 // as many as a block of the trace has, so that nothing is packed twice
	batchBytes  = 16 << 20
	aheadLines  = 4096
	aheadBytes  = 16 << 20

	// rejectionsMax bounds how many rejections are told one by one, here as in
	// the trace's certificate.
	rejectionsMax = 1000
)

// Options of Import. All but Out may be left empty.
type Options struct {
	Out      string       // the trace to write; it must not exist
	Name     string       // of the input, for the trace's Run.Input
	Tool     string       // program and version, for Run.Tool
	Progress func(Report) // called after each batch

	_ struct{}
}

// Report says what an import did.
type Report struct {
	Lines      int   // read, of whatever use
	Unusable   int   // of them
	Bytes      int64 // of lines, unpacked
	Events     int   // recorded, inferred ones and gaps included
	Inferred   int
	Gaps       int
	Duplicates int
	Elapsed    time.Duration

	// Rejected are the lines that could not be used, and those that could but
	// need a look, such as out of order: the first thousand of RejectedTotal.
	Rejected      []trace.Rejection
	RejectedTotal int

	Certificate trace.Certificate // after the end
}

// Rate is the speed in events per second.
func (r Report) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Events) / r.Elapsed.Seconds()
}

// Import reads a watch log and writes it as a sealed trace to opts.Out. Lines
// that cannot be used are reported and passed over. With an error there is no
// trace: the file exists, the input cannot be read, nothing in it is an event,
// the disk is full, or ctx is done.
func Import(ctx context.Context, in io.Reader, opts Options) (Report, error) {
	if _, err := os.Lstat(opts.Out); err == nil {
		return Report{}, fmt.Errorf("%s exists already; choose another name with -o, or remove it", opts.Out)
	}
	lines, err := newLineReader(in)
	if err != nil {
		return Report{}, err
	}
	ended := make(chan struct{})
	defer close(ended)
	imp := &importer{opts: opts, lines: readAhead(lines, ended), began: time.Now()}
	imp.history = newHistory(imp)
	err = imp.run(ctx)
	if err == nil {
		err = imp.seal()
	}
	if err != nil && imp.writer != nil {
		err = errors.Join(err, imp.writer.Close(), os.Remove(opts.Out))
	}
	imp.report.Elapsed = time.Since(imp.began)
	return imp.report, err
}

// importer is one run of Import; it is the sink of its history.
type importer struct {
	opts    Options
	lines   <-chan []reading
	piece   []reading // of lines, not yet taken
	history *history
	began   time.Time
	writer  *trace.Writer // nil until the first event

	ahead      []line // read and not yet added
	aheadBytes int
	newest     time.Time // wall clock among them
	current    int       // number of the line being added

	batch      []trace.Event
	batchLines []int // from which the events come
	batchBytes int

	namespaces []string
	report     Report
}

// run reads all lines.
func (m *importer) run(ctx context.Context) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("import interrupted at line %d: %w", m.report.Lines, err)
		}
		var err error
		if more, err = m.read(); err != nil {
			return err
		}
		if err := m.drain(!more); err != nil {
			return err
		}
	}
	m.current = m.report.Lines
	if err := m.history.end(); err != nil {
		return err
	}
	if m.writer == nil && len(m.batch) == 0 {
		return m.nothing()
	}
	return m.flush()
}

// read takes in one line; false means that there is none left.
func (m *importer) read() (bool, error) {
	if len(m.piece) == 0 {
		m.piece = <-m.lines
	}
	r := m.piece[0]
	m.piece[0] = reading{} // the array outlives the slice
	m.piece = m.piece[1:]
	m.report.Lines, m.report.Bytes = r.number, r.bytes
	switch {
	case r.failed != nil:
		return false, fmt.Errorf("read line %d: %w", r.number, r.failed)
	case r.unusable != nil:
		m.unusable(r.number, r.unusable)
		return !r.last, nil
	case r.last:
		return false, nil
	}
	m.ahead = append(m.ahead, r.line)
	m.aheadBytes += len(r.line.event.Data)
	if r.line.event.Wall.After(m.newest) {
		m.newest = r.line.event.Wall
	}
	return true, nil
}

// drain adds the lines behind which enough is known of what follows.
func (m *importer) drain(all bool) error {
	for len(m.ahead) > 0 {
		l := m.ahead[0]
		waits := m.newest.Sub(l.event.Wall) <= listPause &&
			len(m.ahead) < aheadLines && m.aheadBytes < aheadBytes
		if waits && !all {
			return nil
		}
		m.ahead[0] = line{} // the array may outlive the slice
		m.ahead = m.ahead[1:]
		m.aheadBytes -= len(l.event.Data)
		m.current = l.number
		err := m.history.add(l, m.ahead)
		var unusable unusableError
		if errors.As(err, &unusable) {
			m.unusable(l.number, unusable)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// emit implements sink.
func (m *importer) emit(e trace.Event, mustKnow bool) (bool, error) {
	if mustKnow {
		if err := m.flush(); err != nil {
			return false, err
		}
	}
	m.count(e)
	before := m.report.Events
	m.batch = append(m.batch, e)
	m.batchLines = append(m.batchLines, m.current)
	m.batchBytes += len(e.Data)
	if mustKnow || len(m.batch) >= batchEvents || m.batchBytes >= batchBytes {
		if err := m.flush(); err != nil {
			return false, err
		}
	}
	return m.report.Events > before, nil
}

func (m *importer) count(e trace.Event) {
	if e.Inferred {
		m.report.Inferred++
	}
	if e.Type == trace.Gap {
		m.report.Gaps = m.history.gaps
	}
	if ns := e.Object.Namespace; ns != "" {
		if i, found := slices.BinarySearch(m.namespaces, ns); !found {
			m.namespaces = slices.Insert(m.namespaces, i, ns)
		}
	}
}

// note implements sink.
func (m *importer) note(reason string) {
	m.reject(trace.Rejection{Line: m.current, Reason: reason})
}

func (m *importer) unusable(number int, reason error) {
	m.report.Unusable++
	m.reject(trace.Rejection{Line: number, Reason: reason.Error()})
}

func (m *importer) reject(r trace.Rejection) {
	m.report.RejectedTotal++
	if len(m.report.Rejected) < rejectionsMax {
		m.report.Rejected = append(m.report.Rejected, r)
	}
	if m.writer != nil {
		m.writer.Reject(r)
	}
}

// flush writes the batch in one transaction.
func (m *importer) flush() error {
	if len(m.batch) == 0 {
		return nil
	}
	if m.writer == nil {
		if err := m.create(); err != nil {
			return err
		}
	}
	if err := m.append(); err != nil {
		return fmt.Errorf("write the trace, up to line %d: %w", m.current, err)
	}
	clear(m.batch)
	m.batch, m.batchLines, m.batchBytes = m.batch[:0], m.batchLines[:0], 0
	if m.opts.Progress != nil {
		m.report.Elapsed = time.Since(m.began)
		m.opts.Progress(m.report)
	}
	return nil
}

// append writes the batch, without the events that the trace refuses.
func (m *importer) append() error {
	for len(m.batch) > 0 {
		written, err := m.writer.Append(nil, m.batch...)
		var invalid *trace.InvalidEvent
		if errors.As(err, &invalid) {
			m.unusable(m.batchLines[invalid.Index], invalid.Err)
			m.batch = slices.Delete(m.batch, invalid.Index, invalid.Index+1)
			m.batchLines = slices.Delete(m.batchLines, invalid.Index, invalid.Index+1)
			continue
		}
		m.report.Events += written
		m.report.Duplicates += len(m.batch) - written
		return err
	}
	return nil
}

// create makes the trace. The run ID is derived from the first event: a log and
// what is exported of its trace are the same run.
func (m *importer) create() error {
	first := m.batch[0]
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s",
		first.Wall.Format(time.RFC3339Nano), first.Object, first.Object.UID, first.ResourceVersion))
	w, err := trace.Create(m.opts.Out, trace.Run{
		ID:         fmt.Sprintf("import-%x", sum[:6]),
		Origin:     trace.OriginImport,
		Start:      m.history.start,
		Tool:       m.opts.Tool,
		Namespaces: []string{},
		Input:      m.opts.Name,
	})
	if err != nil {
		return err
	}
	m.writer = w
	for i := range m.report.RejectedTotal {
		w.Reject(m.report.Rejected[min(i, rejectionsMax-1)]) // beyond the maximum it only counts
	}
	return nil
}

// nothing is the error for an input without events.
func (m *importer) nothing() error {
	if len(m.report.Rejected) == 0 {
		return errors.New("the input is empty: expected a watch log, one JSON object a line")
	}
	first := m.report.Rejected[0]
	return fmt.Errorf("not a watch log: none of %d lines is usable; line %d: %s",
		m.report.Lines, first.Line, first.Reason)
}

// seal completes the run information and ends the trace.
func (m *importer) seal() error {
	run := m.writer.Run()
	run.Namespaces = append(run.Namespaces, m.namespaces...)
	m.writer.SetRun(run)
	cert, err := m.writer.Seal("end of the log")
	m.report.Certificate = cert
	return err
}
