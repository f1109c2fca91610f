package event

// Version is a room version's identifier.
type Version string

// DefaultVersion is the version of rooms made without room_version.
const DefaultVersion Version = "12"

// StateRes names a state resolution algorithm.
type StateRes int

// The state resolution algorithms, by the room version that brought them.
const (
	StateResV1  StateRes = iota + 1 // room version 1
	StateResV2                      // room versions 2 to 11
	StateResV21                     // room version 12
)

// Rules are the differences between room versions, each named for what it
// changes. A *Rules is shared and never changed.
type Rules struct {
	Version  Version
	StateRes StateRes

	// EventIDFromHash: the id is the reference hash (v3 and later); URLSafeID:
	// in URL-safe base64 (v4 and later). Event references are pairs before v3.
	EventIDFromHash bool
	URLSafeID       bool

	// AliasAuth: m.room.aliases has an auth rule of its own (v1 to v5).
	AliasAuth bool
	// StrictJSON: canonical JSON is enforced, with integers within ±(2^53-1)
	// (v6 and later).
	StrictJSON bool
	// NotificationsAuth: power level rules cover the notifications key (v6 and later).
	NotificationsAuth bool
	// KeyValidity: signatures count only within the key's validity (v5 and later).
	KeyValidity bool
	// RedactionAuth: redactions are authorised by the auth rules' own
	// redaction rule (v1 and v2); later they are applied or not on sight.
	RedactionAuth bool
	// Knock (v7), Restricted (v8), KnockRestricted (v10).
	Knock           bool
	Restricted      bool
	KnockRestricted bool
	// IntegerPowerLevels: strings are refused as power levels (v10 and later).
	IntegerPowerLevels bool
	// Redaction is the number of the redaction algorithm: 1 (v1 to v5),
	// 6 (v6, v7: aliases kept no longer), 8 (v8: allow), 9 (v9, v10:
	// join_authorised_via_users_server), 11 (v11 and later).
	Redaction int
	// RedactsInContent: m.room.redaction names its target in content (v11 and later).
	RedactsInContent bool
	// ImplicitCreator: the creator is the create event's sender, and
	// content.creator is gone (v11 and later).
	ImplicitCreator bool
	// RoomIDFromCreate: the room id is the create event's reference hash, the
	// create event has no room_id and is in nobody's auth_events (v12).
	RoomIDFromCreate bool
	// PrivilegedCreators: creators have infinite power, and additional_creators
	// exists (v12).
	PrivilegedCreators bool
}

// RulesOf returns the rules of a room version, or nil when this server does not
// know the version.
func RulesOf(v Version) *Rules { return rules[v] }

// Versions lists the known room versions in ascending order.
func Versions() []Version {
	return []Version{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}
}

var rules = buildRules()

// buildRules writes down the table of room versions: each is the one before with
// what it changed (specification, "Room Versions").
func buildRules() map[Version]*Rules {
	out := map[Version]*Rules{}
	r := Rules{StateRes: StateResV1, AliasAuth: true, RedactionAuth: true, Redaction: 1}
	add := func(v Version, change func(*Rules)) {
		r.Version = v
		change(&r)
		c := r
		out[v] = &c
	}
	add("1", func(*Rules) {})
	add("2", func(r *Rules) { r.StateRes = StateResV2 })
	add("3", func(r *Rules) { r.EventIDFromHash, r.RedactionAuth = true, false })
	add("4", func(r *Rules) { r.URLSafeID = true })
	add("5", func(r *Rules) { r.KeyValidity = true })
	add("6", func(r *Rules) { r.AliasAuth, r.StrictJSON, r.NotificationsAuth, r.Redaction = false, true, true, 6 })
	add("7", func(r *Rules) { r.Knock = true })
	add("8", func(r *Rules) { r.Restricted, r.Redaction = true, 8 })
	add("9", func(r *Rules) { r.Redaction = 9 })
	add("10", func(r *Rules) { r.IntegerPowerLevels, r.KnockRestricted = true, true })
	add("11", func(r *Rules) { r.Redaction, r.RedactsInContent, r.ImplicitCreator = 11, true, true })
	add("12", func(r *Rules) { r.StateRes, r.RoomIDFromCreate, r.PrivilegedCreators = StateResV21, true, true })
	return out
}
