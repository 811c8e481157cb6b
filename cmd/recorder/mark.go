package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/marks"
)

type markOptions struct {
	where   marks.Where
	mark    marks.Mark
	at      string
	timeout time.Duration
}

func newMarkCommand() *cobra.Command {
	var o markOptions
	cmd := &cobra.Command{
		Use:   "mark (--phase PHASE | --requirement POLICY) [KEY=VALUE | KEY:=JSON]... | mark -",
		Short: "Say something into a recording that is under way",
		Long: `mark writes into a recording what is done to the cluster, so that policies and
reports can tell it from what happens by itself. It returns when the mark is on
the recorder's disk: what is done next comes after it in the trace.

KEY=VALUE adds a member to the mark, KEY:=JSON one that is no string. With - as
the only argument, marks are read from stdin, one JSON object a line.

Phases that mean something to policies: run-start, run-end, scenario and spec
(with --side begin or end), disruption-start, disruption-end, cluster-healthy,
fill-start, fill-end, growth-requested, growth-complete, settled, admission. Any
other is recorded as well. --requirement says that the run claims to put a policy
to the test. The documentation of package recorder/marks has all of it.

Inside of "recorder attach -- COMMAND" the recorder is found by itself, in
whatever process or script. From another shell name the trace that it writes;
from another machine the NATS server that it goes through and the run.

It prints nothing. Exit codes: 0 recorded, 2 not recorded.`,
		Example: `  # in a script that "recorder attach --" runs
  recorder mark --phase disruption-start node=n3 note="drain n3"

  # from another shell
  recorder mark --trace run.trace.db --phase scenario --side begin scenario=node-drain topology=T3

  # what this run is meant to test
  recorder mark --requirement scenario-node-drain

  # from another machine
  recorder mark --nats tls://nats.example.com:4222 --run ds-e2e-20261122t020829z-7q2pd --phase settled

  # many at once, or from another program
  echo '{"phase": "admission", "outcome": "rejected", "expected": "rejected"}' | recorder mark -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cmd.InOrStdin(), args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.mark.Phase, "phase", "", "what begins, ends or is reached")
	f.StringVar(&o.mark.Side, "side", "", "begin, retry or end, of a phase that takes time")
	f.StringVar(&o.mark.Note, "note", "", "for people")
	f.StringArrayVar(&o.mark.Requirements, "requirement", nil,
		"id of a policy that the run claims to put to the test (repeatable)")
	f.StringVar(&o.mark.Cluster, "cluster", "", "namespace/name of the Cluster that it is about")
	f.StringVar(&o.at, "at", "", "when it happened, RFC 3339 (default: now)")
	f.StringVarP(&o.where.Trace, "trace", "o", "", "trace that the recorder writes: its --output")
	f.StringVar(&o.where.Run, "run", "", "id of the run, with --nats")
	f.DurationVar(&o.timeout, "timeout", marks.Timeout, "how long to wait for the recorder")
	o.where.NATS.AddFlags(f, "URL of the NATS server that the recorder goes through")
	return cmd
}

func (o *markOptions) run(ctx context.Context, stdin io.Reader, args []string) error {
	client, err := marks.Find(o.where)
	if err != nil {
		return err
	}
	defer client.Close()
	if len(args) == 1 && args[0] == "-" {
		if o.at != "" || o.mark.Phase != "" || len(o.mark.Requirements) > 0 {
			return errors.New("with - the marks come from stdin, whole: leave out the flags that describe one")
		}
		return o.sendLines(ctx, client, stdin)
	}
	if o.at != "" {
		if o.mark.Time, err = time.Parse(time.RFC3339Nano, o.at); err != nil {
			return fmt.Errorf("--at %q is not RFC 3339, such as 2026-11-22T02:08:29.916Z", o.at)
		}
	}
	if o.mark, err = withMembers(o.mark, args); err != nil {
		return err
	}
	return o.send(ctx, client, o.mark)
}

func (o *markOptions) send(ctx context.Context, client *marks.Client, m marks.Mark) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	_, err := client.Send(ctx, m)
	return err
}

// sendLines sends what stdin says, one mark a line.
func (o *markOptions) sendLines(ctx context.Context, client *marks.Client, stdin io.Reader) error {
	lines := bufio.NewScanner(stdin)
	lines.Buffer(nil, marks.MaxSize+1)
	sent := 0
	for number := 1; lines.Scan(); number++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		m, err := marks.Parse(line)
		if err == nil {
			err = o.send(ctx, client, m)
		}
		if err != nil {
			return fmt.Errorf("line %d (%d marks before it are recorded): %w", number, sent, err)
		}
		sent++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("stdin after %d marks: %w; a mark is one line of at most %d bytes", sent, err, marks.MaxSize)
	}
	if sent == 0 {
		return errors.New("stdin has no mark: write JSON objects, one a line")
	}
	return nil
}

// withMembers adds KEY=VALUE and KEY:=JSON to a mark.
func withMembers(m marks.Mark, args []string) (marks.Mark, error) {
	members := map[string]json.RawMessage{}
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		key, isJSON := strings.CutSuffix(key, ":")
		text := json.RawMessage(value)
		if !isJSON {
			text, _ = json.Marshal(value) // a string always can
		}
		if !found || key == "" || !json.Valid(text) {
			return m, fmt.Errorf("unexpected argument %q: say KEY=VALUE, or KEY:=JSON", arg)
		}
		if _, twice := members[key]; twice {
			return m, fmt.Errorf("%q is said twice", key)
		}
		members[key] = text
	}
	flags, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	var said map[string]json.RawMessage
	if err := json.Unmarshal(flags, &said); err != nil {
		return m, err
	}
	for key, text := range said {
		if _, twice := members[key]; twice {
			return m, fmt.Errorf("%q is said twice, as a flag and as an argument", key)
		}
		members[key] = text
	}
	all, err := json.Marshal(members)
	if err != nil {
		return m, err
	}
	return marks.Parse(all)
}
