package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// get asks the base as a client that pulls does.
func get(t *testing.T, b *base, path string, v any) int {
	t.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code == 200 && v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code
}

func TestTheBaseIsEmptyForEachArchitecture(t *testing.T) {
	b := newBase("amd64", "arm64")
	if code := get(t, b, "/v2/", nil); code != 200 {
		t.Errorf("it says %d to who asks for a registry", code)
	}
	var all index
	get(t, b, "/v2/empty/manifests/latest", &all)
	if len(all.Manifests) != 2 {
		t.Fatalf("got %+v", all)
	}
	for _, d := range all.Manifests {
		var m manifest
		var c config
		get(t, b, "/v2/empty/manifests/"+d.Digest, &m)
		get(t, b, "/v2/empty/blobs/"+m.Config.Digest, &c)
		if len(m.Layers) != 0 || c.Config.User != user || c.platform != *d.Platform {
			t.Errorf("got %+v with %+v", m, c)
		}
	}
	if code := get(t, b, "/v2/empty/blobs/sha256:00", nil); code != 404 {
		t.Errorf("it says %d about what it does not have", code)
	}
}

// layout writes an image with a config as ko does.
func layout(t *testing.T, change func(*config)) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := &base{blobs: map[string]blob{}}
	c := config{platform: platform{"amd64", "linux"}}
	c.Config.User, c.Config.Entrypoint = user, []string{"/ko-app/recorder"}
	change(&c)
	m := b.add(typeManifest, manifest{Config: b.add(typeConfig, c), Layers: []descriptor{{Size: 5e6}}})
	inner := b.add(typeIndex, index{Manifests: []descriptor{m}})
	top, err := json.Marshal(index{Manifests: []descriptor{inner}})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"index.json": top}
	for digest, blob := range b.blobs {
		files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")] = blob.text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhatWasBuiltIsChecked(t *testing.T) {
	for _, c := range []struct {
		says, want string // of the output, or of the error
		change     func(*config)
	}{
		{"a good image", "linux/amd64  sha256:", func(*config) {}},
		{"a root user", `its user is "0"`, func(c *config) { c.Config.User = "0" }},
		{"no user", `its user is ""`, func(c *config) { c.Config.User = "" }},
		{"another program", "it starts", func(c *config) { c.Config.Entrypoint = []string{"/bin/sh"} }},
	} {
		t.Run(c.says, func(t *testing.T) {
			var out bytes.Buffer
			err := describe(&out, layout(t, c.change))
			if err != nil {
				out.WriteString(err.Error())
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("got %q, want %q", out.String(), c.want)
			}
		})
	}
}
