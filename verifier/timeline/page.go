package timeline

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

const (
	pageMax   = 2_900_000 // bytes of the page: it has to stay under 3 MB
	chunkSize = 1024      // events whose details are compressed together, and decoded when one is asked for
	tableMax  = 500       // rows of a table of the page
)

//go:embed page
var files embed.FS

// scripts are the parts of the page's program, in the order in which they stand.
var scripts = []string{"data.js", "model.js", "theme.js", "draw.js", "panel.js", "view.js", "input.js", "main.js"}

// Write writes the page of a run. Its traces are opened by open, by their File; the
// readers are closed again.
func Write(w io.Writer, run verdict.Run, open func(file string) (*trace.Reader, error)) error {
	var traces []Timeline
	for _, v := range run.Traces {
		t, err := openAndRead(v, open)
		if err != nil {
			return fmt.Errorf("draw %s: %w", v.File, err)
		}
		traces = append(traces, t)
	}
	return write(w, run, traces)
}

func openAndRead(v verdict.Trace, open func(string) (*trace.Reader, error)) (t Timeline, err error) {
	if v.Error != "" {
		return Read(nil, v)
	}
	r, err := open(v.File)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return Read(r, v)
}

func write(w io.Writer, run verdict.Run, traces []Timeline) error {
	script, err := program()
	if err != nil {
		return err
	}
	style, err := files.ReadFile("page/style.css")
	if err != nil {
		return err
	}
	text, err := files.ReadFile("page/page.html")
	if err != nil {
		return err
	}
	page, err := template.New("page").Funcs(functions).Parse(string(text))
	if err != nil {
		return err
	}
	content := content{
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; script-src '" + digest(script) +
			"'; style-src '" + digest(string(style)) + "'",
		Script: template.JS(script), Style: template.CSS(style), Run: run, Traces: traces,
	}
	var frame counter // the page without the data, tables included
	if err := page.Execute(&frame, content); err != nil {
		return err
	}
	var total int
	for _, t := range traces {
		total += len(t.Events.Seq)
	}
	for _, t := range traces {
		share := max(0, pageMax-int(frame))
		if total > 0 {
			share = int(int64(share) * int64(len(t.Events.Seq)) / int64(total))
		}
		packed, err := t.pack(share)
		if err != nil {
			return err
		}
		content.Data = append(content.Data, packed)
	}
	return page.Execute(w, content)
}

// counter counts what is written.
type counter int

func (c *counter) Write(text []byte) (int, error) {
	*c += counter(len(text))
	return len(text), nil
}

// program joins the scripts in a function of their own.
func program() (string, error) {
	var all strings.Builder
	all.WriteString("(() => {\n\"use strict\";\n")
	for _, name := range scripts {
		text, err := files.ReadFile("page/" + name)
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	all.WriteString("})();\n")
	return all.String(), nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// content is what the template is filled with.
type content struct {
	Policy string
	Script template.JS
	Style  template.CSS
	Run    verdict.Run
	Traces []Timeline
	Data   []packed
}

// packed is a timeline as it stands in the page: JSON, compressed, in base64.
type packed struct {
	Main   string
	Chunks []string
}

// pack compresses a timeline into at most room bytes, if leaving out details is
// enough for that.
func (t Timeline) pack(room int) (packed, error) {
	details := slices.Clone(t.details)
	order := t.byWorth()
	for keep := len(order); ; {
		for _, i := range order[keep:] {
			details[i] = nil
		}
		p, size, err := t.packWith(details)
		if err != nil || size <= room || keep == 0 {
			return p, err
		}
		fixed := len(p.Main) // the details are the rest, and are about equally long
		keep = min(keep*19/20, int(float64(keep)*float64(max(0, room-fixed))/float64(size-fixed)))
	}
}

// byWorth returns the events that have details, the dearest first: evidence,
// then what is near to it, bookkeeping last.
func (t Timeline) byWorth() []int {
	var order []int
	distance := make([]int, len(t.details))
	near := func(i int, last *int) {
		if t.Events.Flags[i]&(flagEvidence|flagDoubt) != 0 {
			*last = i
		}
		if *last >= 0 {
			distance[i] = min(distance[i], max(i-*last, *last-i))
		}
	}
	before, after := -1, -1
	for i := range t.details {
		distance[i] = len(t.details)
		near(i, &before)
	}
	for i := len(t.details) - 1; i >= 0; i-- {
		near(i, &after)
	}
	for i, d := range t.details {
		if d != nil {
			order = append(order, i)
		}
	}
	worth := func(i int) int { // of a trace with writes, most of the details are those
		switch kind := t.Types[t.Events.Type[i]]; {
		case t.Events.Flags[i]&(flagEvidence|flagDoubt) != 0:
			return 0
		case t.Events.Flags[i]&flagBookkeeping != 0:
			return 3
		case kind == "sentinel.invoked" || kind == "sentinel.acknowledged":
			return 2
		}
		return 1
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(worth(a), worth(b)), cmp.Compare(distance[a], distance[b]))
	})
	return order
}

func (t Timeline) packWith(details []json.RawMessage) (p packed, size int, err error) {
	lost := 0
	flags := slices.Clone(t.Events.Flags)
	for i, d := range details {
		if d != nil {
			flags[i] |= flagDetail
		} else if t.details[i] != nil {
			lost++
		}
	}
	t.Events.Flags = flags
	if lost > 0 {
		t.LeftOut = append(slices.Clone(t.LeftOut), LeftOut{What: "what is farthest from a finding", Detail: lost})
	}
	main, err := json.Marshal(struct {
		Timeline
		Objects objects `json:"objects"`
		Chunk   int     `json:"chunk"`
	}{t, columnsOf(t.Objects), chunkSize})
	if err != nil {
		return p, 0, err
	}
	texts := [][]byte{main}
	for chunk := range slices.Chunk(details, chunkSize) {
		texts = append(texts, listOf(chunk))
	}
	parts := make([]string, len(texts))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, text := range texts {
		group.Go(func() (err error) {
			parts[i], err = deflate(text)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return p, 0, err
	}
	for _, part := range parts {
		size += len(part)
	}
	return packed{Main: parts[0], Chunks: parts[1:]}, size, nil
}

// listOf is the JSON list of details, which are compact already; null for what is
// left out.
func listOf(details []json.RawMessage) []byte {
	list := []byte{'['}
	for i, d := range details {
		if i > 0 {
			list = append(list, ',')
		}
		if d == nil {
			d = json.RawMessage("null")
		}
		list = append(list, d...)
	}
	return append(list, ']')
}

// deflate compresses text as a browser can read it: zlib, in base64.
func deflate(text []byte) (string, error) {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(text); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// functions are those of the template.
var functions = template.FuncMap{
	"upper":  func(v any) string { return strings.ToUpper(fmt.Sprint(v)) },
	"since":  func(us int64) string { return "+" + time.Duration(us*1000).Round(time.Millisecond).String() },
	"phases": phases,
	"safe":   func(base64 string) template.HTML { return template.HTML(base64) }, // of our own making
	"rows": func(list []Finding) []Finding {
		return list[:min(len(list), tableMax)]
	},
	"more": func(n int) int { return max(0, n-tableMax) },
}

// phase is a row of the table of phases.
type phase struct {
	Cluster string
	Span
}

// phases are the phases of all clusters, and what was done to them.
func phases(t Timeline) []phase {
	var all []phase
	for _, g := range t.Groups {
		for _, l := range g.Lanes {
			if l.Kind != "phase" && l.Kind != "disruption" && l.Kind != "gap" && l.Kind != "diagnosis" {
				continue
			}
			for _, s := range l.Spans {
				s.Text = l.Kind + ": " + s.Text
				all = append(all, phase{g.Label, s})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b phase) int { return cmp.Compare(a.From, b.From) })
	return all[:min(len(all), tableMax)]
}
