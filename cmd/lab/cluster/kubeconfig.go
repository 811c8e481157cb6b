package cluster

import (
	"encoding/json"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// contextName names the only cluster, context and user of a lab's kubeconfig.
const contextName = "hindsight-lab"

// extensionName is the kubeconfig extension that tells where the lab's etcd is.
const extensionName = "hindsight-lab"

// extension is its content.
type extension struct {
	Etcd string `json:"etcd"` // URL
}

// writeKubeconfig writes a kubeconfig for the user whose certificate is in file.
func (c *Cluster) writeKubeconfig(path string, pki *authority, file string) error {
	where, err := json.Marshal(extension{Etcd: c.etcdEndpoint()})
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.CurrentContext = contextName
	config.Clusters[contextName] = &api.Cluster{
		Server:               c.serverURL(),
		CertificateAuthority: pki.path("ca.crt"),
		Extensions:           map[string]runtime.Object{extensionName: &runtime.Unknown{Raw: where}},
	}
	config.AuthInfos[contextName] = &api.AuthInfo{
		ClientCertificate: pki.path(file + ".crt"),
		ClientKey:         pki.path(file + ".key"),
	}
	config.Contexts[contextName] = &api.Context{Cluster: contextName, AuthInfo: contextName, Namespace: "default"}
	return clientcmd.WriteToFile(*config, path)
}

// Connect returns the client configuration and a new etcd client of the lab
// whose kubeconfig is given. It refuses a kubeconfig that is not a lab's, so
// that nothing is ever replayed into somebody's real cluster.
func Connect(kubeconfig string) (*rest.Config, *clientv3.Client, error) {
	file, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	var where extension
	if entry, ok := file.Clusters[contextName]; ok {
		if unknown, ok := entry.Extensions[extensionName].(*runtime.Unknown); ok {
			_ = json.Unmarshal(unknown.Raw, &where) // what is unreadable is not a lab's
		}
	}
	if where.Etcd == "" {
		return nil, nil, fmt.Errorf("%s is not the kubeconfig of a lab: start one with `lab up` and use the file it names",
			kubeconfig)
	}
	config, err := loadConfig(kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	client, err := dialEtcd(where.Etcd)
	return config, client, err
}

// loadConfig reads a kubeconfig and lifts the client-side rate limit: server
// and client share a machine, and the server protects itself.
func loadConfig(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}
