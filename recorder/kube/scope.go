package kube

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Scope is which namespaces are recorded: one, those that carry some labels, or
// all, which is what the zero value says.
type Scope struct {
	Namespace string // the only one; empty: several
	labelled  *labelled
}

// labelled remembers which namespaces carry the labels.
type labelled struct {
	api      *Client
	selector labels.Selector
	notify   func(format string, args ...any)

	mu  sync.Mutex
	has map[string]bool
}

// Labelled is the scope of all namespaces that carry the labels when something in
// them is met first, and from then on whatever becomes of their labels: half of a
// namespace is no history. Notify tells people of those that cannot be asked about.
func Labelled(api *Client, selector labels.Selector, notify func(format string, args ...any)) Scope {
	return Scope{labelled: &labelled{api: api, selector: selector, notify: notify, has: map[string]bool{}}}
}

// All reports whether every namespace is recorded.
func (s Scope) All() bool { return s.Namespace == "" && s.labelled == nil }

// Has reports whether a namespace is recorded. It waits while the API server is
// away. Of a namespace that is gone, or that nobody may ask about, the labels are
// not known: rather too much is recorded than too little. When ctx ends it is false.
func (s Scope) Has(ctx context.Context, namespace string) bool {
	switch {
	case s.All():
		return true
	case s.labelled == nil:
		return namespace == s.Namespace
	default:
		return s.labelled.ask(ctx, namespace)
	}
}

// again is the time between two attempts to ask about a namespace.
const again = 250 * time.Millisecond

func (l *labelled) ask(ctx context.Context, namespace string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if has, known := l.has[namespace]; known {
		return has
	}
	for {
		var n metav1.PartialObjectMetadata
		err := l.api.Get(ctx, "/api/v1/namespaces/"+url.PathEscape(namespace), nil, &n)
		switch {
		case err == nil:
			l.has[namespace] = l.selector.Matches(labels.Set(n.Labels))
			return l.has[namespace]
		case Denied(err), Missing(err):
			l.notify("namespace %s is recorded, because its labels cannot be read: %v", namespace, err)
			l.has[namespace] = true
			return true
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return false
		}
	}
}

// Any reports whether there is a namespace with the labels by now. It fails where
// the API server does not let us look.
func (s Scope) Any(ctx context.Context) (bool, error) {
	var list metav1.PartialObjectMetadataList
	query := url.Values{"labelSelector": {s.labelled.selector.String()}, "limit": {"1"}}
	if err := s.labelled.api.Get(ctx, "/api/v1/namespaces", query, &list); err != nil {
		return false, fmt.Errorf("cannot look for the namespaces with the labels %s: %w", s.labelled.selector, err)
	}
	return len(list.Items) > 0, nil
}

// Path is where objects of the scope are listed: prefix is "/api/v1" or the like.
// What is listed may belong to namespaces that the scope does not have.
func (s Scope) Path(prefix, resource string) string {
	if s.Namespace == "" {
		return prefix + "/" + resource
	}
	return prefix + "/namespaces/" + url.PathEscape(s.Namespace) + "/" + resource
}
