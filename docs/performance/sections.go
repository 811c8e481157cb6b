package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// find returns the size of a name in the plan.
func (b *bench) find(name string) size {
	for _, s := range b.plan.sizes {
		if s.name == name {
			return s
		}
	}
	return size{}
}

// measureStorage imports and packs logs.
func (b *bench) measureStorage() error {
	if err := b.measureReal(); err != nil {
		return err
	}
	for _, name := range recorded {
		if err := b.store(name); err != nil {
			return err
		}
	}
	if _, err := b.generated(b.find(b.plan.store)); err != nil {
		return err
	}
	return b.store(b.plan.store)
}

// store measures the import of one history, and its sizes.
func (b *bench) store(name string) error {
	log, packed, out := b.path(name+".log.jsonl"), b.path(name+".log.zst"), b.path("imported.db")
	sealed := b.path(name + ".db")
	err := b.once(log, func(path string) error {
		_, err := b.step("log", sealed, path)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.once(packed, func(path string) error { return b.pack(log, path) }); err != nil {
		return err
	}
	for what, path := range map[string]string{"log": log, "packed": packed, "trace": sealed} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		b.r.Values[what+" bytes "+name] = float64(info.Size())
	}
	var samples []sample
	for range b.plan.rounds {
		if err := os.RemoveAll(out); err != nil {
			return err
		}
		c := contender{name: "recorder import", args: []string{b.tools.recorder, "import", log, "-o", out}}
		s, err := b.time(c, b.path("stdout"))
		if err != nil {
			return err
		}
		if samples = append(samples, s); s.Wall*float64(len(samples)) > b.plan.patience {
			break
		}
	}
	b.r.Figures[name+"/recorder import"] = figureOf(samples)
	events, err := b.step("events", sealed)
	if err != nil {
		return err
	}
	b.r.Values["events "+name], err = strconv.ParseFloat(string(events), 64)
	return errors.Join(err, os.RemoveAll(out))
}

// pack compresses a log as strongly as the machine can.
func (b *bench) pack(log, path string) error {
	if b.tools.zstd == "" {
		_, err := b.step("pack", log, path)
		return err
	}
	return b.command(b.ctx, b.tools.zstd, "-19", "--long=27", "--quiet", "-o", path, log).Run()
}

// stepPack compresses without the zstd command: LOG OUT.
func stepPack(_ context.Context, args []string) (err error) {
	in, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(args[1])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(1<<27))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return errors.Join(err, w.Close())
}

// measureTravel measures the state at random moments.
func (b *bench) measureTravel() error {
	trace, err := b.generated(b.find(b.plan.travel))
	if err != nil {
		return err
	}
	out, err := b.step("travel", trace)
	if err != nil {
		return err
	}
	var t travel
	if err := json.Unmarshal(out, &t); err != nil {
		return err
	}
	for name, v := range map[string]float64{
		"open": t.Open, "state of one, median": t.One, "state of one, p99": t.OneP99,
		"state of namespace, median": t.Namespace, "state of namespace, p99": t.NamespaceP99,
		"moments": float64(t.Probes), "objects of a namespace": float64(t.ObjectsMedian),
	} {
		b.r.Values[name] = v
	}
	return nil
}

// measureMany checks a directory of small traces.
func (b *bench) measureMany() error {
	dir := b.path(fmt.Sprintf("many-%d", b.plan.many))
	err := b.once(dir, func(path string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		_, err := b.step("many", path, strconv.Itoa(b.plan.many))
		return err
	})
	if err != nil {
		return err
	}
	figures, _, err := b.contest([]contender{b.verifier("many", dir)})
	if err != nil {
		return err
	}
	bytes, err := weight(dir)
	b.r.Figures["many/"+wholeSet] = figures["many"]
	b.r.Values["many"] = float64(b.plan.many)
	b.r.Values["many bytes"] = float64(bytes)
	if err != nil {
		return err
	}
	return b.weighVerdict(filepath.Join(dir, "0000.db"))
}

// weight is the size of all files in a directory.
func weight(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var all int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		all += info.Size()
	}
	return all, nil
}

// weighVerdict keeps how long the verdict of a small trace is.
func (b *bench) weighVerdict(trace string) error {
	out := b.path("verdict.json")
	if _, err := b.time(b.verifier("verdict", trace, "-o", "json"), out); err != nil {
		return err
	}
	info, err := os.Stat(out)
	if err == nil {
		b.r.Values["verdict bytes"] = float64(info.Size())
	}
	return err
}

// onStorage are policies that read the view storage, the first one all of it.
var onStorage = []string{"idempotency", "policy-bounds", "replica-consistency", "status-coherence"}

// measureMore measures what one more policy of a view costs.
func (b *bench) measureMore() error {
	trace, err := b.generated(b.find(b.plan.large))
	if err != nil {
		return err
	}
	figures, _, err := b.contest([]contender{
		b.verifier("one", trace, chosen(onStorage[0])...), b.verifier("more", trace, chosen(onStorage...)...),
	})
	if err != nil {
		return err
	}
	for name, f := range figures {
		b.r.Figures["policies/"+name] = f
	}
	extra := (figures["more"].CPU - figures["one"].CPU) / float64(len(onStorage)-1)
	b.r.Values["one more policy"] = extra / float64(b.find(b.plan.large).events) * 1e6
	return nil
}
