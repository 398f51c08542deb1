//! The rings of a perf event array, behind one descriptor: libbpf's `struct perf_buffer`.

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use purebpf_sys::map::Map;
use purebpf_sys::perf_event::{self, PerfType};
use purebpf_sys::system::online_cpus;
use purebpf_sys::uapi::ElemFlags;

use super::PerfRing;
use super::record::PerfRecord;
use crate::cursor::{Consumed, Walk};
use crate::epoll::{Deadline, Epoll, Wake};
use crate::sole::Sole;
use crate::{Error, map_info};

/// How a [`PerfBuffer`] is opened.
///
/// ```no_run
/// # fn example(map: std::os::fd::OwnedFd) -> Result<(), purebpf_ringbuf::Error> {
/// use purebpf_ringbuf::PerfBufferOptions;
///
/// // Wakes its reader for every 16th record only, and listens to CPU 2 by way of the map's slot 0.
/// let buffer = PerfBufferOptions::new().sample_period(16).cpus([(2, 0)]).open(map, 64)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[doc(alias = "perf_buffer_opts")]
#[doc(alias = "perf_buffer_raw_opts")]
pub struct PerfBufferOptions<'a> {
    sample_period: u32,
    cpus: Option<Vec<(u32, u32)>>,
    event: Option<perf_event::PerfEvent<'a>>,
}

impl<'a> PerfBufferOptions<'a> {
    /// Every record wakes its reader; all CPUs that are online.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes readers for every so many-th record only. Up to one record less may lie in each ring until somebody looks,
    /// as every call that reads does.
    pub fn sample_period(mut self, records: u32) -> Self {
        self.sample_period = records;
        self
    }

    /// Listens to these CPUs only, each by way of the map's slot of that key: `(cpu, key)`. One that is not online is
    /// then an error.
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = (u32, u32)>) -> Self {
        self.cpus = Some(cpus.into_iter().collect());
        self
    }

    /// Opens this event on each CPU, for all processes, instead of one for the output of programs. Its records are
    /// to be read with that in mind: see [`PerfRecord::event`].
    #[doc(alias = "perf_buffer__new_raw")]
    pub fn event(mut self, event: perf_event::PerfEvent<'a>) -> Self {
        self.event = Some(event);
        self
    }

    /// Opens the buffer: `pages` pages of data (a power of two) for each CPU.
    ///
    /// # Errors
    ///
    /// As [`PerfBuffer::new`].
    pub fn open(&self, map: impl AsFd, pages: usize) -> Result<PerfBuffer, Error> {
        let map = map.as_fd().try_clone_to_owned();
        let map = map.map_err(|cause| Error::Syscall { call: "fcntl(F_DUPFD_CLOEXEC)", cause })?;
        let info = map_info::perf_event_array(map.as_fd())?;
        let map = Map::from_fd(map).map_err(Error::MapInfo)?;
        let mut buffer = PerfBuffer { epoll: Epoll::new()?, rings: Vec::new(), map };
        match &self.cpus {
            Some(cpus) => {
                for &(cpu, key) in cpus {
                    self.add(&mut buffer, info.id, cpu, key, pages)?;
                }
            }
            None => {
                let online = online_cpus().map_err(|cause| Error::OnlineCpus { cause })?;
                for cpu in online.into_iter().filter(|&cpu| cpu < info.max_entries) {
                    match self.add(&mut buffer, info.id, cpu, cpu, pages) {
                        // It was unplugged since we looked.
                        Err(Error::PerfEvent { cause, .. }) if cause.errno() == libc::ENODEV => {}
                        result => result?,
                    }
                }
            }
        }
        Ok(buffer)
    }

    fn add(&self, buffer: &mut PerfBuffer, map_id: u32, cpu: u32, key: u32, pages: usize) -> Result<(), Error> {
        let sole = Sole::of(map_id, key).ok_or(Error::AlreadyConsumed { map_id })?;
        let event = match &self.event {
            Some(event) => event.clone(),
            None => perf_event::PerfEvent::new(PerfType::SOFTWARE, perf_event::software::BPF_OUTPUT)
                .sample_type(perf_event::sample::RAW)
                .wakeup_events(self.sample_period.max(1)),
        };
        let event = event.pid(-1).cpu(cpu as i32).open().map_err(|cause| Error::PerfEvent { cpu, cause })?;
        let ring = PerfRing::new(event, pages)?;
        buffer.epoll.add(ring.as_fd())?;
        let updated = buffer.map.update_fd(&key.to_ne_bytes(), ring.as_fd(), ElemFlags::empty());
        updated.map_err(|cause| Error::MapSlot { cpu, key, cause })?;
        buffer.rings.push(CpuRing { ring, cpu, key, _sole: sole });
        Ok(())
    }
}

/// The consumer of a `BPF_MAP_TYPE_PERF_EVENT_ARRAY` map: a ring for each CPU.
///
/// It owns a descriptor of the map and the perf events in it, borrows nothing, and can be sent to another thread. Each
/// slot of the map has one consumer in a process; dropping the buffer empties its slots.
///
/// CPUs that come online later have no ring: what programs put out there is refused (`-ENOENT`).
///
/// Its [`AsFd`] descriptor, an epoll instance, becomes readable when one of the rings does, and can be handed to any event
/// loop. Edge-triggered ones may wait after a [`consume`](Self::consume), or a [`poll`](Self::poll) that gave no records.
///
/// ```no_run
/// use std::time::Duration;
/// use purebpf_ringbuf::{PerfBuffer, PerfEvent};
///
/// # fn example(map: std::os::fd::OwnedFd) -> Result<(), purebpf_ringbuf::Error> {
/// let mut buffer = PerfBuffer::new(map, 64)?;
/// loop {
///     buffer.poll(Duration::from_millis(100), |cpu, record| match record.event() {
///         PerfEvent::Sample(bytes) => println!("CPU {cpu}: {bytes:02x?}"),
///         PerfEvent::Lost(count) => println!("CPU {cpu}: {count} lost"),
///         _ => {}
///     })?;
/// }
/// # }
/// ```
#[doc(alias = "perf_buffer")]
#[doc(alias = "perf_buffer__free")]
pub struct PerfBuffer {
    /// Declared before the rings, so that it goes first.
    epoll: Epoll,
    rings: Vec<CpuRing>,
    map: Map<OwnedFd>,
}

/// A ring of a [`PerfBuffer`], with its CPU.
#[derive(Debug)]
pub struct CpuRing {
    ring: PerfRing,
    cpu: u32,
    key: u32,
    _sole: Sole,
}

impl CpuRing {
    /// The CPU whose records it gets.
    pub fn cpu(&self) -> u32 {
        self.cpu
    }

    /// The map's slot in which it stands.
    pub fn map_key(&self) -> u32 {
        self.key
    }

    /// The ring.
    #[doc(alias = "perf_buffer__buffer")]
    pub fn ring(&self) -> &PerfRing {
        &self.ring
    }

    /// The ring, to read from it alone.
    #[doc(alias = "perf_buffer__consume_buffer")]
    pub fn ring_mut(&mut self) -> &mut PerfRing {
        &mut self.ring
    }
}

impl PerfBuffer {
    /// A perf buffer for `map`, with `pages` pages of data (a power of two) for each CPU that is online, and of which the
    /// map has a slot. The descriptor is duplicated. With other options: [`PerfBufferOptions`].
    ///
    /// # Errors
    ///
    /// [`Error::MapInfo`] if `map` is no BPF map, [`Error::WrongMapType`] if it is no perf event array,
    /// [`Error::BadPageCount`], [`Error::AlreadyConsumed`]; [`Error::PerfEvent`], [`Error::Mapping`] and
    /// [`Error::MapSlot`] if a CPU's event cannot be opened, mapped or put into the map.
    #[doc(alias = "perf_buffer__new")]
    pub fn new(map: impl AsFd, pages: usize) -> Result<Self, Error> {
        PerfBufferOptions::new().open(map, pages)
    }

    /// The rings, in the order of their CPUs or as they were asked for.
    #[doc(alias = "perf_buffer__buffer_cnt")]
    pub fn rings(&self) -> &[CpuRing] {
        &self.rings
    }

    /// The rings, to read from them one by one.
    pub fn rings_mut(&mut self) -> &mut [CpuRing] {
        &mut self.rings
    }

    /// Hands the records of every ring to `callback`, with their CPU, until each has been seen empty; how many there
    /// were. Records of one CPU come in order.
    ///
    /// # Errors
    ///
    /// As [`PerfRing::consume`]. A corrupt ring does not keep those before it from being read; it does those after it.
    #[doc(alias = "perf_buffer__consume")]
    pub fn consume(&mut self, mut callback: impl FnMut(u32, PerfRecord<'_>)) -> Result<usize, Error> {
        let consumed = self.try_consume(|cpu, record| {
            callback(cpu, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        Ok(consumed.records)
    }

    /// Like [`consume`](Self::consume), until `callback` breaks off. The record at which it does counts as consumed.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    pub fn try_consume<B>(
        &mut self,
        mut callback: impl FnMut(u32, PerfRecord<'_>) -> ControlFlow<B>,
    ) -> Result<Consumed<B>, Error> {
        Ok(self
            .each(|ring, cpu| {
                let consumed = ring.try_consume(|record| callback(cpu, record))?;
                Ok(Walk { consumed, seen_empty: true })
            })?
            .consumed)
    }

    /// Hands records to `callback`, after waiting for the first if there is none; how many there were.
    ///
    /// Returns when there was something and it has been read, or 0 when `timeout` is over (`None` waits for ever) or a
    /// signal has come. Reads of each ring about as much as it holds.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume), and [`Error::Syscall`] if waiting fails.
    #[doc(alias = "perf_buffer__poll")]
    pub fn poll(
        &mut self,
        timeout: impl Into<Option<Duration>>,
        mut callback: impl FnMut(u32, PerfRecord<'_>),
    ) -> Result<usize, Error> {
        let consumed = self.try_poll(timeout, |cpu, record| {
            callback(cpu, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        Ok(consumed.records)
    }

    /// Like [`poll`](Self::poll), until `callback` breaks off. Records after that at which it does are read by the next
    /// call, without waiting.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn try_poll<B>(
        &mut self,
        timeout: impl Into<Option<Duration>>,
        mut callback: impl FnMut(u32, PerfRecord<'_>) -> ControlFlow<B>,
    ) -> Result<Consumed<B>, Error> {
        let deadline = Deadline::after(timeout.into());
        loop {
            let Walk { consumed, seen_empty } = self.turn(&mut callback)?;
            if !consumed.is_empty() || deadline.is_over() {
                return Ok(consumed);
            }
            if !seen_empty {
                continue;
            }
            match self.epoll.wait(deadline)? {
                Wake::Ready => {}
                Wake::Over => return Ok(self.turn(&mut callback)?.consumed),
            }
        }
    }

    /// One turn of every ring: `seen_empty` if all were.
    fn turn<B>(&mut self, callback: &mut impl FnMut(u32, PerfRecord<'_>) -> ControlFlow<B>) -> Result<Walk<B>, Error> {
        self.each(|ring, cpu| ring.turn(|record| callback(cpu, record)))
    }

    /// Applies `read` to each ring and adds up, until a callback breaks off.
    fn each<B>(
        &mut self,
        mut read: impl FnMut(&mut PerfRing, u32) -> Result<Walk<B>, Error>,
    ) -> Result<Walk<B>, Error> {
        let mut total = Walk { consumed: Consumed::none(), seen_empty: true };
        for CpuRing { ring, cpu, .. } in &mut self.rings {
            let walk = read(ring, *cpu)?;
            total.seen_empty &= walk.seen_empty;
            total.consumed.records += walk.consumed.records;
            if walk.consumed.stopped.is_some() {
                total.consumed.stopped = walk.consumed.stopped;
                break;
            }
        }
        Ok(total)
    }
}

/// Programs find the slots empty before the rings go.
impl Drop for PerfBuffer {
    fn drop(&mut self) {
        for ring in &self.rings {
            // There is nobody to tell, and the kernel empties them when the map's descriptors are closed.
            let _ = self.map.delete(&ring.key.to_ne_bytes(), ElemFlags::empty());
        }
    }
}

/// The epoll instance, readable when a ring is.
impl AsFd for PerfBuffer {
    #[doc(alias = "perf_buffer__epoll_fd")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl fmt::Debug for PerfBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerfBuffer").field("rings", &self.rings).finish()
    }
}
