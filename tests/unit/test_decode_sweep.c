/* The decoder against a second opinion: millions of encodings (prefixes x opcodes x ModRM x
 * 16, 32 and 64 bit) are decoded by decode() and by Zydis and compared in validity, length,
 * sizes, memory operand, immediates, mnemonic and attributes of the row. A difference must match a
 * row of reviewed[], which says why it is right, and every such row must still be needed; an
 * encoding that only Zydis knows must belong to an instruction set of not_implemented[]. The same
 * sweep checks that Capstone, asked in the normalised way, neither rejects a row nor sees another
 * length: whichever version is installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

#include "cpu/decode.h"

enum { ANY = -1, MAX_REPORTS = 40 };
enum { MOD_MEM = 1, MOD_REG = 2, MOD_BOTH = 3 };
enum what { ONLY_OURS, ONLY_ZYDIS, LENGTH, WIDTH, MEMORY, IMMEDIATE, NAME, ATTRIBUTE, WHATS };
static const char *const what_names[WHATS] = {"only we decode it",
                                              "only Zydis decodes it",
                                              "length",
                                              "operand or address size",
                                              "memory operand",
                                              "immediate",
                                              "mnemonic",
                                              "attributes"};

static const struct reviewed {
    enum what what;
    u8 map, first, last;
    u8 regs; /* bit set of ModRM.reg; 0xff for all and for forms without ModRM */
    u8 mods; /* MOD_* */
    s8 mand; /* enum mand of the prefixes, or ANY */
    const char *why;
} reviewed[] = {
    {ONLY_OURS, MAP_1B, 0xd8, 0xdf, 0xff, MOD_BOTH, ANY,
     "undefined ESC codes are sem_x87's to refuse"},
    {ATTRIBUTE, MAP_0F, 0x01, 0x01, 0x04, MOD_MEM, ANY, "LGDT is privileged; Zydis forgot it"},
    {ATTRIBUTE, MAP_0F, 0x01, 0x01, 0x02, MOD_REG, ANY,
     "MONITOR and MWAIT are #UD, not #GP, outside CPL 0"},
    {WIDTH, MAP_0F, 0x1e, 0x1e, 0xff, MOD_REG, ANY,
     "Zydis keeps a hint NOP's 66; no operand is read"},
    {MEMORY, MAP_0F, 0x0d, 0x0d, 0xff, MOD_MEM, ANY,
     "prefetches read nothing, their size says nothing"},
    {MEMORY, MAP_0F, 0x18, 0x18, 0xff, MOD_MEM, ANY, "likewise"},
    {NAME, MAP_0F, 0x0d, 0x0d, 0xff, MOD_BOTH, ANY, "one row for all hints"},
    {NAME, MAP_0F, 0x18, 0x18, 0xff, MOD_MEM, ANY, "one row for all hints"},
    {MEMORY, MAP_0F, 0xae, 0xae, 0x80, MOD_MEM, MP_NONE,
     "CLFLUSH checks access to a byte, flushes 64"},
    {IMMEDIATE, MAP_0F, 0x0f, 0x0f, 0xff, MOD_BOTH, ANY,
     "3DNow!'s opcode counts as an immediate in our rows"},
    {MEMORY, MAP_0F, 0xb9, 0xb9, 0xff, MOD_MEM, ANY, "UD1's operand has no size"},
    {MEMORY, MAP_0F, 0xff, 0xff, 0xff, MOD_MEM, ANY, "UD0's neither"},
    {MEMORY, MAP_1B, 0x8d, 0x8d, 0xff, MOD_MEM, ANY, "LEA has no segment to Zydis"},
    {MEMORY, MAP_1B, 0x63, 0x63, 0xff, MOD_MEM, ANY,
     "MOVSXD to 16 bits reads 16 (SDM; seen on a processor, at the end of a page)"},
    {WIDTH, MAP_1B, 0x6d, 0x6d, 0xff, MOD_BOTH, ANY, "INS with REX.W: 32 bits, in Zydis' name too"},
    {WIDTH, MAP_1B, 0x6f, 0x6f, 0xff, MOD_BOTH, ANY, "OUTS likewise"},
    {NAME, MAP_0F, 0xae, 0xae, 0x03, MOD_MEM, MP_NONE, "FXSAVE64 and FXRSTOR64: by REX.W"},
};

/* The instruction sets, by Zydis' names, that no row of ours serves: #UD, as on a processor without
 * them. */
static const char *const not_implemented[] = {
    "ADOX_ADCX",   "AMD",         "AMD_INVLPGB", "AVX",
    "AVX2",        "AVX512F_KOP", "CET",         "CLFLUSHOPT",
    "CLWB",        "CLZERO",      "ENQCMD",      "GFNI",
    "HRESET",      "INVPCID",     "KEYLOCKER",   "KEYLOCKER_WIDE",
    "KNCJKBR",     "MCOMMIT",     "MONITORX",    "MOVDIR",
    "PADLOCK_ACE", "PADLOCK_PHE", "PADLOCK_PMM", "PADLOCK_RNG",
    "PCOMMIT",     "PCONFIG",     "PKU",         "PT",
    "RAO_INT",     "RDPID",       "RDPRU",       "RDRAND",
    "RDSEED",      "RDWRFSGS",    "RTM",         "SERIALIZE",
    "SGX",         "SGX_ENCLV",   "SMAP",        "SMX",
    "SNP",         "SSE4A",       "SVM",         "TDX",
    "TSX_LDTRK",   "UINTR",       "VMFUNC",      "VTX",
    "WAITPKG",     "WRMSRNS",     "XOP",         "XSAVE",
    "XSAVEC",      "XSAVEOPT",    "XSAVES"};

struct run {
    struct decoder *decoder;
    ZydisDecoder zydis[3]; /* by enum code_size */
    unsigned used[ARRAY_LEN(reviewed)];
    unsigned failures, encodings, reported;
    u8 seen[WHATS][4][256]; /* bit set of ModRM.reg: each kind of failure is printed once */
};

/* One encoding and what both say of it. */
struct sample {
    u8 bytes[24];
    unsigned modrm_at;
    enum code_size code;
    u8 map, opcode, modrm, mand;
    enum decode_result result;
    struct insn in;
    const struct insn_row *row;
    bool z_ok;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand zop[ZYDIS_MAX_OPERAND_COUNT];
};

static void report(struct run *run, const struct sample *s, enum what what, const char *detail)
{
    for (unsigned i = 0; i < ARRAY_LEN(reviewed); i++) {
        const struct reviewed *r = &reviewed[i];

        if (r->what == what && r->map == s->map && s->opcode >= r->first && s->opcode <= r->last &&
            (r->regs >> ((s->modrm >> 3) & 7) & 1) && (r->mand == ANY || r->mand == s->mand) &&
            (r->mods & (s->modrm >= 0xc0 ? MOD_REG : MOD_MEM))) {
            run->used[i]++;
            return;
        }
    }
    run->failures++;
    if (run->seen[what][s->map][s->opcode] >> ((s->modrm >> 3) & 7) & 1 ||
        run->reported++ > MAX_REPORTS)
        return;
    run->seen[what][s->map][s->opcode] |= 1 << ((s->modrm >> 3) & 7);
    print_message("%s: %s, code%d:", what_names[what], detail, 16 << s->code);
    for (unsigned i = 0; i < s->modrm_at + 6; i++)
        print_message(" %02x", s->bytes[i]);
    print_message("  (ours: result %d, %s, length %u; Zydis: %s, length %u)\n", s->result,
                  s->row ? s->row->name : "-", s->in.len,
                  s->z_ok ? ZydisMnemonicGetString(s->z.mnemonic) : "-",
                  s->z_ok ? s->z.length : 0u);
}

/* -- what our row says, in Zydis' terms -- */

static bool row_has(const struct insn_row *row, const u8 *kinds, unsigned n)
{
    for (unsigned i = 0; i < ARRAY_LEN(row->op); i++)
        if (row->op[i] != OP_NONE && memchr(kinds, row->op[i], n))
            return true;
    return false;
}

static bool row_uses_opsize(const struct insn_row *row)
{
    static const u8 kinds[] = {OP_Ev, OP_Gv, OP_Iz, OP_Iv, OP_Jz, OP_Ov, OP_eAX,
                               OP_Zv, OP_Mp, OP_Ma, OP_Ap, OP_Xv, OP_Yv};

    return row_has(row, kinds, sizeof(kinds));
}

/* Size in bits of the memory operand that the row declares; 0 for none or unspecified. */
static unsigned row_mem_bits(const struct insn_row *row, unsigned opsize)
{
    for (unsigned i = 0; i < ARRAY_LEN(row->op); i++) {
        switch (row->op[i]) {
        case OP_Eb:
        case OP_Mb:
        case OP_RdMb:
        case OP_Ob:
        case OP_Xb:
        case OP_Yb: return 8;
        case OP_Ew:
        case OP_Mw:
        case OP_RvMw:
        case OP_RdMw:
        case OP_Ww: return 16;
        case OP_Ed:
        case OP_Md:
        case OP_Qd:
        case OP_Wd: return 32;
        case OP_Mq:
        case OP_Qq:
        case OP_Wq: return 64;
        case OP_Wx:
        case OP_Mx: return 128;
        case OP_Ey:
        case OP_My: return opsize == 8 ? 64 : 32;
        case OP_Ez: return opsize == 2 ? 16 : 32;
        case OP_Ev:
        case OP_Ov:
        case OP_Xv:
        case OP_Yv: return opsize * 8;
        case OP_Mp: return opsize * 8 + 16;
        case OP_Ma: return opsize * 16;
        default: break;
        }
    }
    return 0;
}

/* Mnemonics that differ by taste. */
static const char *const aliases[][2] = {
    {"jae", "jnb"},          {"je", "jz"},         {"jne", "jnz"},       {"ja", "jnbe"},
    {"jge", "jnl"},          {"jg", "jnle"},       {"cmovae", "cmovnb"}, {"cmove", "cmovz"},
    {"cmovne", "cmovnz"},    {"cmova", "cmovnbe"}, {"cmovge", "cmovnl"}, {"cmovg", "cmovnle"},
    {"setae", "setnb"},      {"sete", "setz"},     {"setne", "setnz"},   {"seta", "setnbe"},
    {"setge", "setnl"},      {"setg", "setnle"},   {"lcall", "call"},    {"ljmp", "jmp"},
    {"retf", "ret"},         {"xlatb", "xlat"},    {"wait", "fwait"},    {"sal", "shl"},
    {"cbw", "cwde"},         {"cwd", "cdq"},       {"jcxz", "jecxz"},    {"pfrsqrt", "pfsqrt"},
    {"pfrcpit1", "pfcpit1"}, {"cbw", "cdqe"},      {"cwd", "cqo"},       {"jcxz", "jrcxz"},
    {"movd", "movq"},        {"pextrd", "pextrq"}, {"pinsrd", "pinsrq"},
};

static bool same_name(const struct insn_row *row, const char *zydis)
{
    size_t n = strlen(row->name);

    if (!strcmp(row->name, zydis))
        return true;
    /* Size suffixes: movsb, iretd, pushfd, pushad, cwde... */
    if (!strncmp(row->name, zydis, n) && strlen(zydis) == n + 1 && strchr("bwdq", zydis[n]))
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(aliases); i++)
        if (!strcmp(row->name, aliases[i][0]) && !strcmp(zydis, aliases[i][1]))
            return true;
    return false;
}

/* -- comparisons -- */

static bool same_reg(u8 ours, ZydisRegister zydis)
{
    if (zydis == ZYDIS_REGISTER_NONE)
        return ours == GPR_NONE;
    if (zydis == ZYDIS_REGISTER_RIP || zydis == ZYDIS_REGISTER_EIP)
        return ours == GPR_RIP;
    return ours == (u8)ZydisRegisterGetId(zydis);
}

/* With 67 and REX.B, Zydis 4.0 takes R13D for the base of a SIB that has disp32 instead; a
 * processor adds disp32, as without 67. */
static bool zydis_sees_r13d(const struct sample *s, ZydisRegister base)
{
    return s->in.addrsize == 4 && base == ZYDIS_REGISTER_R13D && s->in.base == GPR_NONE &&
           (s->modrm & 0xc7) == 4;
}

static void compare_memory(struct run *run, const struct sample *s)
{
    const struct insn *in = &s->in;
    unsigned bits = row_mem_bits(s->row, in->opsize);

    for (unsigned i = 0; i < s->z.operand_count; i++) {
        const ZydisDecodedOperand *op = &s->zop[i];
        s64 mask = in->addrsize == 2 ? 0xffff : in->addrsize == 4 ? 0xffffffffll : -1;
        s64 disp = in->base == GPR_NONE && in->index == GPR_NONE && s->map == MAP_1B &&
                           (s->opcode & 0xfc) == 0xa0
                       ? (s64)((u64)in->imm_high << 32 | (u32)in->disp)
                       : in->disp;

        if (op->type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        if (op->encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM &&
            op->encoding != ZYDIS_OPERAND_ENCODING_DISP16_32_64)
            continue;
        if (zydis_sees_r13d(s, op->mem.base))
            continue;
        if (!same_reg(in->base, op->mem.base) || !same_reg(in->index, op->mem.index))
            report(run, s, MEMORY, "registers");
        if ((op->mem.index == ZYDIS_REGISTER_NONE ? 0 : op->mem.scale) !=
            (in->index == GPR_NONE ? 0 : 1 << in->scale))
            report(run, s, MEMORY, "scale");
        if ((disp & mask) != (op->mem.disp.value & mask))
            report(run, s, MEMORY, "displacement");
        if (in->seg != (u8)ZydisRegisterGetId(op->mem.segment))
            report(run, s, MEMORY, "segment");
        if (bits && op->size && bits != op->size)
            report(run, s, MEMORY, "size");
    }
}

static u64 low_bits(u64 v, unsigned bits)
{
    return bits >= 64 ? v : v & ((1ull << bits) - 1);
}

static void compare_immediate(struct run *run, const struct sample *s)
{
    const struct insn *in = &s->in;
    unsigned ours = insn_row_imm_size(s->row, in->opsize) * 8;
    unsigned first = s->z.raw.imm[0].size, second = s->z.raw.imm[1].size;

    if (ours != first + second) {
        report(run, s, IMMEDIATE, "size");
        return;
    }
    if (first && low_bits(s->z.raw.imm[0].value.u, first) !=
                     low_bits((u64)in->imm_high << 32 | in->imm, first))
        report(run, s, IMMEDIATE, "value");
    if (second && low_bits(s->z.raw.imm[1].value.u, second) != in->sel)
        report(run, s, IMMEDIATE, "second value");
    if (s->z.raw.imm[0].is_relative && s->z.raw.imm[0].value.s != (s32)in->imm)
        report(run, s, IMMEDIATE, "branch displacement");
}

static void compare_attributes(struct run *run, const struct sample *s)
{
    const ZydisInstructionAttributes rep =
        ZYDIS_ATTRIB_ACCEPTS_REP | ZYDIS_ATTRIB_ACCEPTS_REPE | ZYDIS_ATTRIB_ACCEPTS_REPNE;
    unsigned attr = s->row->attr;

    if (!!(attr & IA_PRIV) != !!(s->z.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED))
        report(run, s, ATTRIBUTE, "privileged");
    if (!!(attr & IA_STRING) != !!(s->z.attributes & rep))
        report(run, s, ATTRIBUTE, "repeatable");
    if (s->modrm < 0xc0 && !!(attr & IA_LOCK) != !!(s->z.attributes & ZYDIS_ATTRIB_ACCEPTS_LOCK))
        report(run, s, ATTRIBUTE, "lockable");
    if (s->z.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE && !(attr & IA_END))
        report(run, s, ATTRIBUTE, "a branch that does not end its block");
}

static void compare_details(struct run *run, const struct sample *s)
{
    bool esc = s->map == MAP_1B && (s->opcode & 0xf8) == 0xd8;

    if (s->in.len != s->z.length) {
        report(run, s, LENGTH, "");
        return;
    }
    if (s->in.addrsize * 8 != s->z.address_width)
        report(run, s, WIDTH, "address");
    if (row_uses_opsize(s->row) && s->in.opsize * 8 != s->z.operand_width)
        report(run, s, WIDTH, "operand");
    if (!esc && !same_name(s->row, ZydisMnemonicGetString(s->z.mnemonic)))
        report(run, s, NAME, "");
    compare_memory(run, s);
    compare_immediate(run, s);
    compare_attributes(run, s);
}

static bool is_not_implemented(const struct sample *s)
{
    const char *set = ZydisISASetGetString(s->z.meta.isa_set);

    for (unsigned i = 0; i < ARRAY_LEN(not_implemented); i++)
        if (!strcmp(set, not_implemented[i]))
            return true;
    return false;
}

/* One byte less is too little, and nothing past the end matters. */
static void check_truncation(struct run *run, const struct sample *s)
{
    struct insn in;

    if (decode(run->decoder, s->bytes, s->in.len - 1, s->code, &in) != DECODE_MORE ||
        decode(run->decoder, s->bytes, s->in.len, s->code, &in) != DECODE_OK ||
        memcmp(&in, &s->in, sizeof(in)) != 0)
        report(run, s, LENGTH, "truncation");
}

static void compare(struct run *run, struct sample *s)
{
    ZyanStatus status =
        ZydisDecoderDecodeFull(&run->zydis[s->code], s->bytes, sizeof(s->bytes), &s->z, s->zop);

    s->z_ok = ZYAN_SUCCESS(status);
    s->result = decode(run->decoder, s->bytes, sizeof(s->bytes), s->code, &s->in);
    s->row = s->result == DECODE_OK ? insn_row_of(&s->in) : NULL;
    run->encodings++;
    if (s->row)
        check_truncation(run, s);

    if (s->z_ok && s->row)
        compare_details(run, s);
    else if (s->row)
        report(run, s, ONLY_OURS, "");
    else if (s->z_ok && !is_not_implemented(s))
        report(run, s, ONLY_ZYDIS, ZydisISASetGetString(s->z.meta.isa_set));
}

/* -- enumeration -- */

static void run_open(struct run *run)
{
    static const ZydisDecoderMode off[] = {
        ZYDIS_DECODER_MODE_MPX,   ZYDIS_DECODER_MODE_CET,      ZYDIS_DECODER_MODE_LZCNT,
        ZYDIS_DECODER_MODE_TZCNT, ZYDIS_DECODER_MODE_WBNOINVD, ZYDIS_DECODER_MODE_CLDEMOTE};

    memset(run, 0, sizeof(*run));
    run->decoder = decoder_new();
    assert_non_null(run->decoder);
    ZydisDecoderInit(&run->zydis[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&run->zydis[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&run->zydis[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (unsigned m = 0; m < ARRAY_LEN(run->zydis); m++)
        for (unsigned i = 0; i < ARRAY_LEN(off); i++)
            ZydisDecoderEnableMode(&run->zydis[m], off[i], ZYAN_FALSE);
}

static void run_close(struct run *run)
{
    struct decoder_stats stats = *decoder_stats(run->decoder);

    decoder_free(run->decoder);
    print_message("%u encodings, %u failures; Capstone: %llu asked, %llu supplemented\n",
                  run->encodings, run->failures, (unsigned long long)stats.misses,
                  (unsigned long long)stats.supplemented);
    assert_int_equal(run->failures, 0);
    assert_int_equal(stats.rejected, 0);
    assert_int_equal(stats.length_mismatches, 0);
}

/* Decodes prefixes + opcode + modrm + sib + a fixed tail whose bytes are all negative. */
static void try_one(struct run *run, const char *prefixes, enum code_size code, u8 map, u8 opcode,
                    u8 modrm, u8 sib)
{
    static const u8 tail[] = {0x9a, 0x8b, 0xac, 0xbd, 0xce, 0xdf, 0xe1, 0xf2};
    struct sample s = {.code = code, .map = map, .opcode = opcode, .modrm = modrm};
    unsigned n = strlen(prefixes);
    bool f66 = strchr(prefixes, 0x66);

    memcpy(s.bytes, prefixes, n);
    s.mand = f66 ? MP_66 : MP_NONE;
    for (unsigned i = 0; i < n; i++)
        if ((u8)prefixes[i] >= 0xf2)
            s.mand = (u8)prefixes[i] == 0xf2 ? MP_F2 : MP_F3;
    if (map != MAP_1B)
        s.bytes[n++] = 0x0f;
    if (map > MAP_0F)
        s.bytes[n++] = map == MAP_0F38 ? 0x38 : 0x3a;
    s.bytes[n++] = opcode;
    s.modrm_at = n;
    s.bytes[n++] = modrm;
    s.bytes[n++] = sib;
    memcpy(s.bytes + n, tail, sizeof(tail));
    compare(run, &s);
}

static bool is_prefix_or_escape(enum code_size code, u8 map, u8 opcode)
{
    if (code == CODE64 && map == MAP_1B && (opcode & 0xf0) == REX)
        return true;
    if (map == MAP_0F)
        return opcode == 0x38 || opcode == 0x3a;
    return map == MAP_1B && (opcode == 0x0f || (opcode & 0xe7) == 0x26 || (opcode & 0xfc) == 0x64 ||
                             opcode == 0xf0 || opcode == 0xf2 || opcode == 0xf3);
}

/* Every opcode of every map; step thins the ModRM bytes out (it must be odd, so that all fields
 * vary). */
static void sweep(struct run *run, const char *prefixes, enum code_size code, unsigned step)
{
    for (unsigned n = 0; n < 4 * 256; n++) {
        u8 map = (n >> 8) & 3, opcode = n & 255;

        if (is_prefix_or_escape(code, map, opcode))
            continue;
        for (unsigned modrm = 0; modrm < 256; modrm += step)
            try_one(run, prefixes, code, map, opcode, modrm, (modrm * 37 + opcode * 101) & 255);
    }
}

static void test_prefixes(void **state)
{
    static const struct {
        const char *prefixes;
        unsigned step;
    } sets[] = {
        {"", 1},
        {"\x66", 1},
        {"\x67", 3},
        {"\xf3", 3},
        {"\xf2", 3},
        {"\x66\x67", 5},
        {"\x67\x66", 7},
        {"\x66\xf3", 7},
        {"\xf3\x66", 7},
        {"\x66\xf2", 7},
        {"\xf2\x66", 7},
        {"\xf2\xf3", 7},
        {"\xf3\xf2", 7},
        {"\x66\x66", 11},
        {"\x67\x67", 11},
        {"\x26", 7},
        {"\x2e", 7},
        {"\x36", 7},
        {"\x3e", 7},
        {"\x64", 7},
        {"\x65", 7},
        {"\x64\x26", 11},
        {"\xf3\x2e", 7},
        {"\x2e\xf3", 11},
        {"\xf2\x65\x66", 11},
        {"\xf3\x67", 11},
        {"\x67\xf2\x66", 11},
        {"\x66\xf3\x67\x3e", 11},
        {"\xf0", 1},
        {"\xf0\x66", 7},
        {"\x66\xf0\x67", 11},
        {"\xf0\xf2", 5},
        {"\xf3\xf0", 5},
    };
    static const struct {
        const char *prefixes;
        unsigned step;
    } rex_sets[] = {
        {"\x40", 1},         {"\x48", 1},         {"\x41", 1},         {"\x42", 1},
        {"\x44", 1},         {"\x43", 3},         {"\x45", 3},         {"\x46", 3},
        {"\x47", 1},         {"\x49", 1},         {"\x4a", 1},         {"\x4b", 3},
        {"\x4c", 1},         {"\x4d", 3},         {"\x4e", 3},         {"\x4f", 1},
        {"\x66\x48", 1},     {"\x66\x40", 1},     {"\x66\x4f", 1},     {"\xf3\x48", 1},
        {"\xf3\x41", 1},     {"\xf3\x4f", 1},     {"\xf2\x48", 1},     {"\xf2\x44", 1},
        {"\xf2\x4f", 1},     {"\x67\x48", 1},     {"\x67\x47", 1},     {"\x67\x66\x4b", 3},
        {"\xf3\x66\x49", 3}, {"\x66\xf2\x4c", 3}, {"\x64\x48", 3},     {"\x65\x2e\x4d", 3},
        {"\x36\x48", 3},     {"\xf0\x48", 1},     {"\xf0\x47", 3},     {"\xf0\x66\x4f", 3},
        {"\x48\x66", 3},                      /* REX before another prefix: ignored */
        {"\x4f\x2e", 3},     {"\x48\x41", 3}, /* the last REX counts */
        {"\x4f\x40", 3},     {"\x48\xf3", 3},     {"\x4f\xf0\x41", 3},
    };
    struct run run;

    (void)state;
    run_open(&run);
    for (unsigned i = 0; i < ARRAY_LEN(sets); i++)
        for (unsigned code = CODE16; code <= CODE64; code++)
            sweep(&run, sets[i].prefixes, code, sets[i].step);
    for (unsigned i = 0; i < ARRAY_LEN(rex_sets); i++)
        sweep(&run, rex_sets[i].prefixes, CODE64, rex_sets[i].step);
    for (unsigned i = 0; i < ARRAY_LEN(reviewed); i++) {
        if (!run.used[i]) {
            print_message("reviewed row %u is not needed any more: %s\n", i, reviewed[i].why);
            run.failures++;
        }
    }
    run_close(&run);
}

/* Every ModRM and SIB byte, with every address size and segment override. */
static void test_addressing(void **state)
{
    static const char *const sets[] = {"",     "\x67", "\x26", "\x2e",    "\x36",
                                       "\x3e", "\x64", "\x65", "\x67\x36"};
    struct run run;

    (void)state;
    run_open(&run);
    for (unsigned i = 0; i < ARRAY_LEN(sets); i++)
        for (unsigned modrm = 0; modrm < 256; modrm += 5)
            for (unsigned sib = 0; sib < 256; sib++)
                for (unsigned code = CODE16; code <= CODE64; code++)
                    try_one(&run, sets[i], code, MAP_1B, 0x8b, modrm, sib);
    for (unsigned rex = REX; rex < REX + 16; rex++)
        for (unsigned i = 0; i < 4; i++) {
            const char prefixes[] = {"\x67\x65\x36"[i], i < 3 ? (char)rex : 0, 0};
            const char *with = i < 3 ? prefixes : (const char[]){(char)rex, 0};

            for (unsigned modrm = 0; modrm < 256; modrm++)
                for (unsigned sib = 0; sib < 256; sib++)
                    try_one(&run, with, CODE64, MAP_1B, 0x8b, modrm, sib);
        }
    for (unsigned sib = 0; sib < 256; sib++)
        for (unsigned mod = 0; mod < 3; mod++)
            try_one(&run, "", CODE32, MAP_0F, 0xaf, mod << 6 | 0x0c, sib);
    run_close(&run);
}

/* 3DNow!: every opcode behind every form of operand. */
static void test_3dnow(void **state)
{
    static const char *const sets[] = {"", "\x67", "\x66", "\xf3", "\xf2", "\x2e", "\xf0"};
    struct run run;

    (void)state;
    run_open(&run);
    for (unsigned n = 0; n < ARRAY_LEN(sets) * 3 * 256; n++) {
        const char *prefixes = sets[n / (3 * 256)];
        enum code_size code = (n >> 8) % 3;
        unsigned width = code == CODE64 || (code == CODE32) == (prefixes[0] != 0x67) ? 4 : 2;

        for (unsigned modrm = 0; modrm < 256; modrm += 5) {
            struct sample s = {.code = code, .map = MAP_0F, .opcode = 0x0f, .modrm = modrm};
            unsigned at = strlen(prefixes), mod = modrm >> 6, rm = modrm & 7;
            bool sib = width == 4 && mod != 3 && rm == 4;
            bool absolute = mod == 0 && rm == (width == 4 ? 5 : 6);

            memcpy(s.bytes, prefixes, at);
            s.bytes[at++] = 0x0f;
            s.bytes[at++] = 0x0f;
            s.modrm_at = at;
            s.bytes[at++] = (u8)modrm;
            if (sib)
                s.bytes[at++] = (u8)(n * 7 & ~7u); /* with a base, so that mod tells all */
            at += mod == 1 ? 1 : mod == 2 || absolute ? width : 0;
            s.bytes[at] = (u8)n;
            compare(&run, &s);
        }
    }
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_addressing),
        cmocka_unit_test(test_3dnow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
