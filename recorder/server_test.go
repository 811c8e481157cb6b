package recorder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
)

// apiServer speaks the list and watch protocol of Kubernetes over HTTP, as far
// as a recorder can see it: revisions, history that can be compacted, bookmarks,
// and every fault that a real one shows.
type apiServer struct {
	http *httptest.Server

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced with every change
	cut       chan struct{} // closed to cut all watches
	rev       int
	compacted int
	kinds     map[string]*kind // by path below /api or /apis: "v1/pods"
	history   []change
	ever      []change              // history that nobody forgets: what the states at all versions are made of
	cached    bool                  // the server names the version from which it can be watched
	labels    map[string]labels.Set // of namespaces
	denied    map[string]bool       // paths that RBAC refuses; with "*" behind it, in all namespaces at once
	listOnly  map[string]bool       // paths of which RBAC refuses watches
	down      bool                  // every request is refused
	deaf      bool                  // watches are refused, lists are not
	gone410   bool                  // an expired watch is refused with HTTP 410 instead of an ERROR event
	mute      bool                  // no bookmarks
	slice     int                   // events that a watch delivers at most; 0: all
	expired   chan struct{}         // closed to send 410 into all watches
	requests  []string
}

type kind struct {
	path       string
	resource   metav1.APIResource
	objects    map[string]map[string]any
	apiVersion string
}

type change struct {
	rev    int
	path   string
	typ    string
	object []byte
	ns     string
}

var served = []struct{ path, kind string }{
	{"v1/pods", "Pod"}, {"v1/persistentvolumeclaims", "PersistentVolumeClaim"}, {"v1/secrets", "Secret"},
	{"v1/services", "Service"}, {"v1/nodes", "Node"}, {"coordination.k8s.io/v1/leases", "Lease"},
	{"policy/v1/poddisruptionbudgets", "PodDisruptionBudget"},
}

func newAPIServer(t testing.TB) *apiServer {
	s := &apiServer{
		changed: make(chan struct{}), cut: make(chan struct{}), expired: make(chan struct{}),
		rev: 100, kinds: map[string]*kind{}, denied: map[string]bool{}, listOnly: map[string]bool{},
	}
	for _, k := range served {
		i := strings.LastIndex(k.path, "/")
		s.kinds[k.path] = &kind{
			path: k.path, apiVersion: k.path[:i], objects: map[string]map[string]any{},
			resource: metav1.APIResource{
				Name: k.path[i+1:], Kind: k.kind, Namespaced: k.kind != "Node", Verbs: []string{"list", "watch"},
			},
		}
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.cutAll()
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

func (s *apiServer) config() *rest.Config { return &rest.Config{Host: s.http.URL} }

// ---- what tests do to it

// put creates an object or updates it. fields is merged into it at the top.
func (s *apiServer) put(path, name string, fields map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, namespace, short := s.locate(path, name)
	s.rev++
	typ, o := "MODIFIED", k.objects[name]
	if o == nil {
		typ = "ADDED"
		o = map[string]any{
			"apiVersion": k.apiVersion, "kind": k.resource.Kind,
			"metadata": map[string]any{"name": short, "uid": fmt.Sprintf("u%d", s.rev)},
		}
		if namespace != "" {
			o["metadata"].(map[string]any)["namespace"] = namespace
		}
	}
	o = clone(o)
	maps.Copy(o, fields)
	s.store(k, typ, namespace, o)
	k.objects[name] = o
	return strconv.Itoa(s.rev)
}

func (s *apiServer) remove(path, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, namespace, _ := s.locate(path, name)
	s.rev++
	o := clone(k.objects[name])
	delete(k.objects, name)
	s.store(k, "DELETED", namespace, o)
}

func (s *apiServer) locate(path, name string) (k *kind, namespace, short string) {
	k, short = s.kinds[path], name
	if k.resource.Namespaced {
		namespace, short, _ = strings.Cut(name, "/")
	}
	return k, namespace, short
}

func (s *apiServer) store(k *kind, typ, namespace string, o map[string]any) {
	o["metadata"].(map[string]any)["resourceVersion"] = strconv.Itoa(s.rev)
	data, _ := json.Marshal(o)
	c := change{s.rev, k.path, typ, data, namespace}
	s.history, s.ever = append(s.history, c), append(s.ever, c)
	s.wake()
}

func (s *apiServer) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// send puts an event on all watches of a path that is no change of an object.
func (s *apiServer) send(path, typ string, o any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, _ := json.Marshal(o)
	s.history = append(s.history, change{s.rev, path, typ, data, ""})
	s.wake()
}

// bookmark sends the current revision to all watches of a path.
func (s *apiServer) bookmark(path string) {
	s.mu.Lock()
	rev, k := s.rev, s.kinds[path]
	s.mu.Unlock()
	s.send(path, "BOOKMARK", bookmarkAt(k, rev))
}

func bookmarkAt(k *kind, rev int) map[string]any {
	return map[string]any{
		"apiVersion": k.apiVersion, "kind": k.resource.Kind,
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(rev), "creationTimestamp": nil},
	}
}

// cutAll breaks all watches, in the middle of whatever they are doing.
func (s *apiServer) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = make(chan struct{})
}

// compact forgets all history, as etcd does after five minutes.
func (s *apiServer) compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted, s.history = s.rev, nil
	s.wake()
}

// forget forgets history before a version only, and says so if cached.
func (s *apiServer) forget(rev int, cached bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted, s.cached = rev, cached
}

func (s *apiServer) expireAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.expired)
	s.expired = make(chan struct{})
}

func (s *apiServer) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// ---- the protocol

func (s *apiServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.String())
	down := s.down
	s.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler)
	}
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/api/")
	parts := strings.Split(path, "/")
	namespace := ""
	if i := slices.Index(parts, "namespaces"); i >= 0 && len(parts) == i+3 {
		namespace = parts[i+1]
		parts = append(parts[:i:i], parts[i+2])
	}
	k := s.kinds[strings.Join(parts, "/")]
	switch {
	case r.URL.Path == "/version":
		reply(w, map[string]any{"major": "1", "minor": "36", "gitVersion": "v1.36.3"})
	case path == "v1/namespaces":
		s.listNamespaces(w, r.URL.Query().Get("labelSelector"))
	case k == nil:
		s.discovery(w, r.URL.Path)
	case s.isDenied(k.path), namespace == "" && s.isDenied(k.path+"*"):
		status(w, http.StatusForbidden, "Forbidden", k.resource.Name+" is forbidden: User cannot list resource")
	case r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1":
		s.watch(w, r, k, namespace)
	default:
		s.list(w, r, k, namespace)
	}
}

func (s *apiServer) isDenied(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied[path]
}

func (s *apiServer) discovery(w http.ResponseWriter, path string) {
	groupVersion := strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/")
	var resources []metav1.APIResource
	for _, k := range served {
		if d := s.kinds[k.path]; d.apiVersion == groupVersion {
			resources = append(resources, d.resource)
		}
	}
	switch {
	case path == "/api":
		reply(w, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	case path == "/apis":
		var list metav1.APIGroupList
		for _, name := range []string{"coordination.k8s.io", "policy"} {
			v := metav1.GroupVersionForDiscovery{GroupVersion: name + "/v1", Version: "v1"}
			list.Groups = append(list.Groups, metav1.APIGroup{
				Name: name, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v,
			})
		}
		reply(w, list)
	case resources != nil:
		reply(w, metav1.APIResourceList{GroupVersion: groupVersion, APIResources: resources})
	case strings.HasPrefix(path, "/api/v1/namespaces/") && !strings.HasSuffix(path, "/nowhere"):
		reply(w, s.namespace(strings.TrimPrefix(path, "/api/v1/namespaces/")))
	default:
		status(w, http.StatusNotFound, "NotFound", path+" not found")
	}
}

func (s *apiServer) listNamespaces(w http.ResponseWriter, text string) {
	if s.isDenied("v1/namespaces") {
		status(w, http.StatusForbidden, "Forbidden", "namespaces is forbidden")
		return
	}
	selector, err := labels.Parse(text)
	if err != nil {
		status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	var list metav1.PartialObjectMetadataList
	for name, set := range s.labels {
		if selector.Matches(set) {
			list.Items = append(list.Items, s.namespace(name))
		}
	}
	reply(w, list)
}

func (s *apiServer) namespace(name string) metav1.PartialObjectMetadata {
	return metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: s.labels[name]}}
}

// at returns the objects of a kind at a version.
func (s *apiServer) at(k *kind, rev int) map[string]map[string]any {
	objects := map[string]map[string]any{}
	for _, c := range s.ever {
		if c.path != k.path || c.rev > rev {
			continue
		}
		var o map[string]any
		_ = json.Unmarshal(c.object, &o)
		name := strings.TrimPrefix(c.ns+"/"+o["metadata"].(map[string]any)["name"].(string), "/")
		if objects[name] = o; c.typ == "DELETED" {
			delete(objects, name)
		}
	}
	return objects
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request, k *kind, namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects, rev := k.objects, s.rev
	if r.URL.Query().Get("resourceVersionMatch") == "Exact" {
		rev, _ = strconv.Atoi(r.URL.Query().Get("resourceVersion"))
		if rev < s.compacted {
			status(w, http.StatusGone, "Expired", "The provided resource version is no longer available")
			return
		}
		objects = s.at(k, rev)
	}
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if namespace == "" || strings.HasPrefix(name, namespace+"/") {
			item := clone(objects[name]) // as in real lists, the items have no type
			delete(item, "apiVersion")
			delete(item, "kind")
			items = append(items, item)
		}
	}
	reply(w, map[string]any{
		"kind": k.resource.Kind + "List", "apiVersion": k.apiVersion,
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(rev)}, "items": items,
	})
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, k *kind, namespace string) {
	since, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	timeout, _ := strconv.Atoi(r.URL.Query().Get("timeoutSeconds"))
	s.mu.Lock()
	cut, expired, tooOld, status410, deaf, mute := s.cut, s.expired, since < s.compacted, s.gone410, s.deaf, s.mute
	slice, refused := cmp.Or(s.slice, math.MaxInt), s.listOnly[k.path]
	message := "The resourceVersion for the provided watch is too old."
	if s.cached {
		message = fmt.Sprintf("too old resource version: %d (%d)", since, s.compacted)
	}
	start := len(s.history)
	for start > 0 && s.history[start-1].rev > since {
		start--
	}
	s.mu.Unlock()
	if deaf {
		panic(http.ErrAbortHandler)
	}
	if refused {
		status(w, http.StatusForbidden, "Forbidden", k.resource.Name+" is forbidden: User cannot watch resource")
		return
	}
	if tooOld && status410 {
		status(w, http.StatusGone, "Expired", message)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	_ = out.Flush()
	event := func(typ string, object []byte) {
		fmt.Fprintf(w, `{"type":%q,"object":%s}`+"\n", typ, object)
		_ = out.Flush()
	}
	gone, _ := json.Marshal(failure(http.StatusGone, "Expired", message))
	if tooOld {
		event("ERROR", gone)
		return
	}
	// A real server sends a bookmark two seconds before it ends a watch.
	confirm := timeout < 10 && !mute
	for at := start; ; {
		s.mu.Lock()
		pending, changed, rev := s.history[min(at, len(s.history)):], s.changed, s.rev
		at = len(s.history)
		broken := isClosed(cut)
		s.mu.Unlock()
		if broken {
			panic(http.ErrAbortHandler)
		}
		for _, c := range pending {
			if slice > 0 && c.path == k.path && (c.ns == "" || namespace == "" || c.ns == namespace) {
				event(c.typ, c.object)
				slice--
			}
		}
		if confirm {
			confirm = false
			data, _ := json.Marshal(bookmarkAt(k, rev))
			event("BOOKMARK", data)
		}
		select {
		case <-changed:
		case <-cut:
			panic(http.ErrAbortHandler)
		case <-expired:
			event("ERROR", gone)
			return
		case <-r.Context().Done():
			return
		case <-time.After(time.Duration(timeout) * time.Second):
			return
		}
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func status(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(failure(code, reason, message))
}

func failure(code int, reason, message string) metav1.Status {
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: metav1.StatusReason(reason), Message: message,
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func clone(o map[string]any) map[string]any {
	data, _ := json.Marshal(o)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var c map[string]any
	_ = dec.Decode(&c)
	return c
}
