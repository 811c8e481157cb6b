package watch

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// named is how an API server says what it remembers of a resource that it
// caches: watches can start from the version in brackets on.
var named = regexp.MustCompile(`too old resource version: \d+ \((\d+)\)`)

// memory is what a server remembers of a resource, by what it says when it
// refuses a watch. The memory of a busy resource moves on from one refusal to the
// next.
type memory struct{ before, last uint64 }

func (m *memory) note(refusal string) {
	m.before, m.last = m.last, 0
	if found := named.FindStringSubmatch(refusal); found != nil {
		if n, err := strconv.ParseUint(found[1], 10, 64); err == nil {
			m.last = n
		}
	}
}

// headStart is which part of what the memory moved on between the last two
// refusals, which are a pause of the reflector apart, it may move on until a watch
// is open.
const headStart = 4

// mostFutile is how often in a row a version may be forgotten before the watch
// from it is open, until the present is taken.
const mostFutile = 4

// start returns a version from which a watch can be opened in a moment, as far
// as the server's word goes; "" if it did not name one. Every attempt in vain
// doubles the head start.
func (m *memory) start(futile int) string {
	if m.last == 0 {
		return ""
	}
	moved := uint64(0)
	if m.before != 0 && m.before < m.last {
		moved = m.last - m.before
	}
	return strconv.FormatUint(m.last+(moved<<futile+headStart-1)/headStart, 10)
}

// refusal asks why the server does not let us watch from a version; nil if it
// does, or does not say within a second.
func (c *Client) refusal(ctx context.Context, t Target, rv string) error {
	second := int64(1)
	f, err := c.watch(ctx, t, metav1.ListOptions{ResourceVersion: rv, TimeoutSeconds: &second})
	if err != nil {
		return err
	}
	defer f.close()
	kind, object, err := f.next()
	var status metav1.Status
	if err != nil || watch.EventType(kind) != watch.Error || json.Unmarshal(object.Text, &status) != nil {
		return nil
	}
	return apierrors.FromObject(&status)
}

// oldest finds the oldest version after rv from which on history is not lost,
// and of which the server has the state as well, so that nothing but what lies
// between the two is missing. rv is the last version that was seen; the server
// has refused to go on from there. "" means the present.
//
// first is a version that should be one, if any is known: of a resource that it
// caches, the server names it. Of others (Events) history is that of etcd, which
// has what happened after a version as long as it has its state; so there it is
// searched for.
func (c *Client) oldest(ctx context.Context, t Target, first, rv string) (string, error) {
	present, err := c.list(ctx, t, metav1.ListOptions{Limit: 1})
	if err != nil {
		return "", err
	}
	lost, err1 := strconv.ParseUint(rv, 10, 64)
	held, err2 := strconv.ParseUint(present.ResourceVersion, 10, 64)
	if err1 != nil || err2 != nil { // not comparable
		return "", nil
	}
	n, err := strconv.ParseUint(first, 10, 64)
	if err == nil && n >= held {
		return "", nil // the memory is too short
	}
	if err == nil && n > lost {
		if has, err := c.has(ctx, t, n); err != nil || has {
			return first, err
		}
		lost = n
	} else if has, err := c.has(ctx, t, lost); err != nil || has {
		return "", err // it is not etcd that has forgotten
	}
	for lost+1 < held {
		middle := lost + (held-lost)/2
		has, err := c.has(ctx, t, middle)
		switch {
		case err != nil:
			return "", err
		case has:
			held = middle
		default:
			lost = middle
		}
	}
	return strconv.FormatUint(held, 10), nil // at worst the present
}

// has reports whether the server has the state of a version.
func (c *Client) has(ctx context.Context, t Target, rv uint64) (bool, error) {
	_, err := c.list(ctx, t, metav1.ListOptions{
		Limit: 1, ResourceVersion: strconv.FormatUint(rv, 10), ResourceVersionMatch: metav1.ResourceVersionMatchExact,
	})
	if isExpired(err) {
		return false, nil
	}
	return err == nil, err
}
