package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/cmd/lab/recordings"
	"github.com/hindsight-project/hindsight/cmd/lab/replay"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func newReplayCommand() *cobra.Command {
	var kubeconfig string
	var o replay.Options
	cmd := &cobra.Command{
		Use:   "replay RECORDING",
		Short: "Let a recorded history happen in a lab's cluster",
		Long: `Let a recorded history happen in the cluster of a running lab: the same versions
of the same objects in the same order, served by the API server. RECORDING is a
trace, a watch log (plain or zstd), or a shipped recording: ` + strings.Join(recordings.Names(), ", ") + `.

The history is written into the etcd of the lab. A kubeconfig that is not a lab's
is refused.`,
		Example: `  # ten times as fast as it happened, into the cluster of $KUBECONFIG
  lab replay primary-restart --speed 10

  # a recording of your own, recorded once more while it happens again
  recorder attach -n mynamespace -o again.trace.db -- lab replay mine.trace.db --speed 0`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReplay(cmd, args[0], kubeconfig, o)
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"),
		"kubeconfig that `lab up` wrote (default: $KUBECONFIG)")
	cmd.Flags().Float64Var(&o.Speed, "speed", 1,
		"seconds of the recording that pass in a second; 0: as fast as possible")
	cmd.Flags().BoolVar(&o.MoveTimes, "move-times", false,
		"move the times in the objects along, as if all of it happened now, at this speed")
	return cmd
}

func runReplay(cmd *cobra.Command, name, kubeconfig string, o replay.Options) (err error) {
	if kubeconfig == "" {
		return errors.New("no cluster to replay into: start one with `lab up` and give its --kubeconfig")
	}
	config, etcd, err := cluster.Connect(kubeconfig)
	if err != nil {
		return err
	}
	defer etcd.Close()
	recording, err := openRecording(cmd.Context(), name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recording.Close()) }()
	begin := time.Now()
	o.OnMark = func(e trace.Event) error {
		cmd.PrintErrf("replay %6.1fs  mark %s\n", e.Time.Seconds(), e.Data)
		return nil
	}
	result, err := replay.Run(cmd.Context(), config, etcd, recording.Events(0), o)
	printResult(cmd.ErrOrStderr(), result, time.Since(begin))
	return err
}

// openRecording opens a shipped recording, or a file.
func openRecording(ctx context.Context, name string) (*replay.Recording, error) {
	if !slices.Contains(recordings.Names(), name) {
		recording, err := replay.Open(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; shipped recordings: %s", err, strings.Join(recordings.Names(), ", "))
		}
		return recording, err
	}
	file, err := recordings.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return replay.Import(ctx, file, name)
}

func printResult(w io.Writer, r replay.Result, took time.Duration) {
	fmt.Fprintf(w, "replayed %d versions, %d deletions and %d marks in %.1f s\n",
		r.Versions, r.Deleted, r.Marks, took.Seconds())
	if r.Restored > 0 {
		fmt.Fprintf(w, "%d writes had to be made up: the recording lacks them\n", r.Restored)
	}
	if r.Unknown > 0 {
		fmt.Fprintf(w, "%d versions have fields that Kubernetes %s does not know and does not serve, such as %v\n",
			r.Unknown, cluster.Version, r.UnknownFields)
	}
}
