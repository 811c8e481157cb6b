package recorder

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// How often a terminal and everything else is told how the recording goes.
const (
	liveInterval  = 500 * time.Millisecond
	plainInterval = 30 * time.Second
)

// progress tells people how the recording goes: one live line on a terminal, a
// line every 30 s elsewhere, and in both what they must know at once.
type progress struct {
	out      io.Writer
	terminal bool
	start    time.Time

	mu      sync.Mutex
	streams int
	events  uint64
	gaps    func() int64
	lag     time.Duration // of the last batch; 0: not known
	drawn   bool          // there is a live line to wipe
	before  uint64        // events at the last line
	at      time.Time     // of the last line
}

func newProgress(out io.Writer, terminal bool) *progress {
	now := time.Now()
	return &progress{out: out, terminal: terminal, start: now, at: now, gaps: func() int64 { return 0 }}
}

// run prints lines until ctx ends.
func (p *progress) run(ctx context.Context) {
	interval := plainInterval
	if p.terminal {
		interval = liveInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			p.mu.Lock()
			p.wipe()
			p.mu.Unlock()
			return
		case <-ticker.C:
			p.line()
		}
	}
}

func (p *progress) line() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	rate := float64(p.events-p.before) / now.Sub(p.at).Seconds()
	p.before, p.at = p.events, now
	lag := ""
	if p.lag > 0 {
		lag = "  lag " + short(p.lag)
	}
	text := fmt.Sprintf("%s  %s  %d events  %.0f/s%s  %s",
		now.Sub(p.start).Round(time.Second), plural(p.streams, "stream"), p.events, rate, lag,
		plural(int(p.gaps()), "gap"))
	if !p.terminal {
		fmt.Fprintln(p.out, text)
		return
	}
	p.wipe()
	fmt.Fprint(p.out, text)
	p.drawn = true
}

func (p *progress) wipe() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.drawn = false
}

// notify prints a line at once.
func (p *progress) notify(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// wrote notes that n events are durable; the oldest of them is lag old.
func (p *progress) wrote(n int, lag time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events += uint64(n)
	p.lag = lag
}

func (p *progress) setStreams(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams = n
}
