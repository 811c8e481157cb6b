package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// Client asks one API server.
type Client struct {
	rest   rest.Interface
	config *rest.Config
}

// New makes a client for the API server that config describes.
func New(config *rest.Config) (*Client, error) {
	c := rest.CopyConfig(config)
	c.AcceptContentTypes = runtime.ContentTypeJSON
	c.ContentType = runtime.ContentTypeJSON
	c.WarningHandler = rest.NoWarnings{}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.GroupVersion = nil
	c.APIPath = "/apis"
	r, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client for %s: %w", config.Host, err)
	}
	return &Client{rest: r, config: c}, nil
}

// Get reads the JSON document at path into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	result := c.request(path, query).Do(ctx)
	if err := result.Error(); err != nil { // with the server's own words, which Raw has not
		return err
	}
	raw, err := result.Raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("the answer to %s cannot be read: %w", path, err)
	}
	return nil
}

// Stream opens what is at path. The caller closes it; the end of ctx ends it.
func (c *Client) Stream(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	return c.request(path, query).Stream(ctx)
}

func (c *Client) request(path string, query url.Values) *rest.Request {
	r := c.rest.Get().AbsPath(path)
	for name, values := range query {
		for _, value := range values {
			r = r.Param(name, value)
		}
	}
	return r
}

// Denied reports whether the API server refuses, rather than fails: asking again
// soon is no use.
func Denied(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

// Missing reports whether there is nothing at the path.
func Missing(err error) bool { return apierrors.IsNotFound(err) }
