package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

const (
	objects   = 20   // Pods of a run
	eventSize = 2600 // bytes of an object, about those of a Pod
	markEvery = 10   // every tenth event is a mark: nothing but the bus keeps it from being there twice
)

// task is what a recorder process does; it is given as JSON.
type task struct {
	URL    string
	RunID  string
	Rate   float64 // events per second
	Events int
}

// outcome is what a recorder process says at its end, as JSON.
type outcome struct {
	Published int
	Longest   time.Duration // that publishing one event took
}

var pods = trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}

var podStream = bus.StreamKey{Resource: pods, Namespace: "ds"}

// record publishes a run, and ends it.
func record(ctx context.Context, t task) (outcome, error) {
	var o outcome
	start := time.Now()
	b, err := bus.Open(ctx, bus.Options{
		RunID: t.RunID, NATS: broker.Options{URL: t.URL}, Stream: bus.StreamOptions{Replicas: nodes},
		Published: &bus.Published{
			Run:     trace.Run{ID: t.RunID, Origin: trace.OriginAttach, Start: start.UTC(), Tool: "scale"},
			Streams: []bus.StreamKey{podStream},
		},
		Notify: func(format string, args ...any) { fmt.Fprintf(os.Stderr, t.RunID+": "+format+"\n", args...) },
	}, trace.Position{})
	if err != nil {
		return o, err
	}
	defer b.Close()
	for n := 1; n <= t.Events; n++ {
		time.Sleep(time.Until(start.Add(time.Duration(float64(n) / t.Rate * float64(time.Second)))))
		before := time.Now()
		if err := b.Publish(ctx, event(n, time.Since(start))); err != nil {
			return o, err
		}
		o.Longest = max(o.Longest, time.Since(before))
		o.Published++
	}
	end, err := json.Marshal(bus.End{Reason: "all events are published", Streams: []bus.StreamEnd{ending(t.Events)}})
	if err != nil {
		return o, err
	}
	now := time.Since(start)
	err = b.Publish(ctx, trace.Event{
		Time: now, NotBefore: now, Source: trace.SourceRecorder, Type: bus.TypeEnd, Data: end,
	})
	if err != nil {
		return o, err
	}
	_, err = b.Flush(ctx)
	return o, err
}

// event is the nth of a run: a version of a Pod, or a mark.
func event(n int, at time.Duration) trace.Event {
	e := trace.Event{Time: at, NotBefore: at, Wall: time.Now().UTC(), Source: trace.SourceMark, Type: trace.Mark}
	if n%markEvery == 0 {
		e.Data = fmt.Appendf(nil, `{"n":%d}`, n)
		return e
	}
	pod := object(n)
	e.Source, e.Type = trace.SourceWatch, trace.Modified
	if n <= objects {
		e.Type = trace.Added
	}
	e.Object = trace.Object{Resource: pods, Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	e.ResourceVersion = pod.ResourceVersion
	padding := bytes.Repeat([]byte("x"), eventSize)
	e.Data = fmt.Appendf(nil, `{"metadata":{"namespace":%q,"name":%q,"uid":%q,"resourceVersion":%q},"n":%d,"x":%q}`,
		pod.Namespace, pod.Name, pod.UID, pod.ResourceVersion, n, padding)
	return e
}

// object names the version that event n is.
func object(n int) bus.Version {
	name := fmt.Sprintf("pod-%d", n%objects)
	return bus.Version{Namespace: "ds", Name: name, UID: "u-" + name, ResourceVersion: fmt.Sprint(n)}
}

// ending is what exists after n events.
func ending(n int) bus.StreamEnd {
	last := map[string]bus.Version{}
	for i := 1; i <= n; i++ {
		if i%markEvery != 0 {
			last[object(i).Name] = object(i)
		}
	}
	var versions []bus.Version
	for _, v := range last {
		versions = append(versions, v)
	}
	return bus.StreamEnd{
		StreamKey: podStream, Proof: trace.ProofComplete, Objects: len(versions), Digest: bus.Digest(versions),
	}
}
