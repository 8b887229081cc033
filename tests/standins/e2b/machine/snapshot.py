"""A machine's own files as an archive: written when a template was built, unpacked into machines made from it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from tests.standins.e2b.machine.plan import MachinePlan

NOT_ITS_OWN = {"proc", "dev", "sys", "usr"}


def take(plan: MachinePlan, init: int, archive: Path) -> None:
    """Write what lies on the disk of the machine whose first process is `init`, without what is shown in it."""
    root = Path(f"/proc/{init}/root")
    disk = os.stat(root).st_dev

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if os.lstat(root / member.name).st_dev != disk:
            return None
        member.uid, member.gid = member.uid - plan.ids, member.gid - plan.ids
        return member if member.uid >= 0 else None

    with tarfile.open(archive, "w") as stream:
        for name in sorted(set(os.listdir(root)) - NOT_ITS_OWN):
            if not (root / name).is_symlink():
                stream.add(root / name, arcname=name, filter=kept)


def put(plan: MachinePlan, archive: tarfile.TarFile) -> None:
    """Unpack into the machine's root, in which this process is already, as the host's root."""
    for member in archive:
        owner, group = plan.ids + member.uid, plan.ids + member.gid
        if member.isdir() and os.path.isdir(f"/{member.name}"):
            os.chmod(f"/{member.name}", member.mode)
        else:
            archive.extract(member, "/", set_attrs=True, numeric_owner=True, filter="fully_trusted")
        os.lchown(f"/{member.name}", owner, group)
        if not member.issym():
            os.chmod(f"/{member.name}", member.mode)
