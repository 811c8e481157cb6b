# METADATA
# title: The judgement, as conftest wants it
# scope: package
package main

import data.judgement

# METADATA
# description: A message per finding, "CODE SEQ".
deny contains message if {
	some finding in judgement.finding
	message := sprintf("%s %d", [finding.code, finding.seq])
}
