package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/views"
)

func newSchema(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [VIEW]",
		Short: "Print the JSON schema of the JSON report, or of a view",
		Long: "schema prints the JSON schema (draft 2020-12) of what check -o json writes. With the name of a view it\n" +
			"prints the schema of that view's documents, which are the input of policies.\n\n" +
			"Views: " + strings.Join(views.Names(), ", "),
		Example: `  # of the JSON report
  verifier schema

  # of the documents that policies about volumes see
  verifier schema storage`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text := report.Schema
			if len(args) > 0 {
				var known bool
				if text, known = views.Schema(args[0]); !known {
					return fmt.Errorf("there is no view %q (there are: %s)", args[0], strings.Join(views.Names(), ", "))
				}
			}
			_, err := s.out.Write(text)
			return err
		},
	}
}
