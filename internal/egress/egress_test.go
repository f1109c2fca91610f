package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// world is a network for tests: names that answer in turn, and servers. It notes
// every lookup and every connection.
type world struct {
	mu       sync.Mutex
	names    map[string][][]string // each lookup takes the next answer; the last stays
	served   map[string]net.Listener
	lookups  []string
	connects []string
}

func newWorld() *world {
	return &world{names: map[string][][]string{}, served: map[string]net.Listener{}}
}

func (w *world) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups = append(w.lookups, host)
	turns := w.names[host]
	if len(turns) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(turns) > 1 {
		w.names[host] = turns[1:]
	}
	var out []netip.Addr
	for _, s := range turns[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func (w *world) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups = append(w.lookups, "_"+service+"._"+proto+"."+name)
	return "", []*net.SRV{{Target: "127.0.0.1.", Port: 8448}}, nil
}

func (w *world) connect(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	l := w.served[to.String()]
	w.connects = append(w.connects, to.String())
	w.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", l.Addr().String())
}

// serve lets a handler answer at an address of the world.
func (w *world) serve(t *testing.T, addr string, h http.HandlerFunc) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	w.served[addr] = s.Listener
}

func (w *world) dialer(r Rules) *Dialer { return NewOn(r, w, w.connect) }

// open are rules under which every purpose may go to public addresses.
func open() Rules {
	return Rules{Federation: Open, Push: Open, Previews: true, Peers: map[string][]netip.Prefix{}}
}

var inward = []string{
	"127.0.0.1", "127.8.9.10", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
	"64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00::", "2002:7f00:1::", "100.64.0.1", "100.127.255.255", "169.254.169.254",
	"fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
	"192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
	"::7f00:1", "100::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1", "192.88.99.1",
}

func strangers() map[string]Purpose {
	return map[string]Purpose{"peer": Peer("e.example"), "push": Push(), "preview": Preview()}
}

func TestHardening_O03_WhatStrangersSupplyReachesNoInnerAddress(t *testing.T) {
	for name, p := range strangers() {
		for _, addr := range inward {
			w := newWorld()
			w.names["evil.example"] = [][]string{{addr}}
			d := w.dialer(open())
			for _, host := range []string{"evil.example", addr} {
				_, err := d.Dial(context.Background(), p, "tcp", net.JoinHostPort(host, "443"))
				if !errors.Is(err, ErrRefused) {
					t.Errorf("%s to %s by %s: %v", name, addr, host, err)
				}
			}
			if len(w.connects) > 0 {
				t.Errorf("%s to %s: connected to %v", name, addr, w.connects)
			}
		}
	}
}

func TestHardening_O03_OddFormsOfAddressesAreNotLookedUp(t *testing.T) {
	w := newWorld()
	d := w.dialer(open())
	for _, host := range []string{"2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "017700000001", "1.2.3.4.5", "127.0.0.1.", "fe80::1%25eth0", ""} {
		if _, err := d.Dial(context.Background(), Push(), "tcp", "["+host+"]:80"); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", host, err)
		}
	}
	if len(w.lookups)+len(w.connects) > 0 {
		t.Errorf("looked up %v, connected to %v", w.lookups, w.connects)
	}
}

func TestHardening_O03_ARedirectIsJudgedLikeTheFirstRequest(t *testing.T) {
	for _, to := range []string{"http://127.0.0.1/", "http://inner.example/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://[64:ff9b::7f00:1]/"} {
		w := newWorld()
		w.names["evil.example"] = [][]string{{"93.184.216.34"}}
		w.names["inner.example"] = [][]string{{"10.0.0.1"}}
		w.serve(t, "93.184.216.34:80", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, to, http.StatusFound) })
		_, err := w.dialer(open()).Client(Preview(), Limits{Redirects: 3}).Get("http://evil.example/")
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", to, err)
		}
		if len(w.connects) != 1 {
			t.Errorf("%s: connected to %v", to, w.connects)
		}
	}
}

func TestHardening_O04_TheAddressThatWasJudgedIsTheOneThatIsDialled(t *testing.T) {
	w := newWorld()
	w.names["rebind.example"] = [][]string{{"93.184.216.34"}, {"127.0.0.1"}}
	w.serve(t, "93.184.216.34:80", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "public") })
	d := w.dialer(open())
	resp, err := d.Client(Push(), Limits{}).Get("http://rebind.example/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(w.lookups) != 1 || len(w.connects) != 1 || w.connects[0] != "93.184.216.34:80" {
		t.Errorf("looked up %v, connected to %v", w.lookups, w.connects)
	}
	if _, err := d.Client(Push(), Limits{}).Get("http://rebind.example/"); !errors.Is(err, ErrRefused) {
		t.Errorf("the second answer is inner: %v", err)
	}
}

func TestAMixedAnswerReachesOnlyItsPublicAddresses(t *testing.T) {
	w := newWorld()
	w.names["mixed.example"] = [][]string{{"127.0.0.1", "::ffff:93.184.216.34", "10.0.0.1", "2606:2800::1"}}
	_, _ = w.dialer(open()).Dial(context.Background(), Push(), "tcp", "mixed.example:443")
	if got := strings.Join(w.connects, " "); got != "93.184.216.34:443 [2606:2800::1]:443" {
		t.Errorf("connected to %s", got)
	}
}

func TestHardening_O01_AFreshServerLooksUpNothingAndConnectsToNothing(t *testing.T) {
	w := newWorld()
	w.names["any.example"] = [][]string{{"93.184.216.34"}}
	d := w.dialer(Rules{})
	for name, p := range strangers() {
		for _, host := range []string{"any.example", "93.184.216.34", "127.0.0.1"} {
			if _, err := d.Dial(context.Background(), p, "tcp", host+":443"); !errors.Is(err, ErrRefused) {
				t.Errorf("%s to %s: %v", name, host, err)
			}
		}
		if _, err := d.LookupSRV(context.Background(), p, "matrix-fed", "tcp", "any.example"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: SRV: %v", name, err)
		}
	}
	if _, err := d.Dial(context.Background(), Purpose{}, "tcp", "any.example:443"); !errors.Is(err, ErrRefused) {
		t.Errorf("without a purpose: %v", err)
	}
	if len(w.lookups)+len(w.connects) > 0 {
		t.Errorf("looked up %v, connected to %v", w.lookups, w.connects)
	}
}

func TestHardening_O02_OnlyListedPeersAreReached(t *testing.T) {
	w := newWorld()
	for _, n := range []string{"g.gov", "e.example", "d.gov"} {
		w.names[n] = [][]string{{"93.184.216.34"}}
	}
	r := Rules{Federation: List, Peers: map[string][]netip.Prefix{"g.gov": nil, "d.gov": nil}, DenyPeers: map[string]bool{"d.gov": true}}
	d := w.dialer(r)
	for name, allowed := range map[string]bool{"g.gov": true, "G.GOV": true, "e.example": false, "d.gov": false} {
		if err := d.Allowed(Peer(name)); (err == nil) != allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.Dial(context.Background(), Peer("e.example"), "tcp", "e.example:8448"); !errors.Is(err, ErrRefused) || len(w.lookups) > 0 {
		t.Errorf("%v after looking up %v", err, w.lookups)
	}
}

func TestAListedPeerMayBeInTheNetworksThatAreNamedForIt(t *testing.T) {
	w := newWorld()
	w.names["a.gov"], w.names["b.gov"] = [][]string{{"10.20.0.5"}}, [][]string{{"10.20.0.6"}}
	r := Rules{Federation: List, Peers: map[string][]netip.Prefix{"a.gov": {netip.MustParsePrefix("10.20.0.0/16")}, "b.gov": nil}}
	d := w.dialer(r)
	if list, err := d.Lookup(context.Background(), Peer("a.gov"), "a.gov"); err != nil || len(list) != 1 {
		t.Errorf("a.gov: %v, %v", list, err)
	}
	if _, err := d.Lookup(context.Background(), Peer("b.gov"), "b.gov"); !errors.Is(err, ErrRefused) {
		t.Errorf("b.gov: %v", err)
	}
	if _, err := d.Lookup(context.Background(), Peer("a.gov"), "192.168.0.1"); !errors.Is(err, ErrRefused) {
		t.Errorf("another network: %v", err)
	}
}

func TestWhatTheOperatorConfiguredMayBeAnywhere(t *testing.T) {
	w := newWorld()
	w.names["db"] = [][]string{{"10.0.0.9"}}
	for _, host := range []string{"db", "127.0.0.1", "fe80::1%eth0"} {
		if _, err := w.dialer(Rules{}).Lookup(context.Background(), Operator(), host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAListedNetworkMayBeReachedForStrangers(t *testing.T) {
	r := open()
	r.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	d := newWorld().dialer(r)
	for host, ok := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "::1": false, "10.0.0.1": false} {
		if _, err := d.Lookup(context.Background(), Push(), host); (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestPushAndPreviewsFollowTheirLists(t *testing.T) {
	w := newWorld()
	for _, n := range []string{"push.example", "other.example", "deep.denied.example", "denied.example"} {
		w.names[n] = [][]string{{"93.184.216.34"}}
	}
	r := open()
	r.Push, r.Gateways, r.DenyPreviews = List, map[string]bool{"push.example": true}, []string{"denied.example"}
	d := w.dialer(r)
	for _, c := range []struct {
		p    Purpose
		host string
		ok   bool
	}{{Push(), "push.example", true}, {Push(), "other.example", false}, {Preview(), "other.example", true},
		{Preview(), "denied.example", false}, {Preview(), "deep.DENIED.example.", false}} {
		if _, err := d.Lookup(context.Background(), c.p, c.host); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.host, err)
		}
	}
}

func TestRedirectsAreCountedAndNeverLeaveTLS(t *testing.T) {
	w := newWorld()
	w.names["a.example"] = [][]string{{"93.184.216.34"}}
	w.serve(t, "93.184.216.34:80", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/again", http.StatusFound) })
	d := w.dialer(open())
	if _, err := d.Client(Preview(), Limits{Redirects: 3}).Get("http://a.example/"); err == nil || !strings.Contains(err.Error(), "more than 3 redirects") {
		t.Errorf("a loop: %v", err)
	}
	resp, err := d.Client(Peer("a.example"), Limits{}).Get("http://a.example/")
	if err != nil || resp.StatusCode != http.StatusFound {
		t.Errorf("no redirects are followed unless asked: %v", err)
	}
	check := d.redirects(Preview(), 3)
	before, _ := http.NewRequest("GET", "https://a.example/", nil)
	next, _ := http.NewRequest("GET", "http://a.example/", nil)
	if err := check(next, []*http.Request{before}); !errors.Is(err, ErrRefused) {
		t.Errorf("https to http: %v", err)
	}
}

func TestPublicAddressesArePublic(t *testing.T) {
	for _, s := range []string{"1.1.1.1", "93.184.216.34", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1", "172.32.0.1", "100.128.0.1"} {
		if !Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is refused", s)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func FuzzDialReachesOnlyPublicAddresses(f *testing.F) {
	for _, s := range inward {
		f.Add(s)
	}
	f.Add("2130706433")
	f.Fuzz(func(t *testing.T, host string) {
		w := newWorld()
		_, _ = w.dialer(open()).Dial(context.Background(), Push(), "tcp", net.JoinHostPort(host, "80"))
		for _, c := range w.connects {
			if a := netip.MustParseAddrPort(c); !Public(a.Addr()) {
				t.Errorf("%q leads to %s", host, c)
			}
		}
	})
}

func TestHardening_O03_APushersURLIsJudgedBeforeAnythingIsLookedUp(t *testing.T) {
	w := newWorld()
	rules := open()
	d := w.dialer(rules)
	for _, host := range append([]string{"2130706433", "0x7f000001", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::]", "0.0.0.0", "[64:ff9b::7f00:1]"}, inward...) {
		if strings.Contains(host, ":") && host[0] != '[' {
			host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
		}
		if err := d.Gateway(parse(t, "https://"+host+"/_matrix/push/v1/notify")); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for at, want := range map[string]bool{"https://push.example/": true, "http://push.example/": false, "https://8.8.8.8/": true, "http://8.8.8.8/": false, "ftp://push.example/": false} {
		if err := d.Gateway(parse(t, at)); (err == nil) != want {
			t.Errorf("%s: %v", at, err)
		}
	}
	rules.Push = List
	rules.Gateways = map[string]bool{"listed.example": true}
	d = w.dialer(rules)
	for at, want := range map[string]bool{"https://push.example/": false, "https://listed.example/": true, "https://8.8.8.8/": false} {
		if err := d.Gateway(parse(t, at)); (err == nil) != want {
			t.Errorf("%s by a list: %v", at, err)
		}
	}
	if len(w.lookups)+len(w.connects) > 0 {
		t.Errorf("looked up %v, connected to %v", w.lookups, w.connects)
	}
}

func TestAPushGatewayWithoutTLSIsInANamedNetwork(t *testing.T) {
	w := newWorld()
	rules := open()
	rules.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	d := w.dialer(rules)
	w.serve(t, "127.0.0.1:80", func(http.ResponseWriter, *http.Request) {})
	w.names["inner.example"], w.names["outer.example"] = [][]string{{"127.0.0.1"}}, [][]string{{"8.8.8.8"}}
	for _, at := range []string{"http://inner.example/", "http://outer.example/", "http://127.0.0.1/"} {
		if err := d.Gateway(parse(t, at)); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	if err := d.Gateway(parse(t, "http://8.8.8.8/")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	c, err := d.Dial(context.Background(), PlainPush(), "tcp", "inner.example:80")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := d.Dial(context.Background(), PlainPush(), "tcp", "outer.example:80"); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
