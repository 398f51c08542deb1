//! Perf buffers of the running kernel, filled by programs: what arrives, from which CPU, what is lost, who is woken.

use std::mem;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use purebpf_ringbuf::{Error, PerfBuffer, PerfBufferOptions, PerfEvent, PerfRecord};
use purebpf_sys::Insn;
use purebpf_sys::insn::op;
use purebpf_sys::map::MapCreate;
use purebpf_sys::perf_event::{self, PerfType};
use purebpf_sys::system::{online_cpus, page_size};
use purebpf_sys::uapi::{HelperId, MapType};

use super::FOR_EVER;
use super::edge::Edges;
use super::leaks::Watch;
use super::producer::{ETHERNET_HEADER, MAX_RECORD, load, run, with_packet};

/// `BPF_F_CURRENT_CPU`, as `mov32` takes it.
const CURRENT_CPU: i32 = -1;

/// A perf event array and a program that gives what its packet holds to `bpf_perf_event_output`.
struct Output {
    map: OwnedFd,
    program: OwnedFd,
}

impl Output {
    /// One that writes to the slot `index`.
    fn new(slots: u32, index: i32) -> Option<Output> {
        let map = MapCreate::new(MapType::PERF_EVENT_ARRAY, 4, 4, slots).name("perf_test").create();
        let map = match map {
            Ok(map) => map,
            Err(error) if error.is_permission() => {
                println!("skipped: needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let mut output = vec![Insn::mov64_reg(1, 6)];
        output.extend(Insn::ld_map_fd(2, map.as_raw_fd()));
        output.extend([
            Insn::mov32_imm(3, index),
            Insn::mov64_reg(4, 10),
            Insn::alu64_imm(op::ADD, 4, -(MAX_RECORD as i32)),
            Insn::mov64_reg(5, 7),
            Insn::call_helper(HelperId::PERF_EVENT_OUTPUT),
            Insn::exit(),
        ]);
        let program = load(&with_packet(&output)).unwrap();
        Some(Output { map, program })
    }

    /// What the helper returned.
    fn output(&self, record: &[u8]) -> i32 {
        let mut packet = vec![0; ETHERNET_HEADER];
        packet.extend(record);
        run(self.program.as_fd(), &packet, 1) as i32
    }
}

macro_rules! output {
    ($slots:expr, $index:expr) => {
        match Output::new($slots, $index) {
            Some(output) => output,
            None => return,
        }
    };
}

/// As many slots as there are CPU numbers.
fn slots() -> u32 {
    online_cpus().unwrap().last().unwrap() + 1
}

/// The CPUs that this thread may run on.
fn own_cpus() -> Vec<u32> {
    // SAFETY: a set of bits, all of which may be 0, of the size that the call is told.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &raw mut set), 0);
        (0..libc::CPU_SETSIZE as u32).filter(|&cpu| libc::CPU_ISSET(cpu as usize, &set)).collect()
    }
}

/// Does `work` on a CPU, on a thread of its own.
fn on_cpu<T: Send>(cpu: u32, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // SAFETY: as above.
            unsafe {
                let mut set: libc::cpu_set_t = mem::zeroed();
                libc::CPU_SET(cpu as usize, &mut set);
                assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &raw const set), 0);
            }
            work()
        });
        worker.join().unwrap()
    })
}

fn record(i: usize) -> Vec<u8> {
    (0..1 + i % MAX_RECORD).map(|byte| (byte ^ i) as u8).collect()
}

/// What a sample is padded to: with its length of 4 bytes to a multiple of 8.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize((bytes.len() + 4).next_multiple_of(8) - 4, 0);
    bytes
}

fn sample(record: PerfRecord<'_>) -> Vec<u8> {
    match record.event() {
        PerfEvent::Sample(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn perf_samples_arrive_as_they_were_put_out() {
    let _watch = Watch::start();
    let output = output!(slots(), CURRENT_CPU);
    let mut buffer = PerfBuffer::new(&output.map, 1).unwrap();
    let cpus: Vec<_> = buffer.rings().iter().map(|ring| (ring.cpu(), ring.map_key(), ring.ring().size())).collect();
    assert_eq!(cpus, online_cpus().unwrap().into_iter().map(|cpu| (cpu, cpu, page_size())).collect::<Vec<_>>());
    // Many times around the ring of each CPU that we may run on.
    for cpu in own_cpus() {
        let mut produced = 0;
        while produced < 400 {
            let first = produced;
            on_cpu(cpu, || {
                for _ in 0..1 + first % 9 {
                    assert_eq!(output.output(&record(produced)), 0);
                    produced += 1;
                }
            });
            let mut next = first;
            let mut check = |from: u32, bytes: Vec<u8>| {
                // The padding is what the program's memory had there.
                let expected = record(next);
                assert_eq!((from, bytes.len()), (cpu, padded(&expected).len()));
                assert_eq!(bytes[..expected.len()], expected);
                next += 1;
            };
            match first % 3 {
                0 => assert_eq!(buffer.consume(|cpu, record| check(cpu, sample(record))).unwrap(), produced - first),
                1 => assert_eq!(buffer.poll(None, |cpu, record| check(cpu, sample(record))).unwrap(), produced - first),
                _ => {
                    let ring = buffer.rings_mut().iter_mut().find(|ring| ring.cpu() == cpu).unwrap();
                    while let Some(held) = ring.ring_mut().next().unwrap() {
                        check(cpu, sample(held.record()));
                    }
                }
            }
            assert_eq!(next, produced);
        }
    }
    assert!(buffer.rings().iter().all(|ring| ring.ring().head() == ring.ring().tail()));
}

#[test]
fn perf_what_finds_no_room_is_counted() {
    let _watch = Watch::start();
    let output = output!(slots(), CURRENT_CPU);
    let mut buffer = PerfBuffer::new(&output.map, 1).unwrap();
    let cpu = own_cpus()[0];
    let fit = on_cpu(cpu, || (0..500).filter(|_| output.output(&[7; 20]) == 0).count());
    let (mut arrived, mut lost) = (0, 0);
    // The kernel tells of a loss with the next sample that finds room.
    while lost == 0 {
        buffer
            .consume(|from, record| {
                assert_eq!(from, cpu);
                match record.event() {
                    PerfEvent::Sample(bytes) => {
                        assert_eq!(bytes, [7; 20]);
                        arrived += 1;
                    }
                    PerfEvent::Lost(count) => lost += count as usize,
                    _ => panic!("{record:?}"),
                }
            })
            .unwrap();
        if lost == 0 {
            // What fits is a ring less a byte: records of 8 + 4 + 20 bytes.
            assert_eq!(arrived, (page_size() - 1) / 32);
            assert!(fit == arrived || fit == 500, "{fit} {arrived}");
            on_cpu(cpu, || output.output(&[7; 20]));
        }
    }
    assert_eq!(arrived + lost, 501);
}

#[test]
fn perf_poll_is_woken() {
    let _watch = Watch::start();
    let output = output!(slots(), CURRENT_CPU);
    // Room for all of them, should they not be read in time.
    let mut buffer = PerfBuffer::new(&output.map, 16).unwrap();
    assert_eq!(buffer.poll(Duration::ZERO, |_, record| panic!("{record:?}")).unwrap(), 0);
    assert_eq!(buffer.poll(Duration::from_millis(1), |_, record| panic!("{record:?}")).unwrap(), 0);
    thread::scope(|scope| {
        scope.spawn(|| (0..2000).for_each(|n: u32| assert_eq!(output.output(&n.to_ne_bytes()), 0)));
        let mut seen = Vec::new();
        while seen.len() < 2000 {
            let records = buffer.poll(FOR_EVER, |_, record| {
                seen.push(u32::from_ne_bytes(sample(record).try_into().unwrap()));
            });
            assert!(records.unwrap() > 0, "no wake-up after {} records", seen.len());
        }
        // The scheduler may have moved the thread, so that they came in order by CPU only.
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..2000));
    });
    // As an async runtime waits: edge-triggered, for the manager's own epoll instance.
    let edges = Edges::of(buffer.as_fd());
    for n in 0..100u32 {
        assert_eq!(output.output(&n.to_ne_bytes()), 0);
        edges.wait(FOR_EVER);
        assert_eq!(buffer.consume(|_, record| assert_eq!(sample(record), n.to_ne_bytes())).unwrap(), 1);
    }
}

#[test]
fn perf_sample_period_wakes_for_every_so_many() {
    let _watch = Watch::start();
    let output = output!(slots(), CURRENT_CPU);
    let cpu = own_cpus()[0];
    let options = PerfBufferOptions::new().sample_period(4).cpus([(cpu, cpu)]);
    let mut buffer = options.open(&output.map, 1).unwrap();
    let edges = Edges::of(buffer.rings()[0].ring().as_fd());
    on_cpu(cpu, || {
        (0..3).for_each(|_| assert_eq!(output.output(&[1; 4]), 0));
        assert!(!edges.has_one());
        assert_eq!(output.output(&[1; 4]), 0);
    });
    edges.wait(FOR_EVER);
    // Woken or not, what is there is read.
    on_cpu(cpu, || assert_eq!(output.output(&[1; 4]), 0));
    assert_eq!(buffer.poll(FOR_EVER, |_, record| assert_eq!(sample(record), [1; 4])).unwrap(), 5);
}

#[test]
fn perf_cpus_and_slots_as_asked_for() {
    let _watch = Watch::start();
    let output = output!(2, 1);
    let cpu = *own_cpus().last().unwrap();
    let mut buffer = PerfBufferOptions::new().cpus([(cpu, 1)]).open(&output.map, 2).unwrap();
    assert_eq!(buffer.rings().len(), 1);
    let ring = &buffer.rings()[0];
    assert_eq!((ring.cpu(), ring.map_key(), ring.ring().size()), (cpu, 1, 2 * page_size()));
    assert_eq!(on_cpu(cpu, || output.output(b"here")), 0);
    // The raw memory: a page that begins with its version, 0, then the record with its header.
    // SAFETY: mapped while the ring exists, and nobody writes to it now.
    let first = unsafe { ring.ring().as_ptr().add(page_size()).cast::<[u8; 16]>().read() };
    assert_eq!(first[12..], *b"here");
    let consumed = buffer.try_consume(|from, record| {
        assert_eq!((from, sample(record)), (cpu, b"here".to_vec()));
        ControlFlow::Break("enough")
    });
    assert_eq!(consumed.unwrap().stopped, Some("enough"));
    drop(buffer);
    // Its slot is empty.
    assert_eq!(on_cpu(cpu, || output.output(b"gone")), -libc::ENOENT);
}

/// An event of one's own, with the time in its samples: `perf_output_sample` writes it before the data.
#[test]
fn perf_events_of_ones_own() {
    let _watch = Watch::start();
    let output = output!(slots(), CURRENT_CPU);
    let event = perf_event::PerfEvent::new(PerfType::SOFTWARE, perf_event::software::BPF_OUTPUT)
        .sample_type(perf_event::sample::RAW | perf_event::sample::TIME)
        .wakeup_events(1)
        .disabled();
    let mut buffer = PerfBufferOptions::new().event(event).open(&output.map, 1).unwrap();
    let mut last = 0;
    for _ in 0..3 {
        // The clocks of different CPUs may differ.
        assert_eq!(on_cpu(own_cpus()[0], || output.output(b"data")), 0);
        let records = buffer.poll(FOR_EVER, |_, record| {
            let bytes = record.bytes();
            let time = u64::from_ne_bytes(bytes[8..16].try_into().unwrap());
            assert!(record.kind() == 9 && time > last);
            last = time;
            assert_eq!(bytes[16..24], [4u32.to_ne_bytes(), *b"data"].concat());
        });
        assert_eq!(records.unwrap(), 1);
    }
}

#[test]
fn perf_mistakes_are_told() {
    let _watch = Watch::start();
    let output = output!(slots(), CURRENT_CPU);
    let open = |options: PerfBufferOptions<'_>, pages| options.open(&output.map, pages).unwrap_err();
    for pages in [0, 3, usize::MAX, 1 << 60] {
        assert!(matches!(open(PerfBufferOptions::new(), pages), Error::BadPageCount { pages: of } if of == pages));
    }
    let beyond = PerfBufferOptions::new().cpus([(own_cpus()[0], slots())]);
    assert!(matches!(open(beyond, 1), Error::MapSlot { key, .. } if key == slots()));
    let offline = PerfBufferOptions::new().cpus([(1 << 16, 0)]);
    assert!(matches!(open(offline, 1), Error::PerfEvent { cpu: 65536, .. }));
    let array = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    assert!(matches!(PerfBuffer::new(&array, 1), Err(Error::WrongMapType { map_type: MapType::ARRAY, .. })));
    let buffer = PerfBuffer::new(&output.map, 1).unwrap();
    assert!(matches!(open(PerfBufferOptions::new(), 1), Error::AlreadyConsumed { .. }));
    drop(buffer);
    let other: BorrowedFd<'_> = output.map.as_fd();
    drop(PerfBuffer::new(other, 1).unwrap());
}
