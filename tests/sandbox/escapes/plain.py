"""The attempts that are a program inside, and nothing else."""

# ruff: noqa: E501  # a table

from __future__ import annotations

from tests.sandbox.escapes.attempt import Attempt, add, held

GVISOR = frozenset({"docker-runsc"})
SENTRY = "gVisor: its own kernel, which has no such thing"
INNER = "gVisor: within its own kernel, which reaches nothing"
NO_FILE = "mount namespace"
CONSOLE = "it would type on the host's console"

ROWS: tuple[Attempt, ...] = (
    # host files
    Attempt("host files", "secret by its path", "Reads a file that everybody on the host may read, lists its folder, appends to one that everybody may write, reads the home.", held(NO_FILE), "files:by_path", control="plain"),
    Attempt("host files", "search of everything", "Walks every folder for names that only the host has.", held(NO_FILE), "files:by_search", control="plain"),
    Attempt("host files", "through other processes", "Goes through root, working folder, open files and mapped files of every process.", held("pid and mount namespace"), "files:by_processes", control="plain"),
    Attempt("host files", "upwards by dot dot", "Climbs from every folder it holds open, also from one that was moved meanwhile.", held("mount namespace"), "files:by_steps", control="host"),
    Attempt("host files", "other trials' workspaces", "Opens the state folder, a neighbour's workspace by its path and beside its own, and Docker's volumes.", held("mount namespace"), "files:state_folder", control="plain"),
    Attempt("host files", "hard links out", "Links the system's and the host's files into the workspace, to change or collect them later.", held("mount namespace"), "files:hard_links", control="host"),
    Attempt("host files", "poisoning the system", "Writes, renames and re-dates the system, the toolbox and the supervisor's program, for the next trial to run.", held("read-only root and mounts"), "files:system_files", control="host"),
    Attempt("host files", "replacing the inputs", "Renames, removes, exchanges, chmods and rewrites the inputs.", held("read-only mount"), "files:inputs", control="host"),
    Attempt("host files", "file handles", "Opens the host's files by inode number, as `shocker` did.", held("no capability", docker="no capability, seccomp", runsc=SENTRY), "namespaces:handles", control="plain"),
    # /proc and /sys
    Attempt("/proc and /sys", "kernel settings", "Opens core_pattern, modprobe and every other setting for writing.", held("read-only /proc/sys, not root", bwrap="not the namespace's root", runsc=INNER), "proc:settings", control="namespaces"),
    Attempt("/proc and /sys", "triggers", "Opens sysrq-trigger and other files that do things.", held("masked, not root", bwrap="not root", runsc=SENTRY), "proc:triggers", control="host"),
    Attempt("/proc and /sys", "kernel memory", "Reads kcore, /dev/mem, page flags and the kernel's addresses.", held("masked, no capability", bwrap="no capability", runsc=SENTRY), "proc:kernel_memory", control="plain"),
    Attempt("/proc and /sys", "devices by /sys", "Opens every file of /sys for writing: uevent_helper, cgroups, devices.", held("read-only /sys", bwrap="no /sys", runsc=SENTRY), "proc:sys_files", control="host"),
    Attempt("/proc and /sys", "program overwrite", "Opens the running program of every process for writing, also by O_PATH (runc's CVE-2019-5736).", held("read-only root"), "files:programs_running", control="host"),
    Attempt("/proc and /sys", "mount table", "Reads the host's paths from the mount table and opens them.", held("mount namespace (paths are told, none opens)"), "proc:mount_table", control="plain"),
    Attempt("/proc and /sys", "host processes", "Looks for the host's processes by their numbers.", held("pid namespace"), "proc:processes", control="plain"),
    Attempt("/proc and /sys", "keys in environments", "Searches environment, command line and memory of every process for keys.", held("pid namespace; the harness gives none in"), "proc:environments", control="plain"),
    # processes and privileges
    Attempt("privileges", "root by setuid calls", "Sets user and groups to root's, rewrites its user map.", held("no capability", runsc="no capability, gVisor"), "privileges:become_root", control="namespaces"),
    Attempt("privileges", "capabilities", "Takes every capability, raises ambient ones, looks for any it has.", held("no capability, no new privileges"), "privileges:capabilities", control="namespaces"),
    Attempt("privileges", "setuid programs", "Starts every setuid and setgid program and looks at its user.", held("no new privileges", docker="no new privileges"), "privileges:setuid_programs", control="agent"),
    Attempt("privileges", "own setuid program", "Makes a program root's, and one with file capabilities.", held("no capability"), "privileges:own_setuid", control="host"),
    Attempt("privileges", "typing into terminals", "Pushes key strokes into every terminal (TIOCSTI).", held("no terminal; new session"), "privileges:terminals", no_control=CONSOLE),
    Attempt("privileges", "tracing the host", "Traces the host's processes by number, reads their memory, takes their descriptors.", held("pid namespace"), "privileges:tracing", control="plain"),
    Attempt("privileges", "signals to the host", "Signals the host's processes by number: kill, queue, pidfd, as owner of a file's events.", held("pid namespace"), "privileges:signals", control="plain"),
    # namespaces and mounts
    Attempt("namespaces", "user namespace", "Makes a user namespace in which it is root, and mounts there.", held("seccomp", runsc=INNER), "namespaces:user_namespace", control="plain", contained=GVISOR),
    Attempt("namespaces", "other namespaces", "Makes namespaces of every other kind.", held("seccomp, no capability", runsc=INNER), "namespaces:other_namespaces", control="namespaces", contained=GVISOR),
    Attempt("namespaces", "entering namespaces", "Enters the namespaces of every process and of the host's by number.", held("seccomp, no capability", runsc="no capability, gVisor"), "namespaces:enter_namespaces", control="plain"),
    Attempt("namespaces", "mounting", "Mounts memory, /proc, /sys, a folder over another.", held("seccomp, no capability", runsc="no capability, gVisor"), "namespaces:mounts", control="namespaces"),
    Attempt("namespaces", "mounting by new calls", "The same by fsopen, open_tree and mount_setattr.", held("seccomp, no capability", runsc=SENTRY), "namespaces:new_mounts", control="namespaces"),
    Attempt("namespaces", "read-only made writable", "Remounts the system, the supervisor's program and the inputs writable.", held("seccomp, no capability", runsc="no capability, gVisor"), "namespaces:writable_again", control="host"),
    Attempt("namespaces", "uncovering mounts", "Takes mounts away to see what lies below.", held("seccomp, no capability", runsc="no capability, gVisor"), "namespaces:uncover", control="namespaces"),
    Attempt("namespaces", "chroot and out", "Leaves by a root below its working folder.", held("no capability"), "namespaces:chroots", control="host"),
    Attempt("namespaces", "pivot_root", "Exchanges its root.", held("seccomp, no capability", runsc="no capability, gVisor"), "namespaces:pivot", control="host"),
    Attempt("namespaces", "cgroup release agent", "Mounts the cgroups to name a program that the kernel starts on the host.", held("seccomp, no capability", runsc=SENTRY), "namespaces:cgroup_release", control="host"),
    Attempt("namespaces", "other entry points", "Asks for a user namespace by the 32-bit and x32 entry points, which a simple filter lets pass.", held("seccomp knows the architecture", runsc=SENTRY), "namespaces:old_calls", control="plain"),
    # kernel
    Attempt("kernel", "bpf", "Makes a BPF map and loads a program.", held("seccomp", runsc=SENTRY), "kernel:bpf", control="namespaces"),
    Attempt("kernel", "perf events", "Counts its own events and a core's.", held("seccomp", runsc=SENTRY), "kernel:perf", control="namespaces"),
    Attempt("kernel", "userfaultfd", "Handles page faults of the kernel itself.", held("seccomp", runsc=SENTRY), "kernel:userfaultfd", control="namespaces"),
    Attempt("kernel", "io_uring", "Sets up a ring, whose operations no filter sees.", held("seccomp", runsc=INNER), "kernel:io_uring", control="namespaces", contained=GVISOR),
    Attempt("kernel", "kernel modules", "Loads and removes modules.", held("seccomp, no capability", runsc=SENTRY), "kernel:modules", control="namespaces"),
    Attempt("kernel", "restart", "Restarts and halts the machine.", held("seccomp, no capability", runsc="no capability, gVisor"), "kernel:reboot", control="namespaces"),
    Attempt("kernel", "another kernel", "Loads a kernel with kexec.", held("seccomp, no capability", runsc=SENTRY), "kernel:kexec", no_control="most kernels are built without it; one that has it would be loaded"),
    Attempt("kernel", "renaming the machine", "Sets host and domain name.", held("seccomp, no capability", runsc="no capability, gVisor"), "kernel:hostname", control="namespaces"),
    Attempt("kernel", "setting the clock", "Sets the clock an hour ahead by three calls.", held("seccomp, no capability", runsc="no capability, gVisor"), "kernel:clocks", no_control="it would set the host's clock"),
    Attempt("kernel", "administration", "Accounting, swap, quotas, file events, I/O ports.", held("seccomp, no capability", runsc=SENTRY), "kernel:administration", control="namespaces"),
    Attempt("kernel", "priorities and limits", "Nice -20, a real-time class, a low OOM score, higher hard limits.", held("no capability", runsc=INNER), "kernel:priorities", control="host", contained=GVISOR),
    Attempt("kernel", "keyrings", "Finds and reads the key in the session keyring that the harness's children inherit.", held("seccomp", runsc=SENTRY), "kernel:keyring", control="plain"),
    Attempt("kernel", "shared memory", "Attaches to the host's System V memory and opens its POSIX memory.", held("ipc and mount namespace"), "kernel:shared_memory", control="plain"),
    Attempt("kernel", "kernel log", "Reads the kernel's log by three ways.", held("seccomp, no capability", runsc=INNER), "kernel:kernel_log", control="plain", contained=GVISOR),
    Attempt("kernel", "odd socket families", "Opens vsock (which reaches a hypervisor), crypto, key, CAN, TIPC, XDP and Bluetooth sockets.", held("seccomp", runsc=SENTRY), "kernel:families", control="plain"),
    # devices
    Attempt("devices", "device nodes", "Makes nodes of the host's disk, memory and console and reads them.", held("no capability", runsc=INNER), "files:nodes", control="host", contained=GVISOR),
    Attempt("devices", "devices shown", "Opens every device beyond the harmless ones: kvm, fuse, loop, disks, tun, vsock.", held("own /dev", runsc=INNER), "files:devices", control="plain", contained=GVISOR),
    # network
    Attempt("network", "host loopback", "Connects to a service of the host by every name of its loopback, TCP and UDP.", held("network namespace", runsc="no network stack"), "network:host_loopback", control="plain"),
    Attempt("network", "metadata addresses", "Connects to where clouds hand out keys, and to container hosts.", held("network namespace", runsc="no network stack"), "network:metadata", no_control="it would ask the cloud that the host runs in"),
    Attempt("network", "names", "Resolves names by the system, and asks name servers itself.", held("network namespace", runsc="no network stack"), "network:names", no_control="it would ask name servers of the world"),
    Attempt("network", "raw and packet sockets", "Opens sockets that forge and overhear traffic.", held("no capability"), "network:raw_sockets", control="namespaces"),
    Attempt("network", "netlink", "Makes an interface and an address, speaks to the audit.", held("no capability"), "network:netlink", control="namespaces"),
    Attempt("network", "abstract sockets", "Connects to an abstract unix socket of the host.", held("network namespace"), "network:abstract_sockets", control="plain"),
    Attempt("network", "sockets by path", "Connects to Docker's, containerd's, D-Bus's, X11's and every other socket that it finds.", held("mount namespace"), "network:path_sockets", control="plain"),
)  # fmt: skip

PLAIN = tuple(add(row) for row in ROWS)
