# METADATA
# title: What is asked to grow can grow
# description: |
#   A claim whose storage block is dynamic, or whose size was raised, needs a storage
#   class that allows expansion, or the API server refuses every growth: then the
#   suite asks for the impossible. A claim of which nobody knows whether it could
#   grow, because its class was not recorded and nothing ever grew, is not judged.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.suite
# custom:
#   id: suite-expandable-storage
#   class: state
#   view: suite
#   requirement: Test design requirement 1, storage classes with online expansion
#   promise: No test waits for the growth of a volume whose class forbids it.
#   severity: minor
#   demand: declared
#   codes:
#     not_expandable: the storage class does not allow volumes to be expanded
#   rows:
#     - doc: requirements
#       row: Deterministic fixtures and storage classes with online expansion
package suite.expandable_storage

_asked := [claim | some claim in input.claims; claim.asked; claim.expandable != "unknown"]

exercised contains {"seq": {claim.seq}} if some claim in _asked

violation contains {
	"code": "not_expandable", "class": "test", "seq": {claim.seq, claim.class_seq}, "got": claim.class,
	"want": "a class with allowVolumeExpansion", "volume": claim.volume, "namespace": claim.namespace,
} if {
	some claim in _asked
	claim.expandable == "no"
}
