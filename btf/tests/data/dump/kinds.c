/*
 * Every BTF kind, and the corners of their C form; README.md says how the files beside it were made.
 */
#define __type_tag(x) __attribute__((btf_type_tag(#x)))
#define __decl_tag(x) __attribute__((btf_decl_tag(x)))
#define SEC(x) __attribute__((section(x), used))

typedef signed char s8;
typedef unsigned char u8;
typedef short s16;
typedef unsigned short u16;
typedef int s32;
typedef unsigned int u32;
typedef long s64;
typedef unsigned long u64;
typedef __int128 s128;
typedef unsigned __int128 u128;
typedef _Bool flag_t;
typedef float f32;
typedef double f64;

/* Anonymous enums at the top: the first by name is the one that bpftool's sorted dump loses. */
enum { ALPHA_ONE = 1, ALPHA_TWO };
enum { BETA_MINUS = -5, BETA_PLUS = 7 };
enum plain { PLAIN_A, PLAIN_B = 0x7fffffff, PLAIN_C = 0xffffffffu };
enum negative { NEGATIVE_A = -2147483647 - 1, NEGATIVE_B };
enum byte { BYTE_A, BYTE_B = 255 } __attribute__((mode(byte)));
enum packed_enum { PACKED_A = 1, PACKED_B = 300 } __attribute__((packed));
enum word { WORD_A = 1 } __attribute__((mode(word)));
enum wide { WIDE_A = 0x123456789abcdefULL, WIDE_B = ~0ULL };
enum wide_signed { WIDE_SIGNED_A = -1LL, WIDE_SIGNED_B = 0x7fffffffffffffffLL };
enum forward_enum;

struct forward;
union forward_union;

/* Pointers to itself, to each other. */
struct list { struct list *next, **prev; };
struct ping;
struct pong { struct ping *ping; struct pong *self; };
struct ping { struct pong pong; struct forward *forward; union forward_union *forward_union; };

/* Typedefs that a struct needs, and that need the struct. */
typedef struct node *node_ptr;
typedef int (*visit_fn)(node_ptr, struct node *, void *ctx);
struct node { node_ptr left, right; visit_fn visit; };
typedef struct { int counter; } atomic_t;
typedef struct { atomic_t refs; struct { u8 a; union { u16 b; u32 c; }; }; } ref_t;
typedef union { u64 all; struct { u32 low, high; } half; } u64_halves;
typedef enum { MODE_A, MODE_B } mode_e;
typedef struct anonymous_user { struct { struct list head; } *inner; } anonymous_user_t;

/* Bitfields. */
struct bits { u32 a : 3, b : 5; u32 : 0; u32 c : 31; s64 d : 40; u8 e : 2; u8 f; u16 g : 9; flag_t h : 1; enum plain i : 2; };
struct bits_hole { u32 a : 3; u32 : 7; u32 b : 4; u8 c; u64 : 33; u8 d; };
struct bits_end { u64 a; u32 b : 1; u64 : 63; };
struct bits_wide { u64 a : 60; u64 b : 60; u64 : 0; u8 c; };

/* Holes, padding, packing, alignment. */
struct holes { u8 a; u32 b; u8 c; u64 d; u8 e; };
struct padded { u8 a; u8 b[15]; u64 c; } __attribute__((aligned(64)));
struct padded_members { u8 a; u64 b __attribute__((aligned(32))); u8 c; u16 d __attribute__((aligned(16))); };
struct packed { u8 a; u32 b; u64 c; u16 d; } __attribute__((packed));
struct packed_aligned { u8 a; u32 b; } __attribute__((packed, aligned(4)));
struct packed_inner { u8 a; struct packed b; struct { u8 x; u32 y; } __attribute__((packed)) c; u64 d; };
struct packed_not_needed { u32 a, b; } __attribute__((packed));
struct aligned_int { s32 a __attribute__((aligned(8))); };
struct tail { u64 a; u8 b; };
struct tail_user { struct tail t; u8 c; };
struct int128 { u8 a; s128 b; u128 c; } __attribute__((packed, aligned(8)));
struct empty {};
struct empty_aligned {} __attribute__((aligned(16)));
union small_union { u8 a; u32 b; };
union packed_union { u8 a; u64 b; } __attribute__((packed));
struct floats { f32 a; f64 b; long double c; };
struct flexible { u32 len; struct list items[]; };
struct zero_array { u32 len; u8 data[0]; };

/* Declarators. */
struct declarators {
	int array[3];
	int matrix[3][4][5];
	int *pointers[7];
	int (*to_array)[7];
	int (*(*to_array_of_functions)[7])(void);
	const char *const *volatile *const names;
	const volatile int cv;
	volatile struct list *const volatile vp;
	char *restrict rp;
	const int const_array[2][3];
	void (*plain)(void);
	void (*unprototyped)();
	int (*varargs)(const char *format, ...);
	int (*named)(int first, struct list *second, char third[5]);
	void *(*returns_pointer)(int);
	int (*(*returns_function)(char c))(long l);
	int (*(*(*deeper)(short))(int))[4];
	void (*(*table[2][3])(int (*callback)(void *, u32), const struct forward *))(void);
	void (*(*handler)(int *p))(int);
	struct { int a; struct { int b; } *c; } anonymous[2], *anonymous_ptr;
	union { int u; long v; };
	enum { INNER_A, INNER_B = 5 } inner;
	struct { enum { DEEP_A = 1, DEEP_B } deep; union { struct { union { u8 x; }; }; }; };
	struct nested_tag { int a; } tagged;
	enum plain e;
	enum forward_enum *fe;
	flag_t flag;
	_Bool raw_flag;
};

/* Tags. */
struct tagged {
	int __type_tag(user) *user;
	int __type_tag(rcu) __type_tag(percpu) *const both;
	const struct list __type_tag(kptr) *kptr;
	int plain __decl_tag("member_tag");
} __decl_tag("struct_tag");
typedef int tagged_int __decl_tag("typedef_tag");

struct list *global_list;
const volatile u32 config_value SEC(".rodata") = 5;
static volatile int counter SEC(".data") = 1;
extern int external __attribute__((section(".ksyms")));
u64 table[4] SEC(".maps");
static const char local_string[] SEC(".rodata.str") = "text";

/* kfuncs: declaration tags as pahole writes them. */
__decl_tag("bpf_kfunc") int zz_kfunc(struct list *list, u32 flags) { return list != 0 && flags; }
__decl_tag("bpf_kfunc") __decl_tag("bpf_fastcall") void *aa_kfunc(void) { return 0; }
__decl_tag("bpf_kfunc") void mm_kfunc(int __decl_tag("bpf_kfunc") arg, const char *fmt) { }
__decl_tag("bpf_fastcall") int not_kfunc(void) { return 1; }
static __attribute__((noinline)) int static_func(struct declarators *d) { return d->array[0] + counter; }

/* By value: Clang leaves out what is only pointed to. */
#define USE(type, name) type name;
struct user {
	USE(enum plain, a) USE(enum negative *, b) USE(enum byte, c) USE(enum packed_enum, d) USE(enum word, e)
	USE(enum wide, f) USE(enum wide_signed, g) USE(struct ping, h) USE(struct node, i) USE(ref_t, j)
	USE(u64_halves, k) USE(mode_e, l) USE(anonymous_user_t, m) USE(struct bits, n) USE(struct bits_hole, o)
	USE(struct bits_end, p) USE(struct bits_wide, q) USE(struct holes, r) USE(struct padded, s)
	USE(struct padded_members, t) USE(struct packed_aligned, u) USE(struct packed_inner, v)
	USE(struct packed_not_needed, w) USE(struct aligned_int, x) USE(struct tail_user, y) USE(struct int128, z)
	USE(struct empty, aa) USE(struct empty_aligned, ab) USE(union small_union, ac) USE(union packed_union, ad)
	USE(struct floats, ae) USE(struct zero_array, ag) USE(struct declarators, ah)
	USE(struct tagged, ai) USE(s8, aj) USE(s16, ak) USE(tagged_int, al)
	struct flexible last;
};

SEC("test") int entry(struct user *user)
{
	enum { LOCAL_A = ALPHA_TWO, LOCAL_B = BETA_PLUS } local = LOCAL_A;

	return static_func(&user->ah) + external + config_value + local + local_string[1] + (global_list != 0) +
	       (int)table[1] + BETA_MINUS + ALPHA_ONE;
}
