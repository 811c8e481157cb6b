package serve

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hindsight-project/hindsight/verifier/travel"
)

// question is what a request asks of the objects of a kind.
type question struct {
	kind      travel.Kind
	namespace string
	labels    labels.Selector
	fields    fields.Selector
	table     bool
	include   string // of a table: Object, Metadata or None
}

// objects answers list, get and watch.
func (s *Server) objects(w http.ResponseWriter, r *http.Request, k travel.Kind, namespace, name string) {
	query := r.URL.Query()
	q := question{kind: k, namespace: namespace, include: query.Get("includeObject")}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") { // in any order of the parameters
		wants := func(parameter string) bool { return strings.Contains(accepted+";", ";"+parameter+";") }
		q.table = q.table || wants("as=Table") && wants("v=v1") && wants("g=meta.k8s.io")
	}
	var err error
	if q.labels, err = labels.Parse(query.Get("labelSelector")); err == nil {
		q.fields, err = fields.ParseSelector(query.Get("fieldSelector"))
	}
	if err != nil {
		fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		return
	}
	m, err := s.moment()
	if err != nil {
		internal(w, err)
		return
	}
	watching := query.Get("watch")
	if (watching == "true" || watching == "1") && name == "" {
		s.watch(w, r, q, m)
		return
	}
	list, err := s.past.List(m, k, namespace)
	if err != nil {
		internal(w, err)
		return
	}
	s.warn(w, m, q, name)
	if name != "" {
		s.one(w, q, m, list, name)
		return
	}
	var kept []unstructured.Unstructured
	for _, o := range list {
		if q.keeps(&o) {
			kept = append(kept, o)
		}
	}
	s.page(w, r, q, m, kept)
}

func internal(w http.ResponseWriter, err error) {
	fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "the recording cannot be read: "+err.Error())
}

// warn says what is doubtful about an answer.
func (s *Server) warn(w http.ResponseWriter, m travel.Moment, q question, name string) {
	for _, d := range s.past.Doubts(m, q.kind) {
		if o := d.Object; o != nil && (q.namespace != "" && o.Namespace != q.namespace || name != "" && o.Name != name) {
			continue
		}
		text := strings.Map(func(r rune) rune { // a header is one line
			if r < ' ' || r == '"' || r == '\\' {
				return ' '
			}
			return r
		}, d.Text)
		w.Header().Add("Warning", fmt.Sprintf(`299 - "doubtful: %s"`, text))
	}
}

// keeps reports whether an object is asked for.
func (q question) keeps(o *unstructured.Unstructured) bool {
	return (q.namespace == "" || o.GetNamespace() == q.namespace) && q.labels.Matches(labels.Set(o.GetLabels())) &&
		q.fields.Matches(fieldsOf{o})
}

// fieldsOf looks up any field by its path; API servers know fewer.
type fieldsOf struct{ *unstructured.Unstructured }

// Has reports that every field can be asked for.
func (f fieldsOf) Has(string) bool { return true }

// Get returns the text of a field, "" when there is none.
func (f fieldsOf) Get(path string) string {
	v, found, err := unstructured.NestedFieldNoCopy(f.Object, strings.Split(path, ".")...)
	if !found || err != nil || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// one answers a get.
func (s *Server) one(
	w http.ResponseWriter, q question, m travel.Moment, list []unstructured.Unstructured, name string,
) {
	for i := range list {
		if list[i].GetName() != name {
			continue
		}
		if q.table {
			reply(w, s.table(q, list[i:i+1], m))
		} else {
			reply(w, list[i].Object)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	write(w, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: http.StatusNotFound,
		Reason:  metav1.StatusReasonNotFound,
		Message: fmt.Sprintf("%s %q not found at %s", q.kind.Resource, name, m.Wall.Format("15:04:05")),
		Details: &metav1.StatusDetails{Name: name, Group: q.kind.Group, Kind: q.kind.Resource.Resource},
	})
}

// page answers a list, or a part of it: the continue token has where it goes on, and
// from which event on the rest was asked for, so that all parts are of one moment.
func (s *Server) page(
	w http.ResponseWriter, r *http.Request, q question, m travel.Moment, list []unstructured.Unstructured,
) {
	from := 0
	if token := r.URL.Query().Get("continue"); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		var seq uint64
		if _, scan := fmt.Sscanf(string(text), "%d.%d", &seq, &from); err != nil || scan != nil || from < 0 || seq != m.Seq {
			fail(w, http.StatusGone, metav1.StatusReasonExpired, "the list has gone on since: ask for it from the start")
			return
		}
	}
	meta := metav1.ListMeta{ResourceVersion: s.listVersion(q.kind, m)}
	list = list[min(from, len(list)):]
	if limit, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && limit > 0 && limit < len(list) {
		remaining := int64(len(list) - limit)
		meta.RemainingItemCount = &remaining
		meta.Continue = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", m.Seq, from+limit))
		list = list[:limit]
	}
	if q.table {
		t := s.table(q, list, m)
		t.ListMeta = meta
		reply(w, t)
		return
	}
	items := make([]map[string]any, 0, len(list))
	for _, o := range list {
		items = append(items, o.Object)
	}
	reply(w, map[string]any{
		"apiVersion": q.kind.APIVersion(), "kind": q.kind.Kind + "List", "metadata": meta, "items": items,
	})
}

// listVersion is the resourceVersion of a list; a watch from it misses nothing.
func (s *Server) listVersion(k travel.Kind, m travel.Moment) string {
	return strconv.FormatUint(max(1, s.past.Version(m, k)), 10)
}

// table puts objects into the columns of their kind, with as much of each object as
// is asked for.
func (s *Server) table(q question, list []unstructured.Unstructured, m travel.Moment) *metav1.Table {
	t := travel.Table(q.kind, list, m.Wall)
	for i := range t.Rows {
		raw, err := json.Marshal(list[i].Object)
		switch q.include {
		case "None":
			t.Rows[i].Object = runtime.RawExtension{}
			continue
		case "", "Metadata":
			raw, err = json.Marshal(map[string]any{
				"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": list[i].Object["metadata"],
			})
		}
		if err == nil {
			t.Rows[i].Object = runtime.RawExtension{Raw: raw}
		}
	}
	return t
}
