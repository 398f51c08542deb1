#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

typedef enum {
	MODE_A = 0,
	MODE_B = 1,
} mode_e;

enum byte {
	BYTE_A = 0,
	BYTE_B = 255,
} __attribute__((mode(byte)));

enum forward_enum;

enum negative {
	NEGATIVE_A = -2147483648,
	NEGATIVE_B = -2147483647,
};

enum packed_enum {
	PACKED_A = 1,
	PACKED_B = 300,
};

enum plain {
	PLAIN_A = 0,
	PLAIN_B = 2147483647,
	PLAIN_C = 4294967295,
};

enum wide {
	WIDE_A = 81985529216486895ULL,
	WIDE_B = 18446744073709551615ULL,
};

enum wide_signed {
	WIDE_SIGNED_A = -1LL,
	WIDE_SIGNED_B = 9223372036854775807LL,
};

enum word {
	WORD_A = 1LL,
} __attribute__((mode(word)));

typedef _Bool flag_t;

typedef __int128 s128;

typedef double f64;

typedef float f32;

typedef int s32;

typedef int tagged_int;

typedef long s64;

typedef short s16;

typedef signed char s8;

typedef unsigned __int128 u128;

typedef unsigned char u8;

typedef unsigned int u32;

typedef unsigned long u64;

typedef unsigned short u16;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
	struct {
		u8 a;
		union {
			u16 b;
			u32 c;
		};
	};
} ref_t;

typedef union {
	u64 all;
	struct {
		u32 low;
		u32 high;
	} half;
} u64_halves;

struct aligned_int {
	s32 a;
	long: 0;
};

struct list {
	struct list *next;
	struct list **prev;
};

struct anonymous_user {
	struct {
		struct list head;
	} *inner;
};

typedef struct anonymous_user anonymous_user_t;

struct bits {
	u32 a: 3;
	u32 b: 5;
	int: 24;
	u32 c: 31;
	long: 1;
	s64 d: 40;
	u8 e: 2;
	u8 f;
	u16 g: 9;
	flag_t h: 1;
	enum plain i: 2;
};

struct bits_end {
	u64 a;
	u32 b: 1;
};

struct bits_hole {
	u32 a: 3;
	char: 5;
	char: 2;
	u32 b: 4;
	u8 c;
	long: 0;
	u8 d;
};

struct bits_wide {
	u64 a: 60;
	long: 4;
	u64 b: 60;
	u8 c;
};

struct forward;

struct nested_tag {
	int a;
};

struct declarators {
	int array[3];
	int matrix[3][4][5];
	int *pointers[7];
	int (*to_array)[7];
	int (*(*to_array_of_functions)[7])(void);
	const char * const * volatile * const names;
	volatile const int cv;
	volatile struct list * volatile const vp;
	char * restrict rp;
	const int const_array[2][3];
	void (*plain)(void);
	void (*unprototyped)(void);
	int (*varargs)(const char *, ...);
	int (*named)(int, struct list *, char *);
	void * (*returns_pointer)(int);
	int (* (*returns_function)(char))(long);
	int (* (* (*deeper)(short))(int))[4];
	void (* (*table[2][3])(int (*)(void *, u32), const struct forward *))(void);
	void (* (*handler)(int *))(int);
	struct {
		int a;
		struct {
			int b;
		} *c;
	} anonymous[2];
	struct {
		int a;
		struct {
			int b;
		} *c;
	} *anonymous_ptr;
	union {
		int u;
		long v;
	};
	enum {
		INNER_A = 0,
		INNER_B = 5,
	} inner;
	struct {
		enum {
			DEEP_A = 1,
			DEEP_B = 2,
		} deep;
		union {
			struct {
				union {
					u8 x;
				};
			};
		};
	};
	struct nested_tag tagged;
	enum plain e;
	enum forward_enum *fe;
	flag_t flag;
	_Bool raw_flag;
};

struct empty {};

struct empty_aligned {};

struct flexible {
	u32 len;
	struct list items[0];
};

struct floats {
	f32 a;
	f64 b;
	long double c;
};

struct holes {
	u8 a;
	u32 b;
	u8 c;
	u64 d;
	u8 e;
};

struct int128 {
	u8 a;
	s128 b;
	u128 c;
	long: 0;
} __attribute__((packed));

struct node;

typedef struct node *node_ptr;

typedef int (*visit_fn)(node_ptr, struct node *, void *);

struct node {
	node_ptr left;
	node_ptr right;
	visit_fn visit;
};

struct packed {
	u8 a;
	u32 b;
	u64 c;
	u16 d;
} __attribute__((packed));

struct packed_aligned {
	u8 a;
	u32 b;
	long: 0;
} __attribute__((packed));

struct packed_inner {
	u8 a;
	struct packed b;
	struct {
		u8 x;
		u32 y;
	} __attribute__((packed)) c;
	u64 d;
};

struct packed_not_needed {
	u32 a;
	u32 b;
};

union packed_union {
	u8 a;
	u64 b;
};

struct padded {
	u8 a;
	u8 b[15];
	u64 c;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
};

struct padded_members {
	u8 a;
	long: 64;
	long: 64;
	long: 64;
	u64 b;
	u8 c;
	long: 0;
	u16 d;
	long: 64;
};

struct ping;

struct pong {
	struct ping *ping;
	struct pong *self;
};

union forward_union;

struct ping {
	struct pong pong;
	struct forward *forward;
	union forward_union *forward_union;
};

union small_union {
	u8 a;
	u32 b;
};

struct tagged {
	int __attribute__((btf_type_tag("user"))) *user;
	int __attribute__((btf_type_tag("rcu"))) __attribute__((btf_type_tag("percpu"))) * const both;
	const struct list __attribute__((btf_type_tag("kptr"))) *kptr;
	int plain;
};

struct tail {
	u64 a;
	u8 b;
};

struct tail_user {
	struct tail t;
	u8 c;
};

struct zero_array {
	u32 len;
	u8 data[0];
};

struct user {
	enum plain a;
	long: 0;
	enum negative *b;
	enum byte c;
	short: 0;
	enum packed_enum d;
	long: 0;
	enum word e;
	enum wide f;
	enum wide_signed g;
	struct ping h;
	struct node i;
	ref_t j;
	long: 0;
	u64_halves k;
	mode_e l;
	long: 0;
	anonymous_user_t m;
	struct bits n;
	struct bits_hole o;
	long: 0;
	struct bits_end p;
	struct bits_wide q;
	struct holes r;
	struct padded s;
	struct padded_members t;
	struct packed_aligned u;
	struct packed_inner v;
	struct packed_not_needed w;
	struct aligned_int x;
	struct tail_user y;
	struct int128 z;
	struct empty aa;
	long: 64;
	struct empty_aligned ab;
	union small_union ac;
	union packed_union ad;
	long: 0;
	struct floats ae;
	struct zero_array ag;
	long: 0;
	struct declarators ah;
	struct tagged ai;
	s8 aj;
	short: 0;
	s16 ak;
	tagged_int al;
	struct flexible last;
	long: 64;
	long: 64;
	long: 64;
} __attribute__((packed));


/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
extern __bpf_fastcall void *aa_kfunc(void) __weak __ksym;
extern void mm_kfunc(int arg, const char *fmt) __weak __ksym;
extern int zz_kfunc(struct list *list, u32 flags) __weak __ksym;
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
