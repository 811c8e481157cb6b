// Package scenarios is what the drivers can do, as data: one YAML file a scenario.
//
// The scenarios of the requirements are in library/ and built in; [LoadDir]
// reads further ones from a folder. A field that is not known is an error that
// names file and line.
//
//	name: operator-restart                  # as in driver run NAME
//	title: Operator restart during growth   # the row of docs/requirements.md
//	priority: P0                            # P0, P1, or fault: not of the requirements
//	requirement: scenario-operator-restart  # the policy that it must put to the test
//	exercises: [convergence-resumes]        # further policies that it must put to the test
//	serial: true                            # it disturbs the others: runs alone
//	class: medium                           # class of CI: timeouts, and those of the verifier
//	needs: [dynamic]                        # what the cluster must offer; see Needs
//	topologies:
//	  T1: {skip: why it cannot run there}
//	  T2: {exercises: [topology-t2]}
//	  T3: {cluster: {spec: {…}}}            # merged over cluster
//	cluster: {spec: {…}}                    # merged over the fixture
//	objects: [{…}]                          # what else is made, beside the cluster
//	sizing:
//	  size: 1Gi                             # what a claim has at first
//	  grown: 1536Mi                         # what it is to grow to
//	  limit: 3Gi                            # dynamic sizing: the ceiling
//	  dynamic: {targetBuffer: 20}           # dynamic sizing: more of the storage block
//	load: {rows: 20000}                     # rows of about 1 KB, written by SQL first
//	growth: {storage: slow}                 # asked for once the cluster is healthy, see Growth
//	trigger: expansion-in-flight            # observed before anything is done
//	disruptions:
//	  - {kind: operator-restart}            # package disruption has the kinds and parameters
//	settle: {watch: 75s}                    # how it ends, see Settle
//
// # What is promised
//
// Nothing is done before its trigger is observed: a trigger is a fact of the API
// such as a claim that requests more than it has, never a sleep. A trigger that is
// not met in the time of the class ends the run as not exercised.
//
// # Growth
//
// Where the Cluster's schema has request and limit, growth is dynamic: the
// primary's disk is filled past the target buffer. Otherwise it is static: the
// size is raised. Both are asked for by the same scenario.
package scenarios
