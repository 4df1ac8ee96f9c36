/* Numbers in options. */
#ifndef FRONTEND_NUMBERS_H
#define FRONTEND_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* A number with an optional suffix K, M, G, T; bare numbers are in units of `unit`. False: none. */
bool parse_size(const char *s, uint64_t unit, uint64_t *out);
/* A number without one. */
bool parse_count(const char *s, uint64_t *out);

#endif
