package replay

import (
	"fmt"
	"path"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apiserver/pkg/server/options"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/controlplane" // its imports register every built-in kind
	"k8s.io/kubernetes/pkg/kubeapiserver"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// keyRoot is the prefix of all keys, kube-apiserver's default.
const keyRoot = "/registry"

// protobuf is what kube-apiserver stores built-in kinds as.
const protobuf = "application/vnd.kubernetes.protobuf"

// encoder turns recorded versions into what the API server would store.
type encoder struct {
	mapper  meta.RESTMapper // of the cluster
	factory *serverstorage.DefaultStorageFactory
	strict  runtime.Decoder // of JSON, reports unknown fields
}

// stored is one version as it goes into etcd.
type stored struct {
	key     string
	value   []byte
	unknown error // fields that the API server does not know, nil if none
}

func newEncoder(mapper meta.RESTMapper) (*encoder, error) {
	etcd := options.NewEtcdOptions(storagebackend.NewDefaultConfig(keyRoot, nil))
	etcd.DefaultStorageMediaType = protobuf
	config := kubeapiserver.NewStorageFactoryConfig()
	config.APIResourceConfig = controlplane.DefaultAPIResourceConfigSource()
	factory, err := config.Complete(etcd).New()
	if err != nil {
		return nil, fmt.Errorf("storage configuration of kube-apiserver: %w", err)
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, legacyscheme.Scheme, legacyscheme.Scheme,
		json.SerializerOptions{Strict: true})
	return &encoder{mapper, factory, strict}, nil
}

// encode returns key and value of a version. It fails when the cluster does not
// serve the kind or the object is none of that kind.
func (e *encoder) encode(object trace.Object, data []byte) (stored, error) {
	gvk := schema.GroupVersionKind{Group: object.Group, Version: object.Version, Kind: object.Kind}
	mapping, err := e.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err):
		return stored{}, fmt.Errorf("%s: the cluster serves no %s of %s: install its definition first (kubectl apply)",
			object, object.Kind, object.APIVersion())
	case err != nil:
		return stored{}, fmt.Errorf("ask the API server what it serves (is `lab up` still running?): %w", err)
	}
	var s stored
	if legacyscheme.Scheme.Recognizes(gvk) {
		s, err = e.encodeBuiltIn(mapping.Resource.GroupResource(), data)
	} else {
		s, err = encodeCustom(mapping.Resource.GroupResource(), data)
	}
	if err != nil {
		return stored{}, fmt.Errorf("%s: %w", object, err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		s.key = path.Join(s.key, object.Namespace)
	}
	s.key = path.Join(s.key, object.Name)
	return s, nil
}

// encodeBuiltIn returns the value and the resource's part of the key.
func (e *encoder) encodeBuiltIn(resource schema.GroupResource, data []byte) (stored, error) {
	internal := schema.GroupVersion{Group: resource.Group, Version: runtime.APIVersionInternal}
	object, unknown := runtime.Decode(legacyscheme.Codecs.DecoderToVersion(e.strict, internal), data)
	if unknown != nil && !runtime.IsStrictDecodingError(unknown) {
		return stored{}, unknown
	}
	config, err := e.factory.NewConfig(resource, object)
	if err != nil {
		return stored{}, err
	}
	if err := forgetVersion(object); err != nil {
		return stored{}, err
	}
	value, err := runtime.Encode(config.Codec, object)
	return stored{path.Join(keyRoot, e.factory.ResourcePrefix(resource)), value, unknown}, err
}

// encodeCustom does the same for a custom resource.
func encodeCustom(resource schema.GroupResource, data []byte) (stored, error) {
	object, err := runtime.Decode(unstructured.UnstructuredJSONScheme, data)
	if err != nil {
		return stored{}, err
	}
	if err := forgetVersion(object); err != nil {
		return stored{}, err
	}
	value, err := runtime.Encode(unstructured.UnstructuredJSONScheme, object)
	return stored{path.Join(keyRoot, resource.Group, resource.Resource), value, nil}, err
}

// forgetVersion removes the resourceVersion, which is never stored: it is the
// revision of the write.
func forgetVersion(object runtime.Object) error {
	m, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	m.SetResourceVersion("")
	return nil
}
