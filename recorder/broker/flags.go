package broker

import "github.com/spf13/pflag"

// AddFlags adds the flags that fill the options; usage is that of --nats.
func (o *Options) AddFlags(f *pflag.FlagSet, usage string) {
	f.StringVar(&o.URL, "nats", "", usage)
	f.StringVar(&o.CredsFile, "nats-creds", "", "credentials file for --nats")
	f.StringVar(&o.NKeyFile, "nats-nkey", "", "file with the seed of our nkey for --nats")
	f.StringVar(&o.TokenFile, "nats-token-file", "", "file with our token for --nats")
	f.StringVar(&o.CAFile, "nats-ca", "", "PEM file with the authority that signed the certificate of --nats")
	f.StringVar(&o.CertFile, "nats-cert", "", "PEM file with our certificate for --nats")
	f.StringVar(&o.KeyFile, "nats-key", "", "PEM file with the key of --nats-cert")
}
