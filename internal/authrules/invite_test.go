package authrules

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chancery-im/chancery/internal/event"
)

var inviteVectors = []vector{
	yes("5.4.1.1", "an address is taken up", taken{}.event),
	no("5.4.1.1", "by who is banned", taken{stage: was(dan, "ban")}.event).unlike("it does not look whether the target is banned"),
	no("5.4.1.1", "by who is banned, of a public room", taken{stage: func(r *rig) { r.joinRule("public"); r.member(dan, "ban") }}.event).
		unlike("it does not look whether the target is banned"),
	yes("5.4.1.1", "by who left", taken{stage: was(dan, "leave")}.event),
	yes("5.4.1.2", "with a name beside signed", taken{beside: `"display_name":"d",`}.event),
	no("5.4.1.2", "without signed", taken{third: `{"display_name":"d"}`}.event),
	no("5.4.1.2", "with a signed that is text", taken{third: `{"signed":"yes"}`}.event),
	no("5.4.1.2", "with nothing but null", taken{third: `null`}.event).unlike("it reads null as nothing"),
	yes("5.4.1.3", "with mxid and token", taken{}.event),
	no("5.4.1.3", "without mxid", taken{signed: `{"token":"token"}`}.event),
	no("5.4.1.3", "without token", taken{signed: `{"mxid":"` + dan + `"}`}.event),
	yes("5.4.1.4", "mxid is the target", taken{}.event),
	no("5.4.1.4", "mxid is another", taken{signed: `{"mxid":"` + erin + `","token":"token"}`}.event),
	no("5.4.1.4", "mxid is the target in capitals", taken{signed: `{"mxid":"` + strings.ToUpper(dan) + `","token":"token"}`}.event),
	yes("5.4.1.5", "the invite is there", taken{}.event),
	no("5.4.1.5", "there is no such invite", taken{signed: `{"mxid":"` + dan + `","token":"other"}`}.event),
	no("5.4.1.5", "there is no invite at all", taken{stage: func(r *rig) { delete(r.state, Tuple{"m.room.third_party_invite", "token"}) }}.event),
	yes("5.4.1.6", "by who made the invite", taken{}.event),
	no("5.4.1.6", "by another member", taken{sender: bob}.event).unlike("it does not compare the senders"),
	no("5.4.1.6", "by the target", taken{sender: dan}.event).unlike("it does not compare the senders"),
	yes("5.4.1.8", "signed by the one key", taken{keys: `{"public_key":"` + thirdPublic + `"}`}.event).unlike("it reads the list only"),
	yes("5.4.1.8", "signed by a key of the list", taken{keys: `{"public_keys":[{"public_key":"` + otherPublic + `"},{"public_key":"` + thirdPublic + `"}]}`}.event),
	yes("5.4.1.8", "signed by the list's key beside another", taken{keys: `{"public_key":"` + otherPublic + `","public_keys":[{"public_key":"` + thirdPublic + `"}]}`}.event),
	yes("5.4.1.8", "signed, with something that is never signed", taken{signature: "unsigned"}.event).unlike("it verifies what it has read of it"),
	no("5.4.1.8", "signed by another algorithm's name", taken{signature: "rsa"}.event),
	no("5.4.1.8", "signed by nobody", taken{signature: "none"}.event),
	no("5.4.1.8", "signed by another key", taken{keys: `{"public_key":"` + otherPublic + `"}`}.event),
	no("5.4.1.8", "signed, and changed since", taken{signature: "stale"}.event),
	no("5.4.1.8", "an invite without keys", taken{keys: `{}`}.event),

	yes("5.4.2", "a member invites", by(carol, dan, "invite")),
	no("5.4.2", "a stranger invites", by(erin, dan, "invite")),
	no("5.4.2", "who is invited invites", by(erin, dan, "invite", was(erin, "invite"))),
	no("5.4.2", "an administrator who left invites", by(ann, dan, "invite", was(ann, "leave"))),
	yes("5.4.3", "who left is invited", by(carol, dan, "invite", was(dan, "leave"))),
	yes("5.4.3", "who is invited is invited again", by(carol, dan, "invite", was(dan, "invite"))),
	yes("5.4.3", "who knocked is invited", by(carol, dan, "invite", was(dan, "knock"))),
	no("5.4.3", "a member is invited", by(alice, carol, "invite")),
	no("5.4.3", "who is banned is invited", by(alice, dan, "invite", was(dan, "ban"))),
	no("5.4.3", "oneself is invited", by(carol, carol, "invite")),
	yes("5.4.5", "bob invites where 50 is needed", invitedBy(bob, `{"invite":50,"users":{"`+bob+`":50}}`)),
	no("5.4.5", "carol invites where 1 is needed", invitedBy(carol, `{"invite":1}`)),
	no("5.4.5", "bob invites where 51 is needed", invitedBy(bob, `{"invite":51,"users":{"`+bob+`":50}}`)),
	yes("5.4.5", "a creator invites whatever is needed", invitedBy(alice, `{"invite":9007199254740991}`)).in(12, 0),
}

func invitedBy(sender, levels string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		r.levels(levels)
		return r.membership(sender, dan, "invite")
	}
}

var (
	thirdKey    = ed25519.NewKeyFromSeed([]byte("a key of an identity server 0123"))
	thirdPublic = base64.RawStdEncoding.EncodeToString(thirdKey.Public().(ed25519.PublicKey))
	otherPublic = base64.RawStdEncoding.EncodeToString(testKey.Public().(ed25519.PublicKey))
)

// taken is how carol's invite of an address is taken up for dan.
type taken struct {
	sender    string // carol
	third     string // third_party_invite, else of signed
	beside    string
	signed    string // without signatures, canonical
	signature string // "none", "stale", "unsigned", "rsa", or good
	keys      string // the invite's content
	stage     func(r *rig)
}

func (c taken) event(r *rig) *event.Event {
	if c.keys == "" {
		c.keys = `{"public_key":"` + thirdPublic + `","public_keys":[{"public_key":"` + thirdPublic + `"}]}`
	}
	r.put("m.room.third_party_invite", "token", carol, c.keys)
	if c.stage != nil {
		c.stage(r)
	}
	if c.sender == "" {
		c.sender = carol
	}
	if c.third == "" {
		c.third = `{` + c.beside + `"signed":` + c.sign() + `}`
	}
	return r.build("m.room.member", str(dan), c.sender, `{"membership":"invite","third_party_invite":`+c.third+`}`)
}

func (c taken) sign() string {
	if c.signed == "" {
		c.signed = `{"mxid":"` + dan + `","token":"token"}`
	}
	message := c.signed
	if c.signature == "stale" {
		message = `{"mxid":"` + dan + `","token":"old"}`
	}
	sigs := `{}`
	algorithm := "ed25519"
	if c.signature == "rsa" {
		algorithm = "rsa"
	}
	if c.signature != "none" {
		sigs = `{"id.test":{"` + algorithm + `:0":"` + base64.RawStdEncoding.EncodeToString(ed25519.Sign(thirdKey, []byte(message))) + `"}}`
	}
	if c.signature == "unsigned" {
		sigs += `,"unsigned":{"x":1}`
	}
	return c.signed[:len(c.signed)-1] + `,"signatures":` + sigs + `}`
}

// 600 signatures and 600 keys fit into two events; trying each with each would
// take half a minute.
func TestAThirdPartyInviteCannotMakeUsVerifyWithoutEnd(t *testing.T) {
	r := newRig(t, "12")
	var keys, sigs []string
	for i := range 500 {
		keys = append(keys, `{"public_key":"`+otherPublic+`"}`)
		sigs = append(sigs, fmt.Sprintf(`"ed25519:%d":"%s"`, i, base64.RawStdEncoding.EncodeToString(make([]byte, 64))))
	}
	r.put("m.room.third_party_invite", "token", carol, `{"public_keys":[`+strings.Join(keys, ",")+`]}`)
	e := r.build("m.room.member", str(dan), carol, `{"membership":"invite","third_party_invite":{"signed":{"mxid":"`+dan+
		`","token":"token","signatures":{"id.test":{`+strings.Join(sigs, ",")+`}}}}}`)
	start := time.Now()
	if Check(e, r.state, nil) == nil {
		t.Error("allowed")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}
