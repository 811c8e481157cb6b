package policies

import "embed"

// FS holds everything below this directory that is not Go.
//
//go:embed params.yaml capabilities.json mutants.yaml assertions behaviour diagnosis invariants lib scenarios suite
var FS embed.FS
