package config

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
)

func (r *reader) complain(path, format string, args ...any) {
	r.bad.add(r.lines[path], path, format, args...)
}

// check holds every rule that the form of the file does not.
func (r *reader) check(c *Config) {
	r.checkName(c)
	r.checkListeners(&c.Listeners)
	r.oneOf("registration.mode", c.Registration.Mode, RegistrationClosed, RegistrationToken, RegistrationOpen)
	if s := c.Registration.SharedSecret; s != "" && (len(s) < 8 || placeholder(s.Reveal())) {
		r.complain("registration.shared_secret", "it can be guessed; take a long random one (openssl rand -hex 32)")
	}
	if n := c.Registration.MinPassword; n < 1 || n > 128 {
		r.complain("registration.min_password", "a number from 1 to 128 is needed")
	}
	if t := c.Registration.Terms; t.URL != "" {
		if u, err := url.Parse(t.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			r.complain("registration.terms.url", "%q is not the address of a page", t.URL)
		}
		if t.Name == "" || t.Version == "" {
			r.complain("registration.terms.name", "terms need a name and a version")
		}
	}
	if event.RulesOf(event.Version(c.Rooms.DefaultVersion)) == nil {
		r.complain("rooms.default_version", "%q is not a room version of this server", c.Rooms.DefaultVersion)
	}
	r.checkRates(&c.RateLimits)
	r.checkFederation(&c.Federation)
	r.networks("egress.allow_networks", c.Egress.AllowNetworks)
	r.readable("egress.ca_cert", c.Egress.CACert)
	if c.Media.MaxUpload <= 0 {
		r.complain("media.max_upload", "must be more than nothing")
	}
	r.oneOf("push.mode", c.Push.Mode, ModeOff, ModeList, ModeOpen)
	if c.Push.Mode == ModeList && len(c.Push.Gateways) == 0 {
		r.complain("push.gateways", "mode list needs at least one host")
	}
	r.checkMail(&c.Mail)
	r.checkWellKnown(&c.WellKnown)
	for i, f := range c.AppServices.Files {
		r.readable("app_services.files["+strconv.Itoa(i)+"]", f)
	}
	r.oneOf("log.level", c.Log.Level, "error", "warn", "info", "debug")
	r.oneOf("log.format", c.Log.Format, "text", "json")
}

func (r *reader) checkName(c *Config) {
	switch {
	case c.ServerName == "":
		r.complain("server_name", "every server needs a name, like example.org")
	case !id.IsServerName(c.ServerName) || c.ServerName != strings.ToLower(c.ServerName):
		r.complain("server_name", "%q is not a host name in lower case, perhaps with a port", c.ServerName)
	}
	if c.DataDir == "" {
		r.complain("data_dir", "a folder is needed")
	}
}

// placeholder reports whether a secret is one that stands in examples.
func placeholder(s string) bool {
	plain := strings.NewReplacer("-", "", "_", "", " ", "", "!", "", ".", "").Replace(strings.ToLower(s))
	switch plain {
	case "changeme", "changethis", "secret", "password", "sharedsecret", "yoursecret", "yoursecrethere", "example", "insertsecrethere":
		return true
	}
	return plain == "" || strings.ContainsAny(s, "<>") || strings.Count(plain, plain[:1]) == len(plain)
}

func (r *reader) checkListeners(l *Listeners) {
	if l.Client == "" && l.TLS == "" {
		r.complain("listeners.client", "the server must listen somewhere: set client, tls or both")
	}
	r.address("listeners.client", l.Client)
	r.address("listeners.tls", l.TLS)
	if l.Admin != AdminOnClient {
		r.address("listeners.admin", l.Admin)
	} else if l.Client == "" {
		r.complain("listeners.admin", "there is no client listener to put it on")
	}
	for _, f := range []struct{ path, file string }{{"listeners.tls_cert", l.TLSCert}, {"listeners.tls_key", l.TLSKey}} {
		if l.TLS != "" && f.file == "" {
			r.complain(f.path, "the tls listener needs it")
		}
		r.readable(f.path, f.file)
	}
	r.networks("listeners.trusted_proxies", l.TrustedProxies)
}

// AdminOnClient is the value of listeners.admin that puts the administration API
// on the client listener.
const AdminOnClient = "client"

func (r *reader) address(path, addr string) {
	if addr == "" {
		return
	}
	host, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 0 || n > 65535 {
		r.complain(path, "%q is not a host and a port, like 127.0.0.1:8008", addr)
	} else if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			r.complain(path, "%q is not an address of this machine; write it as digits", host)
		}
	}
}

func (r *reader) networks(path string, list []string) {
	for i, s := range list {
		if _, err := ParseNetwork(s); err != nil {
			r.complain(path+"["+strconv.Itoa(i)+"]", "%q is not an address or a network like 10.20.0.0/16", s)
		}
	}
}

// ParseNetwork reads a network, or a single address as one.
func ParseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func (r *reader) readable(path, file string) {
	if file == "" {
		return
	}
	f, err := os.Open(file)
	if err != nil {
		r.complain(path, "%v", plain(err))
		return
	}
	f.Close()
}

func (r *reader) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		r.complain(path, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

func (r *reader) checkRates(l *RateLimits) {
	for name, rate := range map[string]Rate{"messages": l.Messages, "login": l.Login, "failed_login": l.FailedLogin,
		"registration": l.Registration, "joins": l.Joins, "remote_joins": l.RemoteJoins, "invites": l.Invites,
		"room_creation": l.RoomCreation, "media": l.Media, "key_queries": l.KeyQueries, "federation": l.Federation} {
		if rate.PerSecond <= 0 || rate.Burst < 1 {
			r.complain("rate_limits."+name, "per_second must be more than 0 and burst at least 1; enabled: false takes the limits away")
		}
	}
}

func (r *reader) checkFederation(f *Federation) {
	r.oneOf("federation.mode", f.Mode, ModeOff, ModeList, ModeOpen)
	if f.Mode == ModeList && len(f.Peers) == 0 {
		r.complain("federation.peers", "mode list needs at least one server")
	}
	for i, p := range f.Peers {
		at := "federation.peers[" + strconv.Itoa(i) + "]"
		if !id.IsServerName(p.Name) {
			r.complain(at+".name", "%q is not a server name", p.Name)
		}
		r.networks(at+".networks", p.Networks)
	}
	for i, name := range f.Deny {
		if !id.IsServerName(name) {
			r.complain("federation.deny["+strconv.Itoa(i)+"]", "%q is not a server name", name)
		}
	}
}

func (r *reader) checkMail(m *Mail) {
	if m.Host == "" {
		return
	}
	if m.Port < 1 || m.Port > 65535 {
		r.complain("mail.port", "%d is not a port", m.Port)
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		r.complain("mail.from", "a sender like \"Chancery <noreply@example.org>\" is needed")
	}
	if m.Password != "" && m.User == "" {
		r.complain("mail.user", "there is a password but no user")
	}
}

func (r *reader) checkWellKnown(w *WellKnown) {
	for path, s := range map[string]string{"well_known.client": w.Client, "well_known.support_page": w.SupportPage} {
		if u, err := url.Parse(s); s != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			r.complain(path, "%q is not a URL like https://matrix.example.org", s)
		}
	}
	if w.Server != "" && !id.IsServerName(w.Server) {
		r.complain("well_known.server", "%q is not a host, perhaps with a port", w.Server)
	}
}
