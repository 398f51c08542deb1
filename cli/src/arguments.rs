//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::btf::Class;
use crate::run::{AttachTo, EventType, MapSize, Setting, interval, seconds};

/// BPF objects and BTF, without a C library.
#[derive(Debug, Parser)]
#[command(name = "purebpf", version, about, max_term_width = 100)]
pub(crate) struct Tool {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print JSON
    #[arg(long, short, global = true)]
    pub(crate) json: bool,
    /// Print JSON on many lines
    #[arg(long, short, global = true)]
    pub(crate) pretty: bool,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// JSON on one line.
    Json,
    /// JSON on many lines.
    Pretty,
}

impl Tool {
    /// What was asked for.
    pub(crate) fn format(&self) -> Format {
        match (self.pretty, self.json) {
            (true, _) => Format::Pretty,
            (false, true) => Format::Json,
            (false, false) => Format::Text,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What a compiled BPF object says, and what it comes to on a kernel
    Object {
        #[command(subcommand)]
        command: ObjectCommand,
    },
    /// Types: BTF of kernels and objects
    Btf {
        #[command(subcommand)]
        command: BtfCommand,
    },
    /// Load an object, attach its programs, and print what they send and count
    Run(Box<RunArguments>),
    /// What the running kernel can do
    Feature {
        #[command(subcommand)]
        command: FeatureCommand,
    },
    /// Write what BPF programs in C include: bpf/*.h, and vmlinux.h with a kernel's types
    Headers(HeadersArguments),
    /// Programs that the kernel holds, and how they get there
    Prog {
        #[command(subcommand)]
        command: ProgCommand,
    },
    /// Maps that the kernel holds
    Map {
        #[command(subcommand)]
        command: ShowCommand,
    },
    /// Links that the kernel holds
    Link {
        #[command(subcommand)]
        command: ShowCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FeatureCommand {
    /// Try program types, map types, helpers, attach types and more, and tell what is there, in bpftool's
    /// words and under its keys, with the kernel that brought it
    Probe(ProbeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ProbeArguments {
    /// `full`: ask also for the helpers of which the kernel writes a warning to its log; program types,
    /// such as `xdp`: tell only what they may call
    #[arg(value_name = "WORD")]
    pub(crate) what: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A compiled BPF object
    pub(crate) file: PathBuf,
    /// Set a global variable, or a member or element of one, before the object is loaded; may be
    /// given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = Setting::parse)]
    pub(crate) set: Vec<Setting>,
    /// Give a map room for so many entries (a ring buffer: bytes); may be given more than once
    #[arg(long, value_name = "MAP=ENTRIES", value_parser = MapSize::parse)]
    pub(crate) map_size: Vec<MapSize>,
    /// Load only this program; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Vec<String>,
    /// Do not load this program; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) no_autoload: Vec<String>,
    /// Leave out programs that cannot be loaded or attached
    #[arg(long, short)]
    pub(crate) keep_going: bool,
    /// Attach a program as if its section had this name, such as `uprobe/libc.so.6:malloc`; may be given
    /// more than once
    #[arg(long, value_name = "PROGRAM=SECTION", value_parser = AttachTo::parse)]
    pub(crate) attach: Vec<AttachTo>,
    /// The network interface for XDP and tc programs
    #[arg(long, short, value_name = "INTERFACE")]
    pub(crate) interface: Option<String>,
    /// The cgroup for programs of cgroups: a folder of cgroup2
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup: Option<PathBuf>,
    /// The process for uprobes and perf_event programs [default: all]
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// How often perf_event programs run, in hertz
    #[arg(long, value_name = "HERTZ", default_value_t = 99, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) frequency: u64,
    /// The type of the records of a map, or of all; may be given more than once
    #[arg(long, value_name = "[MAP=]NAME", value_parser = EventType::parse)]
    pub(crate) event_type: Vec<EventType>,
    /// Types besides the object's: raw BTF, or an ELF file with a .BTF section
    #[arg(long, value_name = "BTF")]
    pub(crate) types: Option<PathBuf>,
    /// Values of the kernel's configuration, as a file of lines CONFIG_X=VALUE; the kernel's own are asked for the rest
    #[arg(long, value_name = "FILE")]
    pub(crate) kconfig: Option<PathBuf>,
    /// The pages of each CPU's ring of a perf buffer: a power of two
    #[arg(long, value_name = "PAGES", default_value_t = 64)]
    pub(crate) perf_pages: usize,
    /// Show times since boot as times of day
    #[arg(long)]
    pub(crate) human_time: bool,
    /// Print what programs say with bpf_printk, too
    #[arg(long, short)]
    pub(crate) trace: bool,
    /// End after so many seconds
    #[arg(long, short, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// End after so many records
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Print changed variables and maps every so many seconds, not only at the end
    #[arg(long, value_name = "SECONDS", value_parser = interval)]
    pub(crate) interval: Option<Duration>,
    /// Print only this map; may be given more than once [default: those with entries that say
    /// something]
    #[arg(long, value_name = "NAME")]
    pub(crate) map: Vec<String>,
    /// Print at most so many entries of a map
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) show_entries: usize,
    /// Print no variables and maps at the end
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Say what is done; twice: how
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Args)]
pub(crate) struct HeadersArguments {
    /// The folder that the compiler's -I takes; made if it is not there
    pub(crate) dir: PathBuf,
    /// The types of vmlinux.h: raw BTF, or an ELF file with a .BTF section [default: the running
    /// kernel's]
    #[arg(long, value_name = "BTF")]
    pub(crate) btf: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShowCommand {
    /// Show all, or those that are chosen, in bpftool's words and under bpftool's keys
    #[command(visible_alias = "list")]
    Show(ShowArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProgCommand {
    /// Show all, or those that are chosen, in bpftool's words and under bpftool's keys
    #[command(visible_alias = "list")]
    Show(ShowArguments),
    /// Load an object, and pin its first program at a path in a BPF file system
    #[command(override_usage = LOAD_USAGE, after_help = LOAD_WORDS)]
    Load(LoadArguments),
    /// Load an object, and pin its programs in a folder of a BPF file system, each under its name
    #[command(override_usage = LOADALL_USAGE, after_help = LOAD_WORDS)]
    Loadall(LoadArguments),
}

#[derive(Debug, Args)]
pub(crate) struct LoadArguments {
    /// A compiled BPF object
    pub(crate) file: PathBuf,
    /// Where to pin: nothing is there yet (load), or a folder, which is made if it is missing (loadall)
    pub(crate) path: PathBuf,
    /// What the options of the same names say, in bpftool's words (WORD, below)
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<OsString>,
    /// The type of all programs, by a section's name such as `xdp` or `cgroup/bind4` [default: what their sections say]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) prog_type: Option<String>,
    /// Use a map that exists for one of the object's; may be given more than once
    #[arg(long, num_args = 4, value_names = ["idx|name", "WHICH", "id|name|pinned", "MAP"])]
    pub(crate) map: Vec<OsString>,
    /// Load for this network device to run
    #[arg(long, value_name = "NAME")]
    pub(crate) offload_dev: Option<String>,
    /// Bind XDP programs to this network device, for what it knows of packets
    #[arg(long, value_name = "NAME")]
    pub(crate) xdpmeta_dev: Option<String>,
    /// Pin the maps in this folder, too, each under its name
    #[arg(long, value_name = "DIR")]
    pub(crate) pinmaps: Option<PathBuf>,
    /// Attach programs to what their sections say, and pin the links in their place
    #[arg(long)]
    pub(crate) autoattach: bool,
    /// Types for CO-RE: raw BTF, or an ELF file with a .BTF section [default: the running kernel's]
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel_btf: Option<PathBuf>,
    /// Mount no BPF file system where a folder for pins is in none
    #[arg(long, short)]
    pub(crate) nomount: bool,
    /// Say what is done, and all that the verifier says
    #[arg(long, short)]
    pub(crate) debug: bool,
}

const LOAD_USAGE: &str = "purebpf prog load FILE PATH [WORD]... [OPTIONS]";
const LOADALL_USAGE: &str = "purebpf prog loadall FILE PATH [WORD]... [OPTIONS]";

const LOAD_WORDS: &str = "\
WORD:
  type TYPE                                        as --type
  map idx N|name NAME id N|name NAME|pinned PATH   as --map: the object's map by its place or its
                                                   name, then the one to be used
  offload_dev NAME | xdpmeta_dev NAME              as --offload-dev, --xdpmeta-dev
  pinmaps DIR                                      as --pinmaps
  autoattach                                       as --autoattach
  kernel_btf FILE                                  as --kernel-btf";

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// `id N`, `name NAME` (programs, maps, BTF), `tag TAG` (programs) or `pinned PATH` (all but BTF)
    #[arg(value_names = ["WHICH"], num_args = 0..=2)]
    pub(crate) which: Vec<String>,
    /// Show where objects are pinned, in all BPF file systems
    #[arg(long, short = 'f')]
    pub(crate) bpffs: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ObjectCommand {
    /// Show an object's programs, maps, externs and CO-RE relocations; asks no kernel
    Inspect(InspectArguments),
    /// Show the instruction streams that a load would send; asks no kernel but for its types
    Relocate(RelocateArguments),
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// A compiled BPF object
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RelocateArguments {
    /// A compiled BPF object
    pub(crate) file: PathBuf,
    /// The kernel's types: raw BTF, or an ELF file with a .BTF section [default: the running
    /// kernel's]
    #[arg(long, value_name = "BTF")]
    pub(crate) btf: Option<PathBuf>,
    /// The types of a module of that kernel; may be given more than once
    #[arg(long, value_name = "NAME=FILE", value_parser = module)]
    pub(crate) module_btf: Vec<(String, PathBuf)>,
    /// The kernel's configuration. Its values live in a map and change no instruction: the file is
    /// only checked to be there
    #[arg(long, value_name = "FILE")]
    pub(crate) kconfig: Option<PathBuf>,
    /// The kernel's symbols, as in /proc/kallsyms [default: every symbol is taken as present]
    #[arg(long, value_name = "FILE")]
    pub(crate) kallsyms: Option<PathBuf>,
    /// Only this program
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Option<String>,
}

fn module(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("expected NAME=FILE".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum BtfCommand {
    /// Show the BTF that the kernel holds, in bpftool's words and under bpftool's keys
    #[command(visible_alias = "list")]
    Show(ShowArguments),
    /// Print types, as a list (or JSON), as a C header, or as Rust, in bpftool's words
    #[command(
        override_usage = "purebpf btf dump SOURCE [format raw | format c [unsorted] | format rust] [root_id N]..."
    )]
    Dump(DumpArguments),
    /// Show where the members of structs and unions lie: offsets, sizes, holes, padding, cachelines, as pahole shows them
    Layout(LayoutArguments),
    /// Tell what has changed from one kernel to another: members, sizes, enumerators, functions. The exit status is diff's:
    /// 0 when nothing has, 1 when something has, 2 when there is no answer
    Diff(DiffArguments),
    /// Write BTF in which each type stands once
    Dedup(DedupArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The older types: raw BTF, or an ELF file with a .BTF section
    pub(crate) a: PathBuf,
    /// The newer
    pub(crate) b: PathBuf,
    /// Only types and functions of these names; `*` stands for anything, `?` for any one letter
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Only these
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Class>,
    /// Tell each member that has moved by itself, not those that have moved together in one line
    #[arg(long)]
    pub(crate) moves: bool,
    /// Print only how many were added, removed and changed
    #[arg(long)]
    pub(crate) summary: bool,
    /// What A and B are split over; a second one is what B is split over
    #[arg(long, short = 'B', value_name = "FILE")]
    pub(crate) base_btf: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DedupArguments {
    /// Raw BTF, or an ELF file with a .BTF section; several are put together
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The file to write, raw BTF
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// What split BTF is split over, and the result will be
    #[arg(long, short = 'B', value_name = "FILE")]
    pub(crate) base_btf: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LayoutArguments {
    /// `struct NAME`, `union NAME`, `typedef NAME`, or a name alone; or the path of a member, such as `task_struct.mm.owner`
    #[arg(value_name = "TYPE", required = true)]
    pub(crate) types: Vec<String>,
    /// The types: raw BTF, or an ELF file with a .BTF section [default: the running kernel's and its modules']
    #[arg(long, value_name = "BTF")]
    pub(crate) btf: Option<PathBuf>,
    /// What the BTF of --btf is split over
    #[arg(long, short = 'B', value_name = "FILE", requires = "btf")]
    pub(crate) base_btf: Option<PathBuf>,
    /// The types of this module of the running kernel before the kernel's, and of no other
    #[arg(long, short, value_name = "NAME", conflicts_with = "btf")]
    pub(crate) module: Option<String>,
    /// Show the members of named structs and unions within, too
    #[arg(long, short)]
    pub(crate) expand: bool,
    /// Bytes a cacheline
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cacheline: u32,
}

#[derive(Debug, Args)]
#[command(after_help = DUMP_SOURCES)]
pub(crate) struct DumpArguments {
    /// Whose types (SOURCE, below), and how: `format raw` (the default), `format c`, sorted or `unsorted`, or `format rust`; only
    /// the type `root_id N`, as C and as Rust with what it needs, which may be given more than once
    #[arg(value_name = "WORD", required = true)]
    pub(crate) words: Vec<OsString>,
    /// What split BTF is split over: raw BTF, or an ELF file with a .BTF section [default for what the running kernel has
    /// of its modules: its own]
    #[arg(long, short = 'B', value_name = "FILE")]
    pub(crate) base_btf: Option<PathBuf>,
}

const DUMP_SOURCES: &str = "\
SOURCE:
  file FILE [file FILE]...                       raw BTF, or an ELF file with a .BTF section;
                                                 several, as of modules, are merged
  id N                                           a BTF object of the kernel
  prog id N | tag TAG | name NAME | pinned PATH  what a program came with
  map id N | name NAME | pinned PATH [PART]      of a map: the types of `key`, `value`, both (`kv`,
                                                 the default), or `all` that it came with";
