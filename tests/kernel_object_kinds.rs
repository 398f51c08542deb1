//! What objects hold beside programs and ordinary maps: variables in an arena, tags of arguments, jump tables, programs for
//! programs.

mod common;

use common::{Feature, kernel_test, needs};
use purebpf::sys::prog::TestRun;
use purebpf::sys::system::page_size;
use purebpf::{Error, Object, Program};

const ARENA: &[u8] = include_bytes!("programs/arena.bpf.o");
const CONTEXT_TAGS: &[u8] = include_bytes!("programs/context_tags.bpf.o");
const JUMP_TABLE: &[u8] = include_bytes!("programs/jump_table.bpf.o");
const REPLACED: &[u8] = include_bytes!("programs/replaced.bpf.o");

const ARENAS: Feature = Feature::by_version("arenas", (6, 9));
const JUMP_TABLES: Feature = Feature::by_version("indirect jumps", (7, 0));
const GLOBAL_CONTEXT: Feature = Feature::by_version("global functions that take the context", (5, 6));

#[test]
fn variables_of_an_arena_are_set_before_and_read_after() {
    kernel_test(|| {
        if !needs(&ARENAS) {
            return;
        }
        let mut open = Object::open_bytes(ARENA, "arena").unwrap();
        open.global_mut("total").unwrap().set(100u64).unwrap();
        let object = open.load().unwrap();
        let add = object.program("add").unwrap();
        add.test_run(TestRun::new()).unwrap();
        let total = object.global("total").unwrap();
        assert_eq!(total.get::<u64>().unwrap(), 102);
        assert_eq!(object.global("pair").unwrap().get::<[u64; 2]>().unwrap(), [1, 103]);
        total.set(5u64).unwrap();
        add.test_run(TestRun::new()).unwrap();
        assert_eq!((total.get::<u64>().unwrap(), object.global("calls").unwrap().get::<i32>().unwrap()), (7, 2));
        let arena = object.map("arena").unwrap();
        assert_eq!(arena.arena().unwrap().len(), 16 * page_size());
    });
}

/// At an address of the object's choice, which the process must have free.
#[test]
fn an_arena_lies_where_it_is_told_to() {
    kernel_test(|| {
        if !needs(&ARENAS) {
            return;
        }
        const ADDRESS: u64 = 0x5_0000_0000;
        let mut open = Object::open_bytes(ARENA, "arena").unwrap();
        open.map_mut("arena").unwrap().definition.map_extra = ADDRESS;
        let object = open.load().unwrap();
        object.program("add").unwrap().test_run(TestRun::new()).unwrap();
        assert_eq!(object.map("arena").unwrap().arena().unwrap().as_ptr().addr() as u64, ADDRESS);
        assert_eq!(object.global("total").unwrap().get::<u64>().unwrap(), 42);
        // There can be one there.
        let error = open.load().unwrap_err().to_string();
        assert!(error.contains("map 'arena'") && error.contains("EEXIST"), "{error}");
    });
}

/// It lies where it was mapped first, and what programs keep in it stays.
#[test]
fn an_arena_that_is_there_is_used_as_it_is() {
    kernel_test(|| {
        if !needs(&ARENAS) {
            return;
        }
        let first = Object::open_bytes(ARENA, "arena").unwrap().load().unwrap();
        first.program("add").unwrap().test_run(TestRun::new()).unwrap();
        let mut open = Object::open_bytes(ARENA, "arena").unwrap();
        open.reuse_map("arena", first.map("arena").unwrap()).unwrap();
        let second = open.load().unwrap();
        second.program("add").unwrap().test_run(TestRun::new()).unwrap();
        assert_eq!(first.global("total").unwrap().get::<u64>().unwrap(), 44);
        assert!(second.map("arena").unwrap().arena().is_none());
        second.global("total").unwrap().get::<u64>().unwrap_err();
    });
}

/// The kernel knows the tag since 6.8; before, the description of the function is another.
#[test]
fn a_tag_makes_an_argument_the_context() {
    kernel_test(|| {
        if !needs(&GLOBAL_CONTEXT) {
            return;
        }
        let object = Object::open_bytes(CONTEXT_TAGS, "context_tags").unwrap().load().unwrap();
        let program = object.program("of_raw_tracepoint").unwrap();
        program.test_run(TestRun::new()).unwrap();
        assert_eq!(object.global("calls").unwrap().get::<i32>().unwrap(), 1);
    });
}

/// Runs a program of a packet of this length.
fn run(program: &Program, len: usize) -> u32 {
    let packet = vec![0; len];
    program.test_run(TestRun::new().data_in(&packet)).unwrap().retval
}

#[test]
fn jump_tables_lead_where_they_say() {
    kernel_test(|| {
        if !needs(&JUMP_TABLES) {
            return;
        }
        let object = Object::open_bytes(JUMP_TABLE, "jump_table").unwrap().load().unwrap();
        for (program, even, odd) in [("even_or_odd", 7, 9), ("odd_or_even", 70, 90)] {
            let program = object.program(program).unwrap();
            assert_eq!((run(&program, 64), run(&program, 65)), (even, odd));
        }
    });
}

#[test]
fn a_function_of_a_program_is_replaced_and_watched() {
    kernel_test(|| {
        if !needs(&common::FENTRY) {
            return;
        }
        let target = Object::open_bytes(REPLACED, "replaced").unwrap().load().unwrap();
        let decided = target.program("decided").unwrap();
        assert_eq!(run(&decided, 64), 1);

        let mut open = Object::open_bytes(REPLACED, "replaced").unwrap();
        open.program_mut("decided").unwrap().set_autoload(false);
        let mut watcher = open.program_mut("see").unwrap();
        watcher.set_autoload(true).set_attach_target(&decided, None).unwrap();
        let watching = open.load().unwrap();
        let link =
            watching.program("see").unwrap().attach_tracing(&purebpf::attach::TracingOptions::default()).unwrap();
        run(&decided, 64);
        assert_eq!(watching.global("seen").unwrap().get::<i32>().unwrap(), 1);
        drop(link);

        open.program_mut("see").unwrap().set_autoload(false);
        let mut other = open.program_mut("decide_otherwise").unwrap();
        other.set_autoload(true).set_attach_target(&decided, Some("decide")).unwrap();
        let replacing = open.load().unwrap();
        let link = replacing.program("decide_otherwise").unwrap().attach_tracing(&Default::default()).unwrap();
        assert_eq!(run(&decided, 64), 5);
        drop(link);
        assert_eq!(run(&decided, 64), 1);

        open.program_mut("decide_otherwise").unwrap().set_attach_target(&decided, Some("decode")).unwrap();
        let error = open.load().unwrap_err();
        assert!(matches!(&error, Error::Object { .. }) && error.to_string().contains("'decode'"), "{error}");
    });
}
