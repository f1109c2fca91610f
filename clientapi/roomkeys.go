package clientapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// backupBody is the body of the endpoints of versions.
type backupBody struct {
	Algorithm string          `json:"algorithm"`
	AuthData  json.RawMessage `json:"auth_data"`
	Version   string          `json:"version"`
}

func decodeBackup(r *http.Request) (b backupBody, err error) {
	if err = httpjson.Decode(r, &b); err != nil {
		return b, err
	}
	if b.Algorithm == "" || len(b.AuthData) == 0 {
		return b, matrixerr.MissingParam("algorithm or auth_data is missing")
	}
	if b.AuthData[0] != '{' {
		return b, matrixerr.BadJSON("auth_data is not an object")
	}
	return b, nil
}

// POST /_matrix/client/v3/room_keys/version
func (a *API) newBackup(r *http.Request, c caller) (any, error) {
	b, err := decodeBackup(r)
	if err != nil {
		return nil, err
	}
	v, err := a.users.NewBackup(r.Context(), c.User, b.Algorithm, b.AuthData)
	return map[string]string{"version": strconv.FormatInt(v, 10)}, err
}

// versionOf reads a version. What is no number is no version of ours.
func versionOf(s string) (int64, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v <= 0 {
		return 0, matrixerr.NotFound("There is no such backup")
	}
	return v, nil
}

// GET /_matrix/client/v3/room_keys/version, /room_keys/version/{version}
func (a *API) getBackup(r *http.Request, c caller) (any, error) {
	var version int64
	if s := param(r, "version"); s != "" {
		var err error
		if version, err = versionOf(s); err != nil {
			return nil, err
		}
	}
	b, err := a.users.Backup(r.Context(), c.User, version)
	if err != nil {
		return nil, err
	}
	return map[string]any{"algorithm": b.Algorithm, "auth_data": b.AuthData, "count": b.Count,
		"etag": strconv.FormatInt(b.ETag, 10), "version": strconv.FormatInt(b.Version, 10)}, nil
}

// PUT /_matrix/client/v3/room_keys/version/{version}
func (a *API) putBackup(r *http.Request, c caller) (any, error) {
	version, err := versionOf(param(r, "version"))
	if err != nil {
		return nil, err
	}
	b, err := decodeBackup(r)
	if err != nil {
		return nil, err
	}
	if b.Version != "" && b.Version != param(r, "version") {
		return nil, matrixerr.InvalidParam("The version of the body is not the path's")
	}
	return httpjson.Empty{}, a.users.SetBackupAuth(r.Context(), c.User, version, b.Algorithm, b.AuthData)
}

// DELETE /_matrix/client/v3/room_keys/version/{version}
func (a *API) deleteBackup(r *http.Request, c caller) (any, error) {
	version, err := versionOf(param(r, "version"))
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.DeleteBackup(r.Context(), c.User, version)
}

// sessionData is a KeyBackupData object.
type sessionData struct {
	First     *int64          `json:"first_message_index"`
	Forwarded *int64          `json:"forwarded_count"`
	Verified  *bool           `json:"is_verified"`
	Data      json.RawMessage `json:"session_data"`
}

func (d sessionData) key(room, session string) (storage.BackupKey, error) {
	if d.First == nil || d.Forwarded == nil || d.Verified == nil || len(d.Data) == 0 || d.Data[0] != '{' {
		return storage.BackupKey{}, matrixerr.BadJSON("A session needs first_message_index, forwarded_count, is_verified and session_data")
	}
	return storage.BackupKey{Room: room, Session: session, FirstIndex: *d.First, Forwarded: *d.Forwarded, Verified: *d.Verified, Data: d.Data}, nil
}

type roomSessions struct {
	Sessions map[string]sessionData `json:"sessions"`
}

// readKeys reads the body of a PUT, whose form depends on how much of the path is
// given.
func readKeys(r *http.Request, room, session string) ([]storage.BackupKey, error) {
	rooms := map[string]roomSessions{}
	switch {
	case session != "":
		var d sessionData
		if err := httpjson.Decode(r, &d); err != nil {
			return nil, err
		}
		rooms[room] = roomSessions{map[string]sessionData{session: d}}
	case room != "":
		var d roomSessions
		if err := httpjson.Decode(r, &d); err != nil {
			return nil, err
		}
		rooms[room] = d
	default:
		var b struct {
			Rooms map[string]roomSessions `json:"rooms"`
		}
		if err := httpjson.Decode(r, &b); err != nil {
			return nil, err
		}
		rooms = b.Rooms
	}
	var out []storage.BackupKey
	for room, list := range rooms {
		for session, d := range list.Sessions {
			k, err := d.key(room, session)
			if err != nil {
				return nil, err
			}
			out = append(out, k)
		}
	}
	return out, nil
}

// backupPath is the version, room and session of a request for keys.
func backupPath(r *http.Request) (version int64, room, session string, err error) {
	s := r.URL.Query().Get("version")
	if s == "" {
		return 0, "", "", matrixerr.MissingParam("version is missing")
	}
	version, err = versionOf(s)
	return version, param(r, "room"), param(r, "session"), err
}

func etag(b storage.BackupVersion) map[string]any {
	return map[string]any{"count": b.Count, "etag": strconv.FormatInt(b.ETag, 10)}
}

// PUT /_matrix/client/v3/room_keys/keys[/{roomId}[/{sessionId}]]
func (a *API) putRoomKeys(r *http.Request, c caller) (any, error) {
	version, room, session, err := backupPath(r)
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(r, room, session)
	if err != nil {
		return nil, err
	}
	b, err := a.users.PutBackupKeys(r.Context(), c.User, version, keys)
	return etag(b), err
}

// GET /_matrix/client/v3/room_keys/keys[/{roomId}[/{sessionId}]]
func (a *API) getRoomKeys(r *http.Request, c caller) (any, error) {
	version, room, session, err := backupPath(r)
	if err != nil {
		return nil, err
	}
	keys, err := a.users.BackupKeys(r.Context(), c.User, version, room, session)
	if err != nil {
		return nil, err
	}
	rooms := map[string]map[string]any{}
	for _, k := range keys {
		d := map[string]any{"first_message_index": k.FirstIndex, "forwarded_count": k.Forwarded, "is_verified": k.Verified, "session_data": k.Data}
		if session != "" {
			return d, nil
		}
		if rooms[k.Room] == nil {
			rooms[k.Room] = map[string]any{}
		}
		rooms[k.Room][k.Session] = d
	}
	switch {
	case session != "":
		return nil, matrixerr.NotFound("The backup has no such session")
	case room != "":
		if rooms[room] == nil {
			rooms[room] = map[string]any{}
		}
		return map[string]any{"sessions": rooms[room]}, nil
	}
	out := map[string]any{}
	for id, sessions := range rooms {
		out[id] = map[string]any{"sessions": sessions}
	}
	return map[string]any{"rooms": out}, nil
}

// DELETE /_matrix/client/v3/room_keys/keys[/{roomId}[/{sessionId}]]
func (a *API) deleteRoomKeys(r *http.Request, c caller) (any, error) {
	version, room, session, err := backupPath(r)
	if err != nil {
		return nil, err
	}
	b, err := a.users.DeleteBackupKeys(r.Context(), c.User, version, room, session)
	return etag(b), err
}
