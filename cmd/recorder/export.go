package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

type exportOptions struct {
	trace string
	out   string
	zstd  bool
}

func newExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export TRACE [-o FILE|-]",
		Short: "Write a trace as a watch log",
		Long: `export writes the history of a trace as a watch log: one JSON object a line,
every object as the API server sent it, in the order of the trace. Importing the
log again gives the same events. An existing file is never overwritten.`,
		Example: `  # Every version of one PVC
  recorder export trace.db | jq -c 'select(.object.kind == "PersistentVolumeClaim")'

  # To hand it to somebody
  recorder export trace.db --zstd -o trace.jsonl.zst`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.trace = args[0]
			return o.run(cmd)
		},
	}
	cmd.Flags().StringVarP(&o.out, "output", "o", "-", "file to write, - for stdout")
	cmd.Flags().BoolVar(&o.zstd, "zstd", false, "compress with zstd")
	return cmd
}

func (o *exportOptions) run(cmd *cobra.Command) error {
	r, err := trace.Open(o.trace)
	if err != nil {
		return err
	}
	defer r.Close()
	if o.out == "-" {
		_, err := o.write(r, cmd.OutOrStdout())
		return err
	}
	f, err := os.OpenFile(o.out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already; choose another name with -o, or remove it", o.out)
	}
	if err != nil {
		return err
	}
	n, err := o.write(r, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(o.out))
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d events\n", o.out, n)
	return nil
}

func (o *exportOptions) write(r *trace.Reader, w io.Writer) (int, error) {
	if !o.zstd {
		return watchlog.Export(r, w)
	}
	packed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	n, err := watchlog.Export(r, packed)
	return n, errors.Join(err, packed.Close())
}
