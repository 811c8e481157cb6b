// Package disruption has what can be done to a cluster, one small value each.
//
// All have one shape, [Disruption]: Prepare looks whether it can be done and
// chooses what it is done to; Inject does it and says what was really done; Observe
// waits until that is over, as the API shows it; Undo takes back what would stay.
// Inject returns as soon as it is done, so that two disruptions can go on at the
// same time.
//
//	kind               what is done                                            parameters
//	operator-restart   the pod of the leading operator is deleted
//	primary-restart    the pod of the primary is deleted
//	failover           PostgreSQL of the primary is killed until another one
//	                   is elected
//	switchover         status.targetPrimary names a replica
//	node-drain         cordon, then evictions; budgets are honoured, and an       role
//	                   eviction that one blocks is recorded with its name
//	node-loss          a hook switches the node off, and on again                 role
//	backup             a Backup is created                                        method, class, online
//	spec-mutation      the specification is changed, as sizing is                 static, dynamic
//	scale-up           spec.instances rises                                       add
//	rolling-upgrade    spec.imageName becomes another one if the user has one;
//	                   else spec.env changes, which replaces every pod
//	snapshot-restore   a VolumeSnapshot by a Backup, and a new Cluster from it    class, online
//	oscillation        a disk is filled over the threshold and freed, again       cycles, percent
//	                   and again
//	budget-exhaustion  a disk is filled again and again, until growth waits       cycles, percent
//	disk-fill          a file, or rows by SQL with their WAL                      role, method, percent
//	tablespace-fill    the same in a tablespace                                   name, method, percent
//
// role is primary, the default, or replica. A disruption that the cluster cannot
// do returns [Unavailable] from Prepare, before anything was changed.
package disruption
