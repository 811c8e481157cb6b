package logs

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
)

const (
	requestTimeout = 10 * time.Second
	lastTimeout    = 5 * time.Second // for what was written until the end
	reopenRest     = time.Second     // before a stream is opened again
	deniedRest     = 5 * time.Minute
)

// follower reads the log of one container of one pod, across its restarts.
type follower struct {
	*collector
	line line // with what all lines have in common
	uid  types.UID
	path string // of the pod
	at   position
	seen int32 // restarts of the container whose log was read
	open bool  // a stream was opened once
}

func newFollower(c *collector, p corev1.Pod, container string, since time.Time) *follower {
	return &follower{
		collector: c, line: line{Namespace: p.Namespace, Pod: p.Name, Container: container}, uid: p.UID,
		path: "/api/v1/namespaces/" + url.PathEscape(p.Namespace) + "/pods/" + url.PathEscape(p.Name),
		at:   position{last: since, same: 1},
	}
}

// errRestarted says that it is not known whose log a stream is.
var errRestarted = errors.New("the container was restarted")

// errGone says that there is another pod with the name, or none.
var errGone = errors.New("the pod is gone")

// run follows until the pod is gone or ctx ends.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		rest := reopenRest
		switch err := f.follow(ctx); {
		case kube.Missing(err), errors.Is(err, errGone):
			return
		case errors.Is(err, errRestarted):
			rest = 0
		case kube.Denied(err):
			f.complain(ctx, "pods/log", f.unavailable(), err)
			rest = deniedRest
		case err != nil && !apierrors.IsBadRequest(err): // that is a container which does not run yet
			f.complain(ctx, "pods/log", f.unavailable(), err)
		}
		if !source.Pause(ctx, rest) {
			break
		}
	}
	if !f.open {
		return // it will not be now
	}
	last, cancel := context.WithTimeout(f.Last(), lastTimeout)
	defer cancel()
	if _, err := f.restarts(last); err == nil {
		_ = f.read(last, url.Values{}, nil) // what was written until the end; there may be nothing any more
	}
}

func (f *follower) unavailable() unavailable {
	return unavailable{Namespace: f.line.Namespace, Pod: f.line.Pod, Container: f.line.Container}
}

// restarts asks how often the container was restarted.
func (f *follower) restarts(ctx context.Context) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var p corev1.Pod
	if err := f.API.Get(ctx, f.path, nil, &p); err != nil {
		return 0, err
	}
	if p.UID != f.uid {
		return 0, errGone
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name == f.line.Container {
			return s.RestartCount, nil
		}
	}
	return 0, nil
}

// follow reads what is left of the container before, and then the log of this
// one until its stream ends. A stream does not say whose log it is. If the
// container was restarted while it was opened, nothing is read from it.
func (f *follower) follow(ctx context.Context) error {
	n, err := f.restarts(ctx)
	if err != nil {
		return err
	}
	if n > f.seen {
		f.previous(ctx, n-f.seen)
		f.seen = n
	}
	return f.read(ctx, url.Values{"follow": {"true"}}, func() error {
		now, err := f.restarts(ctx)
		if err == nil && now != n {
			err = errRestarted
		}
		return err
	})
}

// gap is the Data of Gap.
type gap struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Reason    string `json:"reason"`
	Restarts  int32  `json:"restarts,omitempty"`
}

// previous reads the rest of the log of the container before this one. The
// kubelet keeps no more than that.
func (f *follower) previous(ctx context.Context, restarts int32) {
	missed := gap{Namespace: f.line.Namespace, Pod: f.line.Pod, Container: f.line.Container}
	if restarts > 1 {
		missed.Reason, missed.Restarts = "it was restarted more than once since its log was read", restarts-1
		f.emit(Gap, podOf(missed.Namespace, missed.Pod), missed)
	}
	err := f.read(ctx, url.Values{"previous": {"true"}}, nil)
	if err != nil && ctx.Err() == nil && !kube.Denied(err) {
		missed.Reason, missed.Restarts = "the log of the container before is not to be had: "+err.Error(), 0
		f.emit(Gap, podOf(missed.Namespace, missed.Pod), missed)
	}
}

// read reads one stream to its end, unless check has something against it.
func (f *follower) read(ctx context.Context, query url.Values, check func() error) error {
	query.Set("container", f.line.Container)
	query.Set("timestamps", "true")
	if !f.at.last.IsZero() {
		query.Set("sinceTime", f.at.last.UTC().Format(time.RFC3339))
	}
	body, err := f.API.Stream(ctx, f.path+"/log", query)
	if err != nil {
		return err
	}
	defer body.Close()
	f.open = true
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	skip := skipper{from: f.at}
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		text, whole, err := readLine(lines)
		if len(text) > 0 && (whole || errors.Is(err, io.EOF)) {
			f.process(text, &skip)
		}
		if err != nil {
			return nil // however it ended: what follows is read anew from here
		}
	}
}

// readMax bounds the memory that one line may take: what is beyond is skipped.
const readMax = 1 << 20

// readLine returns a line without its end, and whether it had one.
func readLine(r *bufio.Reader) (text []byte, whole bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if room := readMax - len(text); room > 0 {
			text = append(text, part[:min(len(part), room)]...)
		}
		switch {
		case err == nil:
			for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r') {
				text = text[:len(text)-1]
			}
			return text, true, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return text, false, err
		}
	}
}

// process takes one line with the time of the kubelet before it.
func (f *follower) process(text []byte, skip *skipper) {
	t, rest, ok := split(text)
	if !ok {
		return // half a line, or a word of the kubelet's own
	}
	if !skip.fresh(t) {
		return
	}
	f.at.advance(t)
	l := f.line.parse(rest, t)
	l.At = stamp(t)
	f.take(&l)
}
