package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/travel"
)

// showOptions are the flags of show.
type showOptions struct {
	streams
	at, namespace, output string
}

func newShow(s streams) *cobra.Command {
	o := showOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "show TRACE [RESOURCE | RESOURCE/NAME]…",
		Short: "List the objects of a trace as they were at a moment",
		Long: `show lists objects as kubectl would have at a moment of the recording. Resources are
named as kubectl takes them: pods, po, pvc/pg-1, clusters.postgresql.cnpg.io. Without
one, all but Kubernetes Events and Leases are listed.

A moment is a time since the start (1m30s), before the end (-5m), by the clock
(02:12:21, 2026-11-22T02:12:21Z), an event (seq:811), a resourceVersion (rv:1595), or
a name with an offset: @trigger, @disruption, @converged, @start, @end, or the phase
of a mark, such as @fill-end, @disruption-start#2+30s.

What the recording does not know for certain at that moment (a gap, a broken watch) is
said on standard error.`,
		Example: `  # the instances half a minute after the first disruption
  verifier show trace.db pods --at @disruption+30s

  # one claim as the finding saw it
  verifier show trace.db pvc/pg-2 -n ds-e2e --at seq:811 -o yaml

  # everything at the end
  verifier show trace.db -o wide`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("show needs a trace file, such as: verifier show trace.db pods --at @disruption+30s")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return o.run(args[0], args[1:]) },
	}
	cmd.Flags().StringVar(&o.at, "at", "", "`MOMENT` to show (default: the end)")
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "only this namespace (default: all)")
	cmd.Flags().StringVarP(&o.output, "output", "o", "table", "output format: table, wide, yaml, json or name")
	return cmd
}

// past opens a trace for time travel; done closes it.
func past(path string) (p *travel.Past, done func() error, err error) {
	r, err := trace.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if p, err = travel.Open(r); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return p, r.Close, nil
}

func (o *showOptions) run(path string, args []string) (err error) {
	if !slices.Contains([]string{"table", "wide", "yaml", "json", "name"}, o.output) {
		return fmt.Errorf("-o %s: want table, wide, yaml, json or name", o.output)
	}
	p, done, err := past(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	m, err := p.At(o.at)
	if err != nil {
		return err
	}
	wanted, err := wantedKinds(p, args)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.err, "%s, +%s, event %d\n", m.Wall.Format("2006-01-02 15:04:05.000Z"), m.Time, m.Seq)
	var all []unstructured.Unstructured
	for i, w := range wanted {
		list, err := p.List(m, w.kind, o.namespace)
		if err != nil {
			return err
		}
		if list = w.named(list); len(list) == 0 {
			if len(args) > 0 {
				fmt.Fprintf(o.err, "No %s at that moment.\n", w)
			}
			continue
		}
		doubts := o.doubts(p, m, w, list)
		if o.output == "table" || o.output == "wide" {
			if i > 0 && len(wanted) > 1 {
				fmt.Fprintln(o.out)
			}
			if err := o.table(w.kind, list, m, doubts, len(wanted) > 1); err != nil {
				return err
			}
		}
		all = append(all, list...)
	}
	return o.write(all, len(args) == 1 && strings.Contains(args[0], "/"))
}

// wantedKind is a kind, or some objects of it.
type wantedKind struct {
	kind  travel.Kind
	names []string
}

func (w wantedKind) String() string {
	if len(w.names) == 0 {
		return w.kind.Resource.String()
	}
	return w.kind.Resource.String() + "/" + strings.Join(w.names, ", ")
}

func (w wantedKind) named(list []unstructured.Unstructured) []unstructured.Unstructured {
	return slices.DeleteFunc(list, func(o unstructured.Unstructured) bool {
		return len(w.names) > 0 && !slices.Contains(w.names, o.GetName())
	})
}

// wantedKinds reads "pods,pvc", "pvc/pg-1", or kubectl's "pvc pg-1 pg-2".
func wantedKinds(p *travel.Past, args []string) ([]wantedKind, error) {
	var out []wantedKind
	if len(args) == 0 {
		for _, k := range p.Kinds() {
			quiet := k.Resource.Resource == "events" || k.Resource.Resource == "leases"
			if _, err := p.Kind(k.Resource.String()); err == nil && !quiet {
				out = append(out, wantedKind{kind: k})
			}
		}
		return out, nil
	}
	for i, arg := range args {
		resources, name, named := strings.Cut(arg, "/")
		for _, resource := range strings.Split(resources, ",") {
			k, err := p.Kind(resource)
			if err != nil && i > 0 && !named && !strings.Contains(args[0], "/") {
				out[0].names = append(out[0].names, arg)
				break
			}
			if err != nil {
				return nil, err
			}
			w := wantedKind{kind: k}
			if named {
				w.names = []string{name}
			}
			out = append(out, w)
		}
	}
	return out, nil
}

// doubts says on standard error what is doubtful, and returns by object, or for all
// under "", that it is.
func (o *showOptions) doubts(
	p *travel.Past, m travel.Moment, w wantedKind, list []unstructured.Unstructured,
) map[string]string {
	out := map[string]string{}
	for _, d := range p.Doubts(m, w.kind) {
		key := ""
		if d.Object != nil {
			key = d.Object.Namespace + "/" + d.Object.Name
			shown := func(u unstructured.Unstructured) bool { return u.GetNamespace()+"/"+u.GetName() == key }
			if !slices.ContainsFunc(list, shown) {
				continue
			}
		}
		out[key] = d.Text
		fmt.Fprintf(o.err, "doubtful: %s\n", d.Text)
	}
	return out
}

func (o *showOptions) table(
	k travel.Kind, list []unstructured.Unstructured, m travel.Moment, doubts map[string]string, withKind bool,
) error {
	t := travel.Table(k, list, m.Wall)
	if len(doubts) > 0 {
		t.ColumnDefinitions = append(t.ColumnDefinitions, metav1.TableColumnDefinition{Name: "Doubt", Type: "string"})
		for i := range t.Rows {
			cell := "yes"
			if doubts[""] == "" && doubts[list[i].GetNamespace()+"/"+list[i].GetName()] == "" {
				cell = ""
			}
			t.Rows[i].Cells = append(t.Rows[i].Cells, cell)
		}
	}
	options := printers.PrintOptions{
		Wide: o.output == "wide", WithNamespace: k.Namespaced && o.namespace == "", WithKind: withKind,
		Kind: schema.GroupKind{Group: k.Group, Kind: k.Kind},
	}
	return printers.NewTablePrinter(options).PrintObj(t, o.out)
}

// write writes what is not a table: one object by itself, several as a List.
func (o *showOptions) write(all []unstructured.Unstructured, single bool) error {
	if o.output == "name" {
		for _, u := range all {
			fmt.Fprintf(o.out, "%s/%s\n", strings.ToLower(u.GetKind()), u.GetName())
		}
	}
	if o.output != "yaml" && o.output != "json" {
		return nil
	}
	var content any
	if single && len(all) == 1 {
		content = all[0].Object
	} else {
		items := make([]any, 0, len(all))
		for _, u := range all {
			items = append(items, u.Object)
		}
		content = map[string]any{"apiVersion": "v1", "kind": "List", "items": items}
	}
	text, err := yaml.Marshal(content)
	if err == nil && o.output == "json" {
		text, err = marshalIndented(content)
	}
	if err != nil {
		return err
	}
	_, err = o.out.Write(text)
	return err
}
