package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
)

func newUpCommand() *cobra.Command {
	var o cluster.Options
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a cluster until Ctrl-C",
		Long: `Run a cluster until Ctrl-C. The path of its kubeconfig is printed on standard
output as soon as it serves. The custom resources of CloudNativePG (Cluster,
Backup, ScheduledBackup) and of CSI snapshots are installed, with definitions
that keep every field.`,
		Example: `  # an empty cluster
  lab up

  # one that makes service accounts, Jobs, PVC protection and the like work
  lab up --controller-manager

  # keep state and logs to look at
  lab up --dir /tmp/mylab`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runUp(cmd, o) },
	}
	cmd.Flags().BoolVar(&o.ControllerManager, "controller-manager", false,
		"run kube-controller-manager too; do not replay into such a cluster, it acts on what it finds")
	cmd.Flags().StringVar(&o.Dir, "dir", "", "empty directory for state and logs, kept (default: a temporary one)")
	return cmd
}

func runUp(cmd *cobra.Command, o cluster.Options) error {
	begin := time.Now()
	c, err := cluster.Start(cmd.Context(), o)
	if err != nil {
		return err
	}
	cmd.PrintErrf("Kubernetes %s serves after %.1f s. Ctrl-C ends it.\n"+
		"  export KUBECONFIG=%s\n", cluster.Version, time.Since(begin).Seconds(), c.Kubeconfig())
	_, err = fmt.Fprintln(cmd.OutOrStdout(), c.Kubeconfig())
	<-cmd.Context().Done()
	return errors.Join(err, c.Stop())
}
