package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"time"
)

var (
	uidPattern  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	rvPattern   = regexp.MustCompile(`"resourceVersion":"(\d+)"`)
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)
	nsPattern   = regexp.MustCompile(`\bds-[a-z]+\b`)
	namePattern = regexp.MustCompile(`"kind":"(?:Node|StorageClass|Lease)"`)
)

const (
	roundTime = 10 * time.Minute // longer than all recordings take
	roundRVs  = 10000            // more than all recordings use
)

// repeated returns the logs, one after the other, n times, as if it had all
// happened in one long run: in each part namespace, UIDs, resourceVersions and
// times are its own. What outlives a part (nodes, classes, leases, the
// operator) is the same object throughout, and is modified where a part lists it.
func repeated(logs [][]byte, n int) ([]byte, error) {
	var long bytes.Buffer
	for round := range n {
		for part, log := range logs {
			for line := range bytes.Lines(log) {
				moved, err := move(line, round, part, len(logs))
				if err != nil {
					return nil, err
				}
				long.Write(moved)
			}
		}
	}
	return long.Bytes(), nil
}

// move takes a line of one log to its place in the long run.
func move(line []byte, round, part, parts int) ([]byte, error) {
	lasting := namePattern.Match(line) || bytes.Contains(line, []byte(`"namespace":"cnpg-system"`))
	number := round*parts + part
	if lasting && number > 0 {
		line = bytes.Replace(line, []byte(`"type":"ADDED"`), []byte(`"type":"MODIFIED"`), 1)
	}
	line = rvPattern.ReplaceAllFunc(line, func(m []byte) []byte {
		rv, err := strconv.Atoi(string(rvPattern.FindSubmatch(m)[1]))
		if err != nil {
			return m
		}
		return fmt.Appendf(nil, `"resourceVersion":"%d"`, rv+number*roundRVs)
	})
	line = timePattern.ReplaceAllFunc(line, func(m []byte) []byte {
		t, err := time.Parse("2006-01-02T15:04:05", string(m))
		if err != nil {
			return m
		}
		return []byte(t.Add(time.Duration(round) * roundTime).Format("2006-01-02T15:04:05"))
	})
	line = nsPattern.ReplaceAllFunc(line, func(m []byte) []byte { return fmt.Appendf(nil, "%s-%d", m, round) })
	if !lasting {
		line = uidPattern.ReplaceAllFunc(line, func(m []byte) []byte { return uid(m, number) })
	}
	return line, nil
}

// uid derives another UID from one.
func uid(old []byte, number int) []byte {
	h := fnv.New128a()
	fmt.Fprintf(h, "%s %d", old, number)
	s := h.Sum(nil)
	return fmt.Appendf(nil, "%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}
