//! The names of perf events, as the perf tool calls them, by the numbers of linux/perf_event.h.

/// What `type` of `perf_event_attr` is called.
pub(super) fn perf_type(number: u32) -> Option<&'static str> {
    const NAMES: [&str; 6] = ["hardware", "software", "tracepoint", "hw-cache", "raw", "breakpoint"];
    NAMES.get(number as usize).copied()
}

/// What `config` of `perf_event_attr` is called for a type.
pub(super) fn config(perf_type: u32, config: u64) -> Option<String> {
    const HARDWARE: [&str; 10] = [
        "cpu-cycles",
        "instructions",
        "cache-references",
        "cache-misses",
        "branch-instructions",
        "branch-misses",
        "bus-cycles",
        "stalled-cycles-frontend",
        "stalled-cycles-backend",
        "ref-cycles",
    ];
    const SOFTWARE: [&str; 12] = [
        "cpu-clock",
        "task-clock",
        "page-faults",
        "context-switches",
        "cpu-migrations",
        "minor-faults",
        "major-faults",
        "alignment-faults",
        "emulation-faults",
        "dummy",
        "bpf-output",
        "cgroup-switches",
    ];
    let one_of = |names: &[&str]| names.get(usize::try_from(config).ok()?).map(|name| (*name).to_owned());
    match perf_type {
        0 => one_of(&HARDWARE),
        1 => one_of(&SOFTWARE),
        3 => Some(hardware_cache(config)),
        _ => None,
    }
}

/// A cache, what is done to it, and how that ends: a byte each, from the lowest.
fn hardware_cache(config: u64) -> String {
    const CACHES: [&str; 7] = ["L1-dcache", "L1-icache", "LLC", "dTLB", "iTLB", "branch", "node"];
    const OPERATIONS: [&str; 3] = ["load", "store", "prefetch"];
    const RESULTS: [&str; 2] = ["refs", "misses"];
    let name = |names: &[&str], number: u64| {
        let name = usize::try_from(number).ok().and_then(|number| names.get(number));
        name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
    };
    let [cache, operation, result] = [config & 0xff, config >> 8 & 0xff, config >> 16];
    format!("{}-{}-{}", name(&CACHES, cache), name(&OPERATIONS, operation), name(&RESULTS, result))
}

#[cfg(test)]
mod tests {
    use super::config;

    /// linux/perf_event.h: PERF_COUNT_HW_CACHE_LL (2), _OP_WRITE (1), _RESULT_MISS (1).
    #[test]
    fn caches_by_their_bytes() {
        assert_eq!(config(3, 0x1_0102).as_deref(), Some("LLC-store-misses"));
        assert_eq!(config(3, 0x2_0309).as_deref(), Some("9-3-2"));
        assert_eq!((config(0, 9).as_deref(), config(0, 10), config(4, 0)), (Some("ref-cycles"), None, None));
    }
}
