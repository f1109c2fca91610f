package homeserver

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/chancery-im/chancery/config"
)

// forwarded lets trusted proxies say for whom they ask: the address of a request
// becomes the last one in X-Forwarded-For that is not a proxy's. From anybody else
// the header means nothing.
func forwarded(next http.Handler, proxies []string) http.Handler {
	var trusted []netip.Prefix
	for _, s := range proxies {
		if p, err := config.ParseNetwork(s); err == nil {
			trusted = append(trusted, p)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if list := r.Header.Values("X-Forwarded-For"); len(list) > 0 {
			if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && within(from.Addr(), trusted) {
				if a, ok := origin(list, trusted); ok {
					r.RemoteAddr = netip.AddrPortFrom(a, 0).String()
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

func origin(headers []string, trusted []netip.Prefix) (found netip.Addr, ok bool) {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return found, ok
		}
		if found, ok = a, true; !within(a, trusted) {
			return found, ok
		}
	}
	return found, ok
}

func within(a netip.Addr, list []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
