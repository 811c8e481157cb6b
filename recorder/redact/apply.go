package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hindsight-project/hindsight/recorder/lexer"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// lastApplied is the annotation that holds the object once more.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

var copyPath = []string{"metadata", "annotations", lastApplied}

// unreadable stands for data that is no JSON, in which nothing can be found.
const unreadable = `"[redacted: it is no JSON]"`

// decoding accepts what the recorder accepts from an API server.
var decoding = jsontext.AllowDuplicateNames(true)

// Apply returns the data of an event without what the rules take out. It is the
// data itself where there is nothing to take out.
func (r *Rules) Apply(e trace.Event) json.RawMessage {
	switch {
	case e.Source == trace.SourceRecorder || e.Type == trace.Bookmark || len(e.Data) == 0:
		return e.Data
	case !e.Type.IsObject():
		out, _ := r.apply(&e)
		return out
	}
	r.clean.Lock()
	defer r.clean.Unlock()
	before := r.clean.Get(e.Object)
	text, changed, err := lexer.Compare(e.Data, before, r.clean.changed[:0])
	r.clean.changed = changed
	if err == nil && before != nil && r.isClean(&e, changed) {
		r.clean.put(&e, text)
		return e.Data
	}
	out, untouched := r.apply(&e)
	if err == nil && untouched {
		r.clean.put(&e, text)
	} else {
		r.clean.Forget(e.Object)
	}
	return out
}

// clean has the last texts of objects, of those in which there is nothing to take
// out: what follows them has to be looked at as far as it changed.
type clean struct {
	sync.Mutex
	lexer.Known[trace.Object]
	changed []byte
}

// maxClean bounds the bytes of these texts. Whoever emits them has most of them, too.
const maxClean = 16 << 20

func (c *clean) put(e *trace.Event, text *lexer.Tree) {
	c.Put(e.Object, text)
	if e.Type == trace.Deleted {
		c.Forget(e.Object)
	}
}

// isClean reports whether it is for sure that there is nothing to take out of an
// object with these changes to what was clean. A rule by path takes out another
// value than before only if that value is new, or if an element is that has to have
// a member: either way the names on the path down to there are in what changed.
func (r *Rules) isClean(e *trace.Event, changed []byte) bool {
	if hides(changed) || bytes.Contains(changed, []byte(lastApplied)) {
		return false
	}
	for _, rule := range r.paths {
		if rule.applies(e) && bytes.Contains(changed, rule.begins) {
			return false
		}
	}
	for _, rule := range r.patterns {
		if rule.applies(e) && rule.mayMatch(changed, false) {
			return false
		}
	}
	return true
}

// apply applies the rules to the whole data, and reports whether they take out
// nothing.
func (r *Rules) apply(e *trace.Event) (out json.RawMessage, untouched bool) {
	w := walker{object: e.Type.IsObject(), in: e.Data}
	// What is escaped may be anything: there only a closer look tells.
	hidden := hides(e.Data)
	w.twice = w.object && (hidden || bytes.Contains(e.Data, []byte(lastApplied)))
	for _, rule := range r.paths {
		if rule.applies(e) && (hidden || w.twice || rule.mayReach(e.Data)) {
			w.top = append(w.top, place{rule, 0})
		}
	}
	for _, rule := range r.patterns {
		if rule.applies(e) && (hidden || rule.mayMatch(e.Data, w.twice)) {
			w.patterns = append(w.patterns, rule)
		}
	}
	if len(w.top) == 0 && len(w.patterns) == 0 {
		return e.Data, true
	}
	out, err := w.run()
	if err != nil {
		return json.RawMessage(unreadable), false
	}
	return out, w.out == nil
}

// place is a rule and how much of its path has been walked.
type place struct {
	rule *rule
	next int
}

// done reports whether the whole path has been walked.
func (p place) done() bool { return p.next == len(p.rule.path) }

// walker reads one JSON text and copies it, but for what is taken out.
type walker struct {
	object   bool    // it is an object of Kubernetes, in which some things stay
	twice    bool    // the object may be there once more, in an annotation
	top      []place // where the rules by path stand at the beginning
	patterns []*rule
	in       []byte
	dec      *jsontext.Decoder
	next     *jsontext.Decoder // of the element that comes next
	out      []byte
	copied   int      // how much of in is in out
	path     []string // of the value that is read, without indices
	probing  bool     // only whether anything would be taken out is asked for
	found    bool     // it would be
}

func (w *walker) run() ([]byte, error) {
	w.dec = jsontext.NewDecoder(bytes.NewBuffer(w.in), decoding)
	if err := w.value(w.passLevels(slices.Clone(w.top))); err != nil {
		return nil, err
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	if w.out == nil {
		return w.in, nil
	}
	return append(w.out, w.in[w.copied:]...), nil
}

// passLevels adds the places behind a ** that stands for no level.
func (w *walker) passLevels(at []place) []place {
	for i := 0; i < len(at); i++ {
		if p := at[i]; !p.done() && p.rule.path[p.next].levels {
			at = append(at, place{p.rule, p.next + 1})
		}
	}
	return at
}

// value reads one value, at which the rules stand as at says.
func (w *walker) value(at []place) error {
	for _, p := range at {
		if p.done() {
			return w.takeOut(p.rule)
		}
	}
	if len(at) == 0 && len(w.patterns) == 0 && !w.towardsCopy() {
		return w.dec.SkipValue()
	}
	switch w.dec.PeekKind() {
	case '{':
		return w.members(at)
	case '[':
		return w.elements(at)
	case '"':
		return w.text()
	}
	return w.dec.SkipValue()
}

// towardsCopy reports whether the value that comes may hold the annotation with
// the copy of the object.
func (w *walker) towardsCopy() bool {
	return w.twice && len(w.path) <= len(copyPath) && slices.Equal(w.path, copyPath[:len(w.path)])
}

func (w *walker) members(at []place) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for w.dec.PeekKind() != '}' {
		token, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		w.path = append(w.path, name)
		if err := w.member(at, name); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.ReadToken()
	return err
}

// member reads the value of a member.
func (w *walker) member(at []place, name string) error {
	next := w.below(at, func(s segment) bool {
		return !s.elements && s.member == "" && match(s.glob, name)
	})
	switch {
	case w.probing:
	case w.object && len(w.path) == 1 && name == "metadata": // parts of it may go
		return w.value(slices.DeleteFunc(next, place.done))
	case w.object && stays(w.path), !w.object && len(w.path) == 1 && recordThatStays[name]:
		return w.dec.SkipValue()
	}
	return w.value(next)
}

// recordThatStays is what must stay of gaps and streams.
var recordThatStays = map[string]bool{
	"rv": true, "from_rv": true, "to_rv": true, "state": true, "side": true, "id": true,
}

func (w *walker) elements(at []place) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	conditions := false
	for _, p := range at {
		conditions = conditions || p.rule.path[p.next].member != ""
	}
	for w.dec.PeekKind() != ']' {
		var members map[string]string
		if conditions {
			members = w.ahead(at)
		}
		err := w.value(w.below(at, func(s segment) bool {
			if s.member == "" {
				return s.elements
			}
			text, has := members[s.member]
			return has && match(s.glob, strings.ToLower(text))
		}))
		if err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

// ahead returns the strings that the element that comes next has as members, of
// those that the rules ask for; none if it is no object.
func (w *walker) ahead(at []place) map[string]string {
	rest := bytes.NewBuffer(bytes.TrimLeft(w.in[w.dec.InputOffset():], ", \t\r\n"))
	if w.next == nil {
		w.next = jsontext.NewDecoder(rest, decoding)
	} else {
		w.next.Reset(rest, decoding)
	}
	if w.next.PeekKind() != '{' {
		return nil
	}
	if _, err := w.next.ReadToken(); err != nil {
		return nil
	}
	members := map[string]string{}
	for w.next.PeekKind() == '"' {
		token, err := w.next.ReadToken()
		if err != nil {
			return nil
		}
		name := token.String()
		wanted := slices.ContainsFunc(at, func(p place) bool { return p.rule.path[p.next].member == name })
		if !wanted || w.next.PeekKind() != '"' {
			delete(members, name)
			if w.next.SkipValue() != nil {
				return nil
			}
			continue
		}
		if token, err = w.next.ReadToken(); err != nil {
			return nil
		}
		members[name] = token.String()
	}
	return members
}

// below returns where the rules stand at a value one level down, to which steps
// is true for the segments that lead there.
func (w *walker) below(at []place, leads func(segment) bool) []place {
	var next []place
	for _, p := range at {
		switch s := p.rule.path[p.next]; {
		case s.levels:
			next = append(next, p)
		case leads(s):
			next = append(next, place{p.rule, p.next + 1})
		}
	}
	return w.passLevels(next)
}

// takeOut replaces the value that comes.
func (w *walker) takeOut(r *rule) error {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if string(raw) == `"`+Mark+`"` {
		return nil
	}
	if w.found = true; !w.probing {
		r.values.Add(1)
		w.put(len(raw), Mark)
	}
	return nil
}

// text applies patterns to a string, and paths to an object within it.
func (w *walker) text() error {
	again := w.twice && slices.Equal(w.path, copyPath)
	if len(w.patterns) == 0 && !again {
		return w.dec.SkipValue()
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	quoted := len(raw)
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return err
	}
	text := string(unquoted)
	if again {
		inside := walker{object: true, top: w.top, patterns: w.patterns, in: unquoted}
		out, err := inside.run()
		if err != nil {
			out = []byte(Mark)
		}
		text = string(out)
	}
	for _, p := range w.patterns {
		text = p.replace(text)
	}
	if text != string(unquoted) {
		w.put(quoted, text)
	}
	return nil
}

// put writes text in the place of the last n bytes that were read.
func (w *walker) put(n int, text string) {
	end := int(w.dec.InputOffset())
	w.out = append(w.out, w.in[w.copied:end-n]...)
	w.out, _ = jsontext.AppendQuote(w.out, strings.ToValidUTF8(text, "\uFFFD"))
	w.copied = end
}
