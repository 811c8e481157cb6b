package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// tools are the programs that take part; "" where one is not to be had.
type tools struct {
	self, verifier, recorder        string
	opa, conftest, gojq, jq, duckdb string // duckdb: the script that node runs
	zstd                            string
}

const here = "docs/performance"

// prepareTools builds what the repository has, and looks for the rest.
func (b *bench) prepareTools() (err error) {
	if b.tools.self, err = os.Executable(); err != nil {
		return err
	}
	bin := filepath.Join(b.dir, "bin")
	if err := b.build(".", bin, "./cmd/verifier", "./cmd/recorder"); err != nil {
		return err
	}
	b.tools.verifier, b.tools.recorder = filepath.Join(bin, "verifier"), filepath.Join(bin, "recorder")
	b.describeMachine()
	const opa = "github.com/open-policy-agent/opa"
	if b.o.guard {
		b.tools.opa = filepath.Join(bin, "opa")
		return b.build(".", bin, opa)
	}
	b.findJQ()
	b.findDuckDB()
	b.findZstd()
	if err := b.build(filepath.Join(here, "peers"), bin, opa,
		"github.com/open-policy-agent/conftest", "github.com/itchyny/gojq/cmd/gojq"); err != nil {
		return err
	}
	b.tools.opa, b.tools.conftest = filepath.Join(bin, "opa"), filepath.Join(bin, "conftest")
	b.tools.gojq = filepath.Join(bin, "gojq")
	for name, program := range map[string]string{"opa": b.tools.opa, "conftest": b.tools.conftest, "gojq": b.tools.gojq} {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		b.r.Words["version "+name] = info.Main.Version
	}
	return nil
}

func (b *bench) build(module, into string, packages ...string) error {
	fmt.Fprintf(os.Stderr, "performance: building %s\n", strings.Join(packages, ", "))
	args := append([]string{"build", "-C", module, "-o", into + string(filepath.Separator)}, packages...)
	cmd := b.command(b.ctx, "go", args...)
	cmd.Stdout = os.Stderr
	return cmd.Run()
}

// sayVersion keeps the first line of what a program says of itself.
func (b *bench) sayVersion(name, program string, args ...string) {
	out, err := exec.CommandContext(b.ctx, program, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		line = "of unknown version"
	}
	b.r.Words["version "+name] = strings.TrimPrefix(strings.Trim(line, " *"), name+"-")
}

func (b *bench) describeMachine() {
	b.r.Words["machine"] = machine()
	b.r.Words["go"] = fmt.Sprintf("%s, %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (b *bench) findJQ() {
	path, err := exec.LookPath("jq")
	if err != nil {
		b.r.Words["version jq"] = "left out: there is no jq on this machine"
		return
	}
	b.tools.jq = path
	b.sayVersion("jq", path, "--version")
}

func (b *bench) findZstd() {
	path, err := exec.LookPath("zstd")
	if err != nil {
		b.r.Words["version zstd"] = "missing on this machine: sizes are compared with klauspost/compress at its best level"
		return
	}
	b.tools.zstd = path
	b.sayVersion("zstd", path, "--version")
}

// duckdbPackage is what npm installs.
const duckdbPackage = "@duckdb/node-api@1.5.6-r.1"

// findDuckDB installs DuckDB into the directory that is worked in.
func (b *bench) findDuckDB() {
	script, err := b.installDuckDB()
	if err != nil {
		b.r.Words["version DuckDB"] = "left out: " + err.Error()
		return
	}
	b.tools.duckdb = script
	_, version, _ := strings.Cut(duckdbPackage[1:], "@")
	b.r.Words["version DuckDB"] = version
}

func (b *bench) installDuckDB() (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("there is no %s on this machine", program)
		}
	}
	dir := filepath.Join(b.dir, "npm")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@duckdb", "node-api")); err != nil {
		cmd := b.command(b.ctx, "npm", "install", "--prefix", dir, "--no-package-lock", "--no-save", "--silent",
			duckdbPackage)
		cmd.Stdout = os.Stderr
		if cmd.Run() != nil {
			return "", errors.New("npm could not install " + duckdbPackage)
		}
	}
	script := filepath.Join(dir, "judgement.mjs")
	text, err := os.ReadFile(filepath.Join(here, "judgement", "programs", "judgement.mjs"))
	if err != nil {
		return "", err
	}
	return script, os.WriteFile(script, text, 0o644)
}

// machine names the processor as Linux does.
func machine() string {
	name := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d threads", name, runtime.NumCPU())
}
