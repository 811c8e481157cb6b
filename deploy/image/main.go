package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ko is the builder, at the version that is used here.
const ko = "github.com/google/ko@v0.18.1"

// repository names the image; it is not pushed anywhere.
const repository = "hindsight/recorder"

func main() {
	out := flag.String("o", filepath.Join("dist", "image"), "directory for the OCI layout; what is in it is removed")
	from := flag.String("base", "", "image to build upon, pulled from its registry (default: an empty one)")
	architectures := flag.String("arch", "amd64,arm64", "architectures, separated by commas")
	flag.Parse()
	if err := build(*out, *from, strings.Split(*architectures, ",")); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
	if err := describe(os.Stdout, *out); err != nil {
		fmt.Fprintf(os.Stderr, "image: what was built is not right: %v\n", err)
		os.Exit(1)
	}
}

// build runs ko in the root of the repository.
func build(out, from string, architectures []string) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if from == "" {
		name, stop, err := newBase(architectures...).serve()
		if err != nil {
			return err
		}
		defer stop()
		from = name
	}
	var platforms []string
	for _, a := range architectures {
		platforms = append(platforms, "linux/"+a)
	}
	cmd := exec.Command("go", "run", ko, "build", "./cmd/recorder", "--push=false", "--bare", "--sbom=none",
		"--oci-layout-path="+out, "--platform="+strings.Join(platforms, ","))
	cmd.Env = append(os.Environ(), "KO_DOCKER_REPO="+repository, "KO_DEFAULTBASEIMAGE="+from)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// describe prints what an OCI layout has for each platform, and fails if that
// cannot run as the manifests of this directory want it.
func describe(w io.Writer, layout string) error {
	var top index
	if err := read(filepath.Join(layout, "index.json"), &top); err != nil {
		return err
	}
	found := 0
	for _, d := range top.Manifests {
		n, err := describeEntry(w, layout, d)
		if err != nil {
			return err
		}
		found += n
	}
	if found == 0 {
		return errors.New("there is no image in it")
	}
	return nil
}

// describeEntry follows an entry of an index, which may be an index again, and
// returns the number of images.
func describeEntry(w io.Writer, layout string, d descriptor) (int, error) {
	if d.MediaType != typeManifest {
		var nested index
		if err := readBlob(layout, d, &nested); err != nil {
			return 0, err
		}
		all := 0
		for _, d := range nested.Manifests {
			n, err := describeEntry(w, layout, d)
			if err != nil {
				return 0, err
			}
			all += n
		}
		return all, nil
	}
	var m manifest
	if err := readBlob(layout, d, &m); err != nil {
		return 0, err
	}
	var c config
	if err := readBlob(layout, m.Config, &c); err != nil {
		return 0, err
	}
	switch {
	case c.Config.User == "" || strings.HasPrefix(c.Config.User, "0") || strings.HasPrefix(c.Config.User, "root"):
		return 0, fmt.Errorf("its user is %q: the pod asks for one that is not root", c.Config.User)
	case !slices.Equal(c.Config.Entrypoint, []string{"/ko-app/recorder"}):
		return 0, fmt.Errorf("it starts %q", c.Config.Entrypoint)
	}
	size := 0
	for _, l := range m.Layers {
		size += l.Size
	}
	_, err := fmt.Fprintf(w, "%s/%s  %s  %.1f MB in %d layers\n",
		c.OS, c.Architecture, d.Digest, float64(size)/1e6, len(m.Layers))
	return 1, err
}

func readBlob(layout string, d descriptor, v any) error {
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	return read(filepath.Join(layout, "blobs", algorithm, sum), v)
}

func read(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
