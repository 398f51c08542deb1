//! What is to be loaded and how: bpftool's words after `prog load`, or options that say the same.

use std::ffi::OsString;
use std::path::PathBuf;

use purebpf::attach::section;
use purebpf::sys::uapi::{AttachType, ProgType};

use crate::arguments::LoadArguments;
use crate::words::Words;
use crate::{Result, Usage, show};

/// What follows the object and the path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// The type of all programs, for those whose sections say none or another.
    pub(super) prog_type: Option<(ProgType, AttachType)>,
    /// Maps that exist and take the place of the object's.
    pub(super) maps: Vec<Replacement>,
    pub(super) device: Option<Device>,
    /// The folder to pin maps in.
    pub(super) pin_maps: Option<PathBuf>,
    /// Pin links, not programs.
    pub(super) autoattach: bool,
    /// Types for CO-RE in place of the kernel's own.
    pub(super) kernel_btf: Option<PathBuf>,
}

/// A map of the object, and the one that takes its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replacement {
    pub(super) of: OldMap,
    /// `id N`, `name NAME` or `pinned PATH`.
    pub(super) by: [String; 2],
}

/// A map of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OldMap {
    /// Its place, counted from 0: declared maps, then data sections, then `.kconfig`.
    Index(usize),
    Name(String),
}

/// The network device that programs are loaded for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// It runs them itself.
    Offload(String),
    /// The kernel runs them, with what the device knows of packets (XDP programs only).
    XdpMetadata(String),
}

const WORDS: &str = "expected 'type TYPE', 'map idx N|name NAME id N|name NAME|pinned PATH', 'offload_dev NAME', 'xdpmeta_dev NAME', \
                     'pinmaps DIR', 'autoattach' or 'kernel_btf FILE' after the path";
const MAP: &str = "expected 'idx N' or 'name NAME' of the object's map, then 'id N', 'name NAME' or 'pinned PATH' of the one to be used";

impl Request {
    /// bpftool's grammar (`load_with_options` of its prog.c).
    pub(super) fn parse(arguments: &LoadArguments) -> Result<Request, Usage> {
        let mut request = Request { autoattach: arguments.autoattach, ..Request::default() };
        request.add_words(&arguments.words)?;
        if let Some(name) = &arguments.prog_type {
            request.set_type(name)?;
        }
        for words in arguments.map.chunks(4) {
            request.maps.push(Replacement::parse(&mut Words::new(words))?);
        }
        if let Some(name) = &arguments.offload_dev {
            request.set_device(Device::Offload(name.clone()))?;
        }
        if let Some(name) = &arguments.xdpmeta_dev {
            request.set_device(Device::XdpMetadata(name.clone()))?;
        }
        if let Some(dir) = &arguments.pinmaps {
            request.set_pin_maps(dir.clone())?;
        }
        if let Some(file) = &arguments.kernel_btf {
            request.set_kernel_btf(file.clone())?;
        }
        Ok(request)
    }

    fn add_words(&mut self, words: &[OsString]) -> Result<(), Usage> {
        let mut words = Words::new(words);
        while let Some(word) = words.keyword() {
            match word {
                "type" => self.set_type(&words.text("expected the name of a program type after 'type'")?)?,
                "map" => self.maps.push(Replacement::parse(&mut words)?),
                // Its name in bpftool before 7.0, which still takes it.
                "offload_dev" | "dev" => {
                    self.set_device(Device::Offload(words.text("expected an interface after 'offload_dev'")?))?;
                }
                "xdpmeta_dev" => {
                    self.set_device(Device::XdpMetadata(words.text("expected an interface after 'xdpmeta_dev'")?))?;
                }
                "pinmaps" => self.set_pin_maps(words.value("expected a folder after 'pinmaps'")?.into())?,
                "autoattach" => self.autoattach = true,
                "kernel_btf" => self.set_kernel_btf(words.value("expected a file after 'kernel_btf'")?.into())?,
                _ => return Err(Usage(WORDS)),
            }
        }
        Ok(())
    }

    fn set_type(&mut self, name: &str) -> Result<(), Usage> {
        // `kprobe` alone is a section; `cgroup/bind4` is one, too; of some there is only `NAME/…`.
        let found = section::prog_type_by_name(name).or_else(|| section::prog_type_by_name(&format!("{name}/")));
        let found = found
            .ok_or(Usage("there is no program type of this name: it is the beginning of a section's, such as 'xdp'"))?;
        match self.prog_type.replace(found) {
            None => Ok(()),
            Some(_) => Err(Usage("the type is given twice")),
        }
    }

    fn set_device(&mut self, device: Device) -> Result<(), Usage> {
        match self.device.replace(device) {
            None => Ok(()),
            Some(_) => Err(Usage("programs are loaded for one device: 'offload_dev' or 'xdpmeta_dev', once")),
        }
    }

    fn set_pin_maps(&mut self, dir: PathBuf) -> Result<(), Usage> {
        match self.pin_maps.replace(dir) {
            None => Ok(()),
            Some(_) => Err(Usage("'pinmaps' is given twice")),
        }
    }

    fn set_kernel_btf(&mut self, file: PathBuf) -> Result<(), Usage> {
        match self.kernel_btf.replace(file) {
            None => Ok(()),
            Some(_) => Err(Usage("'kernel_btf' is given twice")),
        }
    }
}

impl Replacement {
    fn parse(words: &mut Words<'_>) -> Result<Replacement, Usage> {
        let of = match words.keyword() {
            Some("idx") => {
                let index = show::number(&words.text(MAP)?).ok_or(Usage("the 'idx' of a map is a number"))?;
                OldMap::Index(index as usize)
            }
            Some("name") => OldMap::Name(words.text(MAP)?),
            _ => return Err(Usage(MAP)),
        };
        let by = [words.text(MAP)?, words.text(MAP)?];
        match by[0].as_str() {
            "id" | "name" | "pinned" => Ok(Replacement { of, by }),
            _ => Err(Usage(MAP)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Command, ProgCommand, Tool};
    use clap::Parser as _;

    fn parse(words: &str) -> Result<Request, String> {
        let line =
            ["purebpf", "prog", "load", "object.bpf.o", "/sys/fs/bpf/p"].into_iter().chain(words.split_whitespace());
        let tool = Tool::try_parse_from(line).map_err(|error| error.to_string())?;
        let Command::Prog { command: ProgCommand::Load(arguments) } = tool.command else { panic!("{tool:?}") };
        Request::parse(&arguments).map_err(|usage| usage.0.to_owned())
    }

    fn replacement(of: OldMap, by: [&str; 2]) -> Replacement {
        Replacement { of, by: by.map(str::to_owned) }
    }

    /// bpftool-prog(8): `[type TYPE] [map {idx IDX | name NAME} MAP] [{offload_dev | xdpmeta_dev} NAME] [pinmaps MAP_DIR]
    /// [autoattach] [kernel_btf BTF_FILE]`.
    #[test]
    fn the_grammar_is_bpftools() {
        assert_eq!(parse(""), Ok(Request::default()));
        let all = parse(
            "type xdp map name rxcnt id 7 map idx 0x1 pinned /sys/fs/bpf/m offload_dev eth0 pinmaps /sys/fs/bpf/maps autoattach \
             kernel_btf vmlinux.btf",
        );
        let expected = Request {
            prog_type: Some((ProgType::XDP, AttachType::XDP)),
            maps: vec![
                replacement(OldMap::Name("rxcnt".to_owned()), ["id", "7"]),
                replacement(OldMap::Index(1), ["pinned", "/sys/fs/bpf/m"]),
            ],
            device: Some(Device::Offload("eth0".to_owned())),
            pin_maps: Some("/sys/fs/bpf/maps".into()),
            autoattach: true,
            kernel_btf: Some("vmlinux.btf".into()),
        };
        assert_eq!(all.as_ref(), Ok(&expected));
        let options = parse(
            "--type xdp --map name rxcnt id 7 --map idx 1 pinned /sys/fs/bpf/m --offload-dev eth0 --pinmaps /sys/fs/bpf/maps \
             --autoattach --kernel-btf vmlinux.btf",
        );
        assert_eq!(options.as_ref(), Ok(&expected));
        assert_eq!(parse("autoattach --type xdp").map(|request| request.autoattach), Ok(true));
        assert_eq!(
            parse("xdpmeta_dev eth0").map(|request| request.device),
            Ok(Some(Device::XdpMetadata("eth0".to_owned())))
        );
    }

    /// Types are named as in TYPE of bpftool-prog(8), with or without the slash that their sections have.
    #[test]
    fn types_by_name() {
        let types = [
            ("kprobe", ProgType::KPROBE, AttachType(0)),
            ("classifier", ProgType::SCHED_CLS, AttachType(0)),
            ("tracepoint", ProgType::TRACEPOINT, AttachType(0)),
            ("fentry", ProgType::TRACING, AttachType::TRACE_FENTRY),
            ("cgroup/bind4", ProgType::CGROUP_SOCK_ADDR, AttachType::CGROUP_INET4_BIND),
            ("freplace", ProgType::EXT, AttachType(0)),
        ];
        for (name, prog_type, attach_type) in types {
            assert_eq!(parse(&format!("type {name}")).unwrap().prog_type, Some((prog_type, attach_type)), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense() {
        for words in [
            "type",
            "type nothing",
            "type xdp type kprobe",
            "type xdp --type xdp",
            "map",
            "map rxcnt id 7",
            "map idx one id 7",
            "map name rxcnt",
            "map name rxcnt id",
            "map name rxcnt tag 7",
            "--map name rxcnt id",
            "offload_dev",
            "offload_dev eth0 xdpmeta_dev eth0",
            "xdpmeta_dev eth0 --xdpmeta-dev eth0",
            "pinmaps",
            "pinmaps a pinmaps b",
            "kernel_btf",
            "autoload",
        ] {
            assert!(parse(words).is_err(), "'{words}'");
        }
    }
}
