/* Events of traces in words. A line never says more than the event and the registers know. */
#include "machine/trace_text.h"

#include "base/bytes.h"
#include "cpu/decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define SHOWN 16 /* bytes of data in a line */

struct trace_texts {
    struct decoder *decoder;
};

struct text {
    char *buf;
    size_t size, n;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;

    if (t->n + 1 >= t->size)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(t->buf + t->n, t->size - t->n, fmt, ap);
    va_end(ap);
    t->n += n > 0 ? (size_t)n : 0;
    if (t->n >= t->size)
        t->n = t->size - 1;
}

struct trace_texts *trace_texts_new(void)
{
    struct trace_texts *t = calloc(1, sizeof(*t));

    if (t)
        t->decoder = decoder_new();
    if (t && t->decoder)
        return t;
    free(t);
    return NULL;
}

void trace_texts_free(struct trace_texts *t)
{
    if (t)
        decoder_free(t->decoder);
    free(t);
}

void trace_disassemble(struct trace_texts *t, const u8 *bytes, unsigned len, enum code_size code,
                       u64 eip, char *buf, size_t size)
{
    if (!len || !decode_text(t->decoder, bytes, len, code, eip, buf, size))
        snprintf(buf, size, len ? ".byte 0x%02x" : "(none)", bytes[0]);
}

int trace_eip_digits(const u64 *regs)
{
    return regs[TREG_code32] == CODE64 ? 16 : 8;
}

static void add_insn(struct trace_texts *t, struct text *out, const struct trace_event *e,
                     const u64 *regs)
{
    char text[128];

    add(out, "%04x:%0*" PRIx64 "  ", (unsigned)regs[TREG_cs], trace_eip_digits(regs), e->eip);
    for (unsigned i = 0; i < e->len; i++)
        add(out, "%02x", e->bytes[i]);
    trace_disassemble(t, e->bytes, e->len, (enum code_size)regs[TREG_code32], e->eip, text,
                      sizeof(text));
    add(out, "%*s  %s", e->len < 8 ? 16 - 2 * e->len : 0, "", text);
}

static void add_bytes(struct text *out, const u8 *data, u32 size)
{
    if (size == 1 || size == 2 || size == 4 || size == 8) {
        add(out, "0x%0*" PRIx64, (int)size * 2, load_le(data, size));
        return;
    }
    for (u32 i = 0; i < size && i < SHOWN; i++)
        add(out, "%s%02x", i ? " " : "", data[i]);
    if (size > SHOWN)
        add(out, " ...");
}

static void add_data(struct text *out, const struct trace_event *e)
{
    if (e->old) {
        add_bytes(out, e->old, e->size);
        add(out, " -> ");
    }
    add_bytes(out, e->data, e->size);
}

static void add_regs(struct text *out, const struct trace_event *e, const u64 *regs,
                     const u64 *before)
{
    bool first = true;

    for (unsigned i = 0; i < TRACE_REGS; i++) {
        const char *name = trace_reg_info[i].name;
        bool wide = regs[TREG_code32] == CODE64 && i <= TREG_eflags;
        int digits = (int)(trace_reg_info[i].bits + 3) / 4;
        if (!trace_has_changed(e, i))
            continue;
        if ((wide && i != TREG_eflags) || (before[i] | regs[i]) >> 32)
            digits = 16;
        add(out, "%s%s%s %0*" PRIx64 " -> %0*" PRIx64, first ? "" : ", ", wide ? "r" : "",
            name + wide, digits, before[i], digits, regs[i]);
        first = false;
    }
}

static void add_int(struct text *out, const struct trace_event *e)
{
    static const char *const how[] = {"interrupt", "exception", "instruction's interrupt", "SMI"};

    add(out, "%s", how[e->how & 3]);
    if (e->how != TRACE_SMI)
        add(out, " 0x%02x", e->vec);
    if (e->has_error)
        add(out, " error %08x", e->error);
}

void trace_event_text(struct trace_texts *t, const struct trace_event *e, const u64 *regs,
                      const u64 *before, char *buf, size_t size)
{
    struct text out = {buf, size, 0};
    const char *moves = e->write ? "writes" : "reads";

    buf[0] = 0;
    switch (e->kind) {
    case TRACE_INSN: add_insn(t, &out, e, regs); break;
    case TRACE_CHANGED: add_regs(&out, e, regs, before); break;
    case TRACE_SYNC:
        add(&out, "meanwhile: ");
        add_regs(&out, e, regs, before);
        break;
    case TRACE_MEM:
    case TRACE_MMIO:
        add(&out, "%s%s %u at " LADDR_FMT " (%08" PRIx64 "): ", moves,
            e->kind == TRACE_MMIO ? " device," : "", e->size, LADDR_ARG(e->linear), e->phys);
        add_data(&out, e);
        break;
    case TRACE_INT: add_int(&out, e); break;
    case TRACE_PORT:
        add(&out, "port %04x %s %0*x", e->port, e->write ? "<-" : "->", (int)(e->size & 7) * 2,
            e->value);
        break;
    case TRACE_DMA:
        add(&out, "%s %s %u at (%08" PRIx64 "): ", e->text, moves, e->size, e->phys);
        add_data(&out, e);
        break;
    case TRACE_WALK:
    case TRACE_PHYS:
        add(&out, "%s %s %u at (%08" PRIx64 "): ", e->kind == TRACE_WALK ? "page walk" : "SMM",
            moves, e->size, e->phys);
        add_data(&out, e);
        break;
    case TRACE_TEXT: add(&out, "screen: %u x %u characters", e->width, e->height); break;
    case TRACE_PICTURE: add(&out, "screen: %u x %u pixels", e->width, e->height); break;
    case TRACE_RESET: add(&out, "reset"); break;
    default: break;
    }
}

const char *trace_kind_name(enum trace_kind kind)
{
    static const char *const names[TRACE_KINDS] = {
        [TRACE_INSN] = "insn",  [TRACE_CHANGED] = "regs", [TRACE_SYNC] = "sync",
        [TRACE_MEM] = "mem",    [TRACE_MMIO] = "mmio",    [TRACE_INT] = "int",
        [TRACE_PORT] = "port",  [TRACE_DMA] = "dma",      [TRACE_WALK] = "walk",
        [TRACE_PHYS] = "phys",  [TRACE_TEXT] = "text",    [TRACE_PICTURE] = "picture",
        [TRACE_RESET] = "reset"};

    return kind < TRACE_KINDS ? names[kind] : "?";
}
