package egress

import (
	"net/netip"
	"net/url"
)

// Gateway says whether the rules let a user's push gateway be reached, as far as its
// URL tells, with nothing looked up and nothing sent: names are judged again, with
// their addresses, by each connection. Its error wraps ErrRefused.
func (d *Dialer) Gateway(u *url.URL) error {
	p := Push()
	switch u.Scheme {
	case "https":
	case "http":
		p = PlainPush()
	default:
		return refuse("a push gateway is reached by https")
	}
	if err := d.hostAllowed(p, u.Hostname()); err != nil {
		return err
	}
	a, err := netip.ParseAddr(u.Hostname())
	switch {
	case err == nil && !d.addressAllowed(p, a):
		return refuse("%s may not be reached", a)
	case p.plain && len(d.rules.Networks) == 0:
		return refuse("a push gateway is reached by https")
	}
	return nil
}
