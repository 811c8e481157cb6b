package recorder

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/marks"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// withSecrets has one where each kind of rule finds it.
var withSecrets = map[string]any{
	"spec": map[string]any{
		"env":  []any{map[string]any{"name": "PGPASSWORD", "value": "topsecret-env"}},
		"args": []any{"--dsn=postgres://app:topsecret-url@db/app"},
		"mine": "topsecret-path",
	},
	"status": map[string]any{"message": "topsecret-pattern", "phase": "Running"},
}

// filesWith returns the files below dir that have a text.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func redacting(o *Options) {
	o.Redact = []string{"pods:spec.mine", "~topsecret-p[a-z]+n", "mark:note"}
}

// Neither the bus nor the trace ever has what is redacted; the header says what
// is missing, also after a crash.
func TestWhatIsRedactedIsNowhere(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", withSecrets)
	first := attachTo(t, s, redacting, func(o *Options) {
		o.Command = []string{"sh", "-c", "exec sleep 600", "postgres://u:topsecret-command@h"}
	})
	first.sees("added pods/ds/a u101 at 101")
	tell(t, marks.Where{Trace: first.path}, marks.Mark{Phase: "x", Note: "topsecret-mark"})
	dir := filepath.Dir(first.path)
	for _, text := range []string{"topsecret", "secret-"} {
		if found := filesWith(t, dir, text); found != nil {
			t.Errorf("%s is in %v", text, found)
		}
	}
	if found := filesWith(t, dir, "[redacted]"); len(found) < 2 { // the search would find it in the bus and in the trace
		t.Errorf("[redacted] is only in %v", found)
	}
	first.breakOff()
	second := attachTo(t, s, redacting, func(o *Options) { o.Output = first.path })
	s.put(pods, "ds/a", withSecrets)
	second.end("pods")
	r, err := trace.Open(first.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := strings.Join(r.Run().Command, " "); !strings.HasSuffix(got, "postgres://u:[redacted]@h") {
		t.Errorf("the command in the header is %s", got)
	}
	var data []string
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(e.Data), "topsecret") {
			t.Errorf("recorded is %s", e.Data)
		}
		if e.Type == trace.Modified {
			data = append(data, string(e.Data))
		}
	}
	same(t, data, []string{`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"ds",` +
		`"resourceVersion":"102","uid":"u101"},"spec":{"args":["--dsn=postgres://app:[redacted]@db/app"],` +
		`"env":[{"name":"PGPASSWORD","value":"[redacted]"}],"mine":"[redacted]"},` +
		`"status":{"message":"[redacted]","phase":"Running"}}`})
	counted := map[string]uint64{}
	for _, r := range r.Run().Redactions {
		counted[r.Rule] = r.Values
	}
	for rule, want := range map[string]uint64{"pods:spec.mine": 2, "~topsecret-p[a-z]+n": 2, "mark:note": 1} {
		if counted[rule] != want {
			t.Errorf("%s has taken out %d values, want %d", rule, counted[rule], want)
		}
	}
}

func TestATraceIsResumedWithItsOwnRedactionsOnly(t *testing.T) {
	s := newAPIServer(t)
	first := attachTo(t, s, redacting)
	first.breakOff()
	second := begin(t, s, func(o *Options) { o.Output = first.path })
	<-second.done
	if second.err == nil || !strings.Contains(second.err.Error(), "attach with the same --redact") {
		t.Errorf("got %v", second.err)
	}
}

func TestWithoutDefaultsEverythingIsRecorded(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", withSecrets)
	a := attachTo(t, s, func(o *Options) { o.WithoutDefaults = true })
	a.sees("added pods/ds/a u101 at 101")
	if found := filesWith(t, filepath.Dir(a.path), "topsecret-url"); found == nil {
		t.Error("the defaults were applied")
	}
	a.end("pods")
}

func TestOnlyItsUserMayReadARecording(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s)
	a.sees("added pods/ds/a u101 at 101")
	private := func() {
		t.Helper()
		files, err := filepath.Glob(a.path + "*")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files { // what lies in a directory that nobody may enter is private
			if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v (%v)", f, info.Mode(), err)
			}
		}
	}
	private()
	a.end("pods")
	private()
}
