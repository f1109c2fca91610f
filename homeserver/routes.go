package homeserver

import (
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/chancery-im/chancery/adminapi"
	"github.com/chancery-im/chancery/clientapi"
	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/httpjson"
)

// hang puts the doors behind their listeners. Routes that clients call all day
// stand first, because the router walks them in order.
func (h *Homeserver) hang(client *clientapi.API, admin *adminapi.API, prefix string) {
	public, administration, trusted := h.router(), h.router(), h.router()
	h.sync.Register(public)
	client.Register(public)
	if h.Config.Listeners.Admin == config.AdminOnClient {
		admin.Register(public)
	}
	admin.Register(administration)
	admin.RegisterTrusted(trusted)
	h.public, h.administration = public, administration
	h.Public, h.Admin, h.Trusted = h.front(public, prefix+"p"), h.front(administration, prefix+"a"), h.front(trusted, prefix+"t")
}

// router answers what nobody serves as the specification says ("Standard error
// response"): 404 and 405 with M_UNRECOGNIZED. Paths are matched as they were
// sent, so that an id with an escaped slash is one segment.
func (h *Homeserver) router() *mux.Router {
	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	r.NotFoundHandler = httpjson.NotFound(h.log)
	r.MethodNotAllowedHandler = httpjson.MethodNotAllowed(h.log)
	return r
}

func (h *Homeserver) front(next http.Handler, prefix string) http.Handler {
	return forwarded(httpjson.Front(next, prefix, h.clock, h.log), h.Config.Listeners.TrustedProxies)
}

// Route is one endpoint that is mounted, with its path as the router has it.
type Route struct{ Method, Path string }

// Routes lists what is mounted, without OPTIONS, on the public listeners and on
// that of the administrators.
func (h *Homeserver) Routes() (public, administration []Route, err error) {
	if public, err = routesOf(h.public); err == nil {
		administration, err = routesOf(h.administration)
	}
	return public, administration, err
}

func routesOf(r *mux.Router) (list []Route, err error) {
	err = r.Walk(func(one *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := one.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := one.GetMethods()
		if err != nil {
			methods = []string{http.MethodGet}
		}
		for _, m := range methods {
			if rt := (Route{m, path}); m != http.MethodOptions && !slices.Contains(list, rt) {
				list = append(list, rt)
			}
		}
		return nil
	})
	return list, err
}
