package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// connectTimeout is how long one server may take to answer.
const connectTimeout = 5 * time.Second

// maxFile bounds a file with a key or certificates, in bytes.
const maxFile = 1 << 20

// Options say how a server is reached. The zero value reaches none.
type Options struct {
	URL       string // of the server, or of several, separated by commas
	CredsFile string // NATS credentials: JWT and seed
	NKeyFile  string // seed of an nkey
	TokenFile string // token, white space around it does not count
	CAFile    string // PEM: who signed the server's certificate
	CertFile  string // PEM: our certificate, with KeyFile
	KeyFile   string // PEM
}

// Validate checks that the options fit together and that their files are there.
func (o Options) Validate() error {
	if o.URL == "" {
		if o != (Options{}) {
			return errors.New("--nats-creds, --nats-nkey, --nats-token-file, --nats-ca, --nats-cert and --nats-key " +
				"need --nats URL")
		}
		return nil
	}
	if _, err := o.servers(); err != nil {
		return err
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("--nats-cert and --nats-key go together")
	}
	identities := 0
	for _, f := range []string{o.CredsFile, o.NKeyFile, o.TokenFile} {
		if f != "" {
			identities++
		}
	}
	if identities > 1 {
		return errors.New("--nats-creds, --nats-nkey and --nats-token-file exclude each other")
	}
	return o.checkFiles()
}

func (o Options) checkFiles() error {
	for _, f := range []string{o.CredsFile, o.NKeyFile, o.TokenFile, o.CAFile, o.CertFile, o.KeyFile} {
		if f == "" {
			continue
		}
		info, err := os.Stat(f)
		switch {
		case err != nil:
			return fmt.Errorf("cannot use a file for NATS: %w", err)
		case !info.Mode().IsRegular() || info.Size() > maxFile:
			return fmt.Errorf("cannot use %s for NATS: it is no file of at most %d bytes", f, maxFile)
		}
	}
	return nil
}

// servers parses the URL. Its errors do not repeat it: it may have a password.
func (o Options) servers() ([]*url.URL, error) {
	var all []*url.URL
	for text := range strings.SplitSeq(o.URL, ",") {
		text = strings.TrimSpace(text)
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			return nil, errors.New("the URL of a NATS server cannot be read: it is like tls://nats.example.com:4222, " +
				"several are separated by commas")
		}
		all = append(all, u)
	}
	return all, nil
}

// String names the servers, without passwords.
func (o Options) String() string {
	all, err := o.servers()
	if err != nil {
		return "NATS server"
	}
	names := make([]string, len(all))
	for i, u := range all {
		names[i] = u.Redacted()
		if _, password := u.User.Password(); u.User != nil && !password { // a token
			names[i] = u.Scheme + "://xxxxx@" + u.Host
		}
	}
	return "NATS server " + strings.Join(names, ",")
}

// Connect connects to one of the servers as the client called name.
func (o Options) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	options = append(options, nats.Name(name), nats.Timeout(connectTimeout))
	nc, err := nats.Connect(o.URL, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be reached: %w; %s", o, err, advice(err))
	}
	return nc, nil
}

// advice is what to do about an error.
func advice(err error) string {
	var unknown *tls.CertificateVerificationError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return "it does not accept our identity: check --nats-creds, --nats-nkey, --nats-token-file or --nats-cert"
	case errors.As(err, &unknown):
		return "name the authority that signed its certificate with --nats-ca, and the server as its certificate does"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "it does not encrypt: give it a certificate, or leave out tls:// and --nats-ca"
	}
	return "check the address and that a NATS server with JetStream runs there"
}

func (o Options) options() ([]nats.Option, error) {
	var options []nats.Option
	if o.CredsFile != "" {
		options = append(options, nats.UserCredentials(o.CredsFile))
	}
	if o.NKeyFile != "" {
		key, err := nats.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("cannot use %s for NATS: it has no seed of an nkey: %w", o.NKeyFile, err)
		}
		options = append(options, key)
	}
	if o.TokenFile != "" {
		token, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("cannot use a file for NATS: %w", err)
		}
		options = append(options, nats.Token(strings.TrimSpace(string(token))))
	}
	if o.CAFile != "" {
		options = append(options, nats.RootCAs(o.CAFile))
	}
	if o.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile); err != nil {
			return nil, fmt.Errorf("cannot use the certificate for NATS: %w", err)
		}
		options = append(options, nats.ClientCert(o.CertFile, o.KeyFile))
	}
	return options, nil
}

// Plain reports whether what goes over the connection can be read by others: it
// is not encrypted and leaves this machine.
func Plain(nc *nats.Conn) bool {
	if _, err := nc.TLSConnectionState(); err == nil {
		return false
	}
	host, _, err := net.SplitHostPort(nc.ConnectedAddr())
	if err != nil {
		return false // a connection inside this process
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}
