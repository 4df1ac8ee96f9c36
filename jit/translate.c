/* Block discovery: guest bytes to IR. A block ends at an instruction that ends control flow, before
 * an instruction that crosses the page (which is a block of its own), after a conditional jump
 * backwards (the loop's other side is usually cold), and at the limits below. Conditional jumps
 * forward leave the block by a side exit and the block goes on. */
#include "jit/jit_internal.h"

#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/lift.h"
#include "cpu/stops.h"

/* Room kept for the IR of one more instruction. */
#define OPS_RESERVE 128
#define MAX_EXITS   (BLOCK_MAX_EXITS - 1)

/* Number of exits among ops [from, nops), and whether one of them is conditional and leads
 * backwards. */
static u32 count_exits(const struct ir *ir, u32 from, s32 here, bool *backward)
{
    u32 n = 0;
    *backward = false;
    for (u32 i = from; i < ir->nops; i++) {
        const struct ir_insn *in = &ir->ops[i];
        if ((ir_op_info[in->op].flags & (IRF_X | IRF_FW)) != IRF_X)
            continue; /* FLAGSIF takes no slot */
        n++;
        if ((in->op == IR_XCC || in->op == IR_XIF) && (s32)in->imm <= here)
            *backward = true;
    }
    return n;
}

/* Lifts the instruction at src[pos]. Returns its length, or 0 if it needs bytes past avail. */
static u32 lift_one(struct jit *jit, struct lift *l, const struct code_source *src, u32 pos)
{
    struct insn in;
    l->off = src->page_off + pos;
    switch (decode(jit->cpu->decoder, src->bytes + pos, src->avail - pos, mode_code_size(l->mode),
                   &in)) {
    case DECODE_OK: lift_insn(l, &in); return in.len;
    case DECODE_MORE: return 0;
    case DECODE_UD:
        if (l->gen == ISA_8086) { /* which has no #UD: what it does then is of no use */
            ir_insn_begin(l->ir, l->off, in.len);
            return in.len;
        }
        lift_illegal(l, VEC_UD, false, RULE_insn_invalid);
        return 1;
    case DECODE_LONG: lift_illegal(l, VEC_GP, true, RULE_insn_length); return 1;
    }
    return 0;
}

u32 translate(struct jit *jit, const struct code_source *src, u32 mode, u32 max_insns,
              bool *needs_more)
{
    struct ir *ir = &jit->ir;
    struct lift l = {.ir = ir,
                     .mode = mode,
                     .isas = jit->cpu->isas,
                     .gen = jit->cpu->model->isa,
                     .magic = stops_have(jit->cpu, STOP_MAGIC),
                     .counter = jit->counter};
    u32 pos = 0, exits = 0;

    if (max_insns > IR_MAX_INSNS)
        max_insns = IR_MAX_INSNS;
    *needs_more = false;
    ir_begin(ir, mode);
    while (!l.ended) {
        u32 from = ir->nops;
        u32 len = pos < src->avail ? lift_one(jit, &l, src, pos) : 0;
        bool backward;
        if (!len) {
            if (pos == 0) {
                *needs_more = true;
                return 0;
            }
            break;
        }
        exits += count_exits(ir, from, (s32)l.off, &backward);
        pos += len;
        if (backward || exits >= MAX_EXITS || ir->ninsns >= max_insns || src->crossing ||
            ir->nops + OPS_RESERVE > IR_MAX_OPS || ir->ntemps + OPS_RESERVE > IR_MAX_TEMPS ||
            stops_offset(jit->cpu, src->page_off + pos))
            break;
    }
    if (!l.ended) {
        s32 next = (s32)(src->page_off + pos);
        if (l.shadow) /* the run loop keeps it over the end of the block */
            ir_xnext(ir, next);
        else if (mode & MODE_EDGE)
            ir_xind(ir, ir_pcrel(ir, next));
        else
            ir_xjmp(ir, next);
    }
    return pos;
}

static void log_guest(struct jit *jit, const struct code_source *src, u32 bytes, u32 mode,
                      u64 eip_page)
{
    FILE *f = jit->config.log;
    for (u32 pos = 0; pos < bytes;) {
        char text[96];
        u64 eip = eip_page + src->page_off + pos;
        eip &= mode & MODE_CODE64 ? ~0ull : UINT32_MAX;
        u32 len = decode_text(jit->cpu->decoder, src->bytes + pos, src->avail - pos,
                              mode_code_size(mode), eip, text, sizeof(text));
        if (!len) {
            fprintf(f, "0x%08llx:  %02x                     (bad)\n", (unsigned long long)eip,
                    src->bytes[pos]);
            break;
        }
        fprintf(f, "0x%08llx:  ", (unsigned long long)eip);
        for (u32 i = 0; i < 8; i++)
            if (i < len)
                fprintf(f, "%02x ", src->bytes[pos + i]);
            else
                fputs("   ", f);
        fprintf(f, "%s\n", text);
        pos += len;
    }
}

void translate_log(struct jit *jit, const struct code_source *src, u32 bytes, u32 mode,
                   u64 eip_page)
{
    FILE *f = jit->config.log;
    if (!f)
        return;
    if (jit->config.log_mask & LOG_IN_ASM) {
        fprintf(f, "----------------\nIN: mode 0x%x\n", mode);
        log_guest(jit, src, bytes, mode, eip_page);
    }
    if (jit->config.log_mask & LOG_IR) {
        char text[160];
        fprintf(f, "IR:\n");
        for (u32 i = 0; i < jit->ir.nops; i++)
            fprintf(f, "  %s\n", ir_text(&jit->ir, i, text, sizeof(text)));
    }
}

static void log_host(struct jit *jit, const u8 *code, u32 size)
{
    for (u32 pos = 0; pos < size;) {
        char text[96];
        u32 len = decode_host_text(jit->cpu->decoder, code + pos, size - pos,
                                   (u64)(uintptr_t)(code + pos), text, sizeof(text));
        if (!len)
            break;
        fprintf(jit->config.log, "%p:  %s\n", (const void *)(code + pos), text);
        pos += len;
    }
}

void translate_log_host(struct jit *jit, const struct block *b)
{
    if (!jit->config.log || !(jit->config.log_mask & LOG_OUT_ASM) || !jit->backend->native)
        return;
    fprintf(jit->config.log, "OUT: %u bytes, %u out of line\n", b->code_size, b->cold_size);
    log_host(jit, b->code, b->code_size);
    log_host(jit, b->cold, b->cold_size);
}
