package sentinel

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
)

// Mode is how far a sentinel goes.
type Mode string

// The modes.
const (
	ModeOff   Mode = "off"
	ModeRead  Mode = "read"  // counts and checksums of tables that are there
	ModeWrite Mode = "write" // a set workload in a schema of its own
)

// Set implements the flags' Value.
func (m *Mode) Set(text string) error {
	switch Mode(text) {
	case ModeOff, ModeRead, ModeWrite:
		*m = Mode(text)
		return nil
	}
	return errors.New("must be off, read or write")
}

// String implements the flags' Value.
func (m *Mode) String() string { return string(*m) }

// Type implements the flags' Value.
func (*Mode) Type() string { return "mode" }

// The defaults of Options.
const (
	DefaultRate      = 10.0
	DefaultReadEvery = 5 * time.Second
	DefaultTimeout   = 5 * time.Second
)

// rateMax keeps one client from becoming a load test.
const rateMax = 1000

// Options say what a sentinel does, and where.
type Options struct {
	Mode Mode

	// RunID names the schema of ModeWrite.
	RunID string

	// Scope is where Clusters are looked for; Cluster limits it to one by name.
	// With URL its namespace and Cluster name the Cluster that is behind it.
	Scope   kube.Scope
	Cluster string

	// URL is a PostgreSQL URL or key=value string, with one host an instance:
	// postgres://app@pg-1,pg-2/app. Empty: the Secrets <cluster>-app say it.
	URL string

	// API asks the API server. It may be nil with URL.
	API *kube.Client

	// InCluster says that the addresses of Services and Pods can be reached.
	InCluster bool

	// Table is the one that ModeRead reads, schema.table or table. Empty: every
	// table whose name begins with "sentinel".
	Table string

	Rate      float64       // writes per second; 0: DefaultRate
	ReadEvery time.Duration // between two reads of everything; 0: DefaultReadEvery
	Timeout   time.Duration // of an attempt, its connection included; 0: DefaultTimeout

	// After is the highest number that the run has used before: see Highest.
	After int64

	source.Sink
}

var tableName = regexp.MustCompile(`^[^.\x00]+(\.[^.\x00]+)?$`)

// Validate checks what can be checked without a server.
func (o *Options) Validate() error {
	if o.URL != "" {
		if _, err := pgconn.ParseConfig(o.URL); err != nil {
			return fmt.Errorf("--sentinel-url: %w", err)
		}
	}
	if o.Table != "" && !tableName.MatchString(o.Table) {
		return fmt.Errorf("--sentinel-table %q is neither table nor schema.table", o.Table)
	}
	if o.Rate < 0 || o.Rate > rateMax {
		return fmt.Errorf("--sentinel-rate %v: want up to %d writes a second", o.Rate, rateMax)
	}
	if o.ReadEvery < 0 || o.Timeout < 0 {
		return errors.New("a sentinel needs a positive interval and timeout")
	}
	return nil
}

func (o *Options) complete() {
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	if o.ReadEvery == 0 {
		o.ReadEvery = DefaultReadEvery
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
}
