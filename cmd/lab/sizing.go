package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hindsight-project/hindsight/cmd/lab/sizing"
	"github.com/hindsight-project/hindsight/drivers/disruption"
	"github.com/hindsight-project/hindsight/drivers/target"
)

func newSizingCommand() *cobra.Command {
	o := &sizing.Operator{}
	kubeconfig := ""
	cmd := &cobra.Command{
		Use:   "sizing",
		Short: "Play dynamic sizing beside an operator that has none, until Ctrl-C",
		Long: `Play dynamic sizing beside an operator that has none, until Ctrl-C.

For trying drivers on a real cluster: adds request and limit to the CRD of the
Cluster, lets the volumes of Clusters that have them grow as their disks fill, and
writes status.storageSizing. The operator makes the volumes from a pvcTemplate.
Never in a cluster that somebody needs: the CRD stays as it is then.`,
		Example: `  lab sizing &
  driver run all --cluster-template dynamic.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSizing(cmd, kubeconfig, o) },
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig (default: $KUBECONFIG)")
	cmd.Flags().StringVarP(&o.Namespace, "namespace", "n", "", "namespace (default: all)")
	cmd.Flags().DurationVar(&o.Every, "every", 5*time.Second, "how often clusters are looked at")
	return cmd
}

func runSizing(cmd *cobra.Command, kubeconfig string, o *sizing.Operator) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	o.Client = &target.Client{Config: config}
	if o.Client.Kube, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if o.Client.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	if err := sizing.Extend(cmd.Context(), o.Client.Dynamic); err != nil {
		return err
	}
	o.Usage = func(ctx context.Context, namespace, pod string) (disruption.Disk, error) {
		return disruption.DiskOf(ctx, &target.Target{Client: o.Client, Namespace: namespace}, pod, disruption.DataPath)
	}
	o.Say = func(text string) { cmd.PrintErrf("%s %s\n", time.Now().Format(time.TimeOnly), text) }
	cmd.PrintErrln("The Cluster has request and limit, and its data volumes grow as they fill. Ctrl-C ends it.")
	o.Run(cmd.Context())
	return fmt.Errorf("the volumes grow no longer: %w", cmd.Context().Err())
}
