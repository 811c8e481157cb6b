package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// outputFlags say how the result of a check is written, and where to.
type outputFlags struct {
	wanted    []string
	color     string
	undecided string
	explain   bool
	story     bool

	outputs []output
	options report.Options
}

// output is one report that is asked for; without a file it goes to stdout.
type output struct {
	format report.Format
	file   string
}

func (f *outputFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.wanted, "output", "o", nil,
		"output `FORMAT[=FILE]`; repeatable, one of them without a file (default text)")
	cmd.Flags().BoolVar(&f.explain, "explain", false, "tell the story of the run on one screen: short for -o explain")
	cmd.Flags().BoolVar(&f.story, "story", true, "JSON has the story of each run; false is quicker")
	cmd.Flags().StringVar(&f.undecided, "undecided", string(report.Failure),
		"what junit, tap and ctrf make of inconclusive and vacuous: failure, error or skipped; never a pass")
	cmd.Flags().StringVar(&f.color, "color", "auto", "colours: auto, always or never")
}

// formatTable lists the formats for the help.
func formatTable() string {
	width := 0
	for _, f := range report.Formats() {
		width = max(width, len(f.Name))
	}
	var lines []string
	for _, f := range report.Formats() {
		lines = append(lines, fmt.Sprintf("  %-*s  %s", width, f.Name, f.About))
	}
	return strings.Join(lines, "\n")
}

// tellsStory reports whether one of the outputs tells the story of the runs.
func (f *outputFlags) tellsStory() bool {
	return f.story && slices.ContainsFunc(f.outputs, func(o output) bool { return o.format.Story })
}

// complete reads the flags, and refuses what makes no sense.
func (f *outputFlags) complete() (err error) {
	if f.options.Undecided, err = report.ParseUndecided(f.undecided); err != nil {
		return fmt.Errorf("--undecided: %w", err)
	}
	if f.color != "auto" && f.color != "always" && f.color != "never" {
		return fmt.Errorf("--color is %q, must be auto, always or never", f.color)
	}
	wanted := f.wanted
	if f.explain {
		wanted = append([]string{"explain"}, wanted...)
	}
	if len(wanted) == 0 {
		wanted = []string{report.Formats()[0].Name}
	}
	for _, text := range wanted {
		name, file, named := strings.Cut(text, "=")
		format, err := report.Named(name)
		if err != nil {
			return err
		}
		if name == "explain" && !f.story {
			return errors.New("-o explain tells the story of a run: leave out --story=false")
		}
		if named && file == "" {
			return fmt.Errorf("-o %s: there is no file after the =", text)
		}
		same := func(o output) bool { return o.file == file }
		if slices.ContainsFunc(f.outputs, same) {
			return fmt.Errorf("-o %s: another output goes to %s already; name a file for one of them, such as -o %s=FILE",
				text, cmp.Or(file, "standard output"), name)
		}
		f.outputs = append(f.outputs, output{format, file})
	}
	return nil
}

// write writes all reports: files first, so that they are there when the text is read.
func (f *outputFlags) write(s streams, run verdict.Run) (err error) {
	options := f.options
	options.Color, options.Open = colored(f.color, s.out), open
	if info, ok := debug.ReadBuildInfo(); ok {
		options.Version = info.Main.Version
	}
	summary, err := f.summary()
	if err != nil {
		return fmt.Errorf("the step summary of %s: %w", stepSummary, err)
	}
	if summary != nil {
		defer func() { err = errors.Join(err, summary.Close()) }()
		info, err := summary.Stat()
		if err != nil {
			return err
		}
		options.Summary, options.Room = summary, max(1, report.SummaryMax-int(info.Size()))
	}
	for _, toFile := range []bool{true, false} {
		for _, o := range f.outputs {
			if (o.file != "") != toFile {
				continue
			}
			if err := o.write(s.out, run, options); err != nil {
				return fmt.Errorf("write the report -o %s: %w", o.format.Name, err)
			}
		}
	}
	return nil
}

// stepSummary names the file that GitHub Actions shows of a step; whoever runs in
// the step appends to it.
const stepSummary = "GITHUB_STEP_SUMMARY"

// summary opens the step summary, nil where there is none or nobody wants it.
func (f *outputFlags) summary() (*os.File, error) {
	path := os.Getenv(stepSummary)
	wanted := func(o output) bool { return o.format.Name == "github" }
	if path == "" || !slices.ContainsFunc(f.outputs, wanted) {
		return nil, nil
	}
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

// write writes one report. A file is opened when the report is complete, so that
// one that cannot be made leaves nothing behind.
func (o output) write(out io.Writer, run verdict.Run, options report.Options) error {
	if o.file == "" {
		return o.format.Write(out, run, options)
	}
	options.Color = false
	var text bytes.Buffer
	if err := o.format.Write(&text, run, options); err != nil {
		return err
	}
	return os.WriteFile(o.file, text.Bytes(), 0o644)
}

// open opens a trace that was judged a second time.
func open(file string) (*trace.Reader, error) {
	if file == verifier.Stdin {
		return nil, errors.New("this format reads the trace a second time, which standard input cannot give: " +
			"write it to a file first")
	}
	return trace.Open(file)
}

// colored decides about colours: NO_COLOR and dumb terminals switch auto off.
func colored(mode string, out io.Writer) bool {
	if mode != "auto" {
		return mode == "always"
	}
	file, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
