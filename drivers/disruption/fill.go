package disruption

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// methodSQL fills by rows, with their WAL; the other way is a file.
const methodSQL = "sql"

// ballast is the file that fills a volume. It is beside the data directory, so
// that no base backup and no pg_rewind touches it.
const ballast = "hindsight-ballast"

// Fill makes the volume of one instance as full as it is wanted.
type Fill struct {
	Role       string
	SQL        bool
	Percent    int    // used share that is wanted; 0: so much that growth is due
	Tablespace string // the volume is that of a tablespace

	pod    string
	buffer int64 // free share that the cluster wants, percent
	full   Disk  // as it was left
}

// Disk is how full a file system is, in bytes.
type Disk struct{ Total, Used int64 }

// Percent is the used share.
func (d Disk) Percent() float64 { return 100 * float64(d.Used) / float64(d.Total) }

// Prepare chooses the instance.
func (d *Fill) Prepare(ctx context.Context, t *target.Target) error {
	s, err := t.State(ctx)
	if err != nil {
		return err
	}
	role := d.Role
	if d.SQL {
		role = "primary" // others cannot be written to
	}
	if d.pod, err = instanceOf(s, role); err != nil {
		return err
	}
	c, err := t.Get(ctx)
	if err != nil {
		return err
	}
	var found bool
	d.buffer, found, _ = unstructured.NestedInt64(c.Object, "spec", "storage", "targetBuffer")
	if !found {
		d.buffer = 20 // the operator's default
	}
	return nil
}

// wanted is how many bytes are to be used.
func (d *Fill) wanted(ctx context.Context, t *target.Target, disk Disk) (int64, error) {
	if d.Percent != 0 {
		return disk.Total * int64(d.Percent) / 100, nil
	}
	s, err := t.State(ctx)
	if err != nil {
		return 0, err
	}
	return due(disk, s.Size(d.pod, d.Tablespace), d.buffer), nil
}

// due is the usage, in bytes, that makes planned growth due. The free share has to
// be below the buffer, and the size at which it would not be above that of the
// volume, which is larger than its file system: by a tenth where the volume is small.
func due(disk Disk, size, buffer int64) int64 {
	return min(max(disk.Total, size)*(103-buffer)/100, disk.Total*97/100)
}

// Inject fills the volume.
func (d *Fill) Inject(ctx context.Context, t *target.Target) (Done, error) {
	before, err := d.disk(ctx, t)
	if err != nil {
		return Done{}, err
	}
	wanted, err := d.wanted(ctx, t, before)
	if err != nil {
		return Done{}, err
	}
	switch missing := wanted - before.Used; {
	case missing <= 0:
	case d.SQL:
		err = d.insert(ctx, t, wanted, missing)
	default:
		err = d.write(ctx, t, missing)
	}
	after, unread := d.disk(ctx, t)
	if unread != nil {
		return Done{Note: "wrote to the disk of " + d.pod}, unread
	}
	d.full = after
	return Done{
		fmt.Sprintf("filled %s of %s from %.1f %% to %.1f %%", d.path(), d.pod, before.Percent(), after.Percent()),
		map[string]any{
			"instance": d.pod, "total_bytes": after.Total, "used_bytes": after.Used, "written_bytes": after.Used - before.Used,
		},
	}, err
}

// Observe has nothing to wait for: it is full.
func (d *Fill) Observe(context.Context, *target.Target, time.Duration) (Done, error) {
	return Done{Note: "the disk of " + d.pod + " is filled"}, nil
}

// Undo leaves what was written: a disk that becomes empty again would end what
// the scenario is about. The volume goes with its namespace.
func (d *Fill) Undo(context.Context, *target.Target) error { return nil }

// Free removes the file that fills the volume.
func (d *Fill) Free(ctx context.Context, t *target.Target) error {
	_, err := t.Exec(ctx, d.pod, "sh", "-c", "rm -f "+d.path()+"/"+ballast+" && sync")
	return err
}

func (d *Fill) path() string {
	if d.Tablespace != "" {
		return "/var/lib/postgresql/tablespaces/" + d.Tablespace
	}
	return DataPath
}

func (d *Fill) disk(ctx context.Context, t *target.Target) (Disk, error) {
	return DiskOf(ctx, t, d.pod, d.path())
}

// DataPath is where the data volume is mounted.
const DataPath = "/var/lib/postgresql/data"

// DiskOf asks df in a pod how full the file system at a path is.
func DiskOf(ctx context.Context, t *target.Target, pod, path string) (Disk, error) {
	text, err := t.Exec(ctx, pod, "df", "-B1", "--output=size,used", path)
	if err != nil {
		return Disk{}, err
	}
	return parseDF(text)
}

func parseDF(text string) (Disk, error) {
	fields := strings.Fields(text)
	if len(fields) >= 2 {
		total, bad := strconv.ParseInt(fields[len(fields)-2], 10, 64)
		used, worse := strconv.ParseInt(fields[len(fields)-1], 10, 64)
		if bad == nil && worse == nil && total > 0 {
			return Disk{total, used}, nil
		}
	}
	return Disk{}, fmt.Errorf("df said something else than size and usage: %q", text)
}

// rowBytes is about what a row takes on the disk, beside its WAL.
const rowBytes = 1200

// write makes the ballast larger.
func (d *Fill) write(ctx context.Context, t *target.Target, bytes int64) error {
	file := d.path() + "/" + ballast
	have, add := `have=$(stat -c %s "$f" 2>/dev/null || echo 0); `, fmt.Sprintf(`size=$((have + %d)); `, bytes)
	_, err := t.Exec(ctx, d.pod, "sh", "-c", "f="+file+"; "+have+add+
		`fallocate -l $size "$f" 2>/dev/null || dd if=/dev/zero bs=1M count=$(((size - have) / 1048576)) >>"$f"; sync`)
	return err
}

// insert writes rows until so much is used. How much WAL stays beside them is the
// server's choice, so it looks after every batch, and goes half of the way at most.
func (d *Fill) insert(ctx context.Context, t *target.Target, wanted, missing int64) error {
	for most := 2 * missing / rowBytes; missing > 0 && most > 0; {
		rows := min(max(missing/rowBytes/2, batch/20), batch)
		if err := Rows(ctx, t, d.pod, d.Tablespace, int(rows)); err != nil {
			return err
		}
		disk, err := d.disk(ctx, t)
		if err != nil {
			return err
		}
		missing, most = wanted-disk.Used, most-rows
	}
	return nil
}

// batch is how many rows are written in one transaction.
const batch = 20000

// Rows writes rows of about 1 KB into a table of the driver's own.
func Rows(ctx context.Context, t *target.Target, pod, tablespace string, rows int) error {
	where := ""
	if tablespace != "" {
		where = " TABLESPACE " + tablespace
	}
	create := "CREATE TABLE IF NOT EXISTS hindsight_load (id bigint, filler text)" + where
	if _, err := t.SQL(ctx, pod, "app", create); err != nil {
		return err
	}
	for written := 0; written < rows; written += batch {
		insert := fmt.Sprintf("INSERT INTO hindsight_load SELECT i, (SELECT string_agg(md5((i * 31 + j)::text), '') "+
			"FROM generate_series(1, 32) j) FROM generate_series(%d, %d) i", written+1, min(written+batch, rows))
		if _, err := t.SQL(ctx, pod, "app", insert); err != nil {
			return err
		}
		t.Waiting("the load", fmt.Sprintf("%d of %d rows", min(written+batch, rows), rows))
	}
	return nil
}
