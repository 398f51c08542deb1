//! One user ring buffer map and its producer.

use std::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::mapping::UserRingMapping;
use super::writer::{SampleWriter, UserSample};
use crate::epoll::{Deadline, Epoll, Wake};
use crate::sole::Sole;
use crate::{Error, map_info};

/// The producer of one `BPF_MAP_TYPE_USER_RINGBUF` map.
///
/// It owns a descriptor of the map and the map's pages, borrows nothing, and can be sent to another thread, but not be used
/// by several at once. A second `UserRing` for the same map in the same process is refused; a producer in another
/// process cannot be seen, and there must be none.
///
/// Nothing tells programs that there is a sample: they take what is there when they next run and call
/// `bpf_user_ringbuf_drain`.
///
/// ```no_run
/// # fn example(map: std::os::fd::OwnedFd) -> Result<(), purebpf_ringbuf::Error> {
/// let ring = purebpf_ringbuf::UserRing::new(map)?;
/// let mut sample = ring.reserve(16)?;
/// sample[..8].copy_from_slice(&1u64.to_ne_bytes());
/// sample[8..].copy_from_slice(&2u64.to_ne_bytes());
/// sample.submit();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "user_ring_buffer")]
#[doc(alias = "user_ring_buffer__free")]
pub struct UserRing {
    /// Made when first waited; declared before the map, so that it goes first.
    epoll: OnceCell<Epoll>,
    writer: SampleWriter<UserRingMapping>,
    map: OwnedFd,
    _sole: Sole,
}

impl UserRing {
    /// A producer for the user ring buffer behind `map`, which is duplicated: the caller's descriptor can be closed.
    ///
    /// # Errors
    ///
    /// [`Error::MapInfo`] if `map` is no BPF map, [`Error::WrongMapType`] and [`Error::UnsupportedFlags`] if it is
    /// not a user ring buffer that can be served, [`Error::AlreadyProduced`], [`Error::Mapping`] if it cannot be mapped.
    #[doc(alias = "user_ring_buffer__new")]
    pub fn new(map: impl AsFd) -> Result<Self, Error> {
        let map = map.as_fd().try_clone_to_owned();
        let map = map.map_err(|cause| Error::Syscall { call: "fcntl(F_DUPFD_CLOEXEC)", cause })?;
        let info = map_info::user_ring_buffer(map.as_fd())?;
        let sole = Sole::of(info.id, 0).ok_or(Error::AlreadyProduced { map_id: info.id })?;
        let mapping = UserRingMapping::new(map.as_fd(), info.max_entries.into())?;
        Ok(Self { epoll: OnceCell::new(), writer: SampleWriter::new(mapping)?, map, _sole: sole })
    }

    /// The ring's size in bytes (`max_entries`).
    pub fn size(&self) -> usize {
        self.writer.size()
    }

    /// The longest sample that the ring can take when it is empty, and that programs can be given (16 MiB less a byte).
    pub fn max_len(&self) -> usize {
        self.writer.max_len()
    }

    /// Bytes that are free, of which a sample takes its length and 8, rounded up to a multiple of 8.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] if something else has written to the ring.
    pub fn available_space(&self) -> Result<usize, Error> {
        self.writer.available_space()
    }

    /// Reserves `len` bytes, to be filled and submitted. Several reservations may be held at a time; programs get
    /// them in the order of reserving, so that one that is held keeps those behind it from being drained. The bytes are
    /// what was there before.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the ring never has room for so many, [`Error::NoSpace`] if it has none now,
    /// [`Error::CorruptPositions`] if something else has written to the ring.
    #[doc(alias = "user_ring_buffer__reserve")]
    pub fn reserve(&self, len: usize) -> Result<UserSample<'_>, Error> {
        self.writer.reserve(len)
    }

    /// Like [`reserve`](Self::reserve), after waiting for room if there is none.
    ///
    /// Programs that drain with `BPF_RB_NO_WAKEUP` wake nobody: the room they make is found when `timeout` is over. A
    /// reservation that this thread holds may be what the wait is for; it then takes all of `timeout`.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve): [`Error::NoSpace`] when `timeout` is over (`None` waits for ever) or a signal has
    /// come; [`Error::Syscall`] if waiting fails.
    #[doc(alias = "user_ring_buffer__reserve_blocking")]
    pub fn reserve_blocking(&self, len: usize, timeout: impl Into<Option<Duration>>) -> Result<UserSample<'_>, Error> {
        let deadline = Deadline::after(timeout.into());
        loop {
            match self.writer.reserve(len) {
                Err(Error::NoSpace { .. }) if !deadline.is_over() => {}
                result => return result,
            }
            // An edge is sent by each drain that takes something, after it has stored the consumer position: one that we
            // did not see above sends its edge after this, or has done so since we last waited.
            if self.epoll()?.wait(deadline)? == Wake::Over {
                return self.writer.reserve(len);
            }
        }
    }

    /// Reserves, fills and submits a sample.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    pub fn output(&self, sample: &[u8]) -> Result<(), Error> {
        self.writer.output(sample)
    }

    /// The epoll instance of `reserve_blocking`.
    fn epoll(&self) -> Result<&Epoll, Error> {
        if let Some(epoll) = self.epoll.get() {
            return Ok(epoll);
        }
        let epoll = Epoll::new()?;
        epoll.add_writable(self.map.as_fd())?;
        Ok(self.epoll.get_or_init(|| epoll))
    }
}

/// The map's descriptor. It polls writable unless the ring is full to the last byte.
impl AsFd for UserRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}
