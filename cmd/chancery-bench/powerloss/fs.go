// Package powerloss is a file system that forgets what was not synced. It is
// mounted under the data folder of a server that is being tested; Cut ends its
// world as a power cut would, and Restore brings back what a disk would still hold.
//
// It keeps everything in memory: files as two images, the one that programs see
// and the one that reached the disk, and folders as two lists of names. What was
// written and not synced comes back never, wholly or in part, page by page, by the
// choice of a seeded generator; a server must survive each.
package powerloss

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// pageSize is the unit in which unsynced writes survive or not.
const pageSize = 4096

// Disk is the medium: it outlives mounts.
type Disk struct {
	// Journal makes every sync write the names of all folders too, as file systems
	// with one journal for metadata do (ext4, XFS), and as PostgreSQL expects of
	// them. Without it only the sync of a folder keeps its names, which is all that
	// POSIX promises.
	Journal bool

	mu     sync.Mutex
	rand   *rand.Rand
	root   *folder
	cut    bool
	syncs  int64
	nextID uint64
}

// New makes an empty disk whose accidents follow from the seed.
func New(seed uint64) *Disk {
	d := &Disk{rand: rand.New(rand.NewPCG(seed, seed))}
	d.root = d.newFolder(0o755, 0, 0)
	d.root.durable = map[string]item{}
	return d
}

// item is a *file, *folder, *link or *special.
type item interface{ attr() *attributes }

type attributes struct {
	id       uint64
	mode     uint32 // permission bits
	uid, gid uint32
	mtime    time.Time
}

type file struct {
	attributes
	data    []byte
	durable []byte
	dirty   map[int64]bool // pages written since the last sync
	resized bool
	locks   []fuse.FileLock
}

type folder struct {
	attributes
	names   map[string]item
	durable map[string]item
}

type link struct {
	attributes
	target string
}

// special is a socket or a pipe: a name with nothing to lose.
type special struct {
	attributes
	kind uint32
}

func (s *special) attr() *attributes { return &s.attributes }
func (f *file) attr() *attributes    { return &f.attributes }
func (f *folder) attr() *attributes  { return &f.attributes }
func (l *link) attr() *attributes    { return &l.attributes }

func (d *Disk) attributes(mode, uid, gid uint32) attributes {
	d.nextID++
	return attributes{id: d.nextID + 1, mode: mode & 0o7777, uid: uid, gid: gid, mtime: time.Now()}
}

func (d *Disk) newFolder(mode, uid, gid uint32) *folder {
	return &folder{attributes: d.attributes(mode, uid, gid), names: map[string]item{}, durable: map[string]item{}}
}

// Cut stops the world: from now on nothing more reaches the disk, and every
// operation fails. What was synced before it is what counts.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = true
}

// Syncs is how often something was made durable.
func (d *Disk) Syncs() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Restore is the moment after the power is back: each file is what was synced of
// it, with some of the unsynced pages, and each folder lists what was synced of it,
// with some of the unsynced names. The disk must not be mounted.
func (d *Disk) Restore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = false
	d.restore(d.root)
}

func (d *Disk) restore(f *folder) {
	// How merciful this accident is: often not at all.
	mercy := []float64{0, 0, 0.5, 0.9}[d.rand.IntN(4)]
	for name, it := range f.names {
		if f.durable[name] != it && d.rand.Float64() < mercy {
			if old, ok := f.durable[name]; !ok || old != it {
				f.durable[name] = it
			}
		}
	}
	for name := range f.durable {
		if _, still := f.names[name]; !still && d.rand.Float64() < mercy {
			delete(f.durable, name)
		}
	}
	f.names = make(map[string]item, len(f.durable))
	for name, it := range f.durable {
		f.names[name] = it
	}
	for _, it := range f.names {
		switch it := it.(type) {
		case *folder:
			d.restore(it)
		case *file:
			d.restoreFile(it, mercy)
		}
	}
}

func (d *Disk) restoreFile(f *file, mercy float64) {
	if len(f.dirty) > 0 || f.resized {
		data := append([]byte(nil), f.durable...)
		for p := range f.dirty {
			if d.rand.Float64() < mercy {
				data = overlay(data, f.data, p)
			}
		}
		f.durable = data
	}
	f.data = append([]byte(nil), f.durable...)
	f.dirty, f.resized, f.locks = map[int64]bool{}, false, nil
}

// overlay copies page p of src over dst, growing it with zeros.
func overlay(dst, src []byte, p int64) []byte {
	from := p * pageSize
	to := min(from+pageSize, int64(len(src)))
	if from >= to {
		return dst
	}
	if int64(len(dst)) < to {
		dst = append(dst, make([]byte, to-int64(len(dst)))...)
	}
	copy(dst[from:to], src[from:to])
	return dst
}

// sync makes the file's content durable, page by page.
func (d *Disk) sync(f *file) {
	d.syncs++
	if f.resized || len(f.durable) > len(f.data) {
		if len(f.durable) > len(f.data) {
			f.durable = f.durable[:len(f.data):len(f.data)]
		}
	}
	if len(f.durable) < len(f.data) {
		f.durable = append(f.durable, make([]byte, len(f.data)-len(f.durable))...)
	}
	for p := range f.dirty {
		f.durable = overlay(f.durable, f.data, p)
	}
	clear(f.dirty)
	f.resized = false
	d.journal()
}

// journal makes all names durable, if this disk has a journal.
func (d *Disk) journal() {
	if d.Journal {
		keepNames(d.root)
	}
}

func keepNames(f *folder) {
	f.durable = make(map[string]item, len(f.names))
	for name, it := range f.names {
		f.durable[name] = it
		if sub, ok := it.(*folder); ok {
			keepNames(sub)
		}
	}
}

func (d *Disk) syncFolder(f *folder) {
	d.syncs++
	f.durable = make(map[string]item, len(f.names))
	for name, it := range f.names {
		f.durable[name] = it
	}
	d.journal()
}

// Mount shows the disk at dir until Unmount. Only root can: it needs no helper
// program, and lets other users (a database's) in.
func (d *Disk) Mount(dir string) (*fuse.Server, error) {
	zero := time.Duration(0)
	return fs.Mount(dir, &node{disk: d, it: d.root}, &fs.Options{
		EntryTimeout: &zero, AttrTimeout: &zero,
		MountOptions: fuse.MountOptions{AllowOther: true, DirectMountStrict: true, FsName: "powerloss", Name: "powerloss",
			DisableXAttrs: true},
	})
}

// node is an item as the kernel holds it.
type node struct {
	fs.Inode
	disk *Disk
	it   item
}

func (n *node) enter() syscall.Errno {
	n.disk.mu.Lock()
	if n.disk.cut {
		n.disk.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

func (n *node) exit() { n.disk.mu.Unlock() }

func kind(it item) uint32 {
	switch it := it.(type) {
	case *special:
		return it.kind
	case *folder:
		return syscall.S_IFDIR
	case *link:
		return syscall.S_IFLNK
	}
	return syscall.S_IFREG
}

func fill(it item, out *fuse.Attr) {
	a := it.attr()
	out.Ino, out.Mode, out.Uid, out.Gid = a.id, kind(it)|a.mode, a.uid, a.gid
	out.Nlink, out.Blksize = 1, pageSize
	out.SetTimes(&a.mtime, &a.mtime, &a.mtime)
	switch it := it.(type) {
	case *file:
		out.Size = uint64(len(it.data))
		out.Blocks = (out.Size + 511) / 512
	case *link:
		out.Size = uint64(len(it.target))
	}
}

func (n *node) child(ctx context.Context, it item, out *fuse.EntryOut) *fs.Inode {
	fill(it, &out.Attr)
	return n.NewInode(ctx, &node{disk: n.disk, it: it}, fs.StableAttr{Mode: kind(it), Ino: it.attr().id})
}
