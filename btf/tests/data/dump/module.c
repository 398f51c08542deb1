/*
 * A module over scopes.c: types of its base, its own, and names that the base has too; README.md
 * says how the files beside it were made.
 */
enum { CONSTANT_B = 1, CONSTANT_C = 2 };
enum { MODULE_CONSTANT = 3 };
struct shared { int first; };
struct module_only { struct shared in; struct { long a; } b; struct declared *d; };
struct outer { char different; };

int module_init(struct module_only *m, struct outer *o, ...)
{
	return m->in.first + o->different + CONSTANT_B + MODULE_CONSTANT;
}
