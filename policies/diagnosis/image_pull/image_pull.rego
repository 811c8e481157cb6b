# METADATA
# title: An image could not be pulled, or took long
# description: |
#   A container of an instance, or of the job that makes one, waited for its image.
#   That there is no such image, or that one may not have it, is what was asked for
#   (image_wrong); all else is the registry or the network (pull_failing, pull_slow).
#   How long a pull took is known from Events, which may be missing.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-image-pull
#   class: diagnosis
#   view: wait
#   requirement: Failure mode images that cannot be pulled
#   reasons:
#     image_wrong: the image that the test asks for does not exist, or may not be pulled
#     pull_failing: the registry did not answer
#     pull_slow: the image was pulled for a long time
#   rows:
#     - doc: further
#       row: Image that is not pulled
package diagnosis.image_pull

import data.lib.waits

_params := data.params["diagnosis-image-pull"]

_is_wrong(wait) if wait.reason in {"InvalidImageName", "ErrImageNeverPull"}

_is_wrong(wait) if regex.match(`(?i)not found|manifest unknown|unauthorized|denied|does not exist`, wait.message)

_cause(wait) := ["pull_slow", "infrastructure", _params.pull_ns] if wait.reason == "Pulling"

_cause(wait) := ["image_wrong", "test", _params.fail_ns] if {
	wait.reason != "Pulling"
	_is_wrong(wait)
}

_cause(wait) := ["pull_failing", "infrastructure", _params.fail_ns] if {
	wait.reason != "Pulling"
	not _is_wrong(wait)
}

blame contains {
	"class": class, "reason": reason, "seq": {seq | some seq in wait.seq}, "from_ns": wait.begin.ns,
	"until_ns": wait.until_ns, "pod": wait.pod, "image": wait.image, "said": wait.message,
} if {
	some wait in input.images
	[reason, class, allowed] := _cause(wait)
	waits.least(wait) > allowed
}
