package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// The media types of the OCI image specification that are used here.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
)

// user is who programs run as in the image: nobody in particular.
const user = "65532:65532"

// descriptor points to a blob, as the OCI image specification has it.
type descriptor struct {
	MediaType string    `json:"mediaType"`
	Digest    string    `json:"digest"`
	Size      int       `json:"size"`
	Platform  *platform `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type config struct {
	platform
	Config struct {
		User       string   `json:"User"`
		Entrypoint []string `json:"Entrypoint,omitempty"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// base is an image without a layer, for several platforms, and the little of a
// registry that is needed to pull it.
type base struct {
	blobs map[string]blob // by digest
	index string          // digest
}

type blob struct {
	mediaType string
	text      []byte
}

func newBase(architectures ...string) *base {
	b := &base{blobs: map[string]blob{}}
	all := index{SchemaVersion: 2, MediaType: typeIndex}
	for _, a := range architectures {
		c := config{platform: platform{a, "linux"}}
		c.Config.User = user
		c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{}
		m := b.add(typeManifest, manifest{
			SchemaVersion: 2, MediaType: typeManifest, Config: b.add(typeConfig, c), Layers: []descriptor{},
		})
		m.Platform = &platform{a, "linux"}
		all.Manifests = append(all.Manifests, m)
	}
	b.index = b.add(typeIndex, all).Digest
	return b
}

func (b *base) add(mediaType string, v any) descriptor {
	text, _ := json.Marshal(v) // strings and numbers
	sum := sha256.Sum256(text)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(text)}
	b.blobs[d.Digest] = blob{mediaType, text}
	return d
}

// ServeHTTP implements the part of the OCI distribution specification that pulls.
func (b *base) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reference := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if reference == "latest" {
		reference = b.index
	}
	found, ok := b.blobs[reference]
	switch {
	case r.URL.Path == "/v2/":
	case !ok:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", found.mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(found.text)))
		w.Header().Set("Docker-Content-Digest", reference)
		_, _ = w.Write(found.text)
	}
}

// serve makes the base available on the loopback interface and returns its name.
func (b *base) serve() (name string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: b}
	go func() { _ = s.Serve(l) }() // ends with Close
	return l.Addr().String() + "/empty:latest", func() { _ = s.Close() }, nil
}
