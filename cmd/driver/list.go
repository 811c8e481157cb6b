package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
)

func newListCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "list [--scenarios DIR]",
		Short: "List the scenarios",
		Example: `  driver list
  driver list --scenarios my-scenarios/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := known(dir)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tPRIORITY\tTOPOLOGIES\tCLASS\tALONE\tNEEDS\tTITLE")
			for _, s := range all {
				alone := map[bool]string{true: "yes", false: "-"}[s.Serial]
				needs := strings.Join(s.Needs, ",")
				if needs == "" {
					needs = "-"
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
					s.Name, s.Priority, strings.Join(runnable(s), ","), s.Class, alone, needs, s.Title)
			}
			return table.Flush()
		},
	}
	cmd.Flags().StringVar(&dir, "scenarios", "",
		"folder with further scenarios; one of the same name replaces a built-in one")
	return cmd
}

// runnable lists the topologies in which a scenario makes sense.
func runnable(s *scenarios.Scenario) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.Topologies)), func(name string) bool {
		return s.Topologies[name].Skip != ""
	})
}

// known returns the built-in scenarios and those of a folder.
func known(dir string) ([]*scenarios.Scenario, error) {
	all := scenarios.Library()
	if dir == "" {
		return all, nil
	}
	own, err := scenarios.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, s := range own {
		all = slices.DeleteFunc(all, func(other *scenarios.Scenario) bool { return other.Name == s.Name })
	}
	return append(all, own...), nil
}

// Groups of scenarios that can be named like one.
const (
	groupAll    = "all"
	groupFaults = "faults"
)

// choose returns the scenarios that were named, in the order of all.
func choose(all []*scenarios.Scenario, names []string) ([]*scenarios.Scenario, error) {
	wanted := map[string]bool{}
	for _, name := range names {
		found := false
		for _, s := range all {
			is := name == s.Name || name == s.Priority || name == groupFaults && s.Priority == scenarios.Fault ||
				name == groupAll && s.Priority != scenarios.Fault
			wanted[s.Name] = wanted[s.Name] || is
			found = found || is
		}
		if !found {
			return nil, fmt.Errorf("there is no scenario %q: driver list has them all", name)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *scenarios.Scenario) bool { return !wanted[s.Name] }), nil
}
