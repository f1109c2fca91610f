package powerloss

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// The operations that databases use. The interfaces are go-fuse's; each name is
// that of the system call.
var (
	_ fs.NodeLookuper   = (*node)(nil)
	_ fs.NodeGetattrer  = (*node)(nil)
	_ fs.NodeSetattrer  = (*node)(nil)
	_ fs.NodeOpener     = (*node)(nil)
	_ fs.NodeReader     = (*node)(nil)
	_ fs.NodeWriter     = (*node)(nil)
	_ fs.NodeFsyncer    = (*node)(nil)
	_ fs.NodeCreater    = (*node)(nil)
	_ fs.NodeMkdirer    = (*node)(nil)
	_ fs.NodeUnlinker   = (*node)(nil)
	_ fs.NodeRmdirer    = (*node)(nil)
	_ fs.NodeRenamer    = (*node)(nil)
	_ fs.NodeReaddirer  = (*node)(nil)
	_ fs.NodeSymlinker  = (*node)(nil)
	_ fs.NodeReadlinker = (*node)(nil)
	_ fs.NodeLinker     = (*node)(nil)
	_ fs.NodeAllocater  = (*node)(nil)
	_ fs.NodeStatfser   = (*node)(nil)
	_ fs.NodeMknoder    = (*node)(nil)
	_ fs.NodeFlusher    = (*node)(nil)
)

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	it, ok := n.it.(*folder).names[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, it, out), 0
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	fill(n.it, &out.Attr)
	return 0
}

func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	a := n.it.attr()
	if m, ok := in.GetMode(); ok {
		a.mode = m & 0o7777
	}
	if uid, ok := in.GetUID(); ok {
		a.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		a.gid = gid
	}
	if t, ok := in.GetMTime(); ok {
		a.mtime = t
	}
	if size, ok := in.GetSize(); ok {
		if f, isFile := n.it.(*file); isFile {
			f.resize(int64(size))
		}
	}
	fill(n.it, &out.Attr)
	return 0
}

func (f *file) resize(size int64) {
	switch old := int64(len(f.data)); {
	case size < old:
		f.data = f.data[:size:size]
		f.resized = true
	case size > old:
		f.data = append(f.data, make([]byte, size-old)...)
		f.touch(old, size)
	}
	f.mtime = time.Now()
}

// touch marks the pages of [from, to) as written.
func (f *file) touch(from, to int64) {
	if f.dirty == nil {
		f.dirty = map[int64]bool{}
	}
	for p := from / pageSize; p*pageSize < to; p++ {
		f.dirty[p] = true
	}
}

func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) { return nil, 0, 0 }

func (n *node) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	f, ok := n.it.(*file)
	if !ok {
		return nil, syscall.EISDIR
	}
	if off >= int64(len(f.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(append([]byte(nil), f.data[off:min(off+int64(len(dest)), int64(len(f.data)))]...)), 0
}

func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return 0, e
	}
	defer n.exit()
	f, ok := n.it.(*file)
	if !ok {
		return 0, syscall.EISDIR
	}
	end := off + int64(len(data))
	if old := int64(len(f.data)); end > old {
		f.data = append(f.data, make([]byte, end-old)...)
		f.touch(old, end)
	}
	copy(f.data[off:end], data)
	f.touch(off, end)
	f.mtime = time.Now()
	return uint32(len(data)), 0
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	switch it := n.it.(type) {
	case *file:
		n.disk.sync(it)
	case *folder:
		n.disk.syncFolder(it)
	}
	return 0
}

// Fsyncdir is fsync on a folder: it makes its names durable.
func (n *node) Fsyncdir(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	return n.Fsync(ctx, f, flags)
}

func caller(ctx context.Context) (uid, gid uint32) {
	if c, ok := fuse.FromContext(ctx); ok {
		return c.Uid, c.Gid
	}
	return 0, 0
}

func (n *node) Create(ctx context.Context, name string, _ uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, nil, 0, e
	}
	defer n.exit()
	uid, gid := caller(ctx)
	f := &file{attributes: n.disk.attributes(mode, uid, gid), dirty: map[int64]bool{}}
	n.it.(*folder).names[name] = f
	return n.child(ctx, f, out), nil, 0, 0
}

func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	dir := n.it.(*folder)
	if _, taken := dir.names[name]; taken {
		return nil, syscall.EEXIST
	}
	uid, gid := caller(ctx)
	s := &special{n.disk.attributes(mode, uid, gid), mode & syscall.S_IFMT}
	dir.names[name] = s
	return n.child(ctx, s, out), 0
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	dir := n.it.(*folder)
	if _, taken := dir.names[name]; taken {
		return nil, syscall.EEXIST
	}
	uid, gid := caller(ctx)
	f := n.disk.newFolder(mode, uid, gid)
	dir.names[name] = f
	return n.child(ctx, f, out), 0
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	dir := n.it.(*folder)
	if _, ok := dir.names[name]; !ok {
		return syscall.ENOENT
	}
	delete(dir.names, name)
	return 0
}

func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	dir := n.it.(*folder)
	sub, ok := dir.names[name].(*folder)
	if !ok {
		return syscall.ENOENT
	}
	if len(sub.names) > 0 {
		return syscall.ENOTEMPTY
	}
	delete(dir.names, name)
	return 0
}

func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	from, dest := n.it.(*folder), to.(*node).it.(*folder)
	it, ok := from.names[name]
	if !ok {
		return syscall.ENOENT
	}
	delete(from.names, name)
	dest.names[newName] = it
	return 0
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	dir := n.it.(*folder)
	if _, taken := dir.names[name]; taken {
		return nil, syscall.EEXIST
	}
	it := target.(*node).it
	dir.names[name] = it
	fill(it, &out.Attr)
	return target.EmbeddedInode(), 0
}

func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	uid, gid := caller(ctx)
	l := &link{attributes: n.disk.attributes(0o777, uid, gid), target: target}
	n.it.(*folder).names[name] = l
	return n.child(ctx, l, out), 0
}

func (n *node) Readlink(context.Context) ([]byte, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	return []byte(n.it.(*link).target), 0
}

func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	if e := n.enter(); e != 0 {
		return nil, e
	}
	defer n.exit()
	var list []fuse.DirEntry
	for name, it := range n.it.(*folder).names {
		list = append(list, fuse.DirEntry{Name: name, Mode: kind(it), Ino: it.attr().id})
	}
	return fs.NewListDirStream(list), 0
}

// Allocate grows a file (posix_fallocate); other modes are not supported, as on
// many file systems.
func (n *node) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if mode != 0 {
		return syscall.ENOTSUP
	}
	if e := n.enter(); e != 0 {
		return e
	}
	defer n.exit()
	if f, ok := n.it.(*file); ok && int64(off+size) > int64(len(f.data)) {
		f.resize(int64(off + size))
	}
	return 0
}

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.NameLen = pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<24, 1<<23, 1<<23
	return 0
}
