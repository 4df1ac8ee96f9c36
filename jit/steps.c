/* Single instructions made ready for the interpreter, kept for the next time: a register of a
 * device that is read in a loop is one instruction stepped again and again.
 *
 * An entry is its address, mode and bytes; what is found there is compared with the bytes now in
 * memory, so that nothing has to be told of writes. Code that crosses a page is not kept. */
#include "jit/jit_internal.h"

#include <stdlib.h>
#include <string.h>

#define STEPS    256 /* a power of 2 */
#define MAX_LEN  15
#define MAX_CODE 512 /* bytes of an instruction made ready; longer ones are not kept */

struct step {
    paddr pa;
    u32 mode;
    u8 len;    /* of the instruction; 0: empty */
    u8 nbytes; /* all that decoding may have looked at: an illegal one has no length */
    u8 bytes[MAX_LEN];
    const struct icode *code;
    u64 memory[MAX_CODE / 8];
};

struct steps {
    struct step step[STEPS];
};

struct steps *steps_new(void)
{
    return calloc(1, sizeof(struct steps));
}

void steps_free(struct steps *s)
{
    free(s);
}

void steps_drop(struct steps *s)
{
    for (unsigned i = 0; i < STEPS; i++)
        s->step[i].len = 0;
}

static struct step *slot(struct steps *s, paddr pa)
{
    return &s->step[(pa ^ pa >> 8) & (STEPS - 1)];
}

const struct icode *steps_find(struct steps *s, paddr pa, u32 mode, const struct code_source *src,
                               u32 *len)
{
    const struct step *e = slot(s, pa);

    if (!e->len || e->pa != pa || e->mode != mode || src->crossing || e->nbytes > src->avail ||
        memcmp(e->bytes, src->bytes, e->nbytes))
        return NULL;
    *len = e->len;
    return e->code;
}

void steps_keep(struct steps *s, paddr pa, u32 mode, const struct code_source *src, u32 len,
                const struct ir *ir)
{
    struct step *e = slot(s, pa);

    if (src->crossing || !len || len > MAX_LEN)
        return;
    e->len = 0;
    e->code = interp_prepare(ir, e->memory, sizeof(e->memory));
    if (!e->code)
        return;
    e->pa = pa;
    e->mode = mode;
    e->len = (u8)len;
    e->nbytes = src->avail < MAX_LEN ? (u8)src->avail : MAX_LEN;
    memcpy(e->bytes, src->bytes, e->nbytes);
}
