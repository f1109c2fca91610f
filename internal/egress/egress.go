// Package egress is the only way out: every connection that the server opens, and
// every name that it looks up, goes through a Dialer, which knows for what purpose
// and refuses what the operator did not allow. A fresh server may go nowhere but
// to what its operator configured.
//
// It owns the rules of reaching out. It speaks no protocol above TCP and TLS, and
// does not know what is sent.
package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ErrRefused: the rules do not let the server go there. Nothing was sent.
var ErrRefused = errors.New("egress: refused")

type kind int

const (
	operator kind = iota + 1
	peer
	push
	preview
)

// Purpose is why a connection is opened. Its rule follows from it.
type Purpose struct {
	kind   kind
	server string
	plain  bool // without TLS
}

// Operator is for what the operator configured: the database, application
// services, mail, object storage. It may be anywhere.
func Operator() Purpose { return Purpose{kind: operator} }

// Peer is for another server of this name, and for everything that its name leads
// to: well-known, SRV, keys. It follows the federation mode; a listed peer may be
// in the networks that are named for it, any other on public addresses only.
func Peer(server string) Purpose { return Purpose{kind: peer, server: strings.ToLower(server)} }

// Push is for push gateways, whose URLs users supply.
func Push() Purpose { return Purpose{kind: push} }

// PlainPush is for push gateways that are spoken to without TLS: only those in
// networks that the operator named.
func PlainPush() Purpose { return Purpose{kind: push, plain: true} }

// Preview is for pages that users name.
func Preview() Purpose { return Purpose{kind: preview} }

// Mode is how far a purpose may go.
type Mode int

// The modes: nowhere, to listed names, to every name that is not denied.
const (
	Off Mode = iota
	List
	Open
)

// Rules are what the operator allows. The zero value allows what is configured,
// and nothing else.
type Rules struct {
	Federation Mode
	// Peers are the listed servers, with the networks each may be in beside public
	// addresses.
	Peers map[string][]netip.Prefix
	// DenyPeers are refused in every mode.
	DenyPeers map[string]bool

	Push Mode
	// Gateways are the listed hosts of push gateways.
	Gateways map[string]bool

	Previews bool
	// DenyPreviews are hosts that are not fetched, with all names under them.
	DenyPreviews []string

	// Networks may be reached although they are not public.
	Networks []netip.Prefix
	// Roots are trusted for TLS; nil are those of the system.
	Roots *x509.CertPool
}

// Resolver looks names up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Connect opens a connection to an address that was judged.
type Connect func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)

// Dialer opens connections by its rules. It is safe for concurrent use.
type Dialer struct {
	rules   Rules
	names   Resolver
	connect Connect
}

// New makes a Dialer on the real network.
func New(rules Rules) *Dialer {
	d := &net.Dialer{KeepAlive: 30 * time.Second}
	return NewOn(rules, &net.Resolver{PreferGo: true}, func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		return d.DialContext(ctx, network, to.String())
	})
}

// NewOn makes a Dialer on another network: that of a test.
func NewOn(rules Rules, names Resolver, connect Connect) *Dialer {
	return &Dialer{rules: rules, names: names, connect: connect}
}

// Allowed says whether a purpose may go anywhere at all, before anything is looked
// up. Its error wraps ErrRefused.
func (d *Dialer) Allowed(p Purpose) error {
	switch p.kind {
	case operator:
		return nil
	case peer:
		_, listed := d.rules.Peers[p.server]
		switch {
		case d.rules.DenyPeers[p.server]:
			return refuse("the server %s is denied", p.server)
		case d.rules.Federation == Off:
			return refuse("federation is off")
		case d.rules.Federation == List && !listed:
			return refuse("the server %s is not on the list", p.server)
		}
		return nil
	case push:
		if d.rules.Push == Off {
			return refuse("push gateways are off")
		}
		return nil
	case preview:
		if !d.rules.Previews {
			return refuse("previews are off")
		}
		return nil
	}
	return refuse("no purpose was given")
}

// hostAllowed judges the name, before it is looked up.
func (d *Dialer) hostAllowed(p Purpose, host string) error {
	if err := d.Allowed(p); err != nil {
		return err
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch {
	case p.kind == push && d.rules.Push == List && !d.rules.Gateways[host]:
		return refuse("the push gateway %s is not on the list", host)
	case p.kind == preview && under(host, d.rules.DenyPreviews):
		return refuse("the host %s is denied", host)
	case p.kind != operator && odd(host):
		return refuse("%q is neither a host name nor an address", host)
	}
	return nil
}

func under(host string, names []string) bool {
	for _, n := range names {
		if host == n || strings.HasSuffix(host, "."+n) {
			return true
		}
	}
	return false
}

// odd finds addresses in forms that resolvers of some systems take: a host whose
// last label is a number (2130706433, 0x7f.1, 127.1) is an address or nothing.
func odd(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || strings.ContainsAny(host, "%:") {
		return true
	}
	hex := strings.TrimPrefix(last, "0x")
	if hex != last {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// addressAllowed judges the address that is about to be dialled.
func (d *Dialer) addressAllowed(p Purpose, a netip.Addr) bool {
	if p.kind == operator {
		return true
	}
	a = a.Unmap()
	if a.Zone() == "" && within(a, d.rules.Networks) {
		return true
	}
	if p.plain {
		return false
	}
	if p.kind == peer && a.Zone() == "" && within(a, d.rules.Peers[p.server]) {
		return true
	}
	return Public(a)
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// attempt bounds one of several addresses of a host.
const attempt = 5 * time.Second

// Dial looks addr ("host:port") up, judges every address, and connects to the
// first allowed one that answers. The name is looked up once: what was judged is
// what is dialled.
func (d *Dialer) Dial(ctx context.Context, p Purpose, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("egress: %q is not a port", port)
	}
	list, err := d.Lookup(ctx, p, host)
	if err != nil {
		return nil, err
	}
	var last error
	for i, a := range list {
		conn, err := d.try(ctx, network, netip.AddrPortFrom(a, uint16(n)), i+1 < len(list))
		if err == nil {
			return conn, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func (d *Dialer) try(ctx context.Context, network string, to netip.AddrPort, more bool) (net.Conn, error) {
	if more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attempt)
		defer cancel()
	}
	return d.connect(ctx, network, to)
}

// Lookup gives the addresses of a host that may be dialled for a purpose. Its
// error wraps ErrRefused when there are addresses but none is allowed.
func (d *Dialer) Lookup(ctx context.Context, p Purpose, host string) ([]netip.Addr, error) {
	if err := d.hostAllowed(p, host); err != nil {
		return nil, err
	}
	list := []netip.Addr{}
	if a, err := netip.ParseAddr(strings.TrimSuffix(host, ".")); err == nil {
		list = append(list, a)
	} else if list, err = d.names.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, err
	}
	allowed := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		if d.addressAllowed(p, a) {
			allowed = append(allowed, a.Unmap())
		}
	}
	if len(allowed) == 0 {
		return nil, refuse("%s leads to no address that may be reached", host)
	}
	return allowed, nil
}

// LookupSRV looks up an SRV record for a purpose.
func (d *Dialer) LookupSRV(ctx context.Context, p Purpose, service, proto, name string) ([]*net.SRV, error) {
	if err := d.hostAllowed(p, name); err != nil {
		return nil, err
	}
	_, list, err := d.names.LookupSRV(ctx, service, proto, name)
	return list, err
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}
