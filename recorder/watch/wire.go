package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/lexer"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Client lists and watches any resource and hands out the bytes that the API
// server sent: objects are decoded only as far as their identity.
type Client struct {
	rest rest.Interface
}

// NewClient makes a client for the API server that config describes. The rate
// limit of config holds for lists and for opening watches.
func NewClient(config *rest.Config) (*Client, error) {
	c := rest.CopyConfig(config)
	c.Wrap(func(t http.RoundTripper) http.RoundTripper { return inBursts{t} })
	c.AcceptContentTypes = runtime.ContentTypeJSON
	c.ContentType = runtime.ContentTypeJSON
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.GroupVersion = nil
	c.APIPath = "/apis"
	r, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client for %s: %w", config.Host, err)
	}
	return &Client{rest: r}, nil
}

// object is one object as the API server sent it. The embedded ObjectMeta holds
// its identity only; everything is in raw.
type object struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	raw json.RawMessage
}

// DeepCopyObject implements runtime.Object. raw is never written to, so the
// copy shares it.
func (o *object) DeepCopyObject() runtime.Object {
	c := *o
	return &c
}

// list is a list of objects, or one page of it.
type list struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []*object
}

// DeepCopyObject implements runtime.Object.
func (l *list) DeepCopyObject() runtime.Object {
	c := *l
	c.Items = append([]*object(nil), l.Items...)
	return &c
}

// lenient accepts whatever the server considers an object: what it says is
// recorded, not judged.
var lenient = jsontext.AllowDuplicateNames(true)

// decodeObject takes ownership of the text.
func decodeObject(text *lexer.Tree) (*object, error) {
	h, err := readHeader(text)
	if err != nil {
		return nil, fmt.Errorf("the API server sent an object that cannot be read: %w", err)
	}
	return &object{
		TypeMeta: metav1.TypeMeta{Kind: h.kind, APIVersion: h.apiVersion},
		ObjectMeta: metav1.ObjectMeta{
			Name: h.name, Namespace: h.namespace, UID: types.UID(h.uid),
			ResourceVersion: h.resourceVersion, Generation: h.generation,
		},
		raw: text.Text,
	}, nil
}

// withType gives an item of a list its apiVersion and kind, which the server
// leaves out there and sends everywhere else. Nothing else is ever added.
func withType(raw []byte, apiVersion, kind string) []byte {
	var b bytes.Buffer
	b.Grow(len(raw) + len(apiVersion) + len(kind) + 32)
	fmt.Fprintf(&b, `{"apiVersion":%q,"kind":%q`, apiVersion, kind)
	rest := bytes.TrimLeft(raw[1:], " \t\r\n")
	if rest[0] != '}' {
		b.WriteByte(',')
	}
	b.Write(rest)
	return b.Bytes()
}

// List gets one list or one page of it.
func (c *Client) list(ctx context.Context, t Target, opts metav1.ListOptions) (*list, error) {
	result := c.rest.Get().MaxRetries(0).AbsPath(t.path()...).SpecificallyVersionedParams(
		&opts, metav1.ParameterCodec, metav1.SchemeGroupVersion).Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	body, err := result.Raw()
	if err != nil {
		return nil, err
	}
	return decodeList(body)
}

func decodeList(body []byte) (*list, error) {
	var wire struct {
		Kind       string           `json:"kind"`
		APIVersion string           `json:"apiVersion"`
		Metadata   metav1.ListMeta  `json:"metadata"`
		Items      []jsontext.Value `json:"items"`
	}
	if err := jsonv2.Unmarshal(body, &wire, lenient); err != nil {
		return nil, fmt.Errorf("the API server sent a list that cannot be read: %w", err)
	}
	l := &list{
		TypeMeta: metav1.TypeMeta{Kind: wire.Kind, APIVersion: wire.APIVersion},
		ListMeta: wire.Metadata,
		Items:    make([]*object, len(wire.Items)),
	}
	kind := strings.TrimSuffix(wire.Kind, "List")
	for i, raw := range wire.Items {
		if raw.Kind() != '{' {
			return nil, fmt.Errorf("item %d of the %s is no object", i, wire.Kind)
		}
		o, err := decodeObject(&lexer.Tree{Text: raw})
		if err != nil {
			return nil, err
		}
		if o.Kind == "" {
			o.Kind, o.APIVersion = kind, wire.APIVersion
			o.raw = withType(raw, wire.APIVersion, kind)
		}
		l.Items[i] = o
	}
	return l, nil
}

// watch opens a stream of changes after a resourceVersion.
func (c *Client) watch(ctx context.Context, t Target, opts metav1.ListOptions) (*frames, error) {
	opts.Watch = true
	body, err := c.rest.Get().MaxRetries(0).AbsPath(t.path()...).SpecificallyVersionedParams(
		&opts, metav1.ParameterCodec, metav1.SchemeGroupVersion).Stream(ctx)
	if err != nil {
		return nil, err
	}
	return newFrames(body), nil
}

// maxFrame bounds one event of a watch in bytes. API servers take requests of at
// most 3 MiB; what comes may be escaped at greater length.
const maxFrame = 16 << 20

// The buffer of a watch in bytes: at the start, up to where it grows when much
// comes, and above what it is given back when it is empty.
const (
	firstBuffer = 16 << 10
	largeBuffer = 256 << 10
)

// maxKnown bounds the bytes of objects with which those that follow are compared.
// Most of them a stream has anyway.
const maxKnown = 8 << 20

// frames reads the events of a watch from the wire.
type frames struct {
	body   io.ReadCloser
	buf    []byte
	rest   []byte // of buf: what has been read and not taken
	filled bool   // the last read took all that there was room for
	known  lexer.Known[string]
}

func newFrames(body io.ReadCloser) *frames {
	return &frames{body: body, known: lexer.Known[string]{Max: maxKnown}}
}

// next returns the next event. Its error is io.EOF when the server ended the
// stream between two events.
func (f *frames) next() (kind string, object *lexer.Tree, err error) {
	for f.rest = trim(f.rest); len(f.rest) == 0; f.rest = trim(f.rest) {
		if err := f.fill(); err != nil {
			return "", nil, err
		}
	}
	if f.rest[0] != '{' {
		return "", nil, lexer.ErrNoObject
	}
	event, err := f.event()
	if err != nil {
		return "", nil, err
	}
	kind, object, usual := f.usual(event)
	if !usual {
		// The line that was read may be a part of the event, or more than that.
		if event, err = f.balanced(); err != nil {
			return "", nil, err
		}
		kind, object, err = members(event)
	}
	f.rest = trim(f.rest[len(event):])
	if len(f.rest) == 0 && len(f.buf) > largeBuffer {
		f.buf, f.rest = nil, nil
	}
	return kind, object, err
}

// event reads until there is a line, or an event without the end of its line.
func (f *frames) event() ([]byte, error) {
	s := lexer.Splitter{}
	for searched := 0; ; {
		if i := bytes.IndexByte(f.rest[searched:], '\n'); i >= 0 {
			return f.rest[:searched+i], nil
		}
		if searched = len(f.rest); f.rest[searched-1] == '}' {
			if end := s.End(f.rest); end > 0 {
				return f.rest[:end], nil
			}
		}
		if err := f.more(); err != nil {
			return f.rest, nil // what is there may be events
		}
	}
}

// balanced reads an event as its brackets tell.
func (f *frames) balanced() ([]byte, error) {
	s := lexer.Splitter{}
	for {
		if end := s.End(f.rest); end > 0 {
			return f.rest[:end], nil
		}
		if err := f.more(); err != nil {
			return nil, err
		}
	}
}

// more reads more of an event that has begun.
func (f *frames) more() error {
	if len(f.rest) >= maxFrame {
		return fmt.Errorf("the API server sent an event of more than %d bytes", maxFrame)
	}
	return truncated(f.fill())
}

// usual reads an event that is written as API servers do.
func (f *frames) usual(event []byte) (kind string, object *lexer.Tree, ok bool) {
	rest, begins := bytes.CutPrefix(event, []byte(`{"type":"`))
	name, rest, found := bytes.Cut(rest, []byte(`","object":`))
	if !begins || !found || bytes.IndexByte(name, '"') >= 0 || len(rest) < 3 || rest[0] != '{' {
		return "", nil, false
	}
	rest, ends := bytes.CutSuffix(rest, []byte{'}'})
	if !ends {
		return "", nil, false
	}
	key := guessName(rest)
	object, _, err := lexer.Compare(bytes.Clone(rest), f.known.Get(key), nil) // the buffer is used again
	if err != nil {
		return "", nil, false
	}
	f.known.Put(key, object)
	if string(name) == string(watch.Deleted) {
		f.known.Forget(key)
	}
	return string(name), object, true
}

// guessName returns what most probably is the namespace and the name of an object:
// it only matters to speed whether it is.
func guessName(object []byte) string {
	_, rest, _ := bytes.Cut(object, []byte(`"name":"`))
	end := max(0, bytes.IndexByte(rest, '"'))
	if namespace, ok := bytes.CutPrefix(rest[end:], []byte(`","namespace":"`)); ok {
		end = len(rest) - len(namespace) + max(0, bytes.IndexByte(namespace, '"'))
	}
	return string(rest[:end])
}

// members reads an event however it is written.
func members(event []byte) (kind string, object *lexer.Tree, err error) {
	object = &lexer.Tree{}
	err = (&lexer.Tree{Text: event}).Members(0, func(name []byte, from, to int) bool {
		switch string(name) {
		case "type":
			kind = strings.Trim(string(event[from:to]), `"`)
		case "object":
			object.Text = bytes.Clone(event[from:to]) // the buffer is used again
		}
		return true
	})
	return kind, object, err
}

func trim(data []byte) []byte { return bytes.TrimLeft(data, " \t\r\n") }

// fill reads more behind the rest.
func (f *frames) fill() error {
	if size := len(f.buf); len(f.rest) == size || f.filled && size < largeBuffer {
		f.buf = make([]byte, max(firstBuffer, 2*size))
	}
	f.rest = f.buf[:copy(f.buf, f.rest)]
	n, err := f.body.Read(f.buf[len(f.rest):])
	f.rest = f.buf[:len(f.rest)+n]
	f.filled = len(f.rest) == len(f.buf)
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// truncated makes an end within an event what it is.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *frames) close() { _ = f.body.Close() }

// Target is what one stream records: one resource, of one namespace or of the
// whole cluster.
type Target struct {
	trace.Resource
	Namespace string // empty: the whole cluster

	// Scoped leaves out the namespaces that Hub.Scope does not have, but for that
	// of the operator.
	Scoped            bool
	OperatorNamespace string

	// Coalesce leaves out versions that say nothing but "still alive", see
	// Heartbeat. It is never set for the namespace that is recorded.
	Coalesce bool
}

// String renders "pods of namespace ds-e2e" or "nodes".
func (t Target) String() string {
	if t.Namespace == "" {
		return t.Resource.String()
	}
	return t.Resource.String() + " of namespace " + t.Namespace
}

func (t Target) path() []string {
	var p []string
	if t.Group == "" {
		p = []string{"/api", t.Version}
	} else {
		p = []string{"/apis", t.Group, t.Version}
	}
	if t.Namespace != "" {
		p = append(p, "namespaces", t.Namespace)
	}
	return append(p, t.Resource.Resource)
}
