package deployment

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/hindsight-project/hindsight/recorder"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// What the settings of the overlays name.
const (
	recorded  = "ds-e2e"
	operators = "cnpg-system"
	database  = "pg"
	home      = "hindsight" // of the recorder
)

// recorderFlags returns the flags of attach and collect, from their help.
func recorderFlags(t *testing.T) map[string][]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "recorder")
	compile := exec.Command("go", "build", "-o", program, "./cmd/recorder")
	compile.Dir = filepath.Join(deploy, "..")
	if text, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	known := map[string][]string{}
	for _, command := range []string{"attach", "collect"} {
		text, err := exec.Command(program, command, "--help").Output()
		if err != nil {
			t.Fatal(err)
		}
		known[command] = regexp.MustCompile(`--[a-z-]+`).FindAllString(string(text), -1)
	}
	return known
}

// populate makes what sources beside the watches ask about: an instance on a node
// that is being drained, and an operator.
func populate(t *testing.T, kube *kubernetes.Clientset) {
	t.Helper()
	ctx, create := t.Context(), metav1.CreateOptions{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := kube.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{Unschedulable: true},
	}, create)
	must(err)
	for _, p := range []struct{ namespace, name, label, value string }{
		{recorded, "pg-1", "cnpg.io/podRole", "instance"},
		{operators, "cnpg-controller-manager-0", "app.kubernetes.io/name", "cloudnative-pg"},
	} {
		labels := map[string]string{p.label: p.value, "cnpg.io/cluster": database}
		pod, err := kube.CoreV1().Pods(p.namespace).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: p.name, Labels: labels},
			Spec: corev1.PodSpec{
				NodeName: "n1", Containers: []corev1.Container{{Name: "main", Image: "none"}},
			},
		}, create)
		must(err)
		pod.Status.Phase = corev1.PodRunning
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		}}
		_, err = kube.CoreV1().Pods(p.namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		must(err)
	}
}

// rights are the roles of the manifests.
type rights struct {
	cluster    []rbacv1.ClusterRole
	namespaced []rbacv1.Role
}

// everything builds the manifests that may ask for most.
func everything(t *testing.T) []*unstructured.Unstructured {
	return build(t, filesys.MakeFsOnDisk(), filepath.Join("testdata", "all"))
}

func readRights(t *testing.T, objects []*unstructured.Unstructured) rights {
	t.Helper()
	var r rights
	for _, o := range objects {
		var err error
		switch o.GetKind() {
		case "ClusterRole":
			var role rbacv1.ClusterRole
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role)
			r.cluster = append(r.cluster, role)
		case "Role":
			var role rbacv1.Role
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role)
			r.namespaced = append(r.namespaced, role)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// permission is what a role allows with one resource in one namespace ("" for the
// cluster).
type permission struct{ namespace, group, resource, verbs string }

// key names what is denied as the certificate does.
func (p permission) key() string {
	name := p.resource
	if p.group != "" {
		name += "." + p.group
	}
	if p.namespace != "" {
		name += " in " + p.namespace
	}
	return name
}

// permissions lists what the roles allow.
func (r rights) permissions() []permission {
	var all []permission
	add := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					all = append(all, permission{namespace, group, resource, strings.Join(rule.Verbs, ",")})
				}
			}
		}
	}
	for _, role := range r.cluster {
		add("", role.Rules)
	}
	for _, role := range r.namespaced {
		add(role.Namespace, role.Rules)
	}
	return all
}

// grant makes a service account that may do all but some things, and returns the
// configuration of its client.
func (l lab) grant(t *testing.T, name string, allowed []permission, but ...permission) *rest.Config {
	t.Helper()
	ctx, create := t.Context(), metav1.CreateOptions{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: home}}
	_, err := l.kube.CoreV1().ServiceAccounts(home).Create(ctx, account, create)
	must(err)
	rules := map[string][]rbacv1.PolicyRule{}
	for _, p := range allowed {
		if !slices.Contains(but, p) {
			rules[p.namespace] = append(rules[p.namespace], rbacv1.PolicyRule{
				APIGroups: []string{p.group}, Resources: []string{p.resource}, Verbs: strings.Split(p.verbs, ","),
			})
		}
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: home}}
	meta := metav1.ObjectMeta{Name: "test-" + name}
	for namespace, rules := range rules {
		if namespace == "" {
			_, err = l.kube.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, create)
			must(err)
			_, err = l.kube.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: meta, Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
			}, create)
			must(err)
			continue
		}
		_, err = l.kube.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, create)
		must(err)
		_, err = l.kube.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		}, create)
		must(err)
	}
	return l.login(t, name)
}

// login returns the configuration of a client with the token of a service account.
func (l lab) login(t *testing.T, account string) *rest.Config {
	t.Helper()
	token, err := l.kube.CoreV1().ServiceAccounts(home).
		CreateToken(t.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(l.config)
	config.BearerToken = token.Status.Token
	return config
}

// said collects what a recorder tells.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// beside is what the sources beside the watches do first, whether they may or not.
var beside = []string{"kubelet", "instance", "drain", "logs of " + recorded, "logs of " + operators}

// firstRound reports whether all of beside is in the trace.
func firstRound(path string) bool {
	r, err := trace.Open(path)
	if err != nil {
		return false // it is being made
	}
	defer r.Close()
	done := map[string]bool{}
	for e, err := range r.Events(0) {
		if err != nil {
			return false
		}
		for _, what := range roundOf(e) {
			done[what] = true
		}
	}
	return !slices.ContainsFunc(beside, func(what string) bool { return !done[what] })
}

// roundOf returns what of beside an event shows to be done.
func roundOf(e trace.Event) []string {
	var data struct{ From, State string }
	if json.Unmarshal(e.Data, &data) != nil {
		return nil
	}
	switch {
	case e.Source == trace.SourceUsage && data.From == "pods": // cannot list them, so asks nobody
		return []string{"kubelet", "instance"}
	case e.Source == trace.SourceUsage:
		if data.State != trace.StreamDenied {
			return []string{data.From}
		}
	case e.Type == trace.Type("drain"):
		return []string{"drain"}
	case e.Source == trace.SourceLog && data.State == "":
		return []string{"logs of " + e.Object.Namespace}
	}
	if data.State != trace.StreamDenied {
		return nil
	}
	return map[string][]string{
		"nodes/proxy": {"kubelet"}, "pods/proxy": {"instance"}, "pods/drain": {"drain"},
		"pods/log": {"logs of " + e.Object.Namespace},
	}[e.Object.Resource.Resource]
}

// patience ends a recording whose sources do not do what is expected of them.
const patience = 2 * time.Minute

// attach records until every source had its first round, and returns the
// certificate.
func attach(ctx context.Context, config *rest.Config, path string) (trace.Certificate, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var out said
	o := recorder.Options{
		Config: config, Namespace: recorded, OperatorNamespace: operators, Output: path,
		UsageInterval: time.Hour, Logs: recorder.Logs{Record: true}, Tool: "test",
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
	}
	go func() {
		for !strings.Contains(out.String(), "recording ") || !firstRound(path) {
			if ctx.Err() != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		stop()
	}()
	cert, err := recorder.Attach(ctx, o)
	if err != nil {
		err = fmt.Errorf("attach: %w\n%s", err, &out)
	}
	return cert, err
}

// denied returns what the certificate says was denied, and what is not complete.
func denied(cert trace.Certificate) (denied, incomplete map[string]string) {
	denied, incomplete = map[string]string{}, map[string]string{}
	for _, s := range cert.Streams {
		p := permission{namespace: s.Namespace, group: s.Group, resource: s.Resource.Resource}
		switch s.Proof {
		case trace.ProofDenied:
			denied[p.key()] = s.Reason
		case trace.ProofComplete:
		default:
			incomplete[p.key()] = s.Proof + ": " + s.Reason
		}
	}
	return denied, incomplete
}

// drain is what the component drain allows. It covers the pods of the recorded
// namespace too, which hides what other rules are for.
var drain = permission{"", "", "pods", "list"}

// consequences are what the certificate shows as denied when a permission is
// missing, where that is not just the resource itself.
var consequences = map[permission][]string{
	drain: {"pods/drain"},
	{"", "policy", "poddisruptionbudgets", "list,watch"}: {
		"poddisruptionbudgets.policy", "poddisruptionbudgets.policy in ds-e2e",
	},
	{recorded, "", "pods", "list,watch"}:  {"pods in ds-e2e", "pods/log in ds-e2e"},
	{operators, "", "pods", "list,watch"}: {"pods in cnpg-system", "pods/log in cnpg-system"},
	{recorded, "", "pods", "get"}:         {"pods/log in ds-e2e"},
	{operators, "", "pods", "get"}:        {"pods/log in cnpg-system"},
}

// attempt is a recording without one permission.
type attempt struct {
	without permission
	config  *rest.Config
	cert    trace.Certificate
	err     error
}

// atOnce is how many recorders run side by side.
const atOnce = 6

func TestTheRightsAreExactlySufficient(t *testing.T) {
	l := startLab(t)
	populate(t, l.kube)
	objects := everything(t)
	for _, o := range objects {
		l.apply(t, o, false)
	}
	dir := t.TempDir()
	cert, err := attach(t.Context(), l.login(t, "recorder"), filepath.Join(dir, "all.db"))
	if err != nil {
		t.Fatal(err)
	}
	if refused, open := denied(cert); len(refused)+len(open) > 0 {
		t.Errorf("with all rights:\ndenied: %v\nnot complete: %v", refused, open)
	}
	l.readsOneSecret(t)
	var attempts []attempt
	allowed := readRights(t, objects).permissions()
	for i, p := range allowed {
		if p.resource != "secrets" { // asked for by the sentinel only, see readsOneSecret
			attempts = append(attempts, attempt{
				without: p, config: l.grant(t, fmt.Sprintf("without-%d", i), allowed, p, drain),
			})
		}
	}
	var running errgroup.Group
	running.SetLimit(atOnce)
	for i := range attempts {
		running.Go(func() error {
			a := &attempts[i]
			a.cert, a.err = attach(t.Context(), a.config, filepath.Join(dir, fmt.Sprintf("%d.db", i)))
			return nil
		})
	}
	_ = running.Wait() // each attempt has its own error
	for _, a := range attempts {
		t.Run(fmt.Sprintf("without %s: %s", a.without.key(), a.without.verbs), func(t *testing.T) { a.check(t) })
	}
}

// check compares what was denied with what the permission is for.
func (a attempt) check(t *testing.T) {
	if a.err != nil {
		t.Fatal(a.err)
	}
	want, ok := consequences[a.without]
	if !ok {
		want = []string{a.without.key()}
	}
	want = append(slices.Clone(want), consequences[drain]...)
	slices.Sort(want)
	refused, open := denied(a.cert)
	if got := slices.Sorted(maps.Keys(refused)); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("denied: %q, want %q", got, want)
	}
	if len(open) > 0 {
		t.Errorf("not complete: %v", open)
	}
}

// readsOneSecret asks the API server what it would allow.
func (l lab) readsOneSecret(t *testing.T) {
	t.Helper()
	kube, err := kubernetes.NewForConfig(l.login(t, "recorder"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{database + "-app": true, database + "-superuser": false, "": false} {
		review, err := kube.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(),
			&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: recorded, Resource: "secrets", Verb: "get", Name: name,
				},
			}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != want {
			t.Errorf("reading the Secret %q: %v, want %v", name, review.Status.Allowed, want)
		}
	}
}
