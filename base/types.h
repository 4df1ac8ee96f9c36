/* Integer and address types used everywhere. Address types tell the spaces apart by name. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 laddr; /* linear address: after segmentation, before paging; below 4 GiB but in 64-bit
                      mode */
typedef u64 paddr; /* guest physical address */

/* Addresses in texts: eight digits as long as those are enough, else all sixteen. */
#define LADDR_FMT    "%0*llx"
#define LADDR_ARG(a) (a) >> 32 ? 16 : 8, (unsigned long long)(a)

#define PAGE_BITS 12
#define PAGE_SIZE 4096u
#define PAGE_MASK 4095u

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
