package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// figure is what a contender needs: medians over its rounds.
type figure struct {
	Wall float64 `json:"wall_s"`
	CPU  float64 `json:"cpu_s"`      // user and system
	Low  float64 `json:"cpu_low_s"`  // the lowest
	Peak float64 `json:"peak_bytes"` // resident
	Runs int     `json:"runs"`
}

// results are all figures of one machine, by name.
type results struct {
	path    string
	Figures map[string]figure  `json:"figures"`
	Values  map[string]float64 `json:"values"` // sizes in bytes, times in s
	Words   map[string]string  `json:"words"`  // versions, and why something is missing
}

func readResults(path string) (*results, error) {
	r := &results{path: path, Figures: map[string]figure{}, Values: map[string]float64{}, Words: map[string]string{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to begin anew", path, err)
	}
	return r, nil
}

func (r *results) write() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.path, append(text, '\n'), 0o644)
}

// sample is one run of a process.
type sample struct {
	Wall float64 `json:"wall_s"`
	CPU  float64 `json:"cpu_s"`
	Peak float64 `json:"peak_bytes"`
	Code int     `json:"code"`
}

func figureOf(samples []sample) figure {
	pick := func(of func(sample) float64) []float64 {
		var all []float64
		for _, s := range samples {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all
	}
	cpu := pick(func(s sample) float64 { return s.CPU })
	return figure{
		Wall: median(pick(func(s sample) float64 { return s.Wall })),
		CPU:  median(cpu), Low: cpu[0],
		Peak: median(pick(func(s sample) float64 { return s.Peak })),
		Runs: len(samples),
	}
}

// median of sorted values, of which there is one at least.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
