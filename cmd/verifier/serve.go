package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier/serve"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	streams
	at, listen, kubeconfig string
	speed                  float64
}

func newServe(s streams) *cobra.Command {
	o := serveOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "serve TRACE",
		Short: "Serve the past as a read-only Kubernetes API, for kubectl and k9s",
		Long: `serve answers as the API server of the recorded cluster would have at a moment: lists,
gets and watches of what was recorded, nothing else. With --speed the clock runs on from
there, and watches tell what happens. It listens on loopback only and ends with Ctrl-C.
How moments are written says verifier show --help.`,
		Example: `  # the cluster half a minute after the disruption, ten times as fast from there
  # (then, in another shell: KUBECONFIG=past.yaml kubectl get pods -A -w)
  verifier serve trace.db --at @disruption+30s --speed 10 --kubeconfig past.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("serve needs one trace file, such as: verifier serve trace.db --at @disruption")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&o.at, "at", "", "`MOMENT` to serve (default: the end)")
	cmd.Flags().Float64Var(&o.speed, "speed", 0, "how fast the clock runs: 0 stands still, 1 is as it was")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback `ADDRESS` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&o.kubeconfig, "kubeconfig", "", "`FILE` to write a kubeconfig to; never an existing one")
	return cmd
}

func (o *serveOptions) run(ctx context.Context, path string) (err error) {
	if o.speed < 0 {
		return fmt.Errorf("--speed %g: time does not run backwards", o.speed)
	}
	p, done, err := past(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	m, err := p.At(o.at)
	if err != nil {
		return err
	}
	listener, err := listenLoopback(ctx, o.listen)
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	if err := o.writeKubeconfig(url); err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(o.err, "serving %s as of %s (+%s), speed %g\n",
		path, m.Wall.Format("2006-01-02 15:04:05Z"), m.Time, o.speed)
	fmt.Fprintf(o.err, "  kubectl --server %s get pods -A\n", url)
	fmt.Fprintln(o.out, url)
	server := &http.Server{
		Handler: serve.New(p, serve.Options{Start: m, Speed: o.speed}), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

// listenLoopback refuses to serve a recording to others.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--listen %s: serve listens on loopback only, such as 127.0.0.1:8001: "+
			"whoever reaches it can read the whole recording", address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

func (o *serveOptions) writeKubeconfig(url string) error {
	if o.kubeconfig == "" {
		return nil
	}
	f, err := os.OpenFile(o.kubeconfig, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--kubeconfig: %w", err)
	}
	_, err = fmt.Fprintf(f, `apiVersion: v1
kind: Config
clusters: [{name: past, cluster: {server: %q}}]
users: [{name: past, user: {}}]
contexts: [{name: past, context: {cluster: past, user: past}}]
current-context: past
`, url)
	return errors.Join(err, f.Close())
}
