/* The LDT that host and guest share, one row a segment, and the arena's pages. All have DPL 3, as
 * Linux's modify_ldt() makes them (SDM 3A 3.4.5): based and limited data, expand-down, read-only,
 * absent ones, code of both sizes. */
#include "tests/oracle/oracle.h"

const u8 arena_map[ARENA_PAGES] = {PAGE_NONE, PAGE_CODE, PAGE_NONE, PAGE_RW,
                                   PAGE_RW,   PAGE_RO,   PAGE_RW,   PAGE_NONE};

const struct test_seg test_segs[] = {
    {.contents = 0, .use32 = true, .limit = 0xfffff, .pages = true},
    {.contents = 0, .use32 = true, .base = DATA_BASE - 0x800, .limit = 0x2e80},
    {.contents = 0, .base = DATA_BASE, .limit = 0xffff},
    {.contents = 0, .base = DATA_BASE, .limit = 0x1fff},
    {.contents = 0, .use32 = true, .limit = 0xfffff, .pages = true, .no_write = true},
    {.contents = 1, .use32 = true, .base = DATA_BASE, .limit = 0x17f},
    {.contents = 1, .base = DATA_BASE, .limit = 0x17f},
    {.contents = 1, .use32 = true, .base = DATA_BASE, .limit = 0x17f, .no_write = true},
    {.contents = 0, .use32 = true, .limit = 0xfffff, .pages = true, .absent = true},
    {.contents = 2, .use32 = true, .limit = 0xfffff, .pages = true},
    {.contents = 2, .use32 = true, .limit = 0xfffff, .pages = true, .no_write = true},
    {.contents = 2, .base = CODE_PAGE, .limit = 0xffff},
    {.contents = 2, .use32 = true, .base = CODE_PAGE, .limit = 0xfff},
    {.contents = 2, .use32 = true, .base = CODE_PAGE, .limit = 0x8ff, .no_write = true},
    {.contents = 3, .use32 = true, .limit = 0xfffff, .pages = true, .absent = true},
    {.contents = 2, .base = CODE_PAGE - 0x100, .limit = 0x9ff, .no_write = true},
    {.contents = 0, .use32 = true, .base = DATA_BASE, .limit = 3, .pages = true},
    {.contents = 1, .use32 = true, .base = DATA_BASE, .limit = 0, .pages = true},
    {.contents = 2, .limit = 0xfffff, .pages = true},
};
const unsigned test_segs_len = ARRAY_LEN(test_segs);

const struct test_seg *test_seg_of(u16 sel)
{
    return (sel & 4) && (sel >> 3) < test_segs_len ? &test_segs[sel >> 3] : NULL;
}

u32 test_seg_base(u16 sel)
{
    const struct test_seg *s = test_seg_of(sel);
    return s ? s->base : 0;
}

bool test_seg_code32(u16 cs)
{
    const struct test_seg *s = test_seg_of(cs);
    return !s || s->use32;
}

u64 test_seg_desc(const struct test_seg *s)
{
    u32 type = (u32)s->contents << 2 | (s->no_write ? 0 : 2) | 1;
    u32 lo = s->base << 16 | (s->limit & 0xffff);
    u32 hi = (s->base >> 16 & 0xff) | type << 8 | 0x7000 | (s->absent ? 0 : 0x8000) |
             (s->limit & 0xf0000) | (s->use32 ? 1u << 22 : 0) | (s->pages ? 1u << 23 : 0) |
             (s->base & 0xff000000);
    return (u64)hi << 32 | lo;
}
