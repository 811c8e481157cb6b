package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/verifier/travel"
)

// Options say from when on the past is served, and how fast it goes on.
type Options struct {
	Start travel.Moment
	Speed float64 // 0: time stands still

	// Now is the clock of whoever asks; nil means time.Now. Tests set it.
	Now func() time.Time
}

// Server is an http.Handler that serves a Past.
type Server struct {
	past  *travel.Past
	start travel.Moment
	speed float64
	now   func() time.Time
	begun time.Time
}

// New returns a server whose clock starts now.
func New(p *travel.Past, o Options) *Server {
	s := &Server{past: p, start: o.Start, speed: o.Speed, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.begun = s.now()
	return s
}

// moment is what the clock shows.
func (s *Server) moment() (travel.Moment, error) {
	gone := time.Duration(float64(s.now().Sub(s.begun)) * s.speed)
	if s.speed == 0 || gone <= 0 {
		return s.start, nil
	}
	m, inside, err := s.past.AtTime(s.start.Time + gone)
	if !inside {
		return s.past.End(), err
	}
	m.Seq = max(m.Seq, s.start.Seq)
	return m, err
}

// until is how long it takes until the clock shows a time; negative means never.
func (s *Server) until(at time.Duration) time.Duration {
	if s.speed == 0 {
		return -1
	}
	due := s.begun.Add(time.Duration(float64(at-s.start.Time) / s.speed))
	return max(0, due.Sub(s.now()))
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(r.URL.Path, "/")
	if r.Method == http.MethodPost && strings.HasPrefix(path, "apis/authorization.k8s.io/v1/selfsubject") {
		s.review(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed,
			"this is a recording: the past can be read and not changed")
		return
	}
	switch path {
	case "version":
		reply(w, s.version())
	case "healthz", "livez", "readyz":
		fmt.Fprint(w, "ok")
	case "openapi/v2":
		reply(w, map[string]any{"swagger": "2.0", "info": map[string]any{"title": "Hindsight", "version": "1"},
			"paths": map[string]any{}, "definitions": map[string]any{}})
	case "openapi/v3":
		reply(w, map[string]any{"paths": map[string]any{}})
	case "":
		reply(w, metav1.RootPaths{Paths: []string{"/api", "/apis", "/healthz", "/version"}})
	case "api", "apis":
		s.groups(w, r, path)
	default:
		s.resource(w, r, strings.Split(path, "/"))
	}
}

// version says which API server was recorded.
func (s *Server) version() map[string]string {
	git := s.past.Run().Server
	out := map[string]string{"gitVersion": git, "major": "1", "minor": "", "platform": "hindsight/recording"}
	if parts := strings.SplitN(strings.TrimPrefix(git, "v"), ".", 3); len(parts) == 3 {
		out["major"], out["minor"] = parts[0], parts[1]
	} else {
		out["gitVersion"], out["minor"] = "v1.0.0-recording", "0"
	}
	return out
}

// resource answers what is about objects, and about the resources of a group.
func (s *Server) resource(w http.ResponseWriter, r *http.Request, parts []string) {
	group, version, rest, ok := groupOf(parts)
	if !ok {
		notFound(w, r.URL.Path)
		return
	}
	if len(rest) == 0 {
		s.resources(w, group, version)
		return
	}
	namespace := ""
	if rest[0] == "namespaces" && len(rest) >= 3 {
		namespace, rest = rest[1], rest[2:]
	}
	for _, k := range s.past.Kinds() {
		if k.Group != group || k.Version != version || k.Resource.Resource != rest[0] {
			continue
		}
		kind, err := s.past.Kind(k.Resource.String())
		switch {
		case err != nil:
			fail(w, http.StatusForbidden, metav1.StatusReasonForbidden, err.Error())
		case len(rest) > 2:
			fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "the recording has no "+strings.Join(rest, "/"))
		default:
			s.objects(w, r, kind, namespace, strings.Join(rest[1:], ""))
		}
		return
	}
	notFound(w, r.URL.Path)
}

// groupOf reads /api/VERSION/… and /apis/GROUP/VERSION/….
func groupOf(parts []string) (group, version string, rest []string, ok bool) {
	switch {
	case parts[0] == "api" && len(parts) >= 2:
		return "", parts[1], parts[2:], true
	case parts[0] == "apis" && len(parts) >= 3:
		return parts[1], parts[2], parts[3:], true
	}
	return "", "", nil, false
}

func notFound(w http.ResponseWriter, path string) {
	fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "the recording has nothing at "+path)
}

// fail answers with a Status, which clients show.
func fail(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	write(w, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: int32(code), Reason: reason, Message: message,
	})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	write(w, v)
}

// write sends a value; who is gone cannot be told.
func write(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// review answers whether something is allowed: reading is.
func (s *Server) review(w http.ResponseWriter, r *http.Request) {
	var asked map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
		fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "the review cannot be read: "+err.Error())
		return
	}
	reads := []string{"get", "list", "watch"}
	if strings.HasSuffix(strings.Trim(r.URL.Path, "/"), "selfsubjectrulesreviews") {
		asked["status"] = map[string]any{
			"resourceRules":    []any{map[string]any{"verbs": reads, "apiGroups": []string{"*"}, "resources": []string{"*"}}},
			"nonResourceRules": []any{map[string]any{"verbs": []string{"get"}, "nonResourceURLs": []string{"*"}}},
			"incomplete":       false,
		}
	} else {
		allowed := false
		for _, verb := range reads {
			allowed = allowed || verbOf(asked) == verb
		}
		asked["status"] = map[string]any{"allowed": allowed, "reason": "a recording can be read"}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	write(w, asked)
}

func verbOf(asked map[string]any) string {
	spec, _ := asked["spec"].(map[string]any)
	for _, key := range []string{"resourceAttributes", "nonResourceAttributes"} {
		if about, ok := spec[key].(map[string]any); ok {
			verb, _ := about["verb"].(string)
			return verb
		}
	}
	return ""
}
