/* The ways to end a block: exceptions, jumps, exits to the run loop. What a jump checks before it
 * is taken: SDM volume 2, JMP. */
#include "cpu/lift.h"

void lift_raise(struct lift *l, enum vector vec, bool has_error, enum rule rule)
{
    ir_call(l->ir, HELPER_raise, ir_const(vec), ir_const(has_error), ir_const(0), ir_const(rule));
    lift_exit_loop(l);
}

bool lift_jump_direct(const struct lift *l, s64 page_off, unsigned opsize)
{
    if (l->mode & MODE_CS_FLAT)
        return opsize != 2 && page_off == (s32)page_off;
    /* Without MODE_EDGE every EIP of the page is within the limit, and 16 bits wide in 16-bit code.
     */
    return !(l->mode & MODE_EDGE) && page_off >= 0 && page_off < (s32)PAGE_SIZE &&
           (opsize == 4 || !(l->mode & MODE_CODE32));
}

struct irv lift_jump_eip(struct lift *l, s64 page_off, unsigned opsize)
{
    s32 near = page_off > INT32_MAX ? INT32_MAX : page_off < INT32_MIN ? INT32_MIN : (s32)page_off;
    struct irv eip = ir_pcrel(l->ir, near);

    if (page_off != near) {
        bool before = lift_width_all(l);
        eip = ir_lea(l->ir, eip, IR_NONE, 0, (u32)(page_off - near));
        lift_width(l, before);
    }
    return opsize == 2 ? ir_op1(l->ir, IR_EXT16U, eip) : eip;
}

void lift_jump(struct lift *l, s64 page_off, unsigned opsize)
{
    if (lift_jump_direct(l, page_off, opsize)) {
        ir_xjmp(l->ir, (s32)page_off);
        l->ended = true;
    } else {
        struct irv eip = lift_jump_eip(l, page_off, opsize);
        lift_check_target(l, eip, opsize);
        lift_jump_ind(l, eip);
    }
}

void lift_jump_ind(struct lift *l, struct irv eip)
{
    ir_xind(l->ir, eip);
    l->ended = true;
}

void lift_exit_loop(struct lift *l)
{
    ir_xloop(l->ir);
    l->ended = true;
}

void lift_exit_if(struct lift *l, struct irv changed)
{
    if (!(l->mode & MODE_EDGE))
        ir_xif(l->ir, IRC_EQ, changed, ir_const(0), l->next);
    lift_exit_next(l);
}

void lift_exit_next(struct lift *l)
{
    ir_xnext(l->ir, l->next);
    l->ended = true;
}

void lift_check_target(struct lift *l, struct irv eip, unsigned opsize)
{
    if (!lift_code64(l) && (l->mode & MODE_CS_FLAT || (opsize == 2 && l->mode & MODE_CS_64K)))
        return;
    ir_segchk_eip(l->ir, eip);
}
