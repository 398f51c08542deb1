//! `purebpf feature probe`: what the running kernel can do, section by section as bpftool tells it, and the kernel that brought each.

mod config;

use std::fmt::Write as _;

use purebpf::sys::probes::{Feature, Probes};
use purebpf::sys::uapi::{AttachType, HelperId, MapType, ProgType};
use serde_json::{Map, Value};

use crate::arguments::{Format, ProbeArguments};
use crate::{Result, Usage, advised, output};

pub(crate) fn run(arguments: &ProbeArguments, format: Format) -> Result {
    let wanted = Wanted::parse(&arguments.what)?;
    let probes = Probes::global();
    // Whoever may not load the least of programs learns nothing from the rest.
    if let Err(error) = probes.prog_type(ProgType::SOCKET_FILTER) {
        return Err(format!("nothing can be probed: {}", advised(&error)).into());
    }
    let mut report = Report::new(format);
    config::tell(&mut report);
    report.begin("syscall_config", "Scanning system call availability...");
    report.line("have_bpf_syscall", "bpf() syscall", true, Some(since_version(3, 18)));
    let prog_types: Vec<_> = ProgType::all().filter(|prog_type| prog_type.0 != 0).collect();
    report.begin("program_types", "Scanning eBPF program types...");
    for prog_type in &prog_types {
        let available = yes(probes.prog_type(*prog_type));
        let key = format!("have_{prog_type}_prog_type");
        report.line(&key, &format!("eBPF program_type {prog_type}"), available, prog_type.since());
    }
    report.begin("map_types", "Scanning eBPF map types...");
    for map_type in MapType::all().filter(|map_type| map_type.0 != 0) {
        let available = yes(probes.map_type(map_type));
        report.line(
            &format!("have_{map_type}_map_type"),
            &format!("eBPF map_type {map_type}"),
            available,
            map_type.since(),
        );
    }
    report.begin("helpers", "Scanning eBPF helper functions...");
    for prog_type in prog_types.iter().filter(|prog_type| wanted.has(**prog_type)) {
        helpers(&mut report, probes, *prog_type, wanted.full);
    }
    report.begin("misc", "Scanning miscellaneous eBPF features...");
    for (feature, key) in Feature::isa().zip([
        "have_large_insn_limit",
        "have_bounded_loops",
        "have_v2_isa_extension",
        "have_v3_isa_extension",
        "have_v4_isa_extension",
    ]) {
        report.line(key, feature.name(), yes(probes.has(feature)), Some(feature.since()));
    }
    // What bpftool does not tell comes after what it does.
    report.begin("attach_types", "Scanning eBPF attach types...");
    for attach_type in AttachType::all() {
        let available = yes(probes.attach_type(attach_type));
        let key = format!("have_{attach_type}_attach_type");
        report.line(&key, &format!("eBPF attach_type {attach_type}"), available, attach_type.since());
    }
    report.begin("loader_features", "Scanning features that loaders ask for...");
    for feature in Feature::all().filter(|feature| Feature::isa().all(|isa| isa != *feature)) {
        report.line(feature.name(), feature.name(), yes(probes.has(feature)), Some(feature.since()));
    }
    Ok(output::print(&report.whole()?)?)
}

fn helpers(report: &mut Report, probes: &Probes, prog_type: ProgType, full: bool) {
    report.begin_list(
        &format!("{prog_type}_available_helpers"),
        &format!("eBPF helpers supported for program type {prog_type}:"),
    );
    if !yes(probes.prog_type(prog_type)) {
        return report.remark("Program type not supported");
    }
    let mut any = false;
    for helper in HelperId::all().filter(|helper| helper.0 != 0) {
        // The kernel logs each of these as a warning.
        let is_loud = matches!(helper, HelperId::TRACE_PRINTK | HelperId::TRACE_VPRINTK | HelperId::PROBE_WRITE_USER);
        if (is_loud && !full) || !yes(probes.helper(prog_type, helper)) {
            continue;
        }
        any = true;
        report.item(&format!("bpf_{helper}"), helper.since());
    }
    if !any {
        report.remark("Could not determine which helpers are available");
    }
}

/// What could not be found out is not counted on.
fn yes(answer: purebpf::sys::error::Result<bool>) -> bool {
    answer.unwrap_or_else(|error| {
        log::debug!("{error}");
        false
    })
}

/// What is asked for after the command.
struct Wanted {
    prog_types: Vec<ProgType>,
    full: bool,
}

impl Wanted {
    /// bpftool's words, and program types whose helpers are wanted.
    fn parse(words: &[String]) -> Result<Wanted> {
        let mut wanted = Wanted { prog_types: Vec::new(), full: false };
        for word in words {
            match word.as_str() {
                "kernel" => {}
                "full" => wanted.full = true,
                name => match ProgType::from_name(name).filter(|prog_type| prog_type.0 != 0) {
                    Some(prog_type) => wanted.prog_types.push(prog_type),
                    None => return Err(Usage("expected 'kernel', 'full' or program types, such as 'xdp'").into()),
                },
            }
        }
        Ok(wanted)
    }

    fn has(&self, prog_type: ProgType) -> bool {
        self.prog_types.is_empty() || self.prog_types.contains(&prog_type)
    }
}

fn since_version(major: u32, minor: u32) -> u32 {
    purebpf::sys::system::version(major, minor, 0)
}

/// `4.18`, of a version as the kernel packs it.
fn release(version: u32) -> String {
    format!("{}.{}", version >> 16, version >> 8 & 0xff)
}

/// What was found, as text or as JSON. JSON has bpftool's keys, and under `since` the kernels that brought things.
pub(super) struct Report {
    format: Format,
    text: String,
    json: Map<String, Value>,
    since: Map<String, Value>,
    section: String,
    list: Option<String>,
}

impl Report {
    fn new(format: Format) -> Report {
        Report { format, text: String::new(), json: Map::new(), since: Map::new(), section: String::new(), list: None }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(text);
    }

    /// Begins a section.
    pub(super) fn begin(&mut self, key: &str, title: &str) {
        let blank = if self.text.is_empty() { "" } else { "\n" };
        self.push(format_args!("{blank}{title}\n"));
        self.section = key.to_owned();
        self.list = None;
        self.json.insert(key.to_owned(), Value::Object(Map::new()));
    }

    /// Begins a list in the section.
    fn begin_list(&mut self, key: &str, title: &str) {
        self.push(format_args!("{title}\n"));
        self.value(key, Value::Array(Vec::new()));
        self.list = Some(key.to_owned());
    }

    /// Something that is there or not.
    fn line(&mut self, key: &str, what: &str, available: bool, since: Option<u32>) {
        let not = if available { "" } else { "NOT " };
        let kernel = since.map_or_else(String::new, |since| format!(" (Linux {})", release(since)));
        self.push(format_args!("{what} is {not}available{kernel}\n"));
        self.value(key, available.into());
        self.add_since(key, since);
    }

    /// One of the list.
    fn item(&mut self, name: &str, since: Option<u32>) {
        let kernel = since.map_or_else(String::new, |since| format!(" (Linux {})", release(since)));
        self.push(format_args!("\t- {name}{kernel}\n"));
        let list = self.list.as_ref().and_then(|list| self.json.get_mut(&self.section)?.get_mut(list)?.as_array_mut());
        if let Some(list) = list {
            list.push(name.into());
        }
        self.add_since(name, since);
    }

    /// Why a list is empty.
    fn remark(&mut self, why: &str) {
        self.push(format_args!("\t{why}\n"));
    }

    /// Text and a value that are not made from one another.
    pub(super) fn told(&mut self, key: &str, text: &str, value: Value) {
        self.push(format_args!("{text}\n"));
        self.value(key, value);
    }

    fn value(&mut self, key: &str, value: Value) {
        if let Some(section) = self.json.get_mut(&self.section).and_then(Value::as_object_mut) {
            section.insert(key.to_owned(), value);
        }
    }

    fn add_since(&mut self, key: &str, since: Option<u32>) {
        if let Some(since) = since {
            let section = self.since.entry(self.section.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Some(section) = section.as_object_mut() {
                section.insert(key.to_owned(), release(since).into());
            }
        }
    }

    fn whole(self) -> Result<String> {
        match self.format {
            Format::Text => Ok(self.text),
            format => {
                let mut json = self.json;
                json.insert("since".to_owned(), Value::Object(self.since));
                Ok(format.text(&Value::Object(json))?)
            }
        }
    }
}
