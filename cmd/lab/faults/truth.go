package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// op is what happened to an object.
type op string

const (
	created op = "created"
	updated op = "updated"
	deleted op = "deleted"
)

// version is one version of an object, or its end, as etcd stored it.
type version struct {
	resource string // as trace.Resource.String has it
	uid      string
	rv       uint64 // etcd's revision of the write
	op       op
	digest   uint64 // of the object without its resourceVersion
	at       time.Time
}

// prefixes are etcd's keys of the kinds that the load changes.
var prefixes = map[string]string{
	"/registry/pods/":                        "pods",
	"/registry/persistentvolumeclaims/":      "persistentvolumeclaims",
	"/registry/events/":                      "events",
	"/registry/postgresql.cnpg.io/clusters/": "clusters.postgresql.cnpg.io",
}

// truth is everything that etcd stores, from its first revision on, by a watch
// of etcd itself: no API server and no recorder has a part in it.
type truth struct {
	etcd *clientv3.Client
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	writes  []write
	last    int64         // nothing is missing up to this revision
	changed chan struct{} // closed and replaced when last moves or err is set
	err     error
}

// write is one change of one key.
type write struct {
	key      string
	value    []byte // nil: deleted
	revision int64
	fresh    bool // the key did not exist before
	at       time.Time
}

func watchTruth(etcd *clientv3.Client) *truth {
	ctx, stop := context.WithCancel(context.Background())
	t := &truth{etcd: etcd, stop: stop, done: make(chan struct{}), changed: make(chan struct{})}
	// Everything: only if no revision is left out it is known that none is missing.
	all := etcd.Watch(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev(1))
	go func() {
		defer close(t.done)
		for r := range all {
			t.take(r)
		}
	}()
	return t
}

func (t *truth) take(r clientv3.WatchResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if err := r.Err(); err != nil && t.err == nil {
		t.err = fmt.Errorf("the truth is not known: etcd's watch: %w", err)
	}
	for _, e := range r.Events {
		w := write{string(e.Kv.Key), e.Kv.Value, e.Kv.ModRevision, e.IsCreate(), now}
		if e.Type == clientv3.EventTypeDelete {
			w.value = nil
		}
		if w.revision > t.last+1 && t.last > 0 && t.err == nil {
			t.err = fmt.Errorf("the truth is not known: etcd's watch went from revision %d to %d", t.last, w.revision)
		}
		t.last = w.revision
		t.writes = append(t.writes, w)
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// revision asks etcd for its current revision.
func (t *truth) revision(ctx context.Context) (uint64, error) {
	r, err := t.etcd.Get(ctx, "revision")
	if err != nil {
		return 0, err
	}
	return uint64(r.Header.Revision), nil
}

// upTo waits until everything up to a revision is known.
func (t *truth) upTo(ctx context.Context, revision uint64) error {
	for {
		t.mu.Lock()
		last, err, changed := t.last, t.err, t.changed
		t.mu.Unlock()
		if err != nil || uint64(last) >= revision {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(errors.New("etcd's watch does not come to the end"), ctx.Err())
		}
	}
}

func (t *truth) close() {
	t.stop()
	<-t.done
}

// versions returns what happened to the objects of a namespace, in order.
func (t *truth) versions(namespace string) ([]version, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []version
	before := map[string]version{} // by key
	for _, w := range t.writes {
		resource, ok := resourceOf(w.key, namespace)
		if !ok {
			continue
		}
		v := before[w.key]
		v.resource, v.rv, v.at = resource, uint64(w.revision), w.at
		switch {
		case w.value == nil: // ends with the last content
			v.op = deleted
		default:
			v.op = updated
			if w.fresh {
				v.op = created
			}
			uid, digest, err := content(w.value)
			if err != nil {
				return nil, fmt.Errorf("%s at revision %d: %w", w.key, w.revision, err)
			}
			v.uid, v.digest = uid, digest
		}
		before[w.key] = v
		all = append(all, v)
	}
	return all, nil
}

func resourceOf(key, namespace string) (string, bool) {
	for prefix, resource := range prefixes {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			return resource, strings.HasPrefix(rest, namespace+"/")
		}
	}
	return "", false
}

// content returns the UID and the digest of what etcd stores: built-in kinds as
// protobuf, custom resources as JSON.
func content(value []byte) (uid string, digest uint64, err error) {
	if !bytes.HasPrefix(value, []byte{'{'}) {
		object, err := runtime.Decode(legacyscheme.Codecs.UniversalDeserializer(), value)
		if err != nil {
			return "", 0, err
		}
		version := object.GetObjectKind().GroupVersionKind().GroupVersion()
		// As the API server does it: through the internal version, with defaults.
		codec := legacyscheme.Codecs.CodecForVersions(legacyscheme.Codecs.LegacyCodec(version),
			legacyscheme.Codecs.UniversalDeserializer(), schema.GroupVersions{version}, runtime.InternalGroupVersioner)
		if object, err = runtime.Decode(codec, value); err != nil {
			return "", 0, err
		}
		if value, err = runtime.Encode(codec, object); err != nil {
			return "", 0, err
		}
	}
	return identify(value)
}

// identify returns the UID of an object and the digest of what it says, the
// resourceVersion left out: etcd does not store it in the object.
func identify(object []byte) (uid string, digest uint64, err error) {
	var o map[string]any
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if err := decoder.Decode(&o); err != nil {
		return "", 0, err
	}
	uid, _, digest, err = identifyMap(o)
	return uid, digest, err
}

// identifyMap does the same for a decoded object, and returns its version.
func identifyMap(o map[string]any) (uid, rv string, digest uint64, err error) {
	meta, ok := o["metadata"].(map[string]any)
	if !ok {
		return "", "", 0, errors.New("an object without metadata")
	}
	uid, _ = meta["uid"].(string)
	rv, _ = meta["resourceVersion"].(string)
	delete(meta, "resourceVersion")
	canonical, err := json.Marshal(o)
	if err != nil {
		return "", "", 0, err
	}
	h := fnv.New64a()
	_, _ = h.Write(canonical)
	return uid, rv, h.Sum64(), nil
}
