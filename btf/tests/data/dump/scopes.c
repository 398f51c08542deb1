/*
 * Names that are used twice, constants in anonymous enums, and what the ABI of another machine
 * makes of layout; README.md says how the files beside it were made.
 */
enum { CONSTANT_B = 1, CONSTANT_C = 2 };
enum { CONSTANT_A = -1 };
enum { LONG_CONSTANT = 1 };

struct shared { int first; };
typedef struct shared shared_t;
union shared_name { int a; };
typedef int shared_name;		/* a name space of its own */
enum shared_enum { SHARED_ONE = 1, SHARED_TWO };
struct declared;
typedef struct declared declared_t;
typedef void void_alias;
typedef __builtin_va_list va_alias;
typedef long long_array[4];
typedef struct { long_array longs; double d; long long ll; } layout_t;
struct __attribute__((packed)) packed { char a; long long b; };
struct bits { unsigned a : 3; unsigned long long b : 35; char c : 5; unsigned short d : 11; signed e : 1; };
struct holes { char a; double b; char c; long d; short e; struct packed f; char g; };
struct aligned { char a; int b __attribute__((aligned(64))); };
struct tail { long long a; char b; char c[]; };

int use(enum shared_enum e, declared_t *d, void_alias *v, layout_t *l, struct packed *p, struct bits *b,
	struct holes *h, struct aligned *a, struct tail *t, shared_name n, union shared_name *u, shared_t *s)
{
	return e + CONSTANT_A + CONSTANT_B + LONG_CONSTANT + n + u->a + s->first + p->a + b->a + h->a + a->a + t->b + (d != 0) +
	       (v != 0) + (int)l->d;
}

int first(int x, ...)
{
	struct shared { long second; struct shared *next; };
	typedef struct shared shared_t;
	typedef char shared_name;
	enum shared_enum { SHARED_TWO = 7, SHARED_THREE };
	struct outer { struct shared in; shared_t *out; enum shared_enum e; shared_name n; } o = { .in.second = x };
	struct { struct shared *a; enum { CONSTANT_C = 9 } c; } anonymous = { &o.in };
	va_alias args;

	__builtin_va_start(args, x);
	__builtin_va_end(args);
	return o.in.second + o.e + SHARED_THREE + anonymous.c + CONSTANT_C;
}

int second(int x)
{
	struct shared { char third; };
	union shared_name { struct shared *s; long l; };
	typedef union shared_name shared_name;
	struct outer { shared_name n; const struct shared *const *volatile p; struct declared *d; } o = { .n.l = x };
	void (*callback)(struct outer, shared_name *, enum shared_enum) = 0;

	return o.n.l + (callback != 0) + (o.d != 0);
}
