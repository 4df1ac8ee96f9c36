/* Makes random trials: one instruction of a random form, or a sequence of two to six with registers
 * and flags flowing between them and short branches forward; any segments, flags and floating-point
 * state; and the registers and memory that particular instructions need to go somewhere. */
#include "tests/oracle/encode.h"

#include "base/check.h"
#include "cpu/flags.h"

#include <stdlib.h>
#include <string.h>

/* What an instruction needs beyond its operands. */
enum special {
    SP_NONE,
    SP_STRING,
    SP_XLAT,
    SP_MASKMOV,
    SP_POP,
    SP_RET,
    SP_RETF,
    SP_IRET,
    SP_ENTER,
    SP_LEAVE,
    SP_SELECTOR, /* loads one from its operand */
    SP_POP_SEG,
    SP_FAR, /* far pointer in memory */
    SP_INDIRECT,
    SP_LDMXCSR,
    SP_FXRSTOR,
    SP_FRSTOR,
    SP_POPF,
};

static const struct {
    const char *name;
    u8 special;
} specials[] = {
    {"xlatb", SP_XLAT},      {"maskmovq", SP_MASKMOV}, {"maskmovdqu", SP_MASKMOV},
    {"pop", SP_POP},         {"popa", SP_POP},         {"ret", SP_RET},
    {"retf", SP_RETF},       {"iret", SP_IRET},        {"enter", SP_ENTER},
    {"leave", SP_LEAVE},     {"verr", SP_SELECTOR},    {"verw", SP_SELECTOR},
    {"lar", SP_SELECTOR},    {"lsl", SP_SELECTOR},     {"les", SP_FAR},
    {"lds", SP_FAR},         {"lss", SP_FAR},          {"lfs", SP_FAR},
    {"lgs", SP_FAR},         {"lcall", SP_FAR},        {"ljmp", SP_FAR},
    {"ldmxcsr", SP_LDMXCSR}, {"fxrstor", SP_FXRSTOR},  {"frstor", SP_FRSTOR},
    {"fldenv", SP_FRSTOR},   {"popf", SP_POPF},
};

struct gen {
    const struct forms *forms;
    struct decoder *decoder;
    u8 *special;     /* by form */
    const u16 *from; /* forms to draw from, or NULL: all */
    unsigned nfrom;
};

static u8 special_of(const struct form *form)
{
    const struct insn_row *row = &insn_table[form->row];
    if (row->attr & IA_STRING)
        return SP_STRING;
    if (!strcmp(row->name, "mov") && row->op[0] == OP_Sw)
        return SP_SELECTOR;
    if (!strcmp(row->name, "pop") && row->op[0] >= OP_ES && row->op[0] <= OP_GS)
        return SP_POP_SEG;
    if (row->map == MAP_1B && row->opcode == 0xff && (row->reg == 2 || row->reg == 4))
        return SP_INDIRECT;
    for (unsigned i = 0; i < ARRAY_LEN(specials); i++)
        if (!strcmp(specials[i].name, form->name))
            return specials[i].special;
    return SP_NONE;
}

struct gen *gen_new(const struct forms *forms, struct decoder *d)
{
    struct gen *g = calloc(1, sizeof(*g));
    CHECK(g, "out of memory");
    g->forms = forms;
    g->decoder = d;
    g->special = calloc(forms->len, 1);
    CHECK(g->special, "out of memory");
    for (unsigned i = 0; i < forms->len; i++)
        g->special[i] = special_of(&forms->form[i]);
    return g;
}

void gen_draw_from(struct gen *g, const u16 *forms, unsigned n)
{
    g->from = forms;
    g->nfrom = n;
}

void gen_free(struct gen *g)
{
    free(g->special);
    free(g);
}

/* -- the state a trial starts from -- */

static u16 data_segment(u64 *seed, bool writable)
{
    u16 sel;
    const struct test_seg *s;
    do {
        sel = TEST_SEL(below(seed, test_segs_len));
        s = test_seg_of(sel);
    } while (s->absent ||
             (writable ? s->contents > 1 || s->no_write : s->contents > 1 && s->no_write));
    return sel;
}

static u16 code_segment(u64 *seed)
{
    const struct test_seg *s;
    u16 sel;
    do {
        sel = TEST_SEL(below(seed, test_segs_len));
        s = test_seg_of(sel);
    } while (s->absent || s->contents < 2);
    return sel;
}

static void make_segments(struct trial *t, u64 *seed)
{
    u16 *seg = t->in.seg;
    bool ldt = host_facts()->ldt;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg[i] = SEL_DATA;
    seg[SEG_CS] = SEL_CODE32;
    seg[SEG_FS] = seg[SEG_GS] = 0;
    if (!ldt)
        return;
    if (one_in(seed, 6))
        seg[SEG_CS] = code_segment(seed);
    if (one_in(seed, 10))
        seg[SEG_SS] = data_segment(seed, true);
    bool small = !test_seg_code32(seg[SEG_CS]);
    if (one_in(seed, small ? 2 : 5)) {
        seg[SEG_DS] = small ? TEST_SEL(2) : data_segment(seed, false);
        seg[SEG_ES] = data_segment(seed, false);
    }
    if (one_in(seed, 4)) {
        seg[SEG_FS] = data_segment(seed, false);
        seg[SEG_GS] = TEST_SEL(2);
    }
}

static void make_registers(struct trial *t, u64 *seed)
{
    u32 *gpr = t->in.gpr;
    u16 ss = t->in.seg[SEG_SS];
    for (unsigned i = 0; i < 8; i++)
        gpr[i] = edge(seed);
    u32 top = DATA_BASE + 0x400 + below(seed, 0x1800);
    if (one_in(seed, 16) && host_facts()->intel)
        top = DATA_BASE + below(seed, 4) * PAGE_SIZE + below(seed, 16) - 8;
    gpr[ESP] = top - test_seg_base(ss);
    if (!one_in(seed, 4))
        gpr[EBP] = gpr[ESP] + below(seed, 0x100);
    t->in.eflags = rnd32(seed) & FLAGS_ARITH;
    if (one_in(seed, 4))
        t->in.eflags |= FLAG_DF;
    if (one_in(seed, 12) && host_facts()->intel)
        t->in.eflags |= FLAG_AC;
    if (one_in(seed, 32))
        t->in.eflags |= FLAG_NT | FLAG_ID;
}

/* Where the code stands: mostly in the middle of its page, sometimes at its end or that of the
 * segment. Called when its length is known. */
static void place_code(struct trial *t, u64 *seed)
{
    const struct test_seg *s = test_seg_of(t->in.seg[SEG_CS]);
    u32 at = CODE_AT, end = CODE_PAGE + PAGE_SIZE;
    bool limited = s && !s->pages && s->base + s->limit < end;
    bool decodes = true; /* bytes past the 15th are fetched too before an instruction is refused */
    for (unsigned i = 0; i < t->ninsns; i++)
        decodes &= t->decodes[i];
    if (decodes && one_in(seed, 64) && host_facts()->intel) {
        if (limited && one_in(seed, 2))
            end = s->base + s->limit + 1;
        at = end - 1 - below(seed, trial_len(t));
        t->plain_end = true;
    }
    t->in.eip = at - (s ? s->base : 0);
    for (unsigned i = 0; i < SEG_COUNT;
         i++) { /* no far jump where it can be read: guests have HLT */
        const struct test_seg *data = test_seg_of(t->in.seg[i]);
        t->plain_end |= data && data->contents >= 2 && data->base;
    }
}

/* -- one instruction's needs -- */

static u32 linear_sp(const struct trial *t)
{
    const struct test_seg *s = test_seg_of(t->in.seg[SEG_SS]);
    u32 sp = t->in.gpr[ESP];
    return (s ? s->base : 0) + (s && !s->use32 ? sp & 0xffff : sp);
}

static void put_value(u8 *p, unsigned *n, u32 v, unsigned size)
{
    memcpy(p + *n, &v, size);
    *n += size;
}

static u32 random_eflags(struct encoder *e)
{
    u32 v = rnd32(e->seed) & (FLAGS_ARITH | FLAG_DF);
    if (one_in(e->seed, 4))
        v = rnd32(e->seed) & ~(u32)FLAG_TF;
    if (one_in(e->seed, 8))
        v |= FLAG_TF;
    return v;
}

/* A far pointer, and above it on the stack what IRET pops. */
static void patch_far(struct encoder *e, u32 at, unsigned size, bool eflags)
{
    u8 bytes[12];
    unsigned n = 0;
    u16 sel = pick_selector(e, SEG_CS);
    if (eflags && one_in(e->seed, 2))
        sel = e->t->in.seg[SEG_CS];
    put_value(bytes, &n, one_in(e->seed, 8) ? rnd32(e->seed) : pick_code(e, sel), size);
    put_value(bytes, &n, sel, eflags || size == 2 ? size : 4);
    if (eflags)
        put_value(bytes, &n, random_eflags(e), size);
    add_patch(e->t, at, bytes, n);
}

static void patch_u32(struct trial *t, u32 at, u32 v)
{
    add_patch(t, at, &v, 4);
}

static void bend_string(struct encoder *e)
{
    static const u32 counts[] = {0, 1, 2, 3, 7, 40, 300, 70000, ~0u};
    u32 *gpr = e->t->in.gpr;
    enum seg source = e->seg != SEG_NONE ? (enum seg)e->seg : SEG_DS;
    gpr[ESI] = pick_target(e, source, false) - test_seg_base(e->t->in.seg[source]);
    gpr[EDI] = pick_target(e, SEG_ES, false) - test_seg_base(e->t->in.seg[SEG_ES]);
    if (!e->addr32 && one_in(e->seed, 2)) {
        gpr[ESI] |= rnd32(e->seed) << 16;
        gpr[EDI] |= rnd32(e->seed) << 16;
    }
    gpr[ECX] = one_in(e->seed, 3) ? counts[below(e->seed, ARRAY_LEN(counts))] : below(e->seed, 40);
    u8 fill[16];
    memset(fill, one_in(e->seed, 2) ? (u8)gpr[EAX] : 0, sizeof(fill)); /* runs of equal ones */
    add_patch(e->t, gpr[ESI] + test_seg_base(e->t->in.seg[source]) - 8, fill, sizeof(fill));
    add_patch(e->t, gpr[EDI] + test_seg_base(e->t->in.seg[SEG_ES]) - 8, fill, sizeof(fill));
}

static void bend_selector(struct encoder *e, const struct insn *in)
{
    u16 sel = pick_selector(e, insn_reg(in) == SEG_SS ? SEG_SS : SEG_DS);
    if (e->mem)
        add_patch(e->t, e->target, &sel, 2);
    else
        e->t->in.gpr[insn_rm(in)] = (edge(e->seed) & 0xffff0000) | sel;
}

static void bend_fxrstor(struct encoder *e)
{
    u8 image[512] __attribute__((aligned(16)));
    edge_fx(e->seed, image);
    if (one_in(e->seed, 6))
        edge_bytes(e->seed, image + 24, 4);
    e->t->npatches = 0;
    e->t->npatch_bytes = 0;
    add_patch(e->t, e->target, image, sizeof(image));
}

static void bend_frstor(struct encoder *e)
{
    u8 image[108];
    for (unsigned i = 0; i < sizeof(image); i += 10)
        edge_bytes(e->seed, image + i, sizeof(image) - i < 10 ? sizeof(image) - i : 10);
    for (unsigned i = 0; i < 14; i += 2) /* mostly masked, nothing pending */
        if (!one_in(e->seed, 4)) {
            u16 word = i == 0 ? 0x37f : (u16)(rnd32(e->seed) & 0x7f00);
            memcpy(image + (e->op32 ? 2 * i : i), &word, 2);
        }
    add_patch(e->t, e->target, image, sizeof(image));
}

static void bend_indirect(struct encoder *e, const struct insn *in)
{
    u32 code = one_in(e->seed, 8) ? rnd32(e->seed) : pick_code(e, e->t->in.seg[SEG_CS]);
    if (e->mem)
        patch_u32(e->t, e->target, code);
    else if (insn_rm(in) != ESP)
        e->t->in.gpr[insn_rm(in)] = code;
}

static void bend_enter(struct encoder *e) /* mostly a bounded frame and level */
{
    u8 *imm = e->t->code + e->len - 3;
    if (one_in(e->seed, 16))
        return;
    imm[1] = 0;
    imm[0] &= 0x7f;
}

/* Registers and memory for the instruction at hand; those of the first one of the trial only. */
static void bend(struct encoder *e, const struct insn *in, u8 special)
{
    struct trial *t = e->t;
    u32 *gpr = t->in.gpr;
    unsigned size = e->op32 ? 4 : 2;
    u8 operand[32];
    if (e->mem) {
        edge_bytes(e->seed, operand, sizeof(operand));
        add_patch(t, e->target, operand, sizeof(operand));
    }
    switch (special) {
    case SP_STRING: bend_string(e); break;
    case SP_XLAT: gpr[EBX] = pick_target(e, SEG_DS, false) - (gpr[EAX] & 0xff); break;
    case SP_MASKMOV:
        gpr[EDI] = (DATA_BASE + 0x100 + below(e->seed, 0xe00)) -
                   test_seg_base(t->in.seg[e->seg != SEG_NONE ? e->seg : SEG_DS]);
        break;
    case SP_RET: patch_u32(t, linear_sp(t), pick_code(e, t->in.seg[SEG_CS])); break;
    case SP_RETF: patch_far(e, linear_sp(t), size, false); break;
    case SP_IRET: patch_far(e, linear_sp(t), size, true); break;
    case SP_POPF: patch_u32(t, linear_sp(t), random_eflags(e)); break;
    case SP_POP_SEG: patch_u32(t, linear_sp(t), pick_selector(e, SEG_DS)); break;
    case SP_ENTER: bend_enter(e); break;
    case SP_SELECTOR: bend_selector(e, in); break;
    case SP_FAR: patch_far(e, e->target, size, false); break;
    case SP_INDIRECT: bend_indirect(e, in); break;
    case SP_LDMXCSR:
        patch_u32(t, e->target, rnd32(e->seed) & (one_in(e->seed, 8) ? ~0u : 0xffff));
        break;
    case SP_FXRSTOR: bend_fxrstor(e); break;
    case SP_FRSTOR: bend_frstor(e); break;
    default: break;
    }
}

/* -- putting it together -- */

/* Encodings that mean nothing to the guest, or something else, but name an instruction of newer
 * hosts: by map, opcode and the prefix that selects it. */
static bool host_newer(const struct trial *t, unsigned i)
{
    if (t->decodes[i] && insn_row_of(&t->insn[i])->mand != MP_ANY)
        return false;
    static const struct {
        u8 map, opcode, prefix;
    } newer[] = {{MAP_0F, 0xbc, 0xf3}, {MAP_0F, 0xbd, 0xf3}, {MAP_0F, 0xb8, 0xf3},
                 {MAP_0F, 0xae, 0x66}, {MAP_0F, 0xae, 0xf2}, {MAP_0F, 0xae, 0xf3},
                 {MAP_0F, 0xc7, 0x66}, {MAP_0F, 0xc7, 0xf3}, {MAP_0F, 0xc7, 0xf2},
                 {MAP_0F, 0x01, 0xf3}, {MAP_0F, 0x01, 0xf2}, {MAP_0F, 0x1e, 0xf3}};
    const u8 *p = t->code + t->start[i], *end = t->code + t->start[i + 1];
    u8 seen[3] = {0};
    for (; p < end && *p != 0x0f; p++) {
        seen[0] |= *p == 0x66;
        seen[1] |= *p == 0xf2;
        seen[2] |= *p == 0xf3;
    }
    if (end - p < 2)
        return false;
    for (unsigned k = 0; k < ARRAY_LEN(newer); k++)
        if (newer[k].opcode == p[1] && newer[k].map == MAP_0F &&
            seen[newer[k].prefix == 0x66 ? 0 : newer[k].prefix - 0xf1])
            return true;
    return false;
}

/* Must it be the last of a sequence: because it changes segments, may end the sequence for good,
 * or leaves something that is not compared? */
static bool is_last(const struct trial *t, unsigned i)
{
    const struct insn *in = &t->insn[i];
    if (!t->decodes[i])
        return true;
    const struct insn_row *row = insn_row_of(in);
    bool branch = row_has(row, OP_Jb, OP_Jz);
    return ((row->attr & IA_END) && !branch) || (undefined_state(in) & ~(u32)IGN_ORDER) ||
           !strcmp(row->name, "popf");
}

static bool too_late(const struct trial *t, unsigned i, u32 dirty)
{
    const struct insn *in = &t->insn[i];
    if (t->decodes[i] && !strncmp(insn_row_of(in)->name, "maskmov", 7))
        return true; /* with a mask of zeros page faults depend on the implementation */
    return t->decodes[i] &&
           ((flags_read_by(in) & dirty) || (i > 0 && (undefined_state(in) & IGN_POINTERS)));
}

/* Branches of a sequence lead over one or more of the instructions behind them. */
static void aim_branches(struct gen *g, struct trial *t, u64 *seed)
{
    for (unsigned i = 0; i < t->ninsns; i++) {
        const struct insn_row *row = insn_row_of(&t->insn[i]);
        if (!t->decodes[i] || !row_has(row, OP_Jb, OP_Jz))
            continue;
        unsigned to = i + 1 + below(seed, t->ninsns - i);
        u32 disp = (u32)(t->start[to] - t->start[i + 1]);
        unsigned size = row->op[0] == OP_Jb ? 1 : t->insn[i].opsize;
        memcpy(t->code + t->start[i + 1] - size, &disp, size);
        trial_decode(t, i, g->decoder);
    }
}

static const struct form *draw(struct gen *g, u64 *seed, const char *only, unsigned *at)
{
    *at = below(seed, g->from ? g->nfrom : g->forms->len);
    if (g->from)
        *at = g->from[*at];
    if (*at >= g->forms->len)
        return NULL;
    const struct form *form = &g->forms->form[*at];
    const struct insn_row *row = &insn_table[form->row];
    bool push_seg = row_has(row, OP_ES, OP_GS); /* 16 bits or 32, as the processor likes */
    if (form->skip || (only && strcmp(only, form->name)) || (push_seg && !host_facts()->intel))
        return NULL;
    return form;
}

/* Appends one instruction; false: it came to nothing. */
static bool append(struct gen *g, struct encoder *e, unsigned form_index)
{
    struct trial *t = e->t;
    unsigned i = t->ninsns;
    e->at = t->start[i];
    if (!encode(e))
        return false;
    t->start[i + 1] = (u8)e->len;
    t->ninsns = i + 1;
    trial_decode(t, i, g->decoder);
    bool far_store = g->special[form_index] == SP_MASKMOV && !e->addr32; /* see too_late() */
    if (host_newer(t, i) || far_store) {
        t->ninsns = i;
        return false;
    }
    const struct insn *in = &t->insn[i];
    if (t->decodes[i] && insn_row_of(in) == e->row && e->first)
        bend(e, in, g->special[form_index]);
    if (g->special[form_index] ==
        SP_IRET) /* #GP on a host in long mode, a task switch in the guest */
        t->in.eflags &= ~(u32)FLAG_NT;
    if (g->special[form_index] == SP_POPF || g->special[form_index] == SP_IRET)
        t->plain_end = true;
    return true;
}

static bool uses_fx(const struct insn_row *row)
{
    return row->isa >= ISA_FPU && row->isa != ISA_SEP;
}

bool gen_trial(struct gen *g, struct trial *t, u64 seed, const char *only)
{
    unsigned at;
    const struct form *form = draw(g, &seed, only, &at);
    if (!form)
        return false;
    bool sequence = one_in(&seed, 4);
    unsigned want = sequence ? 2 + below(&seed, MAX_INSNS - 1) : 1;
    t->ninsns = t->npatches = t->npatch_bytes = 0;
    t->start[0] = 0;
    t->plain_end = false;
    make_segments(t, &seed);
    make_registers(t, &seed);
    if (sequence || uses_fx(&insn_table[form->row]))
        edge_fx(&seed, t->in.fx);
    else
        plain_fx(t->in.fx);
    struct encoder e = {.t = t,
                        .seed = &seed,
                        .form = form,
                        .first = true,
                        .code32 = test_seg_code32(t->in.seg[SEG_CS]),
                        .keep = {sequence ? (u8)(EBX + below(&seed, 2) * 2) : GPR_NONE,
                                 sequence ? (u8)(ESI + below(&seed, 2)) : GPR_NONE},
                        .next_code = sequence ? 1 : 0};
    if (!append(g, &e, at))
        return false;
    u32 dirty = t->decodes[0] ? undefined_flags(&t->insn[0], t->in.gpr) : 0;
    bool branched = row_has(insn_row_of(&t->insn[0]), OP_Jb, OP_Jz);
    e.first = false;
    for (unsigned tries = 0; t->ninsns < want && tries < 20 && !is_last(t, t->ninsns - 1);
         tries++) {
        e.form = draw(g, &seed, NULL, &at);
        unsigned i = t->ninsns;
        if (!e.form || !append(g, &e, at))
            continue;
        if (too_late(t, i, dirty) || (t->plain_end && i > 0 && is_last(t, i) && dirty)) {
            t->ninsns = i;
            continue;
        }
        if (!t->decodes[i])
            continue;
        branched |= row_has(insn_row_of(&t->insn[i]), OP_Jb, OP_Jz);
        if (!branched)
            dirty &= ~flags_defined_by(&t->insn[i]);
        dirty |= undefined_flags(&t->insn[i], NULL);
    }
    if (t->ninsns > 1)
        aim_branches(g, t, &seed);
    const struct test_seg *ss = test_seg_of(t->in.seg[SEG_SS]);
    if (ss && !ss->use32) /* what the host's IRET leaves there */
        t->in.gpr[ESP] = STACK16_HIGH << 16 | (t->in.gpr[ESP] & 0xffff);
    place_code(t, &seed);
    undefined_set(t);
    return true;
}

void trial_decode(struct trial *t, unsigned i, struct decoder *d)
{
    t->decodes[i] = decode(d, t->code + t->start[i], (unsigned)(t->start[i + 1] - t->start[i]),
                           test_seg_code32(t->in.seg[SEG_CS]), &t->insn[i]) == DECODE_OK;
}
