// Package config is what an operator can set: one struct with its defaults and
// checks. The comments of its fields are the comments of the sample file.
//
// It reads files and changes nothing. An unknown key, a bad value or a missing one
// stops the start, and all complaints are told at once, each with its line.
package config

// Config is everything that can be set.
type Config struct {
	// The name of this server: the part behind the colon of every user id, like
	// example.org in @anna:example.org. It cannot be changed later, because it is
	// part of everything that is written.
	ServerName string `yaml:"server_name"`

	// The folder that holds everything: database, signing keys, media. Back it up,
	// and let nobody but the server read it. A path that is not absolute is looked
	// for beside this file.
	DataDir string `yaml:"data_dir"`

	// Where the server listens.
	Listeners Listeners `yaml:"listeners"`

	// Where the data is kept.
	Database Database `yaml:"database"`

	// Who may make an account.
	Registration Registration `yaml:"registration"`

	// Who may see names and pictures.
	Profiles Profiles `yaml:"profiles"`

	// What holds for rooms.
	Rooms Rooms `yaml:"rooms"`

	// Who is there, and what they say of themselves.
	Presence Presence `yaml:"presence"`

	// How often something may be done. Each limit is a bucket: so many at once
	// (burst), and so many a second from then on (per_second).
	RateLimits RateLimits `yaml:"rate_limits"`

	// Whether other Matrix servers are talked to. A fresh server talks to nobody.
	Federation Federation `yaml:"federation"`

	// What the server may connect to.
	Egress Egress `yaml:"egress"`

	// Files that users upload.
	Media Media `yaml:"media"`

	// Previews of links in messages. The server then fetches pages that users name.
	URLPreviews URLPreviews `yaml:"url_previews"`

	// Notifications for phones. They go through gateways that the apps' makers run,
	// and that the apps name.
	Push Push `yaml:"push"`

	// The mail server that sends what the server has to say by mail.
	Mail Mail `yaml:"mail"`

	// What /.well-known/matrix/ answers, so that clients and servers find this one.
	WellKnown WellKnown `yaml:"well_known"`

	// Bridges and bots with rights of their own.
	AppServices AppServices `yaml:"app_services"`

	// What is written to standard error.
	Log Log `yaml:"log"`
}

// Listeners are the addresses the server listens on.
type Listeners struct {
	// Host and port of the public API in plain HTTP. It is for a reverse proxy on
	// the same machine, which adds TLS. ":8008" listens on every address.
	Client string `yaml:"client"`

	// Host and port of the same API with TLS, which needs no proxy: usually ":443"
	// for clients, or ":8448" where other servers look first. Empty: none.
	TLS string `yaml:"tls"`

	// Certificate chain and private key for it, as PEM files.
	TLSCert string `yaml:"tls_cert"`
	TLSKey  string `yaml:"tls_key"`

	// Host and port of the administration API. It is never on a public listener.
	// Empty: it can be reached through the socket in the data folder only. The word
	// "client" puts it on the client listener, which is for test machines.
	Admin string `yaml:"admin"`

	// Addresses or networks of reverse proxies whose X-Forwarded-For header is
	// believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
}

// Database says where the data is.
type Database struct {
	// Empty: SQLite in the data folder. Otherwise a PostgreSQL URI, like
	// postgres://chancery:password@localhost/chancery?sslmode=disable
	URI Secret `yaml:"uri"`

	// A file that holds the URI, in place of uri.
	URIFile string `yaml:"uri_file"`
}

// Registration modes.
const (
	RegistrationClosed = "closed"
	RegistrationToken  = "token"
	RegistrationOpen   = "open"
)

// Registration says who may make an account.
type Registration struct {
	// closed: only administrators make accounts. token: who has a registration
	// token ("chancery token create"). open: everybody.
	Mode string `yaml:"mode"`

	// Whether people without an account may look into rooms that allow guests.
	Guests bool `yaml:"guests"`

	// Programs that know this secret may make accounts, administrators' too, through
	// the administration API. Empty: none may.
	SharedSecret Secret `yaml:"shared_secret"`

	// A file that holds the secret, in place of shared_secret.
	SharedSecretFile string `yaml:"shared_secret_file"`

	// The fewest characters of a new password.
	MinPassword int `yaml:"min_password"`

	// What people must accept to make an account themselves.
	Terms Terms `yaml:"terms"`
}

// Terms is a document that people accept.
type Terms struct {
	// Where it can be read. Empty: there are no terms.
	URL string `yaml:"url"`

	// What it is called.
	Name string `yaml:"name"`

	// Its version, which is kept with the acceptance.
	Version string `yaml:"version"`
}

// Profiles says who may see profiles.
type Profiles struct {
	// Whether profiles can be read without an account. That tells strangers which
	// user names exist.
	Public bool `yaml:"public"`
}

// Rooms is what holds for rooms.
type Rooms struct {
	// The version of rooms that are created without one.
	DefaultVersion string `yaml:"default_version"`

	// Whether members may publish rooms in the directory of this server.
	Publish bool `yaml:"publish"`
}

// Presence says whether users see who is there.
type Presence struct {
	// Whether people who share a room see who of them is online. false: everybody
	// seems offline. It costs the most where rooms have thousands of members.
	Enabled bool `yaml:"enabled"`
}

// Rate is a bucket that fills steadily.
type Rate struct {
	// PerSecond is how many are added in a second.
	PerSecond float64 `yaml:"per_second"`

	// Burst is how many the bucket holds.
	Burst int `yaml:"burst"`
}

// RateLimits are the buckets.
type RateLimits struct {
	// false takes all limits away: for tests and for measuring.
	Enabled bool `yaml:"enabled"`

	// Messages and other events, for each user.
	Messages Rate `yaml:"messages"`

	// Logins, for each address and each account.
	Login Rate `yaml:"login"`

	// Wrong passwords, for each address and each account. In a quarter of an hour the
	// default lets ten through; who comes from a network where they have a device
	// already does not share the account's with strangers.
	FailedLogin Rate `yaml:"failed_login"`

	// New accounts, for each address.
	Registration Rate `yaml:"registration"`

	// Joins of rooms that this server knows, for each user.
	Joins Rate `yaml:"joins"`

	// Joins of rooms that only other servers know, for each user.
	RemoteJoins Rate `yaml:"remote_joins"`

	// Invites, for each inviting user.
	Invites Rate `yaml:"invites"`

	// New rooms, for each user.
	RoomCreation Rate `yaml:"room_creation"`

	// New media, for each user.
	Media Rate `yaml:"media"`

	// Queries for other users' keys, for each user.
	KeyQueries Rate `yaml:"key_queries"`

	// Requests of other servers, for each server.
	Federation Rate `yaml:"federation"`
}

// Modes of federation and of push gateways.
const (
	ModeOff  = "off"
	ModeList = "list"
	ModeOpen = "open"
)

// Federation says which servers are talked to.
type Federation struct {
	// off: no other server is talked to. list: those of the list below. open: every
	// server that is not in deny.
	Mode string `yaml:"mode"`

	// The servers of mode list, each with its name, and with the private networks it
	// may be in, when it is not on public addresses:
	//   - name: education.gov.example
	//     networks: [10.20.0.0/16]
	Peers []Peer `yaml:"peers"`

	// Names of servers that are refused in any mode.
	Deny []string `yaml:"deny"`

	// Whether other servers may read the directory of published rooms.
	PublicRooms bool `yaml:"public_rooms"`

	// Whether other servers may look up profiles of users with whom they share no
	// room.
	OpenProfiles bool `yaml:"open_profiles"`
}

// Peer is a server that is listed by name.
type Peer struct {
	// The name of the server.
	Name string `yaml:"name"`

	// Networks that its name may lead to, private ones included.
	Networks []string `yaml:"networks"`
}

// Egress bounds what the server connects to.
type Egress struct {
	// Networks that may be reached on behalf of users and strangers (push gateways,
	// previews, other servers), although they are not public: usually none.
	AllowNetworks []string `yaml:"allow_networks"`

	// A PEM file of certificates that are trusted for every outgoing connection,
	// beside those of the system.
	CACert string `yaml:"ca_cert"`
}

// Media bounds uploads.
type Media struct {
	// The largest upload.
	MaxUpload Size `yaml:"max_upload"`

	// Whether the old download paths, which the specification freezes, serve
	// requests that carry a valid access token. Without one they never serve.
	LegacyWithToken bool `yaml:"legacy_with_token"`
}

// URLPreviews says whether links are looked up.
type URLPreviews struct {
	// Whether previews are made.
	Enabled bool `yaml:"enabled"`

	// Hosts that are never fetched, with all that end in them.
	DenyHosts []string `yaml:"deny_hosts"`
}

// Push says which push gateways are told of notifications.
type Push struct {
	// off: none. list: those of the list below. open: whichever an app names.
	Mode string `yaml:"mode"`

	// Host names of the gateways of mode list, like matrix.org for Element's.
	Gateways []string `yaml:"gateways"`

	// Whether the words @room and the name of somebody in the text of a message count
	// as a mention when the app does not say whom it mentions. Matrix 1.17 took these
	// rules away; apps and bots of before 2023 know no other way.
	BodyMentions bool `yaml:"body_mentions"`
}

// Mail is the way to the mail server.
type Mail struct {
	// Host of the mail server. Empty: no mail is sent.
	Host string `yaml:"host"`

	// Its port: 587 or 25 with STARTTLS, 465 with TLS.
	Port int `yaml:"port"`

	// Name and password for it; empty when it asks for none.
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`

	// A file that holds the password, in place of password.
	PasswordFile string `yaml:"password_file"`

	// Whether the connection must be encrypted. Only a mail server on this very
	// machine should do without.
	RequireTLS bool `yaml:"require_tls"`

	// The sender, like "Chancery <noreply@example.org>".
	From string `yaml:"from"`
}

// WellKnown is what the discovery files say.
type WellKnown struct {
	// The URL at which clients reach this server, like https://matrix.example.org.
	// Empty: the file for clients is not served.
	Client string `yaml:"client"`

	// Host and port at which other servers reach it, like matrix.example.org:443.
	// Empty: the file for servers is not served.
	Server string `yaml:"server"`

	// Mail address or user id, and page, of whom to ask for help.
	SupportContact string `yaml:"support_contact"`
	SupportPage    string `yaml:"support_page"`
}

// AppServices are registration files.
type AppServices struct {
	// Registration files of application services.
	Files []string `yaml:"files"`
}

// Log says what is logged.
type Log struct {
	// error, warn, info or debug.
	Level string `yaml:"level"`

	// text or json.
	Format string `yaml:"format"`
}

// Default is the configuration of a server that only has a name: it listens on
// loopback, registers nobody and talks to nobody.
func Default() Config {
	return Config{
		DataDir:      "./chancery-data",
		Listeners:    Listeners{Client: "127.0.0.1:8008", TrustedProxies: []string{"127.0.0.1", "::1"}},
		Registration: Registration{Mode: RegistrationClosed, MinPassword: 8, Terms: Terms{Name: "Terms and Conditions", Version: "1"}},
		Rooms:        Rooms{DefaultVersion: "12", Publish: true},
		Presence:     Presence{Enabled: true},
		RateLimits: RateLimits{
			Enabled:      true,
			Messages:     Rate{5, 20},
			Login:        Rate{0.1, 10},
			FailedLogin:  Rate{0.005, 5},
			Registration: Rate{0.1, 5},
			Joins:        Rate{0.1, 10},
			RemoteJoins:  Rate{0.01, 10},
			Invites:      Rate{0.1, 20},
			RoomCreation: Rate{0.05, 10},
			Media:        Rate{10, 50},
			KeyQueries:   Rate{20, 100},
			Federation:   Rate{50, 200},
		},
		Federation: Federation{Mode: ModeOff},
		Media:      Media{MaxUpload: 50 << 20},
		Push:       Push{Mode: ModeOff},
		Mail:       Mail{Port: 587, RequireTLS: true},
		Log:        Log{Level: "info", Format: "text"},
	}
}
