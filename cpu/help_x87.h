/* What sem_x87.c tells the x87 helpers about an instruction, packed into one constant. */
#ifndef CPU_HELP_X87_H
#define CPU_HELP_X87_H

#include "cpu/state.h"

#define X87_DESC(opcode, modrm, seg, op16)                                                         \
    ((u32)(opcode) | (u32)(modrm) << 8 | (u32)(seg) << 16 | (u32)(op16) << 24)

static inline u8 x87_desc_opcode(u32 desc)
{
    return (u8)desc;
}
static inline u8 x87_desc_modrm(u32 desc)
{
    return (u8)(desc >> 8);
}
static inline unsigned x87_desc_seg(u32 desc)
{
    return desc >> 16 & 0xff;
}
static inline bool x87_desc_op16(u32 desc)
{
    return desc >> 24;
}

/* Which exceptions are pending. */
static inline struct why x87_why(const struct x87 *f)
{
    return why_value(RULE_x87_exception, f->fsw, (u16)(f->fsw & ~f->fcw & FSW_EXCEPTIONS));
}

#endif
