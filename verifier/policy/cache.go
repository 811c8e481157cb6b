package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hindsight-project/hindsight/verifier/machine"
)

// Compiling a set takes longer than judging a short trace with it. What was
// compiled of a set without problems is kept in a file, named after the files of the
// set, its parameters and the very program that compiled them. It is read by nobody
// else, and whatever is wrong with it, the set is compiled again.

// kept is a set as the cache keeps it.
type kept struct {
	Policies []compiled
	Sizes    []int // of the programs, which come behind
	programs [][]byte
}

// compiled is a policy as the cache keeps it.
type compiled struct {
	Metadata Metadata // without Specs
	Specs    []string
	File     string
	Line     int
	Fields   []string
	Reads    []string
	Groups   []string // of parameters that it names
	Sources  []string // names of the files that judge
	Path     string   // data.invariants.policy_bounds
	Rules    map[string]bool
	Lines    map[string]int
	Program  int // its number
	Query    int
}

// cacheFile is where the set with this digest is kept, "" when nowhere.
func cacheFile(dir, digest string) string {
	self, err := os.Executable()
	if dir == "" || err != nil {
		return ""
	}
	info, err := os.Stat(self)
	if err != nil {
		return ""
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d %d",
		digest, runtime.Version(), self, info.Size(), info.ModTime().UnixNano()))
	return filepath.Join(dir, hex.EncodeToString(key[:16])+".policies")
}

// readCache returns the set in a file; false when it must be compiled.
func readCache(file string) (set kept, ok bool) {
	text, err := os.ReadFile(file)
	if file == "" || err != nil || len(text) < sha256.Size {
		return set, false
	}
	sum, text := text[:sha256.Size], text[sha256.Size:]
	if found := sha256.Sum256(text); !bytes.Equal(sum, found[:]) {
		return set, false
	}
	header, programs, _ := bytes.Cut(text, []byte("\n"))
	if json.Unmarshal(header, &set) != nil {
		return set, false
	}
	for _, size := range set.Sizes {
		if size > len(programs) {
			return set, false
		}
		set.programs, programs = append(set.programs, programs[:size]), programs[size:]
	}
	return set, len(set.Policies) > 0
}

// writeCache keeps the policies. That it cannot costs time, and nothing else.
func writeCache(file string, policies []*Policy) error {
	set := kept{}
	var code []byte
	known := map[*program]int{}
	for _, p := range policies {
		n, ok := known[p.program]
		if !ok {
			n = len(known)
			known[p.program] = n
			before := len(code)
			var err error
			if code, err = p.program.code.AppendBinary(code); err != nil {
				return err
			}
			set.Sizes = append(set.Sizes, len(code)-before)
		}
		set.Policies = append(set.Policies, p.freeze(n))
	}
	text, err := json.Marshal(set)
	if err != nil {
		return err
	}
	text = append(append(text, '\n'), code...)
	sum := sha256.Sum256(text)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "policies-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // once it is renamed, there is none
	if _, err := f.Write(append(sum[:], text...)); err != nil {
		_ = f.Close() // the first error counts
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return tidyCache(filepath.Dir(file))
}

// keptSets is how many sets the cache holds: those of a few builds, CI classes and
// hands that try parameters.
const keptSets = 16

// tidyCache removes all but the newest files.
func tidyCache(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.policies"))
	if err != nil {
		return err
	}
	age := func(file string) int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0 // somebody else has removed it
		}
		return -info.ModTime().UnixNano()
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(age(a), age(b)) })
	for _, file := range files[min(len(files), keptSets):] {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

func (p *Policy) freeze(program int) compiled {
	c := compiled{
		Metadata: p.Metadata, File: p.File, Line: p.Line, Fields: p.Fields, Reads: p.Reads, Path: p.path.String(),
		Groups: slices.Sorted(maps.Keys(p.Params)), Rules: p.rules, Lines: p.lines,
		Program: program, Query: p.query,
	}
	for _, s := range p.Specs {
		c.Specs = append(c.Specs, s.String())
	}
	c.Metadata.Specs = nil
	for _, s := range p.Sources {
		c.Sources = append(c.Sources, s.Name)
	}
	return c
}

// thaw makes the policies of what the cache kept; a program is read when one of its
// policies is first asked.
func (k kept) thaw(texts map[string]string, params map[string]any) ([]*Policy, error) {
	var out []*Policy
	programs := make([]*program, len(k.programs))
	for i, text := range k.programs {
		made := &program{code: &machine.Program{}}
		made.ready = sync.OnceValue(func() (found Problems) {
			if err := made.code.UnmarshalBinary(text); err != nil {
				found.addError("", err)
			}
			return found
		})
		programs[i] = made
	}
	for _, c := range k.Policies {
		p, err := c.thaw(texts, params)
		if err != nil {
			return nil, err
		}
		p.program, p.query = programs[c.Program], c.Query
		out = append(out, p)
	}
	return out, nil
}

func (c compiled) thaw(texts map[string]string, params map[string]any) (*Policy, error) {
	p := &Policy{
		Metadata: c.Metadata, File: c.File, Line: c.Line, Fields: c.Fields, Reads: c.Reads, rules: c.Rules, lines: c.Lines,
		Params: map[string]any{},
	}
	var err error
	if p.path, err = ast.ParseRef(c.Path); err != nil {
		return nil, err
	}
	for _, pattern := range c.Specs {
		spec, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		p.Specs = append(p.Specs, spec)
	}
	for _, group := range c.Groups {
		p.Params[group] = params[group]
	}
	for _, name := range c.Sources {
		p.Sources = append(p.Sources, File{Name: name, Text: texts[name]})
	}
	return p, nil
}
