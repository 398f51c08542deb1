//! What an errno of a map's element means, by the map's type and the operation: the kernel has a dozen reasons for EINVAL.

use purebpf_sys::map::Map;
use purebpf_sys::uapi::{ElemFlags, MapType};

/// What was asked of the map.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation<'a> {
    LookUp,
    /// The next key.
    Walk,
    /// Under this key, with these flags.
    Update(&'a [u8], ElemFlags),
    Delete,
    /// Look up and delete, in one step.
    Take,
    Other,
}

/// The name of a map type with its article, for a sentence: `a hash`, `an array`.
pub(super) fn a_type(map_type: MapType) -> String {
    let name = match map_type.name() {
        Some(name) => name.trim_start_matches("BPF_MAP_TYPE_").to_lowercase(),
        None => return format!("a map of type {}", map_type.0),
    };
    // By sound: LRU and LPM are spelled out.
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'x']) || name.starts_with('l') { "an" } else { "a" };
    format!("{article} {name}")
}

/// More on an errno than its own text, where the map shows it.
pub(super) fn advice(map: &Map, operation: Operation<'_>, errno: &str) -> Option<String> {
    let name = a_type(map.map_type());
    let entries = map.max_entries();
    let text = match (errno, operation) {
        ("E2BIG", Operation::Update(key, _)) => match index(map, key) {
            Some(index) => format!("index {index} is past max_entries, {entries}"),
            None => format!("the map is full: its max_entries is {entries}"),
        },
        ("ENOENT", Operation::Update(_, flags)) if flags.contains(ElemFlags::EXIST) => {
            "BPF_EXIST replaces only, and the key is not there".to_owned()
        }
        ("EEXIST", Operation::Update(key, _)) if index(map, key).is_some() => {
            format!("an element of {name} is always there: BPF_NOEXIST never succeeds")
        }
        ("EEXIST", Operation::Update(..)) => "BPF_NOEXIST only creates, and the key is there".to_owned(),
        ("EPERM", Operation::Update(..) | Operation::Delete | Operation::Take) => {
            "the map is frozen or was made with BPF_F_RDONLY, this handle is for reading, or CAP_BPF is wanting"
                .to_owned()
        }
        ("EPERM", Operation::LookUp | Operation::Walk) => {
            "the map was made with BPF_F_WRONLY, this handle is for writing, or CAP_BPF is wanting".to_owned()
        }
        ("EINVAL", Operation::Delete) if is_array(map) => {
            format!("elements of {name} cannot be removed, only set")
        }
        ("EINVAL" | "EOPNOTSUPP" | "ENOTSUPP", Operation::Take) => match map.map_type() {
            MapType::HASH | MapType::PERCPU_HASH | MapType::LRU_HASH | MapType::LRU_PERCPU_HASH => {
                "hash tables have look-up and removal in one step from Linux 5.14 on".to_owned()
            }
            _ => format!("{name} has no look-up and removal in one step"),
        },
        ("EINVAL", Operation::Update(_, flags)) if flags.contains(ElemFlags::LOCK) => {
            "BPF_F_LOCK wants a struct bpf_spin_lock in the value, by the map's BTF".to_owned()
        }
        ("EINVAL", Operation::Update(..)) => match map.map_type() {
            MapType::LPM_TRIE => format!("a prefix is at most {} bits long", (map.key_size().saturating_sub(4)) * 8),
            MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => {
                "the value is the descriptor of a map like the inner map of the definition: of its type, key and value \
                 sizes, flags, and for arrays its max_entries"
                    .to_owned()
            }
            MapType::PROG_ARRAY => {
                "the value is the descriptor of a program of the same type as those that share the array".to_owned()
            }
            MapType::STACK_TRACE => "user space reads and removes stacks, and does not set them".to_owned(),
            _ => return None,
        },
        ("EBADF", Operation::Update(..)) => "the value is a file descriptor, and none of the right kind".to_owned(),
        ("EOPNOTSUPP" | "ENOTSUPP", Operation::LookUp) => format!("{name} cannot be read from user space"),
        ("EOPNOTSUPP" | "ENOTSUPP", Operation::Walk) => format!("the keys of {name} cannot be listed"),
        ("ENOSPC", Operation::Update(..)) if map.map_type() == MapType::LPM_TRIE => {
            format!("the trie is full: its max_entries is {entries}")
        }
        ("ENOSPC", Operation::LookUp)
            if matches!(map.map_type(), MapType::SOCKMAP | MapType::SOCKHASH | MapType::REUSEPORT_SOCKARRAY) =>
        {
            "cookies are read from maps with values of 8 bytes".to_owned()
        }
        ("EDEADLK" | "ETIMEDOUT", Operation::Update(..) | Operation::Delete | Operation::Take) if is_hash(map) => {
            "the lock of the element's bucket was held; try again".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

/// The name of an errno, those included that the kernel means for itself and lets through.
pub(super) fn errno_name(cause: &purebpf_sys::Error) -> &'static str {
    match cause.errno() {
        524 => "ENOTSUPP",
        errno => purebpf_sys::Errno(errno).name().unwrap_or_default(),
    }
}

fn is_hash(map: &Map) -> bool {
    matches!(
        map.map_type(),
        MapType::HASH | MapType::PERCPU_HASH | MapType::LRU_HASH | MapType::LRU_PERCPU_HASH | MapType::RHASH
    )
}

/// Whether all its keys are there from the first.
pub(super) fn is_array(map: &Map) -> bool {
    matches!(map.map_type(), MapType::ARRAY | MapType::PERCPU_ARRAY)
}

/// The index that a key of an array is.
pub(super) fn index(map: &Map, key: &[u8]) -> Option<u32> {
    let arrays = [
        MapType::ARRAY,
        MapType::PERCPU_ARRAY,
        MapType::PROG_ARRAY,
        MapType::PERF_EVENT_ARRAY,
        MapType::CGROUP_ARRAY,
        MapType::ARRAY_OF_MAPS,
        MapType::SOCKMAP,
        MapType::DEVMAP,
        MapType::CPUMAP,
        MapType::XSKMAP,
        MapType::REUSEPORT_SOCKARRAY,
    ];
    let key = key.try_into().ok().filter(|_| arrays.contains(&map.map_type()))?;
    Some(u32::from_ne_bytes(key))
}
