package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the program and of OPA",
		Example: "  verifier version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(s.out, version(debug.ReadBuildInfo()))
			return err
		},
	}
}

// version renders "verifier v1.2.3 (0123456789ab, go1.26.8, OPA v1.22.2)".
func version(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "verifier (built without module information)"
	}
	revision, opa := "unknown revision", "unknown"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value[:min(len(s.Value), 12)]
		}
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/open-policy-agent/opa" {
			opa = m.Version
		}
	}
	return fmt.Sprintf("verifier %s (%s, %s, OPA %s)", info.Main.Version, revision, info.GoVersion, opa)
}
