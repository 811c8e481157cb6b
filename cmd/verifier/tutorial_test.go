package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/golden"
)

const tutorial = "../../docs/policies.md"

// TestTutorialDoesWhatItSays follows docs/policies.md: it writes every file that
// a block names behind its language, runs every command of the console blocks,
// and compares what they print.
func TestTutorialDoesWhatItSays(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	text, err := os.ReadFile(tutorial)
	if err != nil {
		t.Fatal(err)
	}
	dir := workshop(t, string(text))
	var out strings.Builder
	lines := strings.SplitAfter(string(text), "\n")
	commands := 0
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i])
		info, opens := strings.CutPrefix(strings.TrimSpace(lines[i]), "```")
		if !opens {
			continue
		}
		end := i + 1
		for strings.TrimSpace(lines[end]) != "```" {
			end++
		}
		block := lines[i+1 : end]
		language, file, _ := strings.Cut(info, " ")
		switch {
		case language == "console":
			n, printed := console(t, dir, block)
			commands += n
			out.WriteString(printed)
		case file != "":
			write(t, filepath.Join(dir, file), strings.Join(block, ""))
			fallthrough
		default:
			out.WriteString(strings.Join(block, ""))
		}
		out.WriteString(lines[end])
		i = end
	}
	if commands < 10 {
		t.Errorf("only %d commands were run", commands)
	}
	golden.Compare(t, tutorial, out.String())
}

// workshop is a directory with what the tutorial finds in a checkout. The
// programs are built by the tutorial's own command, into another directory.
func workshop(t *testing.T, text string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(filepath.Join(root, "recorder"), filepath.Join(dir, "recorder")); err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(text, "go build -o bin/ ")
	if !found {
		t.Fatal("the tutorial does not build the programs")
	}
	packages, _, _ := strings.Cut(command, "\n")
	build := exec.Command("go", append([]string{"build", "-o", bin + "/"}, strings.Fields(packages)...)...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return dir
}

// digest of a trace depends on when it was written.
var digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// console runs the commands of a block and returns it with what they print. A
// command that ends with another exit code than 0 shows that.
func console(t *testing.T, dir string, block []string) (commands int, printed string) {
	t.Helper()
	var out strings.Builder
	for _, line := range block {
		command, isCommand := strings.CutPrefix(line, "$ ")
		if !isCommand {
			continue
		}
		commands++
		out.WriteString(line)
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		text, err := cmd.CombinedOutput()
		out.WriteString(digest.ReplaceAllString(string(text), "sha256:…"))
		if code := cmd.ProcessState.ExitCode(); err != nil {
			fmt.Fprintf(&out, "(exit code %d)\n", code)
		}
	}
	return commands, out.String()
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
