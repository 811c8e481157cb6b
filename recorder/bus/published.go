package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Published is what a recorder says of a run that somebody else writes into a
// trace, before its first event. It is kept in the metadata of the stream, not in
// a message, so that no limit of the stream can take it away.
type Published struct {
	Run     trace.Run
	Streams []StreamKey // that are watched; those that were denied are events
}

// StreamKey names one stream of the certificate.
type StreamKey struct {
	trace.Resource
	Namespace string `json:"namespace,omitempty"` // empty: the whole cluster
}

// The keys of the metadata; their values are JSON.
const (
	metadataRun     = "dev.hindsight.run"
	metadataStreams = "dev.hindsight.streams"
)

func (p *Published) metadata() (map[string]string, error) {
	run, err := json.Marshal(p.Run)
	if err != nil {
		return nil, err
	}
	streams, err := json.Marshal(p.Streams)
	return map[string]string{metadataRun: string(run), metadataStreams: string(streams)}, err
}

// readPublished reads the metadata of a stream.
func readPublished(metadata map[string]string) (*Published, error) {
	p := &Published{}
	if _, ours := metadata[metadataRun]; !ours {
		return nil, errors.New("its recorder writes the trace itself")
	}
	if err := json.Unmarshal([]byte(metadata[metadataRun]), &p.Run); err != nil {
		return nil, fmt.Errorf("its metadata %s cannot be read: %w", metadataRun, err)
	}
	if err := json.Unmarshal([]byte(metadata[metadataStreams]), &p.Streams); err != nil {
		return nil, fmt.Errorf("its metadata %s cannot be read: %w", metadataStreams, err)
	}
	return p, nil
}

// TypeEnd is the type of the last event of a published run: its Data is an End.
// It is for the collector, and not for the trace.
const TypeEnd trace.Type = "end"

// End is what a recorder proves of a published run when it ends in order.
type End struct {
	Reason   string      `json:"reason"`
	ExitCode *int        `json:"exit_code,omitempty"`
	Streams  []StreamEnd `json:"streams"`

	Redactions []trace.Redaction `json:"redactions,omitempty"` // as Run has them, counted

	Time time.Duration `json:"-"` // of its event
}

// StreamEnd is the outcome of one stream.
type StreamEnd struct {
	StreamKey
	Proof     string `json:"proof"`
	Reason    string `json:"reason,omitempty"`
	Coalesced uint64 `json:"coalesced,omitempty"`

	// Objects are how many the recorder holds at the end, and Digest is that of
	// their versions: what the trace has to end with. Empty unless Proof is
	// complete.
	Objects int    `json:"objects,omitempty"`
	Digest  string `json:"digest,omitempty"`
}

// Version names a version of an object.
type Version struct{ Namespace, Name, UID, ResourceVersion string }

// Digest is the SHA-256 over a set of versions.
func Digest(versions []Version) string {
	sorted := slices.SortedFunc(slices.Values(versions), func(a, b Version) int {
		return strings.Compare(a.line(), b.line())
	})
	sum := sha256.New()
	for _, v := range sorted {
		sum.Write([]byte(v.line()))
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// line is unique: none of the names has a line break in it.
func (v Version) line() string {
	return v.Namespace + "\n" + v.Name + "\n" + v.UID + "\n" + v.ResourceVersion + "\n"
}
