package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// The role of the application, its database and its password.
const (
	User     = "app"
	Database = "app"
	Password = "not-to-be-seen-anywhere"
)

// startTimeout is generous: several tests may share the machine.
const startTimeout = 60 * time.Second

// Server is one PostgreSQL server.
type Server struct {
	Name string
	Port int

	dir    string
	bin    string
	as     *syscall.SysProcAttr
	cmd    *exec.Cmd
	exited chan struct{}
	link   *link // of a standby to its primary
}

// NewPrimary makes a server that accepts writes.
func NewPrimary(t testing.TB, name string) *Server {
	t.Helper()
	s := prepare(t, name)
	s.run(t, "initdb", "-D", s.dir, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
	s.write(t, "pg_hba.conf", strings.Join([]string{
		"host all postgres 127.0.0.1/32 trust",
		"host replication postgres 127.0.0.1/32 trust",
		"host all all 127.0.0.1/32 scram-sha-256", "",
	}, "\n"))
	s.Start(t)
	s.Exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", User, Password))
	s.Exec(t, fmt.Sprintf("CREATE DATABASE %s OWNER %s", Database, User))
	return s
}

// NewStandby makes a hot standby that streams from s.
func (s *Server) NewStandby(t testing.TB, name string) *Server {
	t.Helper()
	standby := prepare(t, name)
	standby.link = newLink(t, s.Port)
	standby.run(t, "pg_basebackup", "-D", standby.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port),
		"-U", "postgres", "-c", "fast", "-X", "stream", "-N")
	standby.write(t, "standby.signal", "")
	standby.Start(t)
	s.waitFor(t, "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '"+
		name+"'")
	return standby
}

func prepare(t testing.TB, name string) *Server {
	t.Helper()
	s := &Server{Name: name, bin: binaries(t), as: &syscall.SysProcAttr{}}
	parent := os.TempDir()
	if os.Getuid() == 0 {
		parent = "/tmp" // TMPDIR may be closed to others
	}
	dir, err := os.MkdirTemp(parent, "hindsight-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s.dir = dir
	if os.Getuid() == 0 {
		s.unprivileged(t)
	}
	return s
}

// binaries finds the newest PostgreSQL of the system.
func binaries(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian does not put them into PATH
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
			return versionOf(a) - versionOf(b)
		}))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	const missing = "PostgreSQL is not installed (apt-get install postgresql)"
	if os.Getenv("HINDSIGHT_POSTGRES") == "required" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

func versionOf(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// unprivileged lets the server run as somebody who may.
func (s *Server) unprivileged(t testing.TB) {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no user postgres: %v", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatalf("the user postgres has the ids %q and %q", u.Uid, u.Gid)
	}
	s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := s.as.Credential; c != nil {
		if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs one of PostgreSQL's programs to its end.
func (s *Server) run(t testing.TB, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.SysProcAttr, cmd.Dir = s.as, s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Start starts a server that does not run.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if s.Port == 0 {
		s.Port = freePort(t)
	}
	args := []string{"-D", s.dir}
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(s.Port), "unix_socket_directories": "",
		"cluster_name": s.Name, "fsync": "off", "shared_buffers": "16MB", "wal_keep_size": "256MB",
		"wal_receiver_status_interval": "1", "max_connections": "40",
	}
	if s.link != nil {
		settings["primary_conninfo"] = fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=%s",
			s.link.port, s.Name)
		settings["wal_retrieve_retry_interval"] = "200ms"
	}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	var log bytes.Buffer
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), args...)
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Stderr = s.as, s.dir, &log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	t.Cleanup(func() {
		s.kill(cmd, exited)
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.Name, log.String())
		}
	})
	s.waitUntilReady(t, exited, &log)
}

func (s *Server) waitUntilReady(t testing.TB, exited chan struct{}, log *bytes.Buffer) {
	t.Helper()
	for until := time.Now().Add(startTimeout); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		select {
		case <-exited:
			t.Fatalf("%s did not start:\n%s", s.Name, log.String())
		default:
		}
		if _, err := s.query("SELECT 1"); err == nil {
			return
		}
	}
	t.Fatalf("%s does not answer", s.Name)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Kill ends the server and all its processes at once.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.kill(s.cmd, s.exited)
}

func (s *Server) kill(cmd *exec.Cmd, exited chan struct{}) {
	select {
	case <-exited:
		return
	default:
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	children, _ := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	_ = cmd.Process.Kill()
	for child := range strings.FieldsSeq(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
	}
	<-exited
}

// Stop ends the server in order, without waiting for its clients.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-s.exited
}

// StopPolitely ends the server as a pod's deletion does: once its clients have gone.
func (s *Server) StopPolitely(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.exited
}

// Promote makes a primary of a standby, and waits until it is.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if got := s.Query(t, "SELECT pg_promote(true, 60)"); got != "t" {
		t.Fatalf("%s was not promoted: %s", s.Name, got)
	}
}

// SetSynchronous sets synchronous_standby_names.
func (s *Server) SetSynchronous(t testing.TB, names string) {
	t.Helper()
	s.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'")
	s.Exec(t, "SELECT pg_reload_conf()")
	s.waitFor(t, "SELECT current_setting('synchronous_standby_names') = '"+names+"'")
	if names != "" {
		s.waitFor(t, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')")
	}
}

// Cut ends the stream from the primary.
func (s *Server) Cut() { s.link.cut() }

// Mend allows the stream from the primary again.
func (s *Server) Mend() { s.link.mend() }

// URL returns the connection string of the application for these servers.
func URL(servers ...*Server) string {
	hosts := make([]string, len(servers))
	for i, s := range servers {
		hosts[i] = fmt.Sprintf("127.0.0.1:%d", s.Port)
	}
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", User, Password, strings.Join(hosts, ","), Database)
}

// Exec runs a statement as the superuser in the database of the application, or
// in postgres before there is one.
func (s *Server) Exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := s.query(sql); err != nil {
		t.Fatalf("%s: %s: %v", s.Name, sql, err)
	}
}

// Query returns the first column of the first row.
func (s *Server) Query(t testing.TB, sql string) string {
	t.Helper()
	text, err := s.query(sql)
	if err != nil {
		t.Fatalf("%s: %s: %v", s.Name, sql, err)
	}
	return text
}

func (s *Server) waitFor(t testing.TB, condition string) {
	t.Helper()
	for until := time.Now().Add(startTimeout); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if s.Query(t, condition) == "t" {
			return
		}
	}
	t.Fatalf("%s: never true: %s", s.Name, condition)
}

func (s *Server) query(sql string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	database := Database
	conn, err := s.dial(ctx, database)
	if err != nil {
		if conn, err = s.dial(ctx, "postgres"); err != nil {
			return "", err
		}
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

func (s *Server) dial(ctx context.Context, database string) (*pgconn.PgConn, error) {
	return pgconn.Connect(ctx,
		fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=disable", s.Port, database))
}
