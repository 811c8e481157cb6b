package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	_ "embed"

	"github.com/hindsight-project/hindsight/drivers"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
)

//go:embed scenarios.head.md
var head string

func newTableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "table DIR",
		Short: "Write the results that driver run --record DIR left as docs/scenarios.md",
		Long: `table reads the results in a folder, one a scenario and topology, the last of each,
and writes the document docs/scenarios.md. A scenario and topology without result
has a row that says so.`,
		Example: `  driver table traces >docs/scenarios.md`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := readResults(args[0])
			if err != nil {
				return err
			}
			if _, err := fmt.Fprint(cmd.OutOrStdout(), head); err != nil {
				return err
			}
			return drivers.Markdown(cmd.OutOrStdout(), results)
		},
	}
}

// readResults returns a result for each scenario that is built in and each of its
// topologies, and those of scenarios that are not.
func readResults(dir string) ([]drivers.Result, error) {
	files, err := resultsIn(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]drivers.Result{}
	for _, r := range files {
		found[r.Scenario+"/"+r.Topology] = r
	}
	var all []drivers.Result
	for _, s := range scenarios.Library() {
		for _, topology := range []string{scenarios.T1, scenarios.T2, scenarios.T3} {
			key := s.Name + "/" + topology
			r, there := found[key]
			delete(found, key)
			if _, has := s.Topologies[topology]; !has {
				continue
			}
			if !there {
				r = drivers.Result{
					Scenario: s.Name, Title: s.Title, Priority: s.Priority, Topology: topology,
					Outcome: "not run", Reason: "no result",
				}
			}
			all = append(all, r)
		}
	}
	var others []drivers.Result
	for _, r := range found {
		others = append(others, r)
	}
	slices.SortFunc(others, func(a, b drivers.Result) int {
		return strings.Compare(a.Priority+a.Scenario+a.Topology, b.Priority+b.Scenario+b.Topology)
	})
	return append(all, others...), nil
}

// resultsIn reads the results in a folder, by file.
func resultsIn(dir string) (map[string]drivers.Result, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.result.json"))
	if err != nil {
		return nil, err
	}
	found := map[string]drivers.Result{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var r drivers.Result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s is no result of a run: %w", file, err)
		}
		found[file] = r
	}
	return found, nil
}
