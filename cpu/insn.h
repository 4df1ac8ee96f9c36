/* A decoded guest instruction, in the compact form that the decode memo keeps, and the table of
 * instruction forms (insn.def) it points into. Decoding itself is decode.h. */
#ifndef CPU_INSN_H
#define CPU_INSN_H

#include "base/types.h"

enum gpr {
    EAX,
    ECX,
    EDX,
    EBX,
    ESP,
    EBP,
    ESI,
    EDI,
    GPR_COUNT, /* R8 to R15 follow, in 64-bit mode */
    GPR64_COUNT = 16,
    GPR_RIP = 0xfe, /* as a base: the address of the next instruction */
    GPR_NONE = 0xff
};
enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT, SEG_NONE = 0xff };

/* What a code segment holds. CODE64: 64-bit mode; the others are those of compatibility mode, too.
 */
enum code_size { CODE16, CODE32, CODE64 };

/* insn.rex (SDM 2, 2.2.1); in 64-bit mode alone. With any REX, if none of the four bits is set,
 * too, byte registers 4 to 7 are SPL BPL SIL DIL, not AH CH DH BH. */
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, REX = 0x40 };

/* insn.prefixes */
enum {
    PFX_LOCK = 1 << 0,
    PFX_REP = 1 << 1,   /* F3 was the last of F2/F3 */
    PFX_REPNE = 1 << 2, /* F2 was the last of F2/F3 */
    PFX_OPSIZE = 1 << 3,
    PFX_ADDRSIZE = 1 << 4,
    PFX_SEG = 1 << 5, /* a segment override is present; insn.seg holds it. In 64-bit mode ES CS SS
                         DS are none */
};

/* The last is 3DNow!, 0F 0F: its opcode stands behind ModRM and displacement, where others have an
 * immediate byte. */
enum insn_map { MAP_1B, MAP_0F, MAP_0F38, MAP_0F3A, MAP_3DNOW, MAP_COUNT };

/* One decoded instruction. */
struct insn {
    u16 row;     /* index into insn_table */
    u8 len;      /* whole length in bytes, prefixes included, 1..15 */
    u8 prefixes; /* PFX_* */
    u8 map;      /* enum insn_map */
    u8 opcode;   /* last opcode byte */
    u8 modrm;    /* 0 when the form has none */
    u8 rex;      /* REX prefix, 0 when there is none: bits REX_* */
    u8 opsize;   /* effective operand size, 2, 4 or 8 bytes (for operand kinds v, y and z): what the
                    row makes of prefixes and mode */
    u8 addrsize; /* effective address size, 2, 4 or 8 bytes */
    u8 seg;      /* segment of the memory operand or string source: default or override */
    u8 base;     /* of a ModRM memory operand: enum gpr, GPR_RIP or GPR_NONE; 16-bit forms too (BX,
                    BP) */
    u8 index;    /* enum gpr or GPR_NONE */
    u8 scale;    /* 0..3, shift count of index */
    u16 sel;     /* selector of a far pointer; second immediate (ENTER's level, EXTRQ...) */
    s32 disp;    /* displacement, sign-extended, to be wrapped to addrsize with the whole address;
                    a lone address (moffs, no base and no index) is zero-extended, but one of
                    8 bytes without base and index sign-extended */
    u32 imm;     /* immediate, sign-extended to 32 bits where the form sign-extends, else
                    zero-extended; for relative branches the sign-extended displacement from the
                    next instruction */
    u32 imm_high; /* bits 63:32 of an immediate of 8 bytes, or of a moffs of 8 bytes (disp has its
                     low half); else 0: to an operand of 8 bytes imm is sign-extended */
};
_Static_assert(sizeof(struct insn) <= 32, "the decode memo relies on it");

static inline unsigned insn_mod(const struct insn *in)
{
    return in->modrm >> 6;
}
/* The bits of ModRM alone, where they are part of the opcode, or name what has eight (segment
 * registers, MMX, x87). */
static inline unsigned insn_reg3(const struct insn *in)
{
    return (in->modrm >> 3) & 7;
}
static inline unsigned insn_rm3(const struct insn *in)
{
    return in->modrm & 7;
}
/* With those of REX: general, control, debug and XMM registers. */
static inline unsigned insn_reg(const struct insn *in)
{
    return insn_reg3(in) | (in->rex & REX_R ? 8u : 0);
}
static inline unsigned insn_rm(const struct insn *in)
{
    return insn_rm3(in) | (in->rex & REX_B ? 8u : 0);
}
/* The register in the low opcode bits. */
static inline unsigned insn_low(const struct insn *in)
{
    return (in->opcode & 7) | (in->rex & REX_B ? 8u : 0);
}

/* Operand kinds, in the notation of SDM volume 2, appendix A.2. Sizes: b 1, w 2, d 4, q 8, v
 * opsize, y 8 if opsize is 8, else 4, z 2 if opsize is 2, else 4. */
enum opnd {
    OP_NONE,
    OP_Eb,
    OP_Ew,
    OP_Ed,
    OP_Ey,
    OP_Ez,
    OP_Ev, /* ModRM.rm: register or memory */
    OP_Gb,
    OP_Gw,
    OP_Gd,
    OP_Gy,
    OP_Gv, /* ModRM.reg: general register */
    OP_M,  /* ModRM.rm: memory only; a register form is #UD */
    OP_Mb,
    OP_Mw,
    OP_Md,
    OP_My,
    OP_Mq, /* memory only, of that size */
    OP_Mp, /* memory only: far pointer 16:opsize */
    OP_Ma, /* memory only: BOUND's pair */
    OP_Ry, /* ModRM.rm: register of size y whatever mod says (MOV CR/DR) */
    OP_Ib,
    OP_Iw,
    OP_Iz,  /* immediate byte (zero-extended), word, of size z */
    OP_Iv,  /* of size v: MOV's, alone */
    OP_sIb, /* immediate byte sign-extended */
    OP_Ap,  /* far pointer in the instruction: imm = offset, sel = selector */
    OP_Jb,
    OP_Jz, /* relative branch */
    OP_Ob,
    OP_Ov, /* moffs: disp = address, of size addrsize */
    OP_Sw, /* ModRM.reg: segment register */
    OP_Cd,
    OP_Dd, /* ModRM.reg: control, debug register */
    OP_AL,
    OP_CL,
    OP_DX,
    OP_eAX, /* fixed registers; eAX has size v */
    OP_Zb,
    OP_Zv, /* register in the low three opcode bits, sizes b and v */
    OP_ES,
    OP_CS,
    OP_SS,
    OP_DS,
    OP_FS,
    OP_GS,
    OP_1,    /* constant 1 (shift group D0/D1) */
    OP_RvMw, /* ModRM.rm: a register of opsize, or a word in memory */
    OP_RdMb,
    OP_RdMw, /* the same: a 32-bit register, or a byte, a word in memory */
    OP_Xb,
    OP_Xv, /* string source at seg:eSI; insn.seg is DS or the override */
    OP_Yb,
    OP_Yv, /* string destination at ES:eDI, never overridden */
    OP_Mx, /* memory only, 16 bytes */
    OP_Pq,
    OP_Qq,
    OP_Qd,
    OP_Nq, /* MMX: reg; rm or memory 64/32; rm register only */
    OP_Vx,
    OP_Wx,
    OP_Wq,
    OP_Wd,
    OP_Ww,
    OP_Ux, /* SSE: reg; rm, memory of 16/8/4/2; rm, no memory */
};

/* What a form belongs to: a generation, or an extension, which a CPU has if its model reports the
 * feature (or one of the features) that find_isas() in cpuid.c names for it. */
enum isa {
    ISA_8086,
    ISA_186,
    ISA_286,
    ISA_386,
    ISA_486,
    ISA_P5,
    ISA_P6,
    ISA_GENERATIONS,
    ISA_FPU = ISA_GENERATIONS, /* never illegal: without an FPU, CR0.EM decides */
    ISA_SEP,                   /* SYSENTER */
    ISA_FXSR,
    ISA_MMX,
    ISA_MMXEXT, /* SSE's instructions on MMX registers: AMD has them alone, too */
    ISA_3DNOW,
    ISA_3DNOWEXT,
    ISA_PREFETCHW, /* 0F 0D on memory */
    ISA_SSE,
    ISA_SSE2,
    ISA_CLFLUSH,
    ISA_SSE3,
    ISA_MONITOR,
    ISA_SSSE3,
    ISA_SSE41,
    ISA_SSE42,
    ISA_POPCNT,
    ISA_MOVBE,
    ISA_AES,
    ISA_PCLMUL,
    ISA_SHA,
    ISA_RDTSCP,
    ISA_SMAP,
    ISA_LM,
    ISA_SYSCALL,
    ISA_CX16,
    ISA_LAHF64, /* LAHF and SAHF in 64-bit mode */
    ISA_COUNT
};
_Static_assert(ISA_COUNT <= 64, "sets of them are 64-bit masks");

#define ISA_BIT(isa) (1ull << (isa))
#define ISA_ALL      (ISA_BIT(ISA_COUNT) - 1)

/* insn_row.reg of a form that wants all of ModRM to be this byte */
#define MODRM(byte) (0x100 | (byte))

/* insn_row.attr */
enum {
    IA_LOCK = 1 << 0,    /* LOCK allowed with a memory destination */
    IA_END = 1 << 1,     /* ends a block: control flow, mode changes, I/O */
    IA_IO = 1 << 2,      /* reaches a device or the clock: alone decides what happens next */
    IA_PRIV = 1 << 3,    /* #GP when CPL != 0 (real mode runs as CPL 0) */
    IA_PROT = 1 << 4,    /* #UD in real and virtual-8086 mode */
    IA_STRING = 1 << 5,  /* REP/REPNE repeat it */
    IA_MODRM = 1 << 8,   /* has a ModRM byte though no operand kind says so (x87) */
    IA_NO64 = 1 << 6,    /* #UD in 64-bit mode */
    IA_64 = 1 << 7,      /* 64-bit mode alone has it */
    IA_REG = 1 << 9,     /* register form only (mod 3), though no operand kind says so */
    IA_MEM = 1 << 10,    /* memory form only, though no operand kind says so */
    IA_UNTIL_SHIFT = 12, /* if bits 14:12 are not 0: later generations than 1 less do not have it */
    IA_UNTIL_8086 = (ISA_8086 + 1) << IA_UNTIL_SHIFT,
    IA_UNTIL_286 = (ISA_286 + 1) << IA_UNTIL_SHIFT,
    IA_UNTIL_386 = (ISA_386 + 1) << IA_UNTIL_SHIFT,
    IA_UNTIL_486 = (ISA_486 + 1) << IA_UNTIL_SHIFT,
    /* Operand size in 64-bit mode, SDM volume 2, appendix A.2.5: */
    IA_D64 = 1 << 15,   /* 8 by default, or 2, never 4 */
    IA_F64 = 1 << 16,   /* always 8 */
    IA_MAX32 = 1 << 17, /* never 8: port I/O */
    IA_REXW = 1 << 18,  /* the form with REX.W alone */
    IA_NOREXB = 1 << 19 /* not with REX.B, which makes it another register's */
};

/* Mandatory prefix of a form */
enum mand { MP_ANY /* 66/F2/F3 do not select the form */, MP_NONE, MP_66, MP_F3, MP_F2 };

struct lift;

/* One instruction form: one row of insn.def.
 *
 * insn.def is an X-macro file: define INSN(name, map, opcode, mand, reg, op0, op1, op2, isa, attr,
 * sem), include "cpu/insn.def", and each row expands it once (it undefines INSN at its end).
 * insn_table.c declares the sem_ functions and builds insn_table[] that way. A sem_ function finds
 * its row with insn_row_of(), and operand kinds there carry the sizes: sem_add serves ADD Eb,Gb and
 * ADD eAX,Iz. */
struct insn_row {
    const char *name; /* mnemonic, lower case, as Capstone prints it without size suffix */
    u8 map, opcode;   /* enum insn_map, opcode byte (lowest for +r forms, which span 8 opcodes) */
    u8 mand;          /* enum mand */
    s16 reg;          /* required ModRM.reg; MODRM(whole byte); or -1 */
    u8 op[3];         /* enum opnd */
    u8 isa;           /* enum isa: the first generation that has it, or the extension */
    u32 attr;         /* IA_* */
    void (*sem)(struct lift *l, const struct insn *in);
};

extern const struct insn_row insn_table[];
extern const unsigned insn_table_len;

static inline const struct insn_row *insn_row_of(const struct insn *in)
{
    return &insn_table[in->row];
}

/* Has generation isa not yet lost the row's form? (Whether it has it already is row->isa.) */
static inline bool insn_row_lives(const struct insn_row *row, enum isa isa)
{
    unsigned until = row->attr >> IA_UNTIL_SHIFT & 7;

    return !until || (unsigned)isa < until;
}

/* True if the row's form has a ModRM byte; all rows of one opcode agree. */
bool insn_row_has_modrm(const struct insn_row *row);

/* True if the row takes register forms (mod 3) and memory forms (mod 0 to 2). */
bool insn_row_takes_reg(const struct insn_row *row);
bool insn_row_takes_mem(const struct insn_row *row);

/* Bytes of immediate the row's operands take (branch displacements and far pointers included, moffs
 * not), for an operand size of 2, 4 or 8. */
unsigned insn_row_imm_size(const struct insn_row *row, unsigned opsize);

#endif
