/* Names of functions by address: from the symbol table of an ELF file (32 or 64 bits, little
 * endian), or a list like Linux's System.map ("c1000000 T _stext"). */
#ifndef MACHINE_SYMBOLS_H
#define MACHINE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

struct symbols;

struct symbols *symbols_new(void); /* NULL: no memory */
void symbols_free(struct symbols *s);

/* Adds the functions of a file, at their addresses plus offset. False with one line in err when it
 * cannot be read, is of neither form, or names no function. */
bool symbols_load(struct symbols *s, const char *path, u64 offset, char *err, size_t err_size);

/* Whether a file begins like ELF; false too if it cannot be read. */
bool symbols_is_elf(const char *path);

/* The function that addr is in, NULL if none is known. The text lives as long as s. */
const char *symbols_find(struct symbols *s, u64 addr);
/* The same, and where it begins. */
const char *symbols_locate(struct symbols *s, u64 addr, u64 *start);
bool symbols_empty(const struct symbols *s);
/* Is it 64-bit code: an ELF file says so, or an address is above 4 GiB? */
bool symbols_wide(const struct symbols *s);

#endif
