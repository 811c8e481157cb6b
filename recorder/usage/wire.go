package usage

import (
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// summary is the part that is read of what the kubelet serves at /stats/summary.
type summary struct {
	Pods []struct {
		PodRef struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
			UID       string `json:"uid"`
		} `json:"podRef"`
		Volumes []struct {
			Time           string  `json:"time"`
			AvailableBytes *uint64 `json:"availableBytes"`
			CapacityBytes  *uint64 `json:"capacityBytes"`
			UsedBytes      *uint64 `json:"usedBytes"`
			InodesFree     *uint64 `json:"inodesFree"`
			Inodes         *uint64 `json:"inodes"`
			InodesUsed     *uint64 `json:"inodesUsed"`
			PVCRef         *struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"pvcRef"`
		} `json:"volume"`
	} `json:"pods"`
}

// status is the part that is read of what an instance serves at /pg/status. An
// instance whose server is down answers as well, with errorMessage.
type status struct {
	Error       string                 `json:"errorMessage"`
	Data        *diskStatus            `json:"diskStatus"`
	WAL         *diskStatus            `json:"walDiskStatus"`
	Tablespaces map[string]*diskStatus `json:"tablespaceDiskStatus"`
}

type diskStatus struct {
	TotalBytes     uint64 `json:"totalBytes"`
	UsedBytes      uint64 `json:"usedBytes"`
	AvailableBytes uint64 `json:"availableBytes"`
}

// sample is the Data of a usage event.
type sample struct {
	PVC        string  `json:"pvc"`
	Namespace  string  `json:"namespace"`
	Instance   string  `json:"instance"`
	Node       string  `json:"node"`
	From       string  `json:"from"`
	At         string  `json:"at,omitempty"`
	Used       uint64  `json:"used_bytes"`
	Capacity   uint64  `json:"capacity_bytes"`
	Available  uint64  `json:"available_bytes"`
	Inodes     *uint64 `json:"inodes,omitempty"`
	InodesUsed *uint64 `json:"inodes_used,omitempty"`
	InodesFree *uint64 `json:"inodes_free,omitempty"`
}

// The values of from.
const (
	fromKubelet  = "kubelet"
	fromInstance = "instance"
)

// samples returns what the kubelet measured of the volumes of one pod.
func (s *summary) samples(p corev1.Pod) []sample {
	var out []sample
	for _, stats := range s.Pods {
		if stats.PodRef.UID != string(p.UID) {
			continue
		}
		for _, v := range stats.Volumes {
			if v.PVCRef == nil || v.UsedBytes == nil || v.CapacityBytes == nil || v.AvailableBytes == nil {
				continue
			}
			out = append(out, sample{
				PVC: v.PVCRef.Name, Namespace: v.PVCRef.Namespace, Instance: p.Name, Node: p.Spec.NodeName,
				From: fromKubelet, At: v.Time, Used: *v.UsedBytes, Capacity: *v.CapacityBytes, Available: *v.AvailableBytes,
				Inodes: v.Inodes, InodesUsed: v.InodesUsed, InodesFree: v.InodesFree,
			})
		}
	}
	return out
}

// samples returns what an instance measured of its volumes. It does not name the
// claims; the operator does, by rule.
func (s *status) samples(p corev1.Pod) []sample {
	var out []sample
	add := func(claim string, d *diskStatus) {
		if d == nil || d.TotalBytes == 0 || !claims(p, claim) {
			return
		}
		out = append(out, sample{
			PVC: claim, Namespace: p.Namespace, Instance: p.Name, Node: p.Spec.NodeName, From: fromInstance,
			Used: d.UsedBytes, Capacity: d.TotalBytes, Available: d.AvailableBytes,
		})
	}
	add(p.Name, s.Data)
	add(p.Name+"-wal", s.WAL)
	for name, d := range s.Tablespaces {
		add(p.Name+"-tbs-"+strings.ReplaceAll(name, "_", "-"), d)
	}
	slices.SortFunc(out, func(a, b sample) int { return strings.Compare(a.PVC, b.PVC) })
	return out
}

// claims reports whether the pod uses the claim.
func claims(p corev1.Pod, claim string) bool {
	return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
	})
}

// statusPath is where the API server reaches the status of an instance. Those
// that serve it with TLS were told so on their command line.
func statusPath(p corev1.Pod) string {
	scheme := ""
	for _, c := range p.Spec.Containers {
		if slices.Contains(slices.Concat(c.Command, c.Args), "--status-port-tls") {
			scheme = "https:"
		}
	}
	return "/api/v1/namespaces/" + url.PathEscape(p.Namespace) + "/pods/" + scheme + url.PathEscape(p.Name) +
		":8000/proxy/pg/status"
}
