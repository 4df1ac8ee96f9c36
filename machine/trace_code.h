/* What writer and reader of traces share: the shape of a file, and the state that records are
 * differences to. docs/trace.md describes it. */
#ifndef MACHINE_TRACE_CODE_H
#define MACHINE_TRACE_CODE_H

#include "machine/trace_file.h"

#define TRACE_MAGIC     "ORRTRACE"
#define TRACE_END_MAGIC "ORRTREND"
#define TRACE_VERSION   2 /* 1: addresses of 32 bits, and no registers of 64-bit mode */

enum {
    HEADER_BYTES = 24, /* magic, version u32, length of the text u32, CRC of the text u32, 0 u32 */
    CHUNK_BYTES = 32,  /* magic u32, bytes u32, stored u32, CRC u32, first tick u64, records u64 */
    INDEX_BYTES = 16,  /* offset u64, first tick u64 */
    END_BYTES = 24,    /* chunks u64, CRC of the index u32, 0 u32, magic */
    CHUNK_MAGIC = 0x4b4e4843,
    CHUNK_TARGET = 256 << 10, /* bytes at which a chunk is ended */
    CHUNK_SLACK = 1 << 20,    /* for what belongs to the last instruction of a chunk */
    CHUNK_LIMIT = CHUNK_TARGET + CHUNK_SLACK + TRACE_MAX_SCREEN + (64 << 10),
    TEXT_LIMIT = 1 << 20,
};

/* Flags beside the kind in a record's first byte. */
enum {
    F_TICK = 0x10, /* the tick is not the expected one: difference follows */
    F_A = 0x20,    /* INSN: EIP is not the expected one; accesses: write; INT: error code */
    F_B = 0x40,    /* INSN: bytes follow; MEM: the page follows */
    F_C = 0x80,    /* MEM, PHYS: what was there before follows */
};

enum { INSN_SLOTS = 4096, PAGE_SLOTS = 256 };

/* All zero at the beginning of a chunk. */
struct trace_state {
    u64 regs[TRACE_REGS];
    u64 tick;    /* of the last record */
    bool passes; /* the next instruction is expected a tick later */
    u64 eip;     /* expected */
    u64 linear;  /* behind the last access */
    struct {
        u64 linear;
        u8 len;
        u8 bytes[TRACE_MAX_INSN];
    } insn[INSN_SLOTS];
    struct {
        u64 page;
        bool valid;
        u64 phys;
    } page[PAGE_SLOTS];
};

static inline u64 trace_expected(const struct trace_state *s, enum trace_kind kind)
{
    return s->tick + (kind == TRACE_INSN && s->passes);
}

/* After a record of that kind. */
static inline void trace_passed(struct trace_state *s, enum trace_kind kind, u64 tick)
{
    s->tick = tick;
    if (kind == TRACE_INSN || kind == TRACE_INT)
        s->passes = true;
}

static inline unsigned trace_insn_slot(u64 linear)
{
    return (linear ^ linear >> 12) % INSN_SLOTS;
}

/* A record that refers to no linear address has none of these. */
static inline bool trace_is_access(enum trace_kind kind)
{
    return kind == TRACE_MEM || kind == TRACE_MMIO;
}

static inline bool trace_is_phys(enum trace_kind kind)
{
    return kind == TRACE_DMA || kind == TRACE_WALK || kind == TRACE_PHYS;
}

#endif
