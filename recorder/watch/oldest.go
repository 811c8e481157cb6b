package watch

import (
	"context"
	"regexp"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// named is how an API server says what it remembers of a resource that it
// caches: watches can start from the version in brackets on.
var named = regexp.MustCompile(`too old resource version: \d+ \((\d+)\)`)

// oldest finds the oldest version after rv from which on history is not lost,
// and of which the server has the state as well, so that nothing but what lies
// between the two is missing. rv is the last version that was seen; the server
// has refused to go on from there, saying why. "" means the present.
//
// first is a version that is known to be one, if the server still has it.
// Otherwise, of a resource that it caches the server names the version. Of others
// (Events) history is that of etcd, which has what happened after a version as
// long as it has its state; so there it is searched for.
func (c *Client) oldest(ctx context.Context, t Target, first, rv, why string) (string, error) {
	present, err := c.list(ctx, t, metav1.ListOptions{Limit: 1})
	if err != nil {
		return "", err
	}
	lost, err1 := strconv.ParseUint(rv, 10, 64)
	held, err2 := strconv.ParseUint(present.ResourceVersion, 10, 64)
	if err1 != nil || err2 != nil { // not comparable
		return "", nil
	}
	if m := named.FindStringSubmatch(why); m != nil && first == "" {
		first = m[1]
	}
	if n, err := strconv.ParseUint(first, 10, 64); err == nil && n > lost && n < held {
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
