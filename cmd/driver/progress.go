package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress writes one line for each new phase, and one now and then for what is
// waited for.
type progress struct {
	out   io.Writer
	start time.Time
	every time.Duration // between two lines of one run about the same phase
	mutex sync.Mutex
	last  map[string]said
}

type said struct {
	phase, text string
	at          time.Time
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, start: time.Now(), every: 10 * time.Second, last: map[string]said{}}
}

func (p *progress) say(who, phase, text string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	before, now := p.last[who], time.Now()
	if before.phase == phase && (before.text == text || now.Sub(before.at) < p.every) {
		return
	}
	p.last[who] = said{phase, text, now}
	fmt.Fprintf(p.out, "%7s  %-28s %-12s %s\n", now.Sub(p.start).Round(time.Second), who, phase, text)
}
