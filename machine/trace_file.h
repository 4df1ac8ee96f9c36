/* Trace files (docs/trace.md): what they hold, writing, reading. Knows nothing of a machine. */
#ifndef MACHINE_TRACE_FILE_H
#define MACHINE_TRACE_FILE_H

#include <stdio.h>

#include "base/types.h"

#define TREG(name, bits) TREG_##name,
enum trace_reg {
#include "machine/trace_regs.def"
    TRACE_REGS
};
#undef TREG

struct trace_reg_info {
    const char *name;
    unsigned bits;
};
extern const struct trace_reg_info trace_reg_info[TRACE_REGS];

/* The numbers are the file's. */
enum trace_kind {
    TRACE_INSN,    /* an instruction is about to be run */
    TRACE_CHANGED, /* registers that the last instruction or delivery has changed */
    TRACE_SYNC,    /* registers that have changed otherwise, or while nothing was traced */
    TRACE_MEM,     /* access by linear address, of what came before: to memory */
    TRACE_MMIO,    /* likewise, to a device */
    TRACE_INT,     /* an interrupt or exception is about to be delivered */
    TRACE_PORT,
    TRACE_DMA,  /* text: the device */
    TRACE_WALK, /* the page walker sets A or D in an entry */
    TRACE_PHYS, /* the CPU's access by physical address: SMRAM */
    TRACE_TEXT, /* the screen: cells of a text mode */
    TRACE_PICTURE,
    TRACE_RESET, /* of the machine */
    TRACE_KINDS
};

enum { TRACE_MAX_INSN = 15, TRACE_MAX_DATA = 4096, TRACE_MAX_NAME = 64 };
#define TRACE_MAX_SCREEN (16u << 20) /* bytes of a picture */

/* One thing that has happened. Pointers are good until the next one is read. */
struct trace_event {
    enum trace_kind kind;
    u64 tick;
    u64 eip; /* INSN */
    u8 len;
    u8 bytes[TRACE_MAX_INSN];
    bool write; /* MEM, MMIO, PORT, DMA, PHYS; WALK always */
    u64 linear; /* MEM, MMIO */
    u64 phys;   /* MEM, MMIO, DMA, WALK, PHYS */
    u32 size;   /* bytes accessed; PORT: 1, 2, 4 */
    const u8 *data;
    const u8 *old; /* of a write to memory: what it replaces. NULL: not known */
    u16 port;
    u32 value; /* PORT */
    u8 vec;    /* INT */
    u8 how;    /* enum trace_int */
    bool has_error;
    u32 error;
    const char *text;
    u32 width, height; /* TEXT: cells, PICTURE: pixels */
    u32 cursor;        /* TEXT: cell + 1, 0: none */
    u64 changed[2];    /* CHANGED, SYNC: registers, a bit each */
};

enum trace_int { TRACE_INTERRUPT, TRACE_FAULT, TRACE_SOFT, TRACE_SMI };

static inline bool trace_has_changed(const struct trace_event *e, unsigned reg)
{
    return e->changed[reg / 64] >> reg % 64 & 1;
}

/* Of an instruction, by the registers before it. */
static inline u64 trace_linear(const u64 regs[TRACE_REGS], u64 eip)
{
    u64 linear = regs[TREG_cs_base] + eip;

    return regs[TREG_code32] == 2 ? linear : (u32)linear;
}

/* ---- writing: trace_write.c ---- */

struct trace_writer;

/* To f, which stays the caller's; text: the header's, lines "name=value". NULL: no memory. */
struct trace_writer *trace_writer_new(FILE *f, const char *text);
void trace_put(struct trace_writer *w, const struct trace_event *e);
/* CHANGED or SYNC: those that differ from the last, if any. eip: that one, too, which an
 * instruction tells by itself. SYNC comes before whatever is no part of what came before it: a
 * chunk may end there. */
void trace_put_regs(struct trace_writer *w, enum trace_kind kind, u64 tick,
                    const u64 regs[TRACE_REGS], bool eip);
/* Writes what is left, and the index. False: something could not be written. Frees w. */
bool trace_writer_end(struct trace_writer *w);

/* ---- reading: trace_read.c ---- */

struct trace_reader;

/* From f, which becomes the reader's. NULL with one line in err. */
struct trace_reader *trace_reader_new(FILE *f, char *err, size_t err_size);
void trace_reader_free(struct trace_reader *r);

const char *trace_text(const struct trace_reader *r); /* the header's */
/* False: the file has no index, as whoever wrote it has not come to the end. */
bool trace_is_whole(const struct trace_reader *r);
u64 trace_chunks(const struct trace_reader *r);
/* False: there is nothing in it. */
bool trace_first_tick(const struct trace_reader *r, u64 *tick);

/* The next event. False at the end, or with trace_error(). */
bool trace_next(struct trace_reader *r, struct trace_event *e);
const char *trace_error(const struct trace_reader *r);
/* All registers after the last event; of an instruction: before it. */
const u64 *trace_regs(const struct trace_reader *r);
/* Goes to the last place in the index before that tick. False with trace_error(). */
bool trace_seek(struct trace_reader *r, u64 tick);

#endif
