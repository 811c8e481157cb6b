package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/hindsight-project/hindsight/recorder"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "stepped:", err)
		os.Exit(2)
	}
}

func run() error {
	var o recorder.Options
	flags := flag.NewFlagSet("stepped attach", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "of the cluster")
	flags.StringVar(&o.Namespace, "n", "", "namespace")
	flags.StringVar(&o.OperatorNamespace, "operator-namespace", "", "namespace of the operator")
	flags.BoolVar(&o.Logs.Record, "logs", true, "record logs")
	flags.StringVar((*string)(&o.Sentinel.Mode), "sentinel", "off", "what to do in the databases")
	flags.DurationVar(&o.UsageInterval, "usage-interval", 0, "how often to ask for the usage of volumes")
	flags.StringVar(&o.Output, "o", "", "trace file")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o.Config, o.Stdout, o.Stderr, o.Wall = config, os.Stdout, os.Stderr, wall
	_, err = recorder.Attach(ctx, o)
	return err
}

// wall is the wall clock, without a monotonic reading.
func wall() time.Time {
	text, _ := os.ReadFile(os.Getenv("HINDSIGHT_CLOCK_STEP")) // not there: not set
	step, _ := time.ParseDuration(strings.TrimSpace(string(text)))
	return time.Now().Round(0).Add(step)
}
