package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

type inspectOptions struct {
	trace  string
	output string
}

// inspection is what inspect found, and its JSON. Scripts may rely on the keys
// as long as schema_version stays.
type inspection struct {
	SchemaVersion string            `json:"schema_version"`
	File          string            `json:"file"`
	Intact        bool              `json:"intact"`           // every checksum and the digest are right
	Damage        string            `json:"damage,omitempty"` // why not
	Digest        string            `json:"digest"`           // empty while the trace is not sealed
	Run           trace.Run         `json:"run"`
	Certificate   trace.Certificate `json:"certificate"`
	Kinds         []kindCount       `json:"kinds"`
	Size          size              `json:"size"`
}

// kindCount counts what happened to the objects of one kind. Objects counts
// lives: an object that was deleted and created again is two.
type kindCount struct {
	trace.Resource
	Objects  int    `json:"objects"`
	Added    uint64 `json:"added"`
	Modified uint64 `json:"modified"`
	Deleted  uint64 `json:"deleted"`
}

type size struct {
	trace.Stats
	BytesPerEvent float64 `json:"bytes_per_event"` // 0 without events
}

func newInspectCommand() *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect TRACE [-o text|json]",
		Short: "Show what a trace holds and proves, and check that it is intact",
		Long: `inspect prints the certificate of a trace (what was watched, what is proven,
gaps, unusable input), counts for each kind and sizes, and reads the whole file
to check every checksum. A damaged or unreadable file gives exit code 2.`,
		Example: `  recorder inspect trace.db

  # Did the recorder miss anything?
  recorder inspect trace.db -o json | jq '.certificate.gaps'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.trace = args[0]
			return o.run(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

func (o *inspectOptions) run(w io.Writer) error {
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("unknown output %q: choose text or json", o.output)
	}
	r, err := trace.Open(o.trace)
	if err != nil {
		return err
	}
	defer r.Close()
	found, damage := inspect(r, o.trace)
	if o.output == "json" {
		err = writeInspectionJSON(w, found)
	} else {
		err = writeInspection(w, found)
	}
	return errors.Join(err, damage)
}

// inspect collects what the trace says and checks it. The error is the damage.
func inspect(r *trace.Reader, file string) (inspection, error) {
	found := inspection{
		SchemaVersion: "1", File: file, Run: r.Run(), Certificate: r.Certificate(), Size: size{Stats: r.Stats()},
	}
	damage := r.Verify()
	found.Kinds = countKinds(found.Certificate, r.Objects())
	if found.Certificate.Sealed {
		digest, err := r.Digest()
		damage = errors.Join(damage, err)
		found.Digest = digest
	}
	if n := found.Size.Events; n > 0 {
		found.Size.BytesPerEvent = float64(found.Size.Bytes) / float64(n)
	}
	found.Intact = damage == nil
	if damage != nil {
		damage = fmt.Errorf("%s is damaged: %w", file, damage)
		found.Damage = damage.Error()
	}
	return found, damage
}

// countKinds sums the certificate's streams over namespaces, in their order.
func countKinds(cert trace.Certificate, objects []trace.Object) []kindCount {
	kinds := []kindCount{}
	index := map[trace.Resource]int{}
	for _, s := range cert.Streams {
		i, ok := index[s.Resource]
		if !ok {
			i = len(kinds)
			index[s.Resource] = i
			kinds = append(kinds, kindCount{Resource: s.Resource})
		}
		k := &kinds[i]
		k.Added, k.Modified, k.Deleted = k.Added+s.Added, k.Modified+s.Modified, k.Deleted+s.Deleted
	}
	for _, o := range objects {
		if i, ok := index[o.Resource]; ok && o.Name != "" {
			kinds[i].Objects++
		}
	}
	return kinds
}

func writeInspectionJSON(w io.Writer, found inspection) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(found)
}

func writeInspection(w io.Writer, found inspection) error {
	if err := recorder.WriteCertificate(w, found.Run, found.Certificate); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nobjects\tadded\tmodified\tdeleted\t  kind\n")
	for _, k := range found.Kinds {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t  %s\n", k.Objects, k.Added, k.Modified, k.Deleted, k.Resource)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	n := found.Size
	fmt.Fprintf(w, "\n%d bytes, %.1f an event, in %d blocks and %d checkpoints\n",
		n.Bytes, n.BytesPerEvent, n.Blocks, n.Checkpoints)
	if found.Digest != "" {
		fmt.Fprintf(w, "digest %s\n", found.Digest)
	}
	intact := "intact: every checksum is right"
	if !found.Intact {
		intact = "DAMAGED: not every checksum is right; do not trust what is above"
	}
	_, err := fmt.Fprintln(w, intact)
	return err
}
