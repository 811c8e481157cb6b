package serve_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/serve"
	"github.com/hindsight-project/hindsight/verifier/travel"
)

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

const namespace = "ds-primary-restart"

// served serves a shared recording from a moment on. The clock stands still until
// turn moves it.
func served(t *testing.T, at string, speed float64) (config *rest.Config, turn func(time.Duration)) {
	t.Helper()
	file := watchlogtest.Import(t, "../../recorder/testdata/primary-restart.jsonl.zst")
	p, err := travel.Open(watchlogtest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.At(at)
	if err != nil {
		t.Fatal(err)
	}
	var passed atomic.Int64
	begun := time.Now()
	s := serve.New(p, serve.Options{
		Start: m, Speed: speed, Now: func() time.Time { return begun.Add(time.Duration(passed.Load())) },
	})
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return &rest.Config{Host: server.URL}, func(d time.Duration) { passed.Add(int64(d)) }
}

func client(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDiscovery(t *testing.T) {
	config, _ := served(t, "1m", 0)
	for _, aggregated := range []bool{true, false} {
		c, err := discovery.NewDiscoveryClientForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		c.UseLegacyDiscovery = !aggregated
		groups, lists, err := c.ServerGroupsAndResources()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]metav1.APIResource{}
		for _, l := range lists {
			for _, r := range l.APIResources {
				found[r.Name] = r
			}
		}
		if !found["pods"].Namespaced || found["nodes"].Namespaced || found["clusters"].Kind != "Cluster" || len(groups) < 6 ||
			found["persistentvolumeclaims"].ShortNames[0] != "pvc" || len(found["pods"].Verbs) != 3 {
			t.Errorf("aggregated %t: %d groups, %v", aggregated, len(groups), found)
		}
	}
}

func TestListGetAndSelect(t *testing.T) {
	config, _ := served(t, "@disruption+2s", 0)
	c := client(t, config).Resource(pods).Namespace(namespace)
	tests := []struct {
		name string
		o    metav1.ListOptions
		want string
	}{
		{"all", metav1.ListOptions{}, "pg-1 pg-2 pg-3"},
		{"by label", metav1.ListOptions{LabelSelector: "cnpg.io/instanceName=pg-2"}, "pg-2"},
		{
			"by a set of labels",
			metav1.ListOptions{LabelSelector: "cnpg.io/instanceName in (pg-2,pg-3),cnpg.io/cluster"}, "pg-2 pg-3",
		},
		{"by name", metav1.ListOptions{FieldSelector: "metadata.name=pg-3"}, "pg-3"},
		{"by a field", metav1.ListOptions{FieldSelector: "spec.nodeName=n2,status.phase!=Failed"}, "pg-3"},
	}
	for _, test := range tests {
		list, err := c.List(t.Context(), test.o)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		var names []string
		for _, o := range list.Items {
			names = append(names, o.GetName())
		}
		if got := strings.Join(names, " "); got != test.want || list.GetResourceVersion() < "1700" {
			t.Errorf("%s: got %q at %s, want %q", test.name, got, list.GetResourceVersion(), test.want)
		}
	}
	if _, err := c.List(t.Context(), metav1.ListOptions{LabelSelector: "a=("}); !apierrors.IsBadRequest(err) {
		t.Errorf("a selector that is none: %v", err)
	}
	one, err := c.Get(t.Context(), "pg-1", metav1.GetOptions{})
	if err != nil || one.GetUID() == "" {
		t.Errorf("get: %v, %v", one, err)
	}
	if _, err := c.Get(t.Context(), "pg-9", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a pod that is not there: %v", err)
	}
}

func TestLongListsComeInParts(t *testing.T) {
	config, _ := served(t, "1m", 0)
	c := client(t, config).Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(namespace)
	whole, err := c.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, token := 0, ""
	for {
		part, err := c.List(t.Context(), metav1.ListOptions{Limit: 7, Continue: token})
		if err != nil {
			t.Fatal(err)
		}
		n += len(part.Items)
		if token = part.GetContinue(); token == "" {
			break
		}
		if left := part.GetRemainingItemCount(); left == nil || int(*left)+n != len(whole.Items) {
			t.Fatalf("%v remain after %d of %d", left, n, len(whole.Items))
		}
	}
	if n != len(whole.Items) || n < 20 {
		t.Errorf("the parts have %d objects, the list has %d", n, len(whole.Items))
	}
	_, err = c.List(t.Context(), metav1.ListOptions{Limit: 7, Continue: "nonsense"})
	if !apierrors.IsResourceExpired(err) {
		t.Errorf("a token that is none: %v", err)
	}
}

func TestNothingCanBeWritten(t *testing.T) {
	config, _ := served(t, "1m", 0)
	c := client(t, config).Resource(pods).Namespace(namespace)
	o, err := c.Get(t.Context(), "pg-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, created := c.Create(t.Context(), o, metav1.CreateOptions{})
	_, updated := c.Update(t.Context(), o, metav1.UpdateOptions{})
	for name, err := range map[string]error{
		"create": created, "update": updated, "delete": c.Delete(t.Context(), "pg-1", metav1.DeleteOptions{}),
	} {
		if !apierrors.IsMethodNotSupported(err) || !strings.Contains(err.Error(), "the past can be read and not changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// next returns the next event of a watch.
func next(t *testing.T, w watch.Interface) (watch.EventType, string) {
	t.Helper()
	select {
	case e, open := <-w.ResultChan():
		if !open {
			t.Fatal("the watch has ended")
		}
		o, ok := e.Object.(metav1.Object)
		if !ok {
			t.Fatalf("got %s of %T: %v", e.Type, e.Object, e.Object)
		}
		return e.Type, o.GetName() + "@" + o.GetResourceVersion()
	case <-time.After(30 * time.Second):
		t.Fatal("nothing comes")
	}
	return "", ""
}

func TestWatchGoesOnFromTheListWithTheClock(t *testing.T) {
	config, turn := served(t, "@disruption", 1000)
	c := client(t, config).Resource(pods).Namespace(namespace)
	list, err := c.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Watch(t.Context(), metav1.ListOptions{
		ResourceVersion: list.GetResourceVersion(), FieldSelector: "metadata.name=pg-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	turn(time.Minute / 1000) // a minute of the past
	var seen []string
	for len(seen) == 0 || seen[len(seen)-1] != string(watch.Added) {
		kind, _ := next(t, w)
		if n := len(seen); n == 0 || seen[n-1] != string(kind) {
			seen = append(seen, string(kind))
		}
	}
	if got := strings.Join(seen, " "); got != "MODIFIED DELETED ADDED" {
		t.Errorf("the pod is %s", got)
	}
}

func TestWatchFromBefore(t *testing.T) {
	config, _ := served(t, "1m", 0)
	c := client(t, config).Resource(pods).Namespace(namespace)
	w, err := c.Watch(t.Context(), metav1.ListOptions{LabelSelector: "cnpg.io/podRole=instance"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // without a version: what is there
		if kind, name := next(t, w); kind != watch.Added || !strings.HasPrefix(name, "pg-") {
			t.Errorf("got %s %s", kind, name)
		}
	}
	w.Stop()
	if w, err = c.Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1300"}); err != nil {
		t.Fatal(err)
	}
	if kind, name := next(t, w); kind != watch.Modified || name != "pg-1-initdb-ltdsh@1362" {
		t.Errorf("got %s %s", kind, name) // what came next, long before now
	}
	w.Stop()
	if _, err = c.Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1"}); !apierrors.IsResourceExpired(err) {
		t.Errorf("from before the recording: %v", err)
	}
}

func get(t *testing.T, config *rest.Config, path, accept string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

const asTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

func TestTables(t *testing.T) {
	config, _ := served(t, "1m", 0)
	_, body := get(t, config, "/api/v1/namespaces/"+namespace+"/pods", asTable)
	var table metav1.Table
	if err := json.Unmarshal([]byte(body), &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 3 || table.Rows[0].Cells[2] != "Running" || table.ColumnDefinitions[2].Name != "Status" {
		t.Errorf("got %s", body[:300])
	}
	raw := string(table.Rows[0].Object.Raw)
	if !strings.Contains(raw, "PartialObjectMetadata") || strings.Contains(raw, `"spec":`) {
		t.Errorf("a row has %s", raw[:200])
	}
}

func TestTablesOfAWatchTellTheirColumnsOnce(t *testing.T) {
	config, _ := served(t, "1m", 0)
	_, body := get(t, config, "/api/v1/namespaces/"+namespace+"/pods?watch=1&timeoutSeconds=1", asTable)
	columns := 0
	lines := bufio.NewScanner(strings.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Type   string
			Object metav1.Table
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Object.Kind != "Table" {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if len(e.Object.ColumnDefinitions) > 0 {
			columns++
		}
	}
	if columns != 1 {
		t.Errorf("the columns are told %d times in %s", columns, body)
	}
}

func TestWhatAServerAnswersBesideObjects(t *testing.T) {
	config, _ := served(t, "1m", 0)
	tests := []struct {
		path string
		code int
		want string
	}{
		{"/healthz", 200, "ok"}, {"/readyz", 200, "ok"}, {"/livez", 200, "ok"}, {"/version", 200, "gitVersion"},
		{"/openapi/v2", 200, "swagger"}, {"/openapi/v3", 200, "paths"}, {"/", 200, "/apis"}, {"/api", 200, "APIVersions"},
		{"/api/v1", 200, `"pvc"`}, {"/apis/batch/v1", 200, "jobs"}, {"/apis/nothing/v1", 404, "NotFound"},
		{"/api/v1/secrets", 404, "the recording has nothing at"}, {"/api/v1/namespaces/x/pods/y/log", 404, "NotFound"},
		{"/nothing", 404, "NotFound"}, {"/api/v1/pods?watch=1&resourceVersion=x", 400, "no number"},
	}
	for _, test := range tests {
		response, body := get(t, config, test.path, "application/json")
		if response.StatusCode != test.code || !strings.Contains(body, test.want) {
			t.Errorf("%s: got %d %s", test.path, response.StatusCode, body)
		}
	}
	review := strings.NewReader(`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",
		"spec":{"resourceAttributes":{"verb":"delete","resource":"pods"}}}`)
	url := config.Host + "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	response, err := http.Post(url, "application/json", review)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); !strings.Contains(string(body), `"allowed":false`) {
		t.Errorf("may delete: %s", body)
	}
}
