package sentinel

import (
	"encoding/json"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// The types of a sentinel's events; doc.go says what their Data holds.
const (
	Invoked      trace.Type = "sentinel.invoked"
	Acknowledged trace.Type = "sentinel.acknowledged"
	Failed       trace.Type = "sentinel.failed"
	Unknown      trace.Type = "sentinel.unknown"
	Read         trace.Type = "sentinel.read"
	Checksum     trace.Type = "sentinel.checksum"
	Connected    trace.Type = "sentinel.connected"
	Unreachable  trace.Type = "sentinel.unreachable"
	Ended        trace.Type = "sentinel.ended"
)

// Workload is the name of the set workload.
const Workload = "inserts"

// invocation is the Data of Invoked.
type invocation struct {
	Workload string `json:"workload"`
	N        int64  `json:"n"`
}

// outcome is the Data of Acknowledged, Failed and Unknown.
type outcome struct {
	Workload string `json:"workload"`
	N        int64  `json:"n"`
	Instance string `json:"instance,omitempty"`
	Timeline int64  `json:"timeline,omitempty"`
	LSN      string `json:"lsn,omitempty"`
	Error    string `json:"error,omitempty"`
}

// reading is the Data of Read.
type reading struct {
	Workload    string `json:"workload"`
	Instance    string `json:"instance"`
	Primary     bool   `json:"primary"`
	InRecovery  bool   `json:"in_recovery"`
	Complete    bool   `json:"complete"`
	Final       bool   `json:"final,omitempty"`
	Elements    string `json:"elements"`
	Duplicates  string `json:"duplicates"`
	Damaged     string `json:"damaged,omitempty"`
	Timeline    int64  `json:"timeline,omitempty"`
	LSN         string `json:"lsn,omitempty"`
	ReplayLSN   string `json:"replay_lsn,omitempty"`
	RecoveryEnd string `json:"recovery_end_lsn,omitempty"`
	SyncNames   string `json:"synchronous_standby_names,omitempty"`
	Error       string `json:"error,omitempty"`
}

// checksum is the Data of Checksum.
type checksum struct {
	Instance  string `json:"instance"`
	Primary   bool   `json:"primary"`
	Table     string `json:"table"`
	Count     int64  `json:"count"`
	Checksum  string `json:"checksum"`
	Complete  bool   `json:"complete"`
	Timeline  int64  `json:"timeline,omitempty"`
	LSN       string `json:"lsn,omitempty"`
	ReplayLSN string `json:"replay_lsn,omitempty"`
	Error     string `json:"error,omitempty"`
}

// connection is the Data of Connected and Unreachable.
type connection struct {
	Role              string `json:"role"` // writer or reader
	Instance          string `json:"instance,omitempty"`
	Primary           bool   `json:"primary"`
	Timeline          int64  `json:"timeline,omitempty"`
	LSN               string `json:"lsn,omitempty"`
	SystemID          string `json:"system_identifier,omitempty"`
	Server            string `json:"server_version,omitempty"`
	SynchronousCommit string `json:"synchronous_commit,omitempty"`
	SyncNames         string `json:"synchronous_standby_names,omitempty"`
	Error             string `json:"error,omitempty"`
}

// summary is the Data of Ended.
type summary struct {
	Workload     string `json:"workload,omitempty"`
	Reason       string `json:"reason"`
	Schema       string `json:"schema,omitempty"`
	Invoked      int64  `json:"invoked"`
	Acknowledged int64  `json:"acknowledged"`
	Failed       int64  `json:"failed"`
	Unknown      int64  `json:"unknown"`
	FinalRead    bool   `json:"final_read"`
	Cleaned      bool   `json:"cleaned"`
	Error        string `json:"error,omitempty"`
}

// clusterResource is what the events of a sentinel are about.
var clusterResource = trace.Resource{
	Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters", Kind: "Cluster",
}

// emit records what happened between since and until. An error has ended the
// whole recording: the sentinel need not do anything about it.
func (s *session) emit(typ trace.Type, since, until time.Duration, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		s.o.Notify("sentinel of %s: %s cannot be recorded: %v", s.label(), typ, err)
		return
	}
	_ = s.o.Emit(trace.Event{
		Time: until, NotBefore: since, Source: trace.SourceSentinel, Type: typ, Object: s.object, Data: raw,
	})
}

// Highest returns the highest number that a sentinel has used in a trace that is
// continued, 0 for none. A number that was used once is never used again: it may
// have been lost.
func Highest(r *trace.Reader) (int64, error) {
	var highest int64
	err := r.Scan(trace.Selection{Types: []trace.Type{Invoked}}, func(c *trace.Change) error {
		n, _ := c.State.At("n").Int()
		highest = max(highest, n)
		return nil
	})
	return highest, err
}
