//! Where programs are attached: what their sections say, and for the others what the command line does.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use purebpf::attach::section::{AutoAttach, SectionName, Target};
use purebpf::attach::{
    self, CgroupOptions, PerfEventOptions, TcxOptions, UprobeOptions, UprobeProcess, XdpOptions, attach_perf_event,
};
use purebpf::sys::perf_event::{PerfEvent, PerfType};
use purebpf::sys::system::online_cpus;
use purebpf::sys::uapi::{AttachType, ProgType};
use purebpf::{Link, Program};

use super::iterators::IterProgram;

use crate::Result;

/// What the command line says of targets.
#[derive(Debug)]
pub(super) struct Targets {
    /// For XDP and tc.
    pub(super) interface: Option<(String, u32)>,
    /// For programs of cgroups.
    pub(super) cgroup: Option<(PathBuf, File)>,
    /// The process for uprobes and perf events.
    pub(super) pid: Option<u32>,
    /// How often perf_event programs run on each CPU, in hertz.
    pub(super) frequency: u64,
    /// What takes the place of a program's section.
    pub(super) attach: Vec<AttachTo>,
}

/// What was said with `--attach`: a program, and what it is attached to in the words of a section.
#[derive(Clone, Debug)]
pub(crate) struct AttachTo {
    pub(super) program: String,
    section: String,
}

impl AttachTo {
    /// `PROGRAM=SECTION`, for the command line.
    pub(crate) fn parse(text: &str) -> Result<AttachTo, String> {
        let (program, section) = text.split_once('=').ok_or("expected PROGRAM=SECTION")?;
        let known = SectionName::parse(section).ok_or_else(|| format!("'{section}' is the name of no section"))?;
        match known.target() {
            Ok(target) if target.is_specified() => {
                Ok(AttachTo { program: program.to_owned(), section: section.to_owned() })
            }
            Ok(_) => Err(format!("'{section}' says no target, as 'uprobe/BINARY:FUNCTION' does")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What is missing for programs of interfaces.
const INTERFACE: &str = "--interface says where";

/// What became of a program.
pub(super) enum Outcome {
    /// It is attached to what the text says.
    Attached(Vec<Link>, String),
    /// It walks over something of the kernel's whenever it is asked to.
    Iterator(IterProgram),
    /// Nothing says where: what would.
    Nowhere(&'static str),
}

impl Targets {
    /// Attaches one program. `attach_type` is the one that it was loaded for.
    ///
    /// # Errors
    /// When its target does not exist, or the kernel refuses.
    pub(super) fn attach(&self, program: &Program, attach_type: Option<AttachType>) -> Result<Outcome> {
        let given = self.attach.iter().find(|given| given.program == program.name());
        let name = given.map_or(program.section(), |given| given.section.as_str());
        if let Some(section) = SectionName::parse(name).filter(|section| section.def.auto_attach != AutoAttach::None) {
            return self.by_section(program, &section, attach_type);
        }
        match program.prog_type() {
            ProgType::XDP if matches!(attach_type, None | Some(AttachType::XDP)) => {
                let Some((name, ifindex)) = &self.interface else { return Ok(Outcome::Nowhere(INTERFACE)) };
                let link = program.attach_xdp(*ifindex, &XdpOptions::default())?;
                Ok(Outcome::Attached(vec![link], format!("XDP of {name}")))
            }
            ProgType::SCHED_CLS => {
                let Some((name, ifindex)) = &self.interface else { return Ok(Outcome::Nowhere(INTERFACE)) };
                let side = side(program, attach_type);
                let link = attach::attach_tcx(program.as_fd(), *ifindex, side, &TcxOptions::default());
                let link = link.map_err(|error| format!("program '{}': {error}", program.name()))?;
                Ok(Outcome::Attached(vec![link], format!("{side} of {name}")))
            }
            ProgType::PERF_EVENT => self.sampling(program),
            _ if attach_type.and_then(AttachType::name).is_some_and(|name| name.starts_with("cgroup_"))
                || program.prog_type() == ProgType::CGROUP_SKB =>
            {
                self.on_cgroup(program)
            }
            _ => Ok(Outcome::Nowhere("programs of its type are attached by the application that they belong to")),
        }
    }

    /// Attaches to what a section's name says: the program's own, or the one that is given for it.
    fn by_section(
        &self,
        program: &Program,
        section: &SectionName<'_>,
        attach_type: Option<AttachType>,
    ) -> Result<Outcome> {
        let failed = |error: attach::Error| format!("program '{}': {error}", program.name());
        if section.def.prog_type != program.prog_type() {
            let (ours, theirs, name) = (program.prog_type(), section.def.prog_type, section.name);
            return Err(format!("program '{}' is of type {ours}, '{name}' is for {theirs}", program.name()).into());
        }
        if section.def.auto_attach == AutoAttach::Iter {
            return IterProgram::new(program, section).map(Outcome::Iterator);
        }
        if let Some(pid) = self.pid {
            if let Some(link) = uprobe_in(program, section, pid)? {
                return Ok(Outcome::Attached(vec![link], format!("{} in process {pid}", section.name)));
            }
        }
        let link = attach::auto_attach(program.as_fd(), section, attach_type.unwrap_or(AttachType(0)));
        Ok(match link.map_err(failed)? {
            Some(link) => Outcome::Attached(vec![link], section.name.to_owned()),
            None => Outcome::Nowhere("its section names no target; --attach says one"),
        })
    }

    fn on_cgroup(&self, program: &Program) -> Result<Outcome> {
        let Some((path, cgroup)) = &self.cgroup else { return Ok(Outcome::Nowhere("--cgroup says where")) };
        let link = program.attach_cgroup(cgroup.as_fd(), &CgroupOptions::default())?;
        Ok(Outcome::Attached(vec![link], format!("{} of {}", program.section(), path.display())))
    }

    /// Runs the program at each tick of a clock, on each CPU, or while a process runs.
    fn sampling(&self, program: &Program) -> Result<Outcome> {
        // PERF_COUNT_SW_CPU_CLOCK, which every machine has.
        let event = || PerfEvent::new(PerfType::SOFTWARE, 0).sample_freq(self.frequency);
        let (events, what) = match self.pid {
            Some(pid) => {
                let pid = i32::try_from(pid).map_err(|_| format!("there is no process {pid}"))?;
                (vec![event().pid(pid)], format!("{} hertz of process {pid}", self.frequency))
            }
            None => {
                let cpus = online_cpus()?;
                let events = cpus.iter().map(|cpu| event().cpu(*cpu as i32)).collect();
                (events, format!("{} hertz of {} CPUs", self.frequency, cpus.len()))
            }
        };
        let mut links = Vec::new();
        for event in events {
            let fd = event.open().map_err(|error| format!("program '{}': perf event: {error}", program.name()))?;
            let link = attach_perf_event(program.as_fd(), fd, &PerfEventOptions::default());
            links.push(link.map_err(|error| format!("program '{}': {error}", program.name()))?);
        }
        Ok(Outcome::Attached(links, what))
    }
}

/// A tc program's side of an interface: its own, or the one that its section names, else ingress.
fn side(program: &Program, attach_type: Option<AttachType>) -> AttachType {
    match attach_type {
        Some(attach_type @ (AttachType::TCX_INGRESS | AttachType::TCX_EGRESS)) => attach_type,
        _ if program.section().contains("egress") || program.name().contains("egress") => AttachType::TCX_EGRESS,
        _ => AttachType::TCX_INGRESS,
    }
}

/// A uprobe by its section, in one process. None for what is no uprobe, or has no target.
fn uprobe_in(program: &Program, section: &SectionName<'_>, pid: u32) -> Result<Option<Link>> {
    if section.def.auto_attach != AutoAttach::Uprobe {
        return Ok(None);
    }
    let target = section.target().map_err(|error| format!("program '{}': {error}", program.name()))?;
    let Target::Uprobe { path, function, version, offset, retprobe } = target else { return Ok(None) };
    let function = match version {
        Some(version) => format!("{function}@{version}"),
        None => function.to_owned(),
    };
    let options =
        UprobeOptions::default().function(&function).offset(offset).retprobe(retprobe).process(UprobeProcess::Pid(pid));
    Ok(Some(program.attach_uprobe(path, &options)?))
}
