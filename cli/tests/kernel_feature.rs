//! `purebpf feature probe`: bpftool's sections, words and keys, and answers that every kernel gives alike.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::process::{Command, Output};

use common::kernel_test;
use purebpf::sys::{kernel_version, system::version};
use serde_json::Value;

fn probe(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purebpf"));
    command.args(["feature", "probe"]).args(arguments).output().expect("the tool runs")
}

fn stdout(arguments: &[&str]) -> String {
    let output = probe(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The sections of `bpftool -j feature probe` (7.8), then ours.
const SECTIONS: [&str; 9] = [
    "system_config",
    "syscall_config",
    "program_types",
    "map_types",
    "helpers",
    "misc",
    "attach_types",
    "loader_features",
    "since",
];

#[test]
fn as_json() {
    kernel_test(|| {
        let json: Value = serde_json::from_str(&stdout(&["--json"])).expect("JSON");
        let sections: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(sections, SECTIONS);
        assert_eq!(json["syscall_config"], serde_json::json!({ "have_bpf_syscall": true }));
        // Socket filters and hash maps are as old as bpf(2) (3.18, 3.19), and no build is without them.
        assert_eq!(json["program_types"]["have_socket_filter_prog_type"], true);
        assert_eq!(json["map_types"]["have_hash_map_type"], true);
        assert_eq!(json["since"]["program_types"]["have_socket_filter_prog_type"], "3.19");
        assert_eq!(json["since"]["map_types"]["have_ringbuf_map_type"], "5.8");
        // Came with 5.8, and nothing in a build leaves them out.
        let new_enough = kernel_version() >= version(5, 8, 0);
        assert_eq!(json["map_types"]["have_ringbuf_map_type"], new_enough);
        let has = |prog_type: &str, helper: &str| {
            let list = &json["helpers"][format!("{prog_type}_available_helpers")];
            list.as_array().unwrap().contains(&helper.into())
        };
        assert_eq!(has("kprobe", "bpf_ringbuf_output"), new_enough);
        // net/core/filter.c: `xdp_func_proto` has it, `sk_filter_func_proto` has not.
        assert!(has("xdp", "bpf_xdp_adjust_head") && !has("socket_filter", "bpf_xdp_adjust_head"));
        // The kernel would write a warning to its log.
        assert!(!has("kprobe", "bpf_trace_printk"));
        for key in ["have_large_insn_limit", "have_bounded_loops", "have_v2_isa_extension", "have_v3_isa_extension"] {
            assert_eq!(json["misc"][key], kernel_version() >= version(5, 3, 0), "{key}");
        }
        assert_eq!(json["misc"]["have_v4_isa_extension"], kernel_version() >= version(6, 6, 0));
    });
}

#[test]
fn as_text() {
    kernel_test(|| {
        let text = stdout(&["xdp"]);
        let sections: Vec<_> = text.lines().filter(|line| line.starts_with("Scanning ")).collect();
        assert_eq!(
            sections[..6],
            [
                "Scanning system configuration...",
                "Scanning system call availability...",
                "Scanning eBPF program types...",
                "Scanning eBPF map types...",
                "Scanning eBPF helper functions...",
                "Scanning miscellaneous eBPF features...",
            ]
        );
        for line in [
            "bpf() syscall is available (Linux 3.18)",
            "eBPF program_type xdp is available (Linux 4.8)",
            "eBPF map_type hash is available (Linux 3.19)",
            "eBPF helpers supported for program type xdp:",
            "\t- bpf_map_lookup_elem (Linux 3.19)",
        ] {
            assert!(text.lines().any(|known| known == line), "'{line}' is missing in {text}");
        }
        // Only the helpers of those types that were asked for.
        assert_eq!(text.matches("eBPF helpers supported for program type").count(), 1);
    });
}

#[test]
fn a_word_that_says_nothing() {
    let output = probe(&["xpd"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected 'kernel', 'full' or program types"));
}
