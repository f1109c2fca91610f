package clientapi

// accountRoutes are the endpoints of people: accounts, sessions, devices, profiles
// and settings.
func (a *API) accountRoutes() []route {
	return []route{
		{"GET", "/profile/{userID}", anyone, none, a.getProfile},
		{"GET", "/profile/{userID}/{field}", anyone, none, a.getProfileField},
		{"GET", "/user/{userID}/account_data/{type}", members, none, a.getAccountData},
		{"PUT", "/user/{userID}/account_data/{type}", members, medium, a.putAccountData},
		{"GET", "/user/{userID}/rooms/{roomID}/account_data/{type}", members, none, a.getAccountData},
		{"PUT", "/user/{userID}/rooms/{roomID}/account_data/{type}", members, medium, a.putAccountData},
		{"POST", "/user/{userID}/filter", members, small, a.putFilter},
		{"GET", "/user/{userID}/filter/{filterID}", members, none, a.getFilter},
		{"GET", "/user/{userID}/rooms/{roomID}/tags", members, none, a.getTags},
		{"PUT", "/user/{userID}/rooms/{roomID}/tags/{tag}", members, small, a.putTag},
		{"DELETE", "/user/{userID}/rooms/{roomID}/tags/{tag}", members, none, a.deleteTag},
		{"PUT", "/profile/{userID}/{field}", members, small, a.putProfileField},
		{"DELETE", "/profile/{userID}/{field}", members, none, a.deleteProfileField},
		{"GET", "/pushrules/", members, none, a.pushRules},
		{"GET", "/pushrules/global/", members, none, a.pushRulesGlobal},
		{"GET", "/_matrix/client/versions", anyone, none, a.versions},
		{"GET", "/.well-known/matrix/client", anyone, none, a.wellKnown},
		{"GET", "/capabilities", members, none, a.capabilities},
		{"GET", "/login", anyone, none, a.loginFlows},
		{"POST", "/login", anyone, small, a.login},
		{"POST", "/_matrix/client/v1/login/get_token", members, small, a.getLoginToken},
		{"POST", "/refresh", anyone, small, a.refresh},
		{"POST", "/logout", guests, small, a.logout},
		{"POST", "/logout/all", guests, small, a.logoutAll},
		{"POST", "/register", anyone, small, a.register},
		{"GET", "/register/available", anyone, none, a.available},
		{"GET", "/_matrix/client/v1/register/m.login.registration_token/validity", anyone, none, a.tokenValidity},
		{"GET", "/account/whoami", guests, none, a.whoami},
		{"POST", "/account/password", members, small, a.changePassword},
		{"POST", "/account/deactivate", members, small, a.deactivate},
		{"GET", "/account/3pid", members, none, a.threePIDs},
		{"GET", "/devices", members, none, a.devices},
		{"GET", "/devices/{deviceID}", members, none, a.device},
		{"PUT", "/devices/{deviceID}", members, small, a.renameDevice},
		{"DELETE", "/devices/{deviceID}", members, small, a.deleteDevice},
		{"POST", "/delete_devices", members, small, a.deleteDevices},
	}
}
