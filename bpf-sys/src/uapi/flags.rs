//! The flag words of bpf(2), one type per field that takes them.
//!
//! The header throws all `BPF_F_*` into one namespace although the same bit means different things in different fields;
//! a type per field keeps them apart. Bits that this crate does not know are kept (`from_bits_retain`), so that a newer
//! kernel's flag can be passed before it has a name here.

use super::generated as c;
use bitflags::bitflags;

bitflags! {
    /// `map_flags` of BPF_MAP_CREATE, and of `bpf_map_info`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        /// Allocate elements when they are needed, not all at creation.
        const NO_PREALLOC = c::BPF_F_NO_PREALLOC;
        /// One LRU list for each CPU.
        const NO_COMMON_LRU = c::BPF_F_NO_COMMON_LRU;
        /// `numa_node` is set.
        const NUMA_NODE = c::BPF_F_NUMA_NODE;
        /// The fd only reads.
        const RDONLY = c::BPF_F_RDONLY;
        /// The fd only writes.
        const WRONLY = c::BPF_F_WRONLY;
        /// Stack traces hold build id and offset instead of addresses.
        const STACK_BUILD_ID = c::BPF_F_STACK_BUILD_ID;
        /// The hash function's seed is 0; for tests.
        const ZERO_SEED = c::BPF_F_ZERO_SEED;
        /// Programs only read.
        const RDONLY_PROG = c::BPF_F_RDONLY_PROG;
        /// Programs only write.
        const WRONLY_PROG = c::BPF_F_WRONLY_PROG;
        /// An accepted socket inherits the listener's element.
        const CLONE = c::BPF_F_CLONE;
        /// The values can be mapped into user space.
        const MMAPABLE = c::BPF_F_MMAPABLE;
        /// Perf events stay when the fd that put them in is closed.
        const PRESERVE_ELEMS = c::BPF_F_PRESERVE_ELEMS;
        /// Inner maps may differ in `max_entries`.
        const INNER_MAP = c::BPF_F_INNER_MAP;
        /// A struct_ops map that is registered by a link.
        const LINK = c::BPF_F_LINK;
        /// `value_type_btf_obj_fd` is set.
        const VTYPE_BTF_OBJ_FD = c::BPF_F_VTYPE_BTF_OBJ_FD;
        /// `map_token_fd` is set.
        const TOKEN_FD = c::BPF_F_TOKEN_FD;
        /// A page fault of user space in an arena is a SIGSEGV and inserts no page.
        const SEGV_ON_FAULT = c::BPF_F_SEGV_ON_FAULT;
        /// Arena pointers are not translated to user pointers.
        const NO_USER_CONV = c::BPF_F_NO_USER_CONV;
        /// A full ring buffer overwrites its oldest records.
        const RB_OVERWRITE = c::BPF_F_RB_OVERWRITE;
        const _ = !0;
    }

    /// `flags` of the element commands: what an update may replace, and how a look-up reads.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ElemFlags: u64 {
        /// Create or replace (the kernel's `BPF_ANY`).
        const ANY = c::BPF_ANY as u64;
        /// Create; EEXIST when the key is there.
        const NOEXIST = c::BPF_NOEXIST as u64;
        /// Replace; ENOENT when the key is not there.
        const EXIST = c::BPF_EXIST as u64;
        /// Hold the value's `bpf_spin_lock`.
        const LOCK = c::BPF_F_LOCK as u64;
        /// One CPU of a per-CPU map: its number stands in the upper 32 bits (see [`ElemFlags::cpu`]).
        const CPU = c::BPF_F_CPU as u64;
        /// One value for all CPUs of a per-CPU map.
        const ALL_CPUS = c::BPF_F_ALL_CPUS as u64;
        const _ = !0;
    }

    /// `prog_flags` of BPF_PROG_LOAD.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ProgFlags: u32 {
        /// The verifier checks alignment as on a machine that needs it.
        const STRICT_ALIGNMENT = c::BPF_F_STRICT_ALIGNMENT;
        /// The verifier does not check alignment.
        const ANY_ALIGNMENT = c::BPF_F_ANY_ALIGNMENT;
        /// Upper halves of 32-bit results are randomised; for tests.
        const TEST_RND_HI32 = c::BPF_F_TEST_RND_HI32;
        /// The verifier saves its state often; for tests.
        const TEST_STATE_FREQ = c::BPF_F_TEST_STATE_FREQ;
        /// The program may sleep.
        const SLEEPABLE = c::BPF_F_SLEEPABLE;
        /// An XDP program that knows multi-buffer packets.
        const XDP_HAS_FRAGS = c::BPF_F_XDP_HAS_FRAGS;
        /// Bound to the device of `prog_ifindex`, without offload.
        const XDP_DEV_BOUND_ONLY = c::BPF_F_XDP_DEV_BOUND_ONLY;
        /// Broken register invariants fail the load; for tests.
        const TEST_REG_INVARIANTS = c::BPF_F_TEST_REG_INVARIANTS;
        /// `prog_token_fd` is set.
        const TOKEN_FD = c::BPF_F_TOKEN_FD;
        const _ = !0;
    }

    /// `attach_flags` of BPF_PROG_ATTACH and `flags` of BPF_LINK_CREATE: place and company of a program at its hook.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AttachFlags: u32 {
        /// A descendant cgroup may replace the program.
        const ALLOW_OVERRIDE = c::BPF_F_ALLOW_OVERRIDE;
        /// Several programs at one cgroup; descendants' run too.
        const ALLOW_MULTI = c::BPF_F_ALLOW_MULTI;
        /// Replace the given program.
        const REPLACE = c::BPF_F_REPLACE;
        /// Before the relative program or link, or first.
        const BEFORE = c::BPF_F_BEFORE;
        /// After the relative program or link, or last.
        const AFTER = c::BPF_F_AFTER;
        /// The relative is given by id.
        const ID = c::BPF_F_ID;
        /// Run before the programs of descendant cgroups.
        const PREORDER = c::BPF_F_PREORDER;
        /// The relative is a link.
        const LINK = c::BPF_F_LINK;
        const _ = !0;
    }

    /// `query_flags` of BPF_PROG_QUERY.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct QueryFlags: u32 {
        /// Also what is inherited from ancestor cgroups.
        const EFFECTIVE = c::BPF_F_QUERY_EFFECTIVE;
        const _ = !0;
    }

    /// `flags` of BPF_PROG_TEST_RUN.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TestRunFlags: u32 {
        /// Run on the CPU given by `cpu`.
        const ON_CPU = c::BPF_F_TEST_RUN_ON_CPU;
        /// XDP: the verdict is carried out on real frames.
        const XDP_LIVE_FRAMES = c::BPF_F_TEST_XDP_LIVE_FRAMES;
        /// The packet counts as one whose checksum was verified.
        const SKB_CHECKSUM_COMPLETE = c::BPF_F_TEST_SKB_CHECKSUM_COMPLETE;
        const _ = !0;
    }

    /// `kprobe_multi.flags` of BPF_LINK_CREATE.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct KprobeMultiFlags: u32 {
        /// At the functions' return.
        const RETURN = c::BPF_F_KPROBE_MULTI_RETURN;
        const _ = !0;
    }

    /// `uprobe_multi.flags` of BPF_LINK_CREATE.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UprobeMultiFlags: u32 {
        /// At the functions' return.
        const RETURN = c::BPF_F_UPROBE_MULTI_RETURN;
        /// The file is looked up below `path_fd`.
        const PATH_FD = c::BPF_F_UPROBE_MULTI_PATH_FD;
        const _ = !0;
    }

    /// `flags` of BPF_LINK_CREATE for XDP: `XDP_FLAGS_*` of `linux/if_link.h`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct XdpFlags: u32 {
        /// Only where nothing is attached; links exclude each other without it.
        const UPDATE_IF_NOEXIST = 1 << 0;
        /// In the kernel's generic path.
        const SKB_MODE = 1 << 1;
        /// In the driver.
        const DRV_MODE = 1 << 2;
        /// On the device.
        const HW_MODE = 1 << 3;
        /// Only in place of a given program; not for links.
        const REPLACE = 1 << 4;
        const _ = !0;
    }

    /// `netfilter.flags` of BPF_LINK_CREATE.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct NetfilterFlags: u32 {
        /// Defragment IP packets before the program sees them.
        const IP_DEFRAG = c::BPF_F_NETFILTER_IP_DEFRAG;
        const _ = !0;
    }
}

impl ElemFlags {
    /// The value of CPU `cpu` alone, of a per-CPU map.
    pub const fn cpu(cpu: u32) -> ElemFlags {
        ElemFlags::from_bits_retain((cpu as u64) << 32 | c::BPF_F_CPU as u64)
    }

    /// Whether these flags make the kernel take or give the value of one CPU (`bpf_map_value_size`).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) const fn one_value(self) -> bool {
        self.bits() & (c::BPF_F_CPU | c::BPF_F_ALL_CPUS) as u64 != 0
    }
}
