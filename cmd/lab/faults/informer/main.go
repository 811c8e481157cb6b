package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// Line is what is written of one call.
type Line struct {
	Type     string         `json:"type"`
	Resource string         `json:"resource"`
	OldUID   string         `json:"old_uid,omitempty"`  // of an update
	Inferred bool           `json:"inferred,omitempty"` // the deletion itself was missed
	Object   map[string]any `json:"object"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "informer:", err)
		os.Exit(2)
	}
}

func run() error {
	if len(os.Args) < 3 {
		return fmt.Errorf("usage: informer NAMESPACE RESOURCE.VERSION.GROUP")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, os.Args[1], nil)
	out := &output{to: json.NewEncoder(os.Stdout)}
	for _, arg := range os.Args[2:] {
		resource, _ := schema.ParseResourceArg(arg)
		if resource == nil {
			return fmt.Errorf("%q is not plural.version.group", arg)
		}
		if err := out.subscribe(factory.ForResource(*resource).Informer(), resource.GroupResource().String()); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	fmt.Fprintln(os.Stderr, "ready")
	<-ctx.Done()
	return nil
}

type output struct {
	mu sync.Mutex
	to *json.Encoder
}

func (o *output) subscribe(informer cache.SharedIndexInformer, resource string) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { o.write(Line{Type: "ADDED", Resource: resource}, obj) },
		UpdateFunc: func(old, obj any) {
			o.write(Line{Type: "MODIFIED", Resource: resource, OldUID: string(old.(*unstructured.Unstructured).GetUID())}, obj)
		},
		DeleteFunc: func(obj any) {
			line := Line{Type: "DELETED", Resource: resource}
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				line.Inferred, obj = true, gone.Obj
			}
			o.write(line, obj)
		},
	})
	return err
}

func (o *output) write(line Line, obj any) {
	line.Object = obj.(*unstructured.Unstructured).Object
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.to.Encode(line) // a full disk is not the informer's business
}
