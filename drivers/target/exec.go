package target

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// container is that of PostgreSQL in the pod of an instance.
const container = "postgres"

// Exec runs a command in the PostgreSQL container of a pod and returns what it
// printed. The error has what it printed as an error.
func (t *Target) Exec(ctx context.Context, pod string, command ...string) (string, error) {
	request := t.Kube.CoreV1().RESTClient().Post().Resource("pods").Name(pod).Namespace(t.Namespace).
		SubResource("exec").VersionedParams(&corev1.PodExecOptions{
		Container: container, Command: command, Stdout: true, Stderr: true,
	}, scheme.ParameterCodec)
	sockets, err := remotecommand.NewWebSocketExecutor(t.Config, "GET", request.URL().String())
	if err != nil {
		return "", err
	}
	var out, failure bytes.Buffer
	err = sockets.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &failure})
	if err != nil {
		err = fmt.Errorf("in the pod %s: %w: %s", pod, err, strings.TrimSpace(failure.String()))
	}
	return strings.TrimSpace(out.String()), err
}

// SQL runs statements on an instance and returns the rows, unaligned.
func (t *Target) SQL(ctx context.Context, pod, database, statements string) (string, error) {
	return t.Exec(ctx, pod, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statements)
}

// The hooks.
const (
	HookNodeDown      = "node-down"
	HookNodeUp        = "node-up"
	HookStorageSlow   = "storage-slow"
	HookStorageFail   = "storage-fail"
	HookStorageNormal = "storage-normal"
)

// HookNames lists the hooks that there are.
func HookNames() []string {
	return []string{HookNodeDown, HookNodeUp, HookStorageSlow, HookStorageFail, HookStorageNormal}
}

// Hook runs the command of that name with the given environment beside the
// process's own. There must be one.
func (t *Target) Hook(ctx context.Context, name string, env ...string) error {
	return runHook(ctx, name, t.Hooks[name], append(env,
		"HINDSIGHT_NAMESPACE="+t.Namespace, "HINDSIGHT_CLUSTER="+t.Name))
}

func runHook(ctx context.Context, name, command string, env []string) error {
	if command == "" {
		return fmt.Errorf("there is no hook %s: give one with --hook %s=COMMAND", name, name)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the hook %s failed: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
