// Package recordings ships histories of a real cluster (Kubernetes 1.36, three
// nodes, CSI volumes that grow online) in which the storage operator ran three
// PostgreSQL instances: watch logs in the format of package watchlog.
//
//	primary-restart  a volume fills; as the operator requests growth, the primary's pod is deleted
package recordings
