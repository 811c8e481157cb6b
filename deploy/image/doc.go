// Command image builds the container image of the recorder with ko, without a
// container engine and without a registry, and checks what came out:
//
//	go run ./deploy/image -o dist/image
//
// `make image` does that. The result is an OCI layout, a directory that skopeo,
// crane, podman and containerd read:
//
//	skopeo copy oci:dist/image docker://registry.example.com/hindsight/recorder:v1
//
// # The base
//
// ko puts the program on top of a base image, which it pulls. The recorder is one
// static file and needs nothing below it, so the base is empty here: an image
// without a layer, whose user is not root, that this program serves to ko on the
// loopback interface. With -base ko pulls another one:
//
//	go run ./deploy/image -base gcr.io/distroless/static:nonroot
//
// An empty base has no certificates of public authorities. API servers do not
// need them (a kubeconfig and a service account bring their own), NATS servers
// with a public certificate do: name the authority with --nats-ca, or use
// another base.
package main
