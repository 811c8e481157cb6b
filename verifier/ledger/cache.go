package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// cache keeps what was found in traces, by the digest of the trace and by who
// judged: the policies with their parameters, and the program.
//
//	judges                 a line for each judge that was asked, the latest one last
//	<judge>/<trace>.json   what it found
//
// A cache without a directory keeps nothing.
type cache struct {
	dir    string
	judge  string
	before string // the judge that was asked before this one; empty: none
}

const judgesFile = "judges"

// nameOf shortens what identifies a judge or a trace to the name of a file.
func nameOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// openCache opens the cache for a judge and remembers that it was asked.
func openCache(dir string, policies, program string) (*cache, error) {
	c := &cache{dir: dir, judge: nameOf(policies + "\n" + program)}
	if dir == "" {
		return c, nil
	}
	if err := os.MkdirAll(filepath.Join(dir, c.judge), 0o755); err != nil {
		return nil, fmt.Errorf("the cache cannot be used: %w", err)
	}
	file := filepath.Join(dir, judgesFile)
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the cache cannot be used: %w", err)
	}
	judges := slices.DeleteFunc(strings.Fields(string(text)), func(name string) bool { return name == c.judge })
	if len(judges) > 0 {
		c.before = judges[len(judges)-1]
	}
	return c, c.write(file, []byte(strings.Join(append(judges, c.judge), "\n")+"\n"))
}

// write replaces a file at once, so that who is interrupted leaves no half of it.
func (c *cache) write(file string, text []byte) error {
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return fmt.Errorf("the cache cannot be written: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the cache cannot be written: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func (c *cache) file(judge, digest string) string {
	return filepath.Join(c.dir, judge, nameOf(digest)+".json")
}

// load returns what a judge found in a trace. What is damaged is not there: it is
// found again.
func (c *cache) load(judge, digest string) (found judged, ok bool) {
	if c.dir == "" || judge == "" {
		return found, false
	}
	text, err := os.ReadFile(c.file(judge, digest))
	if err != nil || json.Unmarshal(text, &found) != nil || found.Digest != digest {
		return judged{}, false
	}
	return found, true
}

func (c *cache) store(found judged) error {
	if c.dir == "" {
		return nil
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return c.write(c.file(c.judge, found.Digest), text)
}

// bench judges traces, or remembers what was found in them.
type bench struct {
	cache    *cache
	set      *policy.Set
	options  verifier.Options
	rejudged Rejudged
}

// judge returns what is found in a trace. The error says why it cannot be read.
func (b *bench) judge(ctx context.Context, path string) (judged, error) {
	digest, err := digestOf(path)
	if err != nil {
		return judged{}, err
	}
	found, ok := b.cache.load(b.cache.judge, digest)
	if !ok {
		if found, err = b.ask(ctx, path); err != nil {
			return judged{}, err
		}
		if err := b.cache.store(found); err != nil {
			return judged{}, err
		}
	}
	if before, ok := b.cache.load(b.cache.before, digest); ok {
		b.rejudged.Traces++
		b.rejudged.Changes = append(b.rejudged.Changes, changes(path, before, found)...)
	}
	return found, nil
}

func (b *bench) ask(ctx context.Context, path string) (judged, error) {
	t, err := verifier.CheckTrace(ctx, path, b.set, b.options)
	if err == nil && t.Error != "" {
		err = errors.New(t.Error)
	}
	if err != nil {
		return judged{}, err
	}
	return extract(path, t)
}

func digestOf(path string) (string, error) {
	digest, _, err := identify(path)
	return digest, err
}

// identify returns the digest of a trace, and those of the traces that it is an
// amended copy of.
func identify(path string) (digest string, of []string, err error) {
	r, err := trace.Open(path)
	if err != nil {
		return "", nil, err
	}
	for _, a := range r.Run().Amendments {
		of = append(of, a.Of)
	}
	digest, err = r.Digest()
	return digest, of, errors.Join(err, r.Close())
}

// doubles returns the traces that are there twice, with the reason: the same
// recording counts once. A copy to which the report of a suite was added stands for
// the recording that it was made of.
func doubles(runs []gathering) map[string]string {
	first, copies, out := map[string]string{}, map[string]string{}, map[string]string{}
	digests := map[string]string{}
	for _, g := range runs {
		for _, s := range g.sources {
			if s.Kind != kindTrace {
				continue
			}
			digest, of, err := identify(s.File)
			if err != nil {
				continue // it is told when it is judged
			}
			digests[s.File] = digest
			for _, original := range of {
				copies[original] = s.File
			}
			if before, known := first[digest]; known {
				out[s.File] = "it is the same recording as " + before
				continue
			}
			first[digest] = s.File
		}
	}
	for file, digest := range digests {
		if amended, ok := copies[digest]; ok {
			out[file] = "its copy with the report of a suite is there: " + amended
		}
	}
	return out
}

// changes lists the policies of which two judges say different things. A policy
// that only one of them knows has changed nothing.
func changes(path string, before, after judged) []Change {
	was := map[string]verdict.Level{}
	for _, p := range before.Policies {
		was[p.Policy] = p.Verdict
	}
	var out []Change
	for _, p := range after.Policies {
		if old, known := was[p.Policy]; known && old != p.Verdict {
			out = append(out, Change{path, p.Policy, old, p.Verdict})
		}
	}
	return out
}
