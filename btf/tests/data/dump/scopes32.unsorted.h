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

enum {
	CONSTANT_B = 1,
	CONSTANT_C = 2,
};

enum {
	CONSTANT_A = -1,
};

enum {
	LONG_CONSTANT = 1,
};

struct shared {
	int first;
};

typedef struct shared shared_t;

union shared_name {
	int a;
};

typedef int shared_name;

enum shared_enum {
	SHARED_ONE = 1,
	SHARED_TWO = 2,
};

struct declared;

typedef struct declared declared_t;

typedef void void_alias;

typedef char *va_alias;

typedef long int long_array[4];

typedef struct {
	long_array longs;
	double d;
	long long int ll;
} layout_t;

struct packed {
	char a;
	long long int b;
} __attribute__((packed));

struct bits {
	unsigned int a: 3;
	long long unsigned int b: 35;
	char: 2;
	char c: 5;
	short: 3;
	short unsigned int d: 11;
	int e: 1;
};

struct holes {
	char a;
	double b;
	char c;
	long int d;
	short int e;
	struct packed f;
	char g;
};

struct aligned {
	char a;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	int b;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
	long: 32;
};

struct tail {
	long long int a;
	char b;
	char c[0];
};

struct shared___2 {
	char third;
};

union shared_name___2 {
	struct shared___2 *s;
	long int l;
};

typedef union shared_name___2 shared_name___2;

struct outer {
	shared_name___2 n;
	const struct shared___2 * const * volatile p;
	struct declared *d;
};

struct shared___3 {
	long int second;
	struct shared___3 *next;
};

typedef struct shared___3 shared_t___2;

typedef char shared_name___3;

enum shared_enum___2 {
	SHARED_TWO___2 = 7,
	SHARED_THREE = 8,
};

struct outer___2 {
	struct shared___3 in;
	shared_t___2 *out;
	enum shared_enum___2 e;
	shared_name___3 n;
};


/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
