"""Files as the supervisor handles them: with the sandbox's own rights, so that no link leads anywhere else.

Beside the supervisor's program inside a sandbox, and imported by it with the first request on files.
"""

import errno
import posix
import time

TYPE, FOLDER, REGULAR, LINK = 0o170000, 0o040000, 0o100000, 0o120000
MAX_PART = 32 << 20
MAX_ROWS_BYTES = 8 << 20


def make_parents(path: bytes) -> None:
    """Make the folders above `path` where that is possible; what then opens `path` says what was not."""
    at = path.find(b"/", 1)
    while at > 0:
        try:
            posix.mkdir(path[:at], 0o755)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.EROFS, errno.EACCES):
                raise
        at = path.find(b"/", at + 1)


def open_regular(path: bytes, flags: int) -> int:
    """Open a regular file; never waits on a fifo. Raises OSError (EISDIR, or EINVAL for what is no file)."""
    handle = posix.open(path, flags | posix.O_NONBLOCK | posix.O_NOCTTY, 0o644)
    kind = posix.fstat(handle).st_mode & TYPE
    if kind != REGULAR:
        posix.close(handle)
        raise OSError(errno.EISDIR if kind == FOLDER else errno.EINVAL, "Not a regular file")
    return handle


def open_spill(path: bytes) -> int:
    """Open the file into which a command's whole output goes, making its folders."""
    make_parents(path)
    return open_regular(path, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte of `data`."""
    view = memoryview(data)
    while view:
        view = view[posix.write(handle, view) :]


def do_write(path: bytes, flags: bytes, data: bytes) -> "tuple[bytes | int, ...]":
    """`W`: `f` truncates and makes folders, `x` marks a program; later chunks are appended."""
    first = b"f" in flags
    if first:
        make_parents(path)
    handle = open_regular(path, posix.O_WRONLY | (posix.O_CREAT if first else posix.O_APPEND))
    try:
        if first:
            posix.ftruncate(handle, 0)
            if b"x" in flags:
                posix.fchmod(handle, 0o755)
        write_all(handle, data)
    finally:
        posix.close(handle)
    return ()


def do_mkdir(path: bytes) -> "tuple[bytes | int, ...]":
    """`M`: make a folder and those above it."""
    make_parents(path + b"/")
    if posix.stat(path).st_mode & TYPE != FOLDER:
        raise OSError(errno.ENOTDIR, "Not a directory")
    return ()


def do_read(path: bytes, offset: bytes, length: bytes) -> "tuple[bytes | int, ...]":
    """`G`: the file's size, and at most `length` bytes from `offset`."""
    handle = open_regular(path, posix.O_RDONLY)
    try:
        size = posix.fstat(handle).st_size
        return size, posix.pread(handle, min(int(length), MAX_PART), int(offset))
    finally:
        posix.close(handle)


def do_list(root: bytes, most: bytes, depth: bytes) -> "tuple[bytes | int, ...]":
    """`L`: rows (kind, size, path below root): file, link, other, `x` too deep, `u` unreadable, `+` cut short."""
    found: list[bytes | int] = []
    room, size = int(most), MAX_ROWS_BYTES
    stack = [(root, b"", 1)]
    while stack:
        folder, below, level = stack.pop()
        try:
            with posix.scandir(folder) as entries:
                for entry in entries:
                    size -= len(below) + len(entry.name) + 32
                    if not room or size < 0:
                        return (*found, b"+", 0, b"")
                    room -= 1
                    name = below + entry.name
                    try:
                        about = entry.stat(follow_symlinks=False)
                    except OSError:
                        found += (b"u", 0, name)  # it has just gone
                        continue
                    kind = about.st_mode & TYPE
                    if kind != FOLDER:
                        found += ({REGULAR: b"f", LINK: b"l"}.get(kind, b"o"), about.st_size, name)
                    elif level < int(depth):
                        stack.append((folder + b"/" + entry.name, name + b"/", level + 1))
                    else:
                        found += (b"x", 0, name)
        except OSError:
            if level == 1:
                raise
            found += (b"u", 0, below[:-1])
    return tuple(found)


def do_scan(root: bytes, most: bytes, *folders: bytes) -> "tuple[bytes | int, ...]":
    """`S`: the time, then rows (facts, path below root, target of a link) of all that lies in `folders` of root.

    Facts are kind (`d`, `f`, `l`, other), mode, size, mtime, ctime, inode, names; or for a folder that was asked
    for `u` unreadable, `x` cut short, `p` put off: there was no room for it in this answer.
    """
    found: list[bytes | int] = [time.time_ns()]
    room, size = int(most), MAX_ROWS_BYTES
    for number, folder in enumerate(folders):
        try:
            rows, taken, full = rows_of(root, folder, room, size)
        except OSError:
            found += (b"u", folder, b"")
            continue
        if full and number:
            for later in folders[number:]:
                found += (b"p", later, b"")
            break
        found += rows
        if full:
            found += (b"x", folder, b"")
        room, size = (0, 0) if full else (room - len(rows) // 3, size - taken)
    return tuple(found)


def rows_of(root: bytes, folder: bytes, room: int, size: int) -> "tuple[list[bytes], int, bool]":
    """Rows of one folder, the bytes they take, and whether there are more than there is room for."""
    rows: list[bytes] = []
    taken = 0
    below = folder + b"/" if folder else b""
    with posix.scandir(root + b"/" + folder) as entries:
        for entry in entries:
            path = below + entry.name
            try:
                about = entry.stat(follow_symlinks=False)
                kind = {FOLDER: b"d", REGULAR: b"f", LINK: b"l"}.get(about.st_mode & TYPE, b"o")
                target = posix.readlink(root + b"/" + path) if kind == b"l" else b""
            except OSError:
                continue  # it has just gone
            times = about.st_mtime_ns, about.st_ctime_ns
            mode = about.st_mode & 0o7777
            facts = b"%s %o %d %d %d %d %d" % (kind, mode, about.st_size, *times, about.st_ino, about.st_nlink)
            taken += len(facts) + len(path) + len(target) + 96
            if len(rows) // 3 >= room or taken > size:
                return rows, taken, True
            rows += (facts, path, target)
    return rows, taken, False


def do_arrange(how: bytes, path: bytes, *more: bytes) -> "tuple[bytes | int, ...]":
    """`A`: `d` make a folder, `l` a link (target, mtime), `h` another name (of), `t` set mode and mtime."""
    if how == b"d":
        try:
            posix.mkdir(path, 0o700)
        except FileExistsError:
            if posix.lstat(path).st_mode & TYPE != FOLDER:
                raise
        return ()
    if how == b"h":
        posix.link(more[0], path, follow_symlinks=False)
        return ()
    if how == b"l":
        posix.symlink(more[0], path)
    elif posix.lstat(path).st_mode & TYPE == LINK:
        raise OSError(errno.ELOOP, "A link")
    else:
        posix.chmod(path, int(more[0], 8))
    try:
        posix.utime(path, ns=(int(more[1]), int(more[1])), follow_symlinks=False)
    except (OSError, OverflowError):
        return ()  # a time that this file system does not have
    return ()


WORK = {b"A": do_arrange, b"G": do_read, b"L": do_list, b"M": do_mkdir, b"S": do_scan, b"W": do_write}
