package statetrie

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// The encoding of a node. Integers are big-endian, uvarint is that of encoding/binary.
//
//	leaf    01 p | uvarint entries | p bytes that all paths begin with | the other 8-p bytes of each path,
//	        ascending | uvarint event number of each
//	branch  02 | uvarint entries below | 16-bit map, bit i: there is a child i | 8-byte name of each child
//
// p is the number of whole bytes of the path that the place of the leaf fixes, so it adds no freedom to the
// encoding: one content at one place has one encoding.
const (
	tagLeaf   = 1
	tagBranch = 2

	fanBits  = 4
	fan      = 1 << fanBits
	maxDepth = 64 / fanBits
)

// entry is a state key's path with the event that holds it; event 0 in a change removes the key.
type entry struct {
	path  uint64
	event int64
}

// node is the decoded form. It is a leaf when kids is nil. Nodes are shared through the cache and never
// changed after they are made.
type node struct {
	entries []entry // leaf: ascending by path
	kids    []NodeID
	present uint16 // branch: which of the 16 children kids holds
	total   int    // entries in this subtree
}

func (n *node) leaf() bool { return n.kids == nil }

// child returns the name of child i of a branch, 0 when there is none.
func (n *node) child(i uint) NodeID {
	if n.present&(1<<i) == 0 {
		return 0
	}
	return n.kids[bits.OnesCount16(n.present&(1<<i-1))]
}

// find returns the event at a path in ascending entries, 0 when there is none.
func find(entries []entry, path uint64) int64 {
	low, high := 0, len(entries)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if entries[mid].path < path {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(entries) && entries[low].path == path {
		return entries[low].event
	}
	return 0
}

// nibble returns the four bits of a path that choose the child of a branch at a depth.
func nibble(path uint64, depth int) uint { return uint(path>>(60-fanBits*depth)) & (fan - 1) }

func encodeLeaf(entries []entry, depth int) []byte {
	p := depth * fanBits / 8
	body := make([]byte, 0, 4+p+len(entries)*(8-p+4))
	body = append(body, tagLeaf, byte(p))
	body = binary.AppendUvarint(body, uint64(len(entries)))
	var path [8]byte
	binary.BigEndian.PutUint64(path[:], entries[0].path)
	body = append(body, path[:p]...)
	for _, e := range entries {
		binary.BigEndian.PutUint64(path[:], e.path)
		body = append(body, path[p:]...)
	}
	for _, e := range entries {
		body = binary.AppendUvarint(body, uint64(e.event))
	}
	return body
}

func encodeBranch(n *node) []byte {
	body := make([]byte, 0, 8+8*len(n.kids))
	body = append(body, tagBranch)
	body = binary.AppendUvarint(body, uint64(n.total))
	body = binary.BigEndian.AppendUint16(body, n.present)
	for _, id := range n.kids {
		body = binary.BigEndian.AppendUint64(body, uint64(id))
	}
	return body
}

var (
	errShort  = errors.New("it ends too early or too late")
	errTag    = errors.New("unknown kind")
	errLeaf   = errors.New("leaf entries out of order or out of range")
	errBranch = errors.New("branch children out of range")
)

// decode reads a node. It accepts only what encode writes, and allocates no more than the body can fill.
func decode(body []byte) (*node, error) {
	if len(body) < 2 {
		return nil, errShort
	}
	switch body[0] {
	case tagLeaf:
		return decodeLeaf(int(body[1]), body[2:])
	case tagBranch:
		return decodeBranch(body[1:])
	}
	return nil, errTag
}

func decodeLeaf(p int, body []byte) (*node, error) {
	count, body, err := uvarint(body)
	if err != nil {
		return nil, err
	}
	width := 8 - p
	if width < 0 || len(body) < p || count == 0 || count > uint64(len(body)-p)/uint64(width+1) {
		return nil, errShort
	}
	prefix, body := body[:p], body[p:]
	paths, events := body[:int(count)*width], body[int(count)*width:]
	entries := make([]entry, count)
	var path [8]byte
	copy(path[:], prefix)
	for i := range entries {
		copy(path[p:], paths[i*width:])
		var event uint64
		if event, events, err = uvarint(events); err != nil {
			return nil, err
		}
		entries[i] = entry{binary.BigEndian.Uint64(path[:]), int64(event)}
		if event == 0 || event > math.MaxInt64 || i > 0 && entries[i-1].path >= entries[i].path {
			return nil, errLeaf
		}
	}
	if len(events) != 0 {
		return nil, errShort
	}
	return &node{entries: entries, total: len(entries)}, nil
}

func decodeBranch(body []byte) (*node, error) {
	total, body, err := uvarint(body)
	if err != nil {
		return nil, err
	}
	if len(body) < 2 {
		return nil, errShort
	}
	n := &node{present: binary.BigEndian.Uint16(body), total: int(total)}
	body = body[2:]
	count := bits.OnesCount16(n.present)
	if len(body) != 8*count {
		return nil, errShort
	}
	if count == 0 || total < uint64(count) || total > math.MaxInt32 {
		return nil, errBranch
	}
	n.kids = make([]NodeID, count)
	for i := range n.kids {
		n.kids[i] = NodeID(binary.BigEndian.Uint64(body[8*i:]))
		if n.kids[i] <= 0 {
			return nil, errBranch
		}
	}
	return n, nil
}

// uvarint reads a number in its shortest form and returns what follows it.
func uvarint(body []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(body)
	if n <= 0 || n > 1 && body[n-1] == 0 {
		return 0, nil, errShort
	}
	return v, body[n:], nil
}

// Children returns the names of the nodes right below an encoded node, for a sweeper that marks what is
// reachable. A leaf has none, and so has a body that is not a node.
func Children(body []byte) []NodeID {
	if len(body) == 0 || body[0] != tagBranch {
		return nil
	}
	n, err := decode(body)
	if err != nil {
		return nil
	}
	return n.kids
}
