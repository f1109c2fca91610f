package statetrie

import (
	"crypto/sha256"
	"encoding/binary"
)

// Hasher turns state keys into paths and node bodies into names. Its seed is secret, is made once per
// database and must never change or leave the server, and nor should paths and names: with the seed,
// colliding keys can be searched for outside.
type Hasher struct {
	path, node [sha256.Size]byte
}

// NewHasher returns the hasher for a seed of 32 random bytes.
func NewHasher(seed [32]byte) *Hasher {
	return &Hasher{
		path: sha256.Sum256(append(seed[:], "state path"...)),
		node: sha256.Sum256(append(seed[:], "state node"...)),
	}
}

// Path returns the place of a state key in every trie of this database. The type is preceded by its length
// rather than ended by a zero byte, because a type may contain one, and two keys that hash alike by
// construction are an attack.
func (h *Hasher) Path(kind, key string) uint64 {
	var space [256]byte
	buf := append(space[:0], h.path[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(kind)))
	buf = append(buf, kind...)
	buf = append(buf, key...)
	sum := sha256.Sum256(buf)
	return binary.BigEndian.Uint64(sum[:8])
}

// name returns the positive name of a node's body.
func (h *Hasher) name(body []byte) NodeID {
	var space [1024]byte
	buf := append(space[:0], h.node[:]...)
	buf = append(buf, body...)
	sum := sha256.Sum256(buf)
	id := NodeID(binary.BigEndian.Uint64(sum[:8]) >> 1)
	if id == 0 {
		return 1
	}
	return id
}
