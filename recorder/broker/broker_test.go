package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// pki is an authority, and certificates of it, as files.
type pki struct {
	t    *testing.T
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newPKI(t *testing.T) *pki {
	p := &pki{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	p.key = p.newKey()
	p.ca = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, p.ca, p.ca, p.key.Public(), p.key)
	p.must(err)
	p.write("ca.pem", "CERTIFICATE", der)
	parsed, err := x509.ParseCertificate(der)
	p.must(err)
	p.pool.AddCert(parsed)
	return p
}

func (p *pki) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pki) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.must(err)
	return key
}

func (p *pki) write(name, kind string, der []byte) string {
	path := filepath.Join(p.dir, name)
	p.must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// issue makes a certificate for 127.0.0.1.
func (p *pki) issue(name string) (cert, key string) {
	own := p.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.ca, own.Public(), p.key)
	p.must(err)
	private, err := x509.MarshalECPrivateKey(own)
	p.must(err)
	return p.write(name+".pem", "CERTIFICATE", der), p.write(name+".key", "EC PRIVATE KEY", private)
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

// start runs a real server on the loopback interface and returns its host and port.
func start(t *testing.T, change func(*server.Options)) string {
	t.Helper()
	o := server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	change(&o)
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return fmt.Sprintf("127.0.0.1:%d", o.Port)
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func encrypted(p *pki, clients bool) func(*server.Options) {
	cert, key := p.issue("server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	p.must(err)
	return func(o *server.Options) {
		o.TLS, o.TLSVerify = true, clients
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: p.pool}
		if clients {
			o.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
}

// nkey makes a user with the seed in a file.
func nkey(t *testing.T) (public, seed string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ = pair.PublicKey()
	secret, _ := pair.Seed()
	return public, string(secret)
}

// operator makes a server that trusts JWTs, and the credentials of a user of it.
func operator(t *testing.T) (change func(*server.Options), creds string) {
	t.Helper()
	must := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	operatorKeys, _ := nkeys.CreateOperator()
	accountKeys, _ := nkeys.CreateAccount()
	userKeys, _ := nkeys.CreateUser()
	account := must(accountKeys.PublicKey())
	accountJWT := must(jwt.NewAccountClaims(account).Encode(operatorKeys))
	userJWT := must(jwt.NewUserClaims(must(userKeys.PublicKey())).Encode(accountKeys))
	trusted := must(operatorKeys.PublicKey())
	seed, _ := userKeys.Seed()
	text, err := jwt.FormatUserConfig(userJWT, seed)
	return func(o *server.Options) {
		resolver := &server.MemAccResolver{}
		if err := resolver.Store(account, accountJWT); err != nil {
			t.Fatal(err)
		}
		o.TrustedKeys, o.AccountResolver = []string{trusted}, resolver
	}, must(string(text), err)
}

// Every way to prove who we are is tried against a real server: with it we are
// let in, without it we are not and are told what to do.
func TestWhoProvesItsIdentityIsLetIn(t *testing.T) {
	p := newPKI(t)
	ca := p.path("ca.pem")
	cert, key := p.issue("client")
	public, seed := nkey(t)
	_, otherSeed := nkey(t)
	trusting, creds := operator(t)
	for _, c := range []struct {
		says    string
		server  func(*server.Options)
		scheme  string
		with    Options
		without Options
		told    string // what is said without
	}{
		{
			"token", func(o *server.Options) { o.Authorization = "s3cret" }, "nats://",
			Options{TokenFile: file(t, "token", "s3cret\n")}, Options{TokenFile: file(t, "token", "wrong")},
			"check --nats-creds",
		},
		{
			"nkey", func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} }, "nats://",
			Options{NKeyFile: file(t, "nkey", seed)}, Options{NKeyFile: file(t, "nkey", otherSeed)},
			"does not accept our identity",
		},
		{
			"credentials", trusting, "nats://",
			Options{CredsFile: file(t, "user.creds", creds)}, Options{}, "does not accept our identity",
		},
		{
			"known authority", encrypted(p, false), "tls://",
			Options{CAFile: ca}, Options{}, "name the authority that signed its certificate with --nats-ca",
		},
		{
			"client certificate", encrypted(p, true), "tls://",
			Options{CAFile: ca, CertFile: cert, KeyFile: key}, Options{CAFile: ca}, "cannot be reached",
		},
		{
			"encryption where there is none", func(*server.Options) {}, "nats://",
			Options{}, Options{CAFile: ca}, "it does not encrypt",
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			address := c.scheme + start(t, c.server)
			c.with.URL, c.without.URL = address, address
			nc, err := c.with.Connect("test")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nc.TLSConnectionState(); (err == nil) != (c.scheme == "tls://") {
				t.Errorf("encrypted: %v, with %s", err, c.scheme)
			}
			nc.Close()
			nc, err = c.without.Connect("test")
			if err == nil {
				nc.Close()
				t.Fatal("let in without")
			}
			if !strings.Contains(err.Error(), c.told) {
				t.Errorf("said was %q, not %q", err, c.told)
			}
		})
	}
}

func TestAPasswordOfTheURLIsUsedAndNeverSaid(t *testing.T) {
	address := start(t, func(o *server.Options) { o.Username, o.Password = "recorder", "hunter2" })
	o := Options{URL: "nats://recorder:hunter2@" + address}
	nc, err := o.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	if Plain(nc) {
		t.Error("the loopback interface counts as a network")
	}
	nc.Close()
	for _, bad := range []string{
		"nats://recorder:hunter2@127.0.0.1:1", "nats://hunter2@127.0.0.1:1", "nats://recorder:hunter2@bad host:1",
		"nats://recorder:hunter2@127.0.0.1:1,nats://hunter2@127.0.0.1:2", "nats://a:hunter2@", "%zz://a:hunter2@b",
	} {
		_, err := Options{URL: bad}.Connect("test")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("said was %v", err)
		}
	}
}

func TestOptionsThatDoNotFitTogetherAreRefused(t *testing.T) {
	const url = "nats://127.0.0.1:1"
	some, large := file(t, "some", "x"), file(t, "large", strings.Repeat("x", maxFile+1))
	for says, o := range map[string]Options{
		"need --nats URL":            {CredsFile: some},
		"go together":                {URL: url, CertFile: some},
		"exclude each other":         {URL: url, CredsFile: some, TokenFile: some},
		"no such file":               {URL: url, NKeyFile: "/no/such.nk"},
		"no file of at most":         {URL: url, CAFile: large},
		"cannot be read":             {URL: "nats://"},
		"has no seed of an nkey":     {URL: url, NKeyFile: some},
		"the certificate for NATS":   {URL: url, CertFile: some, KeyFile: some},
		"several are separated by c": {URL: url + ",,"},
	} {
		if _, err := o.Connect("test"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if err := (Options{}).Validate(); err != nil {
		t.Errorf("no server at all: %v", err)
	}
}
