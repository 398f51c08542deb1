//! Rings of the running kernel, filled by programs.

mod producer;

#[test]
fn smoke() {
    let producer = producer::Producer::new(4096).unwrap();
    let mut ring = purebpf_ringbuf::Ring::new(producer.map()).unwrap();
    assert!(producer.output(b"hello"));
    assert!(producer.reserving(producer::Reserved::Discard).run());
    assert!(producer.reserving(producer::Reserved::Submit).run());
    assert_eq!(&*ring.next().unwrap().unwrap(), b"hello");
    assert_eq!(&*ring.next().unwrap().unwrap(), [0xff; 16]);
    assert!(ring.next().unwrap().is_none());
}
