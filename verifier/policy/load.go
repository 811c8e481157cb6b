package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hindsight-project/hindsight/verifier/machine"
)

// Policy is one policy that was found fit to judge.
type Policy struct {
	Metadata
	File string // relative to the root of the set
	Line int    // of the package

	// Params are the groups of parameters that the policy names, with the
	// values in force.
	Params map[string]any

	// Fields are the outer fields of the view's documents that the policy reads, sorted.
	Fields []string

	// Reads are the outer fields that it and its libraries read, sorted; empty: any.
	Reads []string

	// Sources are the files that judge: the policy and the libraries that it needs.
	Sources []File

	path  ast.Ref         // data.invariants.policy_bounds
	rules map[string]bool // the public ones that it has
	lines map[string]int  // "violation/<code>", "unknown/<reason>"; "" is the first violation

	program *program
	query   int // of the program; yields the public rules as one object
}

// Options says how to load a set of policies.
type Options struct {
	Root    string   // how the set is called in errors, such as the directory's name
	CIClass string   // profile of params.yaml; empty: medium
	Params  []string // overrides, key.name=value
	Only    []string // ids of the policies to evaluate; empty: all

	// Checked says that the set passed Load without Checked, with these parameters'
	// names: its types are not checked again.
	Checked bool

	// Cache is a directory in which the compiled policies of a set without problems
	// are kept for the next time; empty: nowhere.
	Cache string

	// Timeout is how long one policy may think about one document; 0: DefaultTimeout.
	Timeout time.Duration

	Views  []string                         // names of the views, for errors
	Schema func(view string) ([]byte, bool) // JSON schema of one document of a view
}

// DefaultTimeout is far beyond what an honest policy needs for one document,
// which is microseconds to milliseconds: what gets there does not end.
const DefaultTimeout = 20 * time.Second

// Set is a compiled set of policies, safe for concurrent use.
type Set struct {
	Policies []*Policy // sorted by id
	Digest   string    // of the Rego and of the parameters in force: "sha256:…"
	CIClass  string

	thawed   bool     // from the cache
	known    []string // ids of all policies, also of those that are not asked
	params   map[string]any
	profiles map[string]map[string]any // of every CI class
	comments map[string]string         // on thresholds
	data     machine.Value             // {"params": …}
	timeout  time.Duration
}

// Load reads, checks and compiles the policies below the root of fsys. Its
// error is a *Problems that lists everything that is wrong.
func Load(fsys fs.FS, o Options) (*Set, error) {
	o.CIClass = cmp.Or(o.CIClass, BaseClass)
	problems := &Problems{Root: o.Root}
	thresholds, err := loadParams(fsys, o.CIClass, o.Params)
	params := thresholds.inForce
	if err != nil {
		problems.add("", 0, "%v", err)
	}
	files, digest := read(fsys, isPolicy, problems)
	set := &Set{CIClass: o.CIClass, timeout: cmp.Or(o.Timeout, DefaultTimeout)}
	set.Digest = digestOf(digest, params)
	file := cacheFile(o.Cache, set.Digest)
	if !set.thaw(file, files, params) {
		set.compile(files, params, o, problems)
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	if file != "" && !set.thawed {
		_ = writeCache(file, set.Policies) // the next one compiles again
	}
	set.params, set.profiles, set.comments = params, thresholds.profiles, thresholds.comments
	if set.data, err = dataOf(params); err != nil {
		return nil, fmt.Errorf("%s: %w", paramsFile, err)
	}
	if err := set.keep(o.Only); err != nil {
		return nil, err
	}
	return set, nil
}

// thaw takes the policies from the cache, if they are there.
func (s *Set) thaw(file string, files []File, params map[string]any) bool {
	kept, ok := readCache(file)
	if !ok {
		return false
	}
	texts := make(map[string]string, len(files))
	for _, f := range files {
		texts[f.Name] = f.Text
	}
	var err error
	s.Policies, err = kept.thaw(texts, params)
	s.thawed = err == nil
	return s.thawed
}

// compile parses, checks and compiles the policies.
func (s *Set) compile(files []File, params map[string]any, o Options, problems *Problems) {
	sources := parse(files, problems)
	forbidden := forbiddenNamesOf(ast.CapabilitiesForThisVersion())
	for i := range sources {
		sources[i].lint(forbidden, problems)
		if p := sources[i].policy; p != nil {
			p.Params, p.Fields = groupsOf(sources[i].module, params), fieldsOf(sources[i].module)
			s.Policies = append(s.Policies, p)
		}
	}
	slices.SortFunc(s.Policies, func(a, b *Policy) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.File, b.File))
	})
	s.check(o, problems)
	compile(sources, params, o, problems)
}

// dataOf holds the parameters where policies read them: data.params.
func dataOf(params map[string]any) (machine.Value, error) {
	return machine.FromJSON(map[string]any{"params": params})
}

// isPolicy and isTest tell the two kinds of files of Rego apart.
func isPolicy(file string) bool { return path.Ext(file) == ".rego" && !isTest(file) }

func isTest(file string) bool { return strings.HasSuffix(file, "_test.rego") }

// read reads every file of the set that is wanted, in the order of their paths.
// The second result is a digest of what was read.
func read(fsys fs.FS, wanted func(file string) bool, problems *Problems) ([]File, []byte) {
	var files []File
	hash := sha256.New()
	err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && file != ".":
			return fs.SkipDir
		case entry.IsDir() || !wanted(file):
			return nil
		}
		text, err := fs.ReadFile(fsys, file)
		files = append(files, File{Name: file, Text: string(text)})
		fmt.Fprintf(hash, "%s %d\n%s", file, len(text), text)
		return err
	})
	if err != nil {
		problems.add("", 0, "cannot read the policies: %v", unwrapPath(err))
	}
	return files, hash.Sum(nil)
}

// parse parses the files.
func parse(files []File, problems *Problems) []source {
	modules := make([]*ast.Module, len(files))
	found := make([]Problems, len(files))
	inParallel(len(files), func(i int) {
		options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1}
		module, err := ast.ParseModuleWithOpts(files[i].Name, files[i].Text, options)
		if err != nil {
			found[i].addError(files[i].Name, err)
		}
		modules[i] = module
	})
	var sources []source
	for i, module := range modules {
		problems.List = append(problems.List, found[i].List...)
		if module != nil && len(found[i].List) == 0 {
			sources = append(sources, source{file: files[i].Name, text: []byte(files[i].Text), module: module})
		}
	}
	return sources
}

// check looks at the policies of the set together.
func (s *Set) check(o Options, problems *Problems) {
	if len(s.Policies) == 0 && len(problems.List) == 0 {
		problems.add("", 0, "there are no policies here (want directories with a .rego file each)")
	}
	dirs := map[string]*Policy{}
	for i, p := range s.Policies {
		if i > 0 && p.ID != "" && p.ID == s.Policies[i-1].ID {
			other := s.Policies[i-1]
			problems.add(p.File, p.Line, "policy id %s is taken by %s:%d", p.ID, other.File, other.Line)
		}
		if other := dirs[path.Dir(p.File)]; other != nil {
			problems.add(p.File, p.Line, "one directory is one policy, and %s is one already", other.File)
		}
		dirs[path.Dir(p.File)] = p
		if _, ok := o.Schema(p.View); p.View != "" && !ok {
			problems.add(p.File, p.Line, "policy %s: there is no view %q (there are: %s)",
				p.ID, p.View, strings.Join(o.Views, ", "))
		}
	}
}

// keep leaves only the policies with the ids.
func (s *Set) keep(ids []string) error {
	for _, p := range s.Policies {
		s.known = append(s.known, p.ID)
	}
	for _, id := range ids {
		if s.Policy(id) == nil {
			return s.NoSuch(id)
		}
	}
	if len(ids) > 0 {
		s.Policies = slices.DeleteFunc(s.Policies, func(p *Policy) bool { return !slices.Contains(ids, p.ID) })
	}
	return nil
}

// Policy returns the policy with the id, nil when there is none.
func (s *Set) Policy(id string) *Policy {
	for _, p := range s.Policies {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// Knows reports whether the set was loaded with a policy of this id, asked or not.
func (s *Set) Knows(id string) bool { return slices.Contains(s.known, id) }

// NoSuch is the error for an id that the set does not have.
func (s *Set) NoSuch(id string) error {
	return fmt.Errorf("there is no policy %q (there are: %s)", id, strings.Join(s.known, ", "))
}

// Reads returns the views that the policies read, and of each the outer fields,
// sorted; none: any.
func (s *Set) Reads() map[string][]string {
	reads := map[string][]string{}
	for _, p := range s.Policies {
		known, met := reads[p.View]
		if len(p.Reads) == 0 || met && len(known) == 0 {
			reads[p.View] = nil
			continue
		}
		known = slices.Concat(known, p.Reads)
		slices.Sort(known)
		reads[p.View] = slices.Compact(known)
	}
	return reads
}

// readsOf returns the outer fields of the input that files read; none when they may
// read any: where the input is handed on as a whole, or its key is computed.
func readsOf(sources []source) []string {
	var fields []string
	any := false
	for _, s := range sources {
		ast.WalkRefs(s.module, func(ref ast.Ref) bool {
			switch {
			case !ref.HasPrefix(ast.InputRootRef):
			case len(ref) > 1 && ref[1].IsGround():
				name, _ := ref[1].Value.(ast.String)
				fields = append(fields, string(name))
			default:
				any = true
			}
			return false
		})
	}
	if any {
		return nil
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// fieldsOf returns the outer fields of the input that a module names.
func fieldsOf(m *ast.Module) []string {
	var fields []string
	ast.WalkRefs(m, func(ref ast.Ref) bool {
		if len(ref) > 1 && ref.HasPrefix(ast.InputRootRef) {
			if name, ok := ref[1].Value.(ast.String); ok {
				fields = append(fields, string(name))
			}
		}
		return false
	})
	slices.Sort(fields)
	return slices.Compact(fields)
}

// digestOf combines the digest of the files with the parameters in force.
func digestOf(files []byte, params map[string]any) string {
	text, err := json.Marshal(params)
	if err != nil {
		text = fmt.Append(nil, params)
	}
	sum := sha256.Sum256(append(files, text...))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func forbiddenNamesOf(c *ast.Capabilities) map[string]bool {
	names := map[string]bool{}
	for _, b := range c.Builtins {
		if Forbidden(b) {
			names[b.Name] = true
		}
	}
	return names
}
