package bus

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// freeAddress returns a loopback address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestTheBuiltInServerListensOnlyWhenAskedAndOnlyForThoseWhoHaveItsToken(t *testing.T) {
	address, dir := freeAddress(t), t.TempDir()
	b := open(t, Options{Dir: dir, Listen: address}, trace.Position{})
	publish(t, b, 1, 3)
	numbered(t, consume(t, b, 0, 3), 1, 3)
	token := filepath.Join(dir, tokenFile)
	if info, err := os.Stat(token); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token has mode %v (%v)", info.Mode(), err)
	}
	with, without := broker.Options{URL: "nats://" + address, TokenFile: token}, broker.Options{URL: "nats://" + address}
	for range 2 {
		nc, err := with.Connect("test")
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
		if nc, err := without.Connect("test"); err == nil {
			nc.Close()
			t.Error("somebody without the token was let in")
		}
		if err := b.embedded.restart(); err != nil { // the same token after it was started anew
			t.Fatal(err)
		}
	}
	quiet := open(t, Options{Dir: t.TempDir()}, trace.Position{})
	if o := quiet.embedded.options(); !o.DontListen || o.Port != 0 {
		t.Errorf("unasked it listens on port %d", o.Port)
	}
}

func TestWhereTheBuiltInServerMayListen(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:4222": "", "[::1]:4222": "", "127.9.9.9:1": "",
		"0.0.0.0:4222": "loopback", ":4222": "loopback", "192.0.2.1:4222": "loopback", "localhost:4222": "loopback",
		"127.0.0.1": "is not like", "127.0.0.1:0": "from 1 to 65535", "127.0.0.1:nats": "from 1 to 65535",
	} {
		err := ValidateListen(address)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := Options{RunID: "ds-1", Dir: t.TempDir(), Listen: fmt.Sprint(l.Addr()), Notify: t.Logf}
	if _, err := Open(t.Context(), o, trace.Position{}); err == nil || !strings.Contains(err.Error(), "another port") {
		t.Errorf("got %v", err)
	}
}
