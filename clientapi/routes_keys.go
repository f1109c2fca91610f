package clientapi

// keyRoutes are the endpoints of keys, messages to devices, and backups.
func (a *API) keyRoutes() []route {
	return []route{
		{"POST", "/keys/query", guests, medium, a.keysQuery},
		{"POST", "/keys/claim", guests, medium, a.keysClaim},
		{"POST", "/keys/upload", guests, large, a.keysUpload},
		{"PUT", "/sendToDevice/{type}/{txnID}", guests, large, a.sendToDevice},
		{"GET", "/keys/changes", members, none, a.keysChanges},
		{"POST", "/keys/device_signing/upload", members, medium, a.deviceSigningUpload},
		{"POST", "/keys/signatures/upload", members, medium, a.signaturesUpload},
		{"GET", "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device", members, none, a.getDehydrated},
		{"PUT", "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device", members, large, a.putDehydrated},
		{"DELETE", "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device", members, small, a.deleteDehydrated},
		{"GET", "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{deviceID}/events", members, none, a.dehydratedEvents},
		{"POST", "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{deviceID}/events", members, small, a.postDehydratedEvents},
		{"POST", "/room_keys/version", members, medium, a.newBackup},
		{"GET", "/room_keys/version", members, none, a.getBackup},
		{"GET", "/room_keys/version/{version}", members, none, a.getBackup},
		{"PUT", "/room_keys/version/{version}", members, medium, a.putBackup},
		{"DELETE", "/room_keys/version/{version}", members, none, a.deleteBackup},
		{"PUT", "/room_keys/keys", members, large, a.putRoomKeys},
		{"PUT", "/room_keys/keys/{room}", members, large, a.putRoomKeys},
		{"PUT", "/room_keys/keys/{room}/{session}", members, medium, a.putRoomKeys},
		{"GET", "/room_keys/keys", members, none, a.getRoomKeys},
		{"GET", "/room_keys/keys/{room}", members, none, a.getRoomKeys},
		{"GET", "/room_keys/keys/{room}/{session}", members, none, a.getRoomKeys},
		{"DELETE", "/room_keys/keys", members, none, a.deleteRoomKeys},
		{"DELETE", "/room_keys/keys/{room}", members, none, a.deleteRoomKeys},
		{"DELETE", "/room_keys/keys/{room}/{session}", members, none, a.deleteRoomKeys},
	}
}
