//! The layout of every UAPI structure against an independent source.
//!
//! `uapi::generated` is made from the BTF of linux/bpf.h; the numbers here are `offsetof` and `sizeof` as clang computes them
//! from the header itself (Linux 7.2, x86_64; the header fixes the layout for all architectures). A line is: structure,
//! size in C where C has the structure as a whole, then field, offset, size.

use std::mem::{offset_of, size_of};

macro_rules! layouts {
    ($($name:ident $($size:literal)? { $($field:ident $offset:literal $len:literal),* $(,)? })*) => {$({
        let value = purebpf_sys::uapi::$name::default();
        $(assert_eq!(size_of_val(&value), $size, stringify!(size of $name));)?
        let mut fields = 0;
        let mut end = 0;
        $(
            assert_eq!(offset_of!(purebpf_sys::uapi::$name, $field), $offset, stringify!($name.$field));
            assert_eq!(size_of_val(&value.$field), $len, stringify!(size of $name.$field));
            fields += 1;
            end = end.max($offset + $len);
        )*
        assert!(fields > 0 && end <= size_of::<purebpf_sys::uapi::$name>());
    })*};
}

#[test]
fn structures_are_the_headers() {
    layouts! {
        bpf_attr_map_create {
            map_type 0 4, key_size 4 4, value_size 8 4, max_entries 12 4, map_flags 16 4, inner_map_fd 20 4,
            numa_node 24 4, map_name 28 16, map_ifindex 44 4, btf_fd 48 4, btf_key_type_id 52 4, btf_value_type_id
            56 4, btf_vmlinux_value_type_id 60 4, map_extra 64 8, value_type_btf_obj_fd 72 4, map_token_fd 76 4,
            excl_prog_hash 80 8, excl_prog_hash_size 88 4
        }
        bpf_attr_map_elem {
            map_fd 0 4, key 8 8, value 16 8, flags 24 8
        }
        bpf_attr_batch {
            in_batch 0 8, out_batch 8 8, keys 16 8, values 24 8, count 32 4, map_fd 36 4, elem_flags 40 8, flags 48
            8
        }
        bpf_attr_prog_load {
            prog_type 0 4, insn_cnt 4 4, insns 8 8, license 16 8, log_level 24 4, log_size 28 4, log_buf 32 8,
            kern_version 40 4, prog_flags 44 4, prog_name 48 16, prog_ifindex 64 4, expected_attach_type 68 4,
            prog_btf_fd 72 4, func_info_rec_size 76 4, func_info 80 8, func_info_cnt 88 4, line_info_rec_size 92 4,
            line_info 96 8, line_info_cnt 104 4, attach_btf_id 108 4, attach_prog_fd 112 4, core_relo_cnt 116 4,
            fd_array 120 8, core_relos 128 8, core_relo_rec_size 136 4, log_true_size 140 4, prog_token_fd 144 4,
            fd_array_cnt 148 4, signature 152 8, signature_size 160 4, keyring_id 164 4
        }
        bpf_attr_obj {
            pathname 0 8, bpf_fd 8 4, file_flags 12 4, path_fd 16 4
        }
        bpf_attr_prog_attach {
            target_fd 0 4, attach_bpf_fd 4 4, attach_type 8 4, attach_flags 12 4, replace_bpf_fd 16 4, relative_fd
            20 4, expected_revision 24 8
        }
        bpf_attr_test {
            prog_fd 0 4, retval 4 4, data_size_in 8 4, data_size_out 12 4, data_in 16 8, data_out 24 8, repeat 32 4,
            duration 36 4, ctx_size_in 40 4, ctx_size_out 44 4, ctx_in 48 8, ctx_out 56 8, flags 64 4, cpu 68 4,
            batch_size 72 4
        }
        bpf_attr_get_id {
            start_id 0 4, next_id 4 4, open_flags 8 4, fd_by_id_token_fd 12 4
        }
        bpf_attr_info {
            bpf_fd 0 4, info_len 4 4, info 8 8
        }
        bpf_attr_query {
            target_fd 0 4, attach_type 4 4, query_flags 8 4, attach_flags 12 4, prog_ids 16 8, prog_cnt 24 4,
            prog_attach_flags 32 8, link_ids 40 8, link_attach_flags 48 8, revision 56 8
        }
        bpf_attr_raw_tracepoint {
            name 0 8, prog_fd 8 4, cookie 16 8
        }
        bpf_attr_btf_load {
            btf 0 8, btf_log_buf 8 8, btf_size 16 4, btf_log_size 20 4, btf_log_level 24 4, btf_log_true_size 28 4,
            btf_flags 32 4, btf_token_fd 36 4
        }
        bpf_attr_task_fd_query {
            pid 0 4, fd 4 4, flags 8 4, buf_len 12 4, buf 16 8, prog_id 24 4, fd_type 28 4, probe_offset 32 8,
            probe_addr 40 8
        }
        bpf_attr_link_create_target_btf_id {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, target_btf_id 16 4
        }
        bpf_attr_link_create_iter_info {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, iter_info 16 8, iter_info_len 24 4
        }
        bpf_attr_link_create_perf_event {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, perf_event_bpf_cookie 16 8
        }
        bpf_attr_link_create_kprobe_multi {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, kprobe_multi_flags 16 4, kprobe_multi_cnt 20 4,
            kprobe_multi_syms 24 8, kprobe_multi_addrs 32 8, kprobe_multi_cookies 40 8
        }
        bpf_attr_link_create_tracing {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, tracing_target_btf_id 16 4, tracing_cookie 24 8
        }
        bpf_attr_link_create_netfilter {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, netfilter_pf 16 4, netfilter_hooknum 20 4,
            netfilter_priority 24 4, netfilter_flags 28 4
        }
        bpf_attr_link_create_tcx {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, tcx_relative_fd 16 4, tcx_expected_revision 24
            8
        }
        bpf_attr_link_create_uprobe_multi {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, uprobe_multi_path 16 8, uprobe_multi_offsets 24
            8, uprobe_multi_ref_ctr_offsets 32 8, uprobe_multi_cookies 40 8, uprobe_multi_cnt 48 4,
            uprobe_multi_flags 52 4, uprobe_multi_pid 56 4, uprobe_multi_path_fd 60 4
        }
        bpf_attr_link_create_netkit {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, netkit_relative_fd 16 4,
            netkit_expected_revision 24 8
        }
        bpf_attr_link_create_cgroup {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, cgroup_relative_fd 16 4,
            cgroup_expected_revision 24 8
        }
        bpf_attr_link_create_tracing_multi {
            prog_fd 0 4, target_fd 4 4, attach_type 8 4, flags 12 4, tracing_multi_ids 16 8, tracing_multi_cookies
            24 8, tracing_multi_cnt 32 4
        }
        bpf_attr_link_update {
            link_fd 0 4, new_prog_fd 4 4, flags 8 4, old_prog_fd 12 4
        }
        bpf_attr_link_detach {
            link_fd 0 4
        }
        bpf_attr_enable_stats {
            type_ 0 4
        }
        bpf_attr_iter_create {
            link_fd 0 4, flags 4 4
        }
        bpf_attr_prog_bind_map {
            prog_fd 0 4, map_fd 4 4, flags 8 4
        }
        bpf_attr_token_create {
            flags 0 4, bpffs_fd 4 4
        }
        bpf_attr_prog_stream_read {
            stream_buf 0 8, stream_buf_len 8 4, stream_id 12 4, prog_fd 16 4
        }
        bpf_attr_prog_assoc_struct_ops {
            map_fd 0 4, prog_fd 4 4, flags 8 4
        }
        bpf_iter_link_info_map 16 {
            map_map_fd 0 4
        }
        bpf_iter_link_info_cgroup 16 {
            cgroup_order 0 4, cgroup_cgroup_fd 4 4, cgroup_cgroup_id 8 8
        }
        bpf_iter_link_info_task 16 {
            task_tid 0 4, task_pid 4 4, task_pid_fd 8 4
        }
        bpf_common_attr 24 {
            log_buf 0 8, log_size 8 4, log_level 12 4, log_true_size 16 4
        }
        bpf_stack_build_id 32 {
            status 0 4, build_id 4 20, offset 24 8
        }
        bpf_lpm_trie_key_hdr 4 {
            prefixlen 0 4
        }
        bpf_cgroup_storage_key 16 {
            cgroup_inode_id 0 8, attach_type 8 4
        }
        __sk_buff 192 {
            len 0 4, pkt_type 4 4, mark 8 4, queue_mapping 12 4, protocol 16 4, vlan_present 20 4, vlan_tci 24 4,
            vlan_proto 28 4, priority 32 4, ingress_ifindex 36 4, ifindex 40 4, tc_index 44 4, cb 48 20, hash 68 4,
            tc_classid 72 4, data 76 4, data_end 80 4, napi_id 84 4, family 88 4, remote_ip4 92 4, local_ip4 96 4,
            remote_ip6 100 16, local_ip6 116 16, remote_port 132 4, local_port 136 4, data_meta 140 4, flow_keys 144
            8, tstamp 152 8, wire_len 160 4, gso_segs 164 4, sk 168 8, gso_size 176 4, tstamp_type 180 1, hwtstamp
            184 8
        }
        xdp_md 24 {
            data 0 4, data_end 4 4, data_meta 8 4, ingress_ifindex 12 4, rx_queue_index 16 4, egress_ifindex 20 4
        }
        bpf_devmap_val 8 {
            ifindex 0 4, bpf_prog_fd 4 4
        }
        bpf_cpumap_val 8 {
            qsize 0 4, bpf_prog_fd 4 4
        }
        bpf_insn_array_value 16 {
            orig_off 0 4, xlated_off 4 4, jitted_off 8 4
        }
        sk_msg_md 80 {
            data 0 8, data_end 8 8, family 16 4, remote_ip4 20 4, local_ip4 24 4, remote_ip6 28 16, local_ip6 44 16,
            remote_port 60 4, local_port 64 4, size 68 4, sk 72 8
        }
        bpf_prog_info 232 {
            type_ 0 4, id 4 4, tag 8 8, jited_prog_len 16 4, xlated_prog_len 20 4, jited_prog_insns 24 8,
            xlated_prog_insns 32 8, load_time 40 8, created_by_uid 48 4, nr_map_ids 52 4, map_ids 56 8, name 64 16,
            ifindex 80 4, netns_dev 88 8, netns_ino 96 8, nr_jited_ksyms 104 4, nr_jited_func_lens 108 4,
            jited_ksyms 112 8, jited_func_lens 120 8, btf_id 128 4, func_info_rec_size 132 4, func_info 136 8,
            nr_func_info 144 4, nr_line_info 148 4, line_info 152 8, jited_line_info 160 8, nr_jited_line_info 168
            4, line_info_rec_size 172 4, jited_line_info_rec_size 176 4, nr_prog_tags 180 4, prog_tags 184 8,
            run_time_ns 192 8, run_cnt 200 8, recursion_misses 208 8, verified_insns 216 4, attach_btf_obj_id 220 4,
            attach_btf_id 224 4
        }
        bpf_map_info 104 {
            type_ 0 4, id 4 4, key_size 8 4, value_size 12 4, max_entries 16 4, map_flags 20 4, name 24 16, ifindex
            40 4, btf_vmlinux_value_type_id 44 4, netns_dev 48 8, netns_ino 56 8, btf_id 64 4, btf_key_type_id 68 4,
            btf_value_type_id 72 4, btf_vmlinux_id 76 4, map_extra 80 8, hash 88 8, hash_size 96 4
        }
        bpf_btf_info 32 {
            btf 0 8, btf_size 8 4, id 12 4, name 16 8, name_len 24 4, kernel_btf 28 4
        }
        bpf_link_info 64 {
            type_ 0 4, id 4 4, prog_id 8 4
        }
        bpf_link_info_raw_tracepoint 64 {
            type_ 0 4, id 4 4, prog_id 8 4, raw_tracepoint_tp_name 16 8, raw_tracepoint_tp_name_len 24 4,
            raw_tracepoint_cookie 32 8
        }
        bpf_link_info_tracing 64 {
            type_ 0 4, id 4 4, prog_id 8 4, tracing_attach_type 16 4, tracing_target_obj_id 20 4,
            tracing_target_btf_id 24 4, tracing_cookie 32 8
        }
        bpf_link_info_cgroup 64 {
            type_ 0 4, id 4 4, prog_id 8 4, cgroup_cgroup_id 16 8, cgroup_attach_type 24 4
        }
        bpf_link_info_iter_cgroup 64 {
            type_ 0 4, id 4 4, prog_id 8 4, iter_target_name 16 8, iter_target_name_len 24 4, iter_map_map_id 28 4,
            iter_cgroup_cgroup_id 32 8, iter_cgroup_order 40 4
        }
        bpf_link_info_iter_task 64 {
            type_ 0 4, id 4 4, prog_id 8 4, iter_target_name 16 8, iter_target_name_len 24 4, iter_map_map_id 28 4,
            iter_task_tid 32 4, iter_task_pid 36 4
        }
        bpf_link_info_netns 64 {
            type_ 0 4, id 4 4, prog_id 8 4, netns_netns_ino 16 4, netns_attach_type 20 4
        }
        bpf_link_info_xdp 64 {
            type_ 0 4, id 4 4, prog_id 8 4, xdp_ifindex 16 4
        }
        bpf_link_info_struct_ops 64 {
            type_ 0 4, id 4 4, prog_id 8 4, struct_ops_map_id 16 4
        }
        bpf_link_info_netfilter 64 {
            type_ 0 4, id 4 4, prog_id 8 4, netfilter_pf 16 4, netfilter_hooknum 20 4, netfilter_priority 24 4,
            netfilter_flags 28 4
        }
        bpf_link_info_kprobe_multi 64 {
            type_ 0 4, id 4 4, prog_id 8 4, kprobe_multi_addrs 16 8, kprobe_multi_count 24 4, kprobe_multi_flags 28
            4, kprobe_multi_missed 32 8, kprobe_multi_cookies 40 8
        }
        bpf_link_info_uprobe_multi 64 {
            type_ 0 4, id 4 4, prog_id 8 4, uprobe_multi_path 16 8, uprobe_multi_offsets 24 8,
            uprobe_multi_ref_ctr_offsets 32 8, uprobe_multi_cookies 40 8, uprobe_multi_path_size 48 4,
            uprobe_multi_count 52 4, uprobe_multi_flags 56 4, uprobe_multi_pid 60 4
        }
        bpf_link_info_perf_event_uprobe 64 {
            type_ 0 4, id 4 4, prog_id 8 4, perf_event_type 16 4, perf_event_uprobe_file_name 24 8,
            perf_event_uprobe_name_len 32 4, perf_event_uprobe_offset 36 4, perf_event_uprobe_cookie 40 8,
            perf_event_uprobe_ref_ctr_offset 48 8
        }
        bpf_link_info_perf_event_kprobe 64 {
            type_ 0 4, id 4 4, prog_id 8 4, perf_event_type 16 4, perf_event_kprobe_func_name 24 8,
            perf_event_kprobe_name_len 32 4, perf_event_kprobe_offset 36 4, perf_event_kprobe_addr 40 8,
            perf_event_kprobe_missed 48 8, perf_event_kprobe_cookie 56 8
        }
        bpf_link_info_perf_event_tracepoint 64 {
            type_ 0 4, id 4 4, prog_id 8 4, perf_event_type 16 4, perf_event_tracepoint_tp_name 24 8,
            perf_event_tracepoint_name_len 32 4, perf_event_tracepoint_cookie 40 8
        }
        bpf_link_info_perf_event_event 64 {
            type_ 0 4, id 4 4, prog_id 8 4, perf_event_type 16 4, perf_event_event_config 24 8,
            perf_event_event_type 32 4, perf_event_event_cookie 40 8
        }
        bpf_link_info_tcx 64 {
            type_ 0 4, id 4 4, prog_id 8 4, tcx_ifindex 16 4, tcx_attach_type 20 4
        }
        bpf_link_info_netkit 64 {
            type_ 0 4, id 4 4, prog_id 8 4, netkit_ifindex 16 4, netkit_attach_type 20 4
        }
        bpf_link_info_sockmap 64 {
            type_ 0 4, id 4 4, prog_id 8 4, sockmap_map_id 16 4, sockmap_attach_type 20 4
        }
        bpf_token_info 32 {
            allowed_cmds 0 8, allowed_maps 8 8, allowed_progs 16 8, allowed_attachs 24 8
        }
        bpf_perf_event_value 24 {
            counter 0 8, enabled 8 8, running 16 8
        }
        bpf_flow_keys_ipv4_src 56 {
            nhoff 0 2, thoff 2 2, addr_proto 4 2, is_frag 6 1, is_first_frag 7 1, is_encap 8 1, ip_proto 9 1,
            n_proto 10 2, sport 12 2, dport 14 2, ipv4_src 16 4, ipv4_dst 20 4, flags 48 4, flow_label 52 4
        }
        bpf_flow_keys_ipv6_src 56 {
            nhoff 0 2, thoff 2 2, addr_proto 4 2, is_frag 6 1, is_first_frag 7 1, is_encap 8 1, ip_proto 9 1,
            n_proto 10 2, sport 12 2, dport 14 2, ipv6_src 16 16, ipv6_dst 32 16, flags 48 4, flow_label 52 4
        }
        bpf_func_info 8 {
            insn_off 0 4, type_id 4 4
        }
        bpf_line_info 16 {
            insn_off 0 4, file_name_off 4 4, line_off 8 4, line_col 12 4
        }
        bpf_sk_lookup_sk 72 {
            sk 0 8, family 8 4, protocol 12 4, remote_ip4 16 4, remote_ip6 20 16, remote_port 36 2, local_ip4 40 4,
            local_ip6 44 16, local_port 60 4, ingress_ifindex 64 4
        }
        bpf_sk_lookup_cookie 72 {
            cookie 0 8, family 8 4, protocol 12 4, remote_ip4 16 4, remote_ip6 20 16, remote_port 36 2, local_ip4 40
            4, local_ip6 44 16, local_port 60 4, ingress_ifindex 64 4
        }
        bpf_core_relo 16 {
            insn_off 0 4, type_id 4 4, access_str_off 8 4, kind 12 4
        }
    }
}

#[test]
fn no_structure_is_left_out() {
    let names = |text: &'static str, before: &'static str| -> Vec<&'static str> {
        let lines = text.lines().filter_map(move |line| line.trim_start().strip_prefix(before)?.strip_suffix(" {"));
        let mut names: Vec<_> = lines.filter_map(|rest| rest.split(' ').next()).collect();
        names.sort_unstable();
        names
    };
    let generated = names(include_str!("../src/uapi/generated.rs"), "pub struct ");
    let here = include_str!("uapi_layout.rs");
    let table = here.split_once("layouts! {\n").and_then(|(_, rest)| rest.split_once("\n    }\n")).unwrap().0;
    let checked = names(table, "");
    assert_eq!(checked, generated);
}
