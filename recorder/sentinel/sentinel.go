package sentinel

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// discoverEvery is how often Clusters are looked for.
const discoverEvery = 3 * time.Second

// errGone ends the session of a Cluster that was deleted.
var errGone = errors.New("the Cluster was deleted")

// Run watches over the clusters that the options name until ctx ends; then it
// reads everything once more, cleans up and returns. It takes at most about 20
// seconds for that. That something cannot be reached is an event, not an error.
func Run(ctx context.Context, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	o.complete()
	if o.Mode == ModeOff || o.Mode == "" {
		return nil
	}
	if o.URL == "" {
		follow(ctx, &o)
		return nil
	}
	dir, err := newURLDirectory(&o)
	if err != nil {
		return err
	}
	object := trace.Object{}
	if o.Cluster != "" {
		object = trace.Object{Resource: clusterResource, Namespace: o.Scope.Namespace, Name: o.Cluster}
	}
	newSession(&o, object, dir).run(ctx)
	return nil
}

func newSession(o *Options, object trace.Object, dir directory) *session {
	return &session{o: o, object: object, dir: dir, down: map[string]bool{}, up: map[string]connection{}}
}

// life is one life of a Cluster.
type life struct{ namespace, name, uid string }

// follow runs a session for every Cluster that there is.
func follow(ctx context.Context, o *Options) {
	var running sync.WaitGroup
	defer running.Wait()
	sessions := map[life]context.CancelCauseFunc{}
	complained := false
	for {
		found, err := clusters(ctx, o)
		switch {
		case err == nil:
			complained = false
			for l, gone := range sessions {
				if !found[l] {
					gone(errGone)
					delete(sessions, l)
				}
			}
			for l := range found {
				if sessions[l] == nil {
					sessions[l] = start(ctx, o, l, &running)
				}
			}
		case ctx.Err() == nil && !complained && !kube.Missing(err):
			complained = true
			o.Notify("sentinel: the Clusters cannot be listed: %v", err)
			now := o.Now()
			newSession(o, trace.Object{Resource: clusterResource, Namespace: o.Scope.Namespace}, nil).
				emit(Unreachable, now, now, connection{Role: roleReader, Error: err.Error()})
		}
		if !source.Pause(ctx, discoverEvery) {
			return
		}
	}
}

func start(ctx context.Context, o *Options, l life, running *sync.WaitGroup) context.CancelCauseFunc {
	ctx, cancel := context.WithCancelCause(ctx)
	dir := &podDirectory{api: o.API, namespace: l.namespace, cluster: l.name, inCluster: o.InCluster}
	object := trace.Object{Resource: clusterResource, Namespace: l.namespace, Name: l.name, UID: l.uid}
	running.Go(func() {
		defer cancel(nil)
		newSession(o, object, dir).run(ctx)
	})
	return cancel
}

// clusters lists the Clusters that are to be watched over.
func clusters(ctx context.Context, o *Options) (map[life]bool, error) {
	query := url.Values{}
	if o.Cluster != "" {
		query.Set("fieldSelector", "metadata.name="+o.Cluster)
	}
	var list metav1.PartialObjectMetadataList
	if err := o.API.Get(ctx, o.Scope.Path("/apis/postgresql.cnpg.io/v1", "clusters"), query, &list); err != nil {
		return nil, err
	}
	found := map[life]bool{}
	for _, c := range list.Items {
		if c.DeletionTimestamp == nil && o.Scope.Has(ctx, c.Namespace) {
			found[life{c.Namespace, c.Name, string(c.UID)}] = true
		}
	}
	return found, nil
}
