package homeserver

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/egress"
)

var modes = map[string]egress.Mode{config.ModeOff: egress.Off, config.ModeList: egress.List, config.ModeOpen: egress.Open}

// newEgress makes the way out as the operator configured it.
func newEgress(cfg *config.Config) (*egress.Dialer, error) {
	rules := egress.Rules{Federation: modes[cfg.Federation.Mode], Peers: map[string][]netip.Prefix{}, DenyPeers: names(cfg.Federation.Deny),
		Push: modes[cfg.Push.Mode], Gateways: names(cfg.Push.Gateways), Previews: cfg.URLPreviews.Enabled}
	var err error
	if rules.Networks, err = networks(cfg.Egress.AllowNetworks); err != nil {
		return nil, err
	}
	for _, p := range cfg.Federation.Peers {
		if rules.Peers[strings.ToLower(p.Name)], err = networks(p.Networks); err != nil {
			return nil, err
		}
	}
	for host := range names(cfg.URLPreviews.DenyHosts) {
		rules.DenyPreviews = append(rules.DenyPreviews, host)
	}
	if rules.Roots, err = roots(cfg.Egress.CACert); err != nil {
		return nil, err
	}
	return egress.New(rules), nil
}

func names(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[strings.ToLower(strings.TrimSuffix(s, "."))] = true
	}
	return set
}

func networks(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := config.ParseNetwork(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// roots are the system's certificates and those of a file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("egress.ca_cert: %s has no certificate in it", file)
	}
	return pool, nil
}
