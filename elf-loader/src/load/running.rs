//! The running kernel.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use purebpf_btf::{Btf, KernelBtf, ModuleBtf, Owner};
use purebpf_sys::Error as SysError;
use purebpf_sys::btf::BtfLoad;
use purebpf_sys::id::ObjectKind;
use purebpf_sys::map::{Map, MapCreate};
use purebpf_sys::mapping::FileBytes;
use purebpf_sys::probes::{self, Feature};
use purebpf_sys::prog::ProgLoad;
use purebpf_sys::uapi::{ElemFlags, MapFlags, ProgFlags};

use super::kernel::{Kernel, KernelConfig, Log, MapSpec, ProgSpec};
use crate::kconfig;

/// Where the running kernel keeps its types and those of its modules.
const BTF_FOLDER: &str = "/sys/kernel/btf";

/// The kernel that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RunningKernel {}

impl RunningKernel {
    /// The kernel that this process runs on.
    pub fn new() -> RunningKernel {
        RunningKernel {}
    }
}

/// The types of the running kernel and its modules. vmlinux is opened and indexed once for the whole process; modules are
/// listed anew, and read when they are first asked for.
///
/// # Errors
/// Why there are none: the kernel was built without `CONFIG_DEBUG_INFO_BTF`, or sysfs is not mounted.
#[doc(alias = "btf__load_vmlinux_btf")]
pub fn running_kernel_btf() -> Result<KernelBtf, String> {
    static VMLINUX: OnceLock<Btf> = OnceLock::new();
    let folder = Path::new(BTF_FOLDER);
    let vmlinux = match VMLINUX.get() {
        Some(vmlinux) => vmlinux.clone(),
        None => {
            let path = folder.join("vmlinux");
            let file = FileBytes::open(&path)
                .map_err(|err| format!("{err} (the kernel needs CONFIG_DEBUG_INFO_BTF, and sysfs to be mounted)"))?;
            let btf = Btf::parse(Owner::shared(Arc::new(file))).map_err(|err| format!("{}: {err}", path.display()))?;
            VMLINUX.get_or_init(|| btf).clone()
        }
    };
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "vmlinux")
        .collect();
    names.sort();
    let module = |name: String| {
        let path = folder.join(&name);
        ModuleBtf::deferred(name, move || Some(Owner::shared(Arc::new(FileBytes::open(&path).ok()?))))
    };
    Ok(KernelBtf::new(vmlinux).with_modules(names.into_iter().map(module).collect()))
}

impl Kernel for RunningKernel {
    type Handle = OwnedFd;

    fn number(&self, handle: &OwnedFd) -> i32 {
        handle.as_raw_fd()
    }

    fn map_create(&self, map: &MapSpec<'_, OwnedFd>) -> Result<OwnedFd, SysError> {
        let mut create = MapCreate::new(map.map_type, map.key_size, map.value_size, map.max_entries)
            .name(map.name)
            .flags(MapFlags::from_bits_retain(map.map_flags))
            .map_extra(map.map_extra);
        if map.numa_node != 0 {
            create = create.numa_node(map.numa_node);
        }
        if let Some((btf, key, value)) = map.btf {
            create = create.btf(btf.as_fd(), key, value);
        }
        if let Some(inner) = map.inner {
            create = create.inner_map(inner.as_fd());
        }
        create.create()
    }

    fn map_update(&self, map: &OwnedFd, key: &[u8], value: &[u8]) -> Result<(), SysError> {
        Map::from_fd(map.as_fd())?.update(key, value, ElemFlags::ANY)
    }

    fn map_freeze(&self, map: &OwnedFd) -> Result<(), SysError> {
        purebpf_sys::map::map_freeze(map.as_fd())
    }

    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<OwnedFd, SysError> {
        BtfLoad::new(btf).load_with_log(log.level, &mut log.buffer).result
    }

    fn prog_load(&self, program: &ProgSpec<'_, OwnedFd>, log: &mut Log) -> Result<OwnedFd, SysError> {
        // A license with a NUL in it was cut there when the object was opened.
        let license = CString::new(program.license).unwrap_or_default();
        let mut load = ProgLoad::new(program.prog_type, program.insns, &license)
            .name(program.name)
            .flags(ProgFlags::from_bits_retain(program.flags))
            .kern_version(program.kernel_version);
        if let Some(attach_type) = program.expected_attach_type {
            load = load.expected_attach_type(attach_type);
        }
        if let Some(btf) = program.btf {
            let (func_info, func_size) = program.func_info;
            let (line_info, line_size) = program.line_info;
            load = load.btf(btf.as_fd());
            if !func_info.is_empty() {
                load = load.func_info(func_info, func_size);
            }
            if !line_info.is_empty() {
                load = load.line_info(line_info, line_size);
            }
        }
        if program.attach_btf_id != 0 {
            load = load.attach_btf_id(program.attach_btf_id);
        }
        if let Some(module) = program.attach_btf_module {
            load = load.attach_btf_obj(module.as_fd());
        }
        if !program.fd_array.is_empty() {
            load = load.fd_array(program.fd_array);
        }
        load.load_with_log(log.level, &mut log.buffer).result
    }

    fn supports(&self, feature: Feature) -> bool {
        // Without the privilege to find out, the attempt itself will tell.
        probes::has(feature).unwrap_or(true)
    }

    fn version(&self) -> u32 {
        purebpf_sys::system::kernel_version()
    }

    fn possible_cpus(&self) -> Result<u32, SysError> {
        Ok(purebpf_sys::system::possible_cpus()? as u32)
    }

    fn page_size(&self) -> u32 {
        purebpf_sys::system::page_size() as u32
    }

    fn kernel_btf(&self) -> Result<KernelBtf, String> {
        running_kernel_btf()
    }

    fn module_btf(&self, module: &str) -> Result<OwnedFd, SysError> {
        let is_it = |fd: BorrowedFd<'_>| {
            purebpf_sys::info::btf_info(fd).is_ok_and(|info| info.kernel_btf && info.name == module)
        };
        for id in ObjectKind::Btf.ids() {
            // One that is gone since it was listed is not the one.
            let Ok(fd) = ObjectKind::Btf.fd_by_id(id?) else { continue };
            if is_it(fd.as_fd()) {
                return Ok(fd);
            }
        }
        Err(SysError::Invalid { what: "no BTF object of the kernel has this name", value: module.to_owned() })
    }

    fn kallsyms(&self) -> Result<Vec<u8>, String> {
        fs::read("/proc/kallsyms").map_err(|err| format!("/proc/kallsyms: {err}"))
    }

    fn config(&self) -> Result<KernelConfig, String> {
        // Distributions put it beside the kernel; a kernel that keeps a copy was built with CONFIG_IKCONFIG_PROC.
        let release = purebpf_sys::system::uname().map(|(release, _)| release).unwrap_or_default();
        let places = [format!("/boot/config-{release}"), "/proc/config.gz".to_owned()];
        let mut faults = Vec::new();
        for place in places {
            match kconfig::read_file(&place) {
                Ok(text) => return Ok(KernelConfig::new(text, place)),
                Err(why) => faults.push(why),
            }
        }
        Err(faults.join("; "))
    }
}
