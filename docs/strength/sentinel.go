package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const (
	writeEvery = time.Second
	readEvery  = 10 * time.Second
	round      = 20 * time.Millisecond // of a write or a read
)

// watch writes a recording again as if a sentinel had watched its cluster.
func watch(from, to string) (err error) {
	r, err := trace.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var events []trace.Event
	var cluster trace.Object
	var first, last time.Duration
	for e, err := range r.Events(0) {
		if err != nil {
			return err
		}
		if e.Object.Kind == "Cluster" && e.Type.IsObject() {
			if cluster.Name == "" {
				cluster, first = e.Object, e.Time
			}
			last = e.Time
		}
		events = append(events, e)
	}
	events = append(events, sentinel(r.Run(), cluster, first, last)...)
	slices.SortStableFunc(events, func(a, b trace.Event) int { return int(a.Time - b.Time) })
	w, err := trace.Create(to, r.Run())
	if err != nil {
		return err
	}
	if _, err := w.Append(nil, events...); err != nil {
		return errors.Join(err, w.Close())
	}
	_, err = w.Seal("with a sentinel")
	return err
}

// sentinel returns the events of a workload that loses nothing.
func sentinel(run trace.Run, cluster trace.Object, from, until time.Duration) []trace.Event {
	var out []trace.Event
	add := func(kind trace.Type, begin, end time.Duration, data map[string]any) {
		text, err := json.Marshal(data)
		if err != nil {
			return // a map of strings and numbers
		}
		out = append(out, trace.Event{
			Time: end, NotBefore: begin, Wall: run.Start.Add(end), Source: trace.SourceSentinel,
			Type: kind, Object: cluster, Data: text,
		})
	}
	read := func(at time.Duration, n int) {
		add("sentinel.read", at, at+round, map[string]any{
			"workload": "set", "primary": true, "complete": true, "elements": fmt.Sprintf("1-%d", n), "duplicates": "",
		})
	}
	n := 0
	for at := from + writeEvery; at+writeEvery < until; at += writeEvery {
		n++
		add("sentinel.invoked", at, at, map[string]any{"workload": "set", "n": n})
		add("sentinel.acknowledged", at+round, at+round, map[string]any{"workload": "set", "n": n})
		if (at-from)%readEvery == 0 {
			read(at+2*round, n)
		}
	}
	read(until-writeEvery/2, n)
	return out
}
