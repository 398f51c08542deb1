//! How the kernel was built and is set up, as far as that matters to BPF.

use std::collections::HashMap;
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use purebpf::sys::system::uname;
use serde_json::{Value, json};

use super::Report;
use crate::output::printable;

/// Options of the build that bpftool tells of.
const OPTIONS: [&str; 33] = [
    "CONFIG_BPF",
    "CONFIG_BPF_SYSCALL",
    "CONFIG_HAVE_EBPF_JIT",
    "CONFIG_BPF_JIT",
    "CONFIG_BPF_JIT_ALWAYS_ON",
    "CONFIG_DEBUG_INFO_BTF",
    "CONFIG_DEBUG_INFO_BTF_MODULES",
    "CONFIG_CGROUPS",
    "CONFIG_CGROUP_BPF",
    "CONFIG_CGROUP_NET_CLASSID",
    "CONFIG_SOCK_CGROUP_DATA",
    "CONFIG_BPF_EVENTS",
    "CONFIG_KPROBE_EVENTS",
    "CONFIG_UPROBE_EVENTS",
    "CONFIG_TRACING",
    "CONFIG_FTRACE_SYSCALLS",
    "CONFIG_FUNCTION_ERROR_INJECTION",
    "CONFIG_BPF_KPROBE_OVERRIDE",
    "CONFIG_NET",
    "CONFIG_XDP_SOCKETS",
    "CONFIG_LWTUNNEL_BPF",
    "CONFIG_NET_ACT_BPF",
    "CONFIG_NET_CLS_BPF",
    "CONFIG_NET_CLS_ACT",
    "CONFIG_NET_SCH_INGRESS",
    "CONFIG_XFRM",
    "CONFIG_IP_ROUTE_CLASSID",
    "CONFIG_IPV6_SEG6_BPF",
    "CONFIG_BPF_LIRC_MODE2",
    "CONFIG_BPF_STREAM_PARSER",
    "CONFIG_NETFILTER_XT_MATCH_BPF",
    "CONFIG_TEST_BPF",
    "CONFIG_HZ",
];

/// A sysctl with a small number: its name, what its values mean, and what is said if it is none of them or cannot be read.
struct Switch {
    key: &'static str,
    folder: &'static str,
    meanings: &'static [&'static str],
    unknown: &'static str,
    unread: &'static str,
}

const SWITCHES: [Switch; 4] = [
    Switch {
        key: "unprivileged_bpf_disabled",
        folder: "kernel",
        meanings: &[
            "bpf() syscall for unprivileged users is enabled",
            "bpf() syscall restricted to privileged users (without recovery)",
            "bpf() syscall restricted to privileged users (admin can change)",
        ],
        unknown: "bpf() syscall restriction has unknown value",
        unread: "Unable to retrieve required privileges for bpf() syscall",
    },
    Switch {
        key: "bpf_jit_enable",
        folder: "net/core",
        meanings: &[
            "JIT compiler is disabled",
            "JIT compiler is enabled",
            "JIT compiler is enabled with debugging traces in kernel logs",
        ],
        unknown: "JIT-compiler status has unknown value",
        unread: "Unable to retrieve JIT-compiler status",
    },
    Switch {
        key: "bpf_jit_harden",
        folder: "net/core",
        meanings: &[
            "JIT compiler hardening is disabled",
            "JIT compiler hardening is enabled for unprivileged users",
            "JIT compiler hardening is enabled for all users",
        ],
        unknown: "JIT hardening status has unknown value",
        unread: "Unable to retrieve JIT hardening status",
    },
    Switch {
        key: "bpf_jit_kallsyms",
        folder: "net/core",
        meanings: &["JIT compiler kallsyms exports are disabled", "JIT compiler kallsyms exports are enabled for root"],
        unknown: "JIT kallsyms exports status has unknown value",
        unread: "Unable to retrieve JIT kallsyms export status",
    },
];

/// The section on the system.
pub(super) fn tell(report: &mut Report) {
    report.begin("system_config", "Scanning system configuration...");
    for switch in &SWITCHES {
        let value = sysctl(switch.folder, switch.key);
        let meaning = value.and_then(|value| switch.meanings.get(usize::try_from(value).ok()?));
        let text = match (value, meaning) {
            (_, Some(meaning)) => (*meaning).to_owned(),
            (Some(value), None) => format!("{} {value}", switch.unknown),
            (None, None) => switch.unread.to_owned(),
        };
        report.told(switch.key, &text, json!(value.unwrap_or(-1)));
    }
    let limit = sysctl("net/core", "bpf_jit_limit");
    let text = match limit {
        Some(limit) => format!("Global memory limit for JIT compiler for unprivileged users is {limit} bytes"),
        None => "Unable to retrieve global memory limit for JIT compiler for unprivileged users".to_owned(),
    };
    report.told("bpf_jit_limit", &text, json!(limit.unwrap_or(-1)));
    let Some(options) = options() else { return };
    for name in OPTIONS {
        match options.get(name) {
            Some(value) => {
                report.told(name, &format!("{name} is set to {}", printable(value)), json!(value));
            }
            None => report.told(name, &format!("{name} is not set"), Value::Null),
        }
    }
}

fn sysctl(folder: &str, key: &str) -> Option<i64> {
    fs::read_to_string(format!("/proc/sys/{folder}/{key}")).ok()?.trim().parse().ok()
}

/// The options that are set: of the file that distributions put beside the kernel, else of the kernel's own copy.
fn options() -> Option<HashMap<String, String>> {
    let beside = uname().and_then(|(release, _)| fs::read_to_string(format!("/boot/config-{release}")).ok());
    let text = beside.or_else(|| {
        let mut text = String::new();
        // A few hundred kilobytes; more is nothing of the kernel's.
        GzDecoder::new(fs::File::open("/proc/config.gz").ok()?).take(1 << 24).read_to_string(&mut text).ok()?;
        Some(text)
    })?;
    let set = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    Some(set.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect())
}
