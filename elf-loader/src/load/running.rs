//! The running kernel.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fs, thread};

use purebpf_btf::{Btf, KernelBtf, ModuleBtf, Owner};
use purebpf_sys::Error as SysError;
use purebpf_sys::btf::BtfLoad;
use purebpf_sys::id::ObjectKind;
use purebpf_sys::info::{btf_data, prog_info};
use purebpf_sys::map::{Map, MapCreate};
use purebpf_sys::mapping::{FileBytes, Mapping, Protection};
use purebpf_sys::pin::{Access, obj_get, obj_pin_in_folder};
use purebpf_sys::probes::{self, Feature, Probes};
use purebpf_sys::prog::ProgLoad;
use purebpf_sys::uapi::{ElemFlags, MapFlags, ProgFlags};

use super::kernel::{Kernel, KernelConfig, Log, MapFacts, MapSpec, ProgSpec};
use super::map_rules::errno::ENOENT;
use crate::kconfig;

/// Where the running kernel keeps its types and those of its modules.
const BTF_FOLDER: &str = "/sys/kernel/btf";

/// The kernel that this process runs on.
#[derive(Clone, Debug, Default)]
pub struct RunningKernel {
    /// With a token, everything is asked for with its rights, and what the kernel can do is found out by them.
    probes: Option<Arc<Probes>>,
}

impl RunningKernel {
    /// The kernel that this process runs on, asked with the process's own rights.
    pub fn new() -> RunningKernel {
        RunningKernel::default()
    }

    /// The same kernel, asked with the rights of a BPF token.
    #[doc(alias = "bpf_token_path")]
    pub fn with_token(token: OwnedFd) -> RunningKernel {
        RunningKernel { probes: Some(Arc::new(Probes::new(Some(token)))) }
    }

    /// A BTF object by its id: with the process's own rights, or, where those do not do, with the token's (which kernels take since
    /// 6.16).
    fn btf_by_id(&self, id: u32) -> Result<OwnedFd, SysError> {
        let own = ObjectKind::Btf.fd_by_id(id);
        match (own, self.token()) {
            (Err(cause), Some(token)) if cause.is_permission() => {
                ObjectKind::Btf.fd_by_id_with(id, Access::ReadWrite, Some(token))
            }
            (own, _) => own,
        }
    }

    fn token(&self) -> Option<BorrowedFd<'_>> {
        self.probes.as_ref()?.token()
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
    type Memory = Mapping;

    fn parallelism(&self) -> usize {
        // Programs of those with CAP_BPF are verified beside each other; the others wait for a lock of the kernel's.
        thread::available_parallelism().map_or(1, Into::into)
    }

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
        if map.kernel_value_type != 0 {
            create = create.btf_vmlinux_value_type_id(map.kernel_value_type);
        }
        if let Some(module) = map.kernel_value_module {
            create = create.value_type_btf_obj(module.as_fd());
        }
        if let Some(hash) = map.exclusive_program {
            create = create.excl_prog_hash(hash);
        }
        if map.ifindex != 0 {
            create = create.map_ifindex(map.ifindex);
        }
        if let Some(token) = self.token() {
            create = create.token(token);
        }
        create.create()
    }

    fn map_facts(&self, map: &OwnedFd) -> Result<MapFacts, SysError> {
        let info = purebpf_sys::info::map_info(map.as_fd())?;
        Ok(MapFacts {
            map_type: info.map_type,
            key_size: info.key_size,
            value_size: info.value_size,
            max_entries: info.max_entries,
            map_flags: info.map_flags.bits(),
            map_extra: info.map_extra,
        })
    }

    fn map_memory(
        &self,
        map: &OwnedFd,
        address: Option<u64>,
        len: usize,
        offset: usize,
        bytes: &[u8],
    ) -> Result<Mapping, SysError> {
        let mapping = match address {
            Some(address) => Mapping::new_at(map.as_fd(), address, 0, len, Protection::ReadWrite)?,
            None => Mapping::new(map.as_fd(), 0, len, Protection::ReadWrite)?,
        };
        mapping.write(offset, bytes)?;
        Ok(mapping)
    }

    fn pinned(&self, path: &Path) -> Result<Option<OwnedFd>, SysError> {
        match obj_get(path, Access::ReadWrite) {
            Ok(found) => Ok(Some(found)),
            Err(why) if why.errno() == ENOENT => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn pin(&self, handle: &OwnedFd, path: &Path) -> Result<(), SysError> {
        obj_pin_in_folder(handle.as_fd(), path)
    }

    fn unpin(&self, path: &Path) {
        // It was made by this load; if another removed it, all the better.
        let _ = fs::remove_file(path);
    }

    fn program_btf(&self, program: &OwnedFd) -> Result<Vec<u8>, String> {
        let read = || {
            let id = prog_info(program.as_fd())?.btf_id;
            if id == 0 {
                return Ok(None);
            }
            btf_data(self.btf_by_id(id)?.as_fd()).map(Some)
        };
        let found = read().map_err(|why: SysError| why.to_string())?;
        found.ok_or_else(|| "it was loaded without".to_owned())
    }

    fn map_update(&self, map: &OwnedFd, key: &[u8], value: &[u8]) -> Result<(), SysError> {
        Map::from_fd(map.as_fd())?.update(key, value, ElemFlags::ANY)
    }

    fn map_freeze(&self, map: &OwnedFd) -> Result<(), SysError> {
        purebpf_sys::map::map_freeze(map.as_fd())
    }

    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<OwnedFd, SysError> {
        let mut load = BtfLoad::new(btf);
        if let Some(token) = self.token() {
            load = load.token(token);
        }
        load.load_with_log(log.level, &mut log.buffer).result
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
        if let Some(target) = program.attach_program {
            load = load.attach_prog(target.as_fd());
        }
        if program.ifindex != 0 {
            load = load.prog_ifindex(program.ifindex);
        }
        if !program.fd_array.is_empty() {
            load = load.fd_array(program.fd_array);
        }
        if let Some(token) = self.token() {
            load = load.token(token);
        }
        load.load_with_log(log.level, &mut log.buffer).result
    }

    fn prog_bind_map(&self, program: &OwnedFd, map: &OwnedFd) -> Result<(), SysError> {
        purebpf_sys::prog::prog_bind_map(program.as_fd(), map.as_fd())
    }

    fn supports(&self, feature: Feature) -> bool {
        // Without the privilege to find out, the attempt itself will tell.
        let answer = match &self.probes {
            Some(probes) => probes.has(feature),
            None => probes::has(feature),
        };
        answer.unwrap_or(true)
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
            let Ok(fd) = self.btf_by_id(id?) else { continue };
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
