/* The memory map: what RAM there is, and what of it holds tables. */
#include "bios/post/post.h"

#define LOW_END        0x9fc00u /* the EBDA is above */
#define ROM_BASE       0xf0000u /* what is between the EBDA and this is no RAM either */
#define TABLES_UNIT    0x20000u
#define HIGH           0x100000u
#define TOP_ROM        0xfffc0000u
#define LOW_TABLES     0xfd000u /* left free by bios.ld */
#define LOW_TABLES_END 0xfe000u

static u32 high_end;

/* RAM below 4 GiB, from CMOS: in 64 KiB above 16 MiB, or in KiB above 1 MiB. */
static u32 ram_end(void)
{
    u32 above16 = cmos_read(0x34) | (u32)cmos_read(0x35) << 8;
    u32 above1 = cmos_read(0x30) | (u32)cmos_read(0x31) << 8;

    return above16 ? (16u << 20) + (above16 << 16) : HIGH + (above1 << 10);
}

static void add(u32 base, u32 len, enum memory_type type)
{
    struct memory_range *m = &SHARED->memory[SHARED->ranges];

    if (!len || SHARED->ranges == MAX_RANGES)
        return;
    *m = (struct memory_range){base, len, type};
    SHARED->ranges++;
}

void memory_setup(void)
{
    SHARED->ram_end = high_end = ram_end();
    SHARED->low_used = LOW_TABLES;
}

u32 allocate(enum zone zone, u32 size, u32 align)
{
    u32 at;

    if (!align)
        align = 1;
    if (zone == ZONE_LOW) {
        at = (SHARED->low_used + align - 1) & ~(align - 1);
        if (at + size > LOW_TABLES_END)
            return 0;
        SHARED->low_used = at + size;
        return at;
    }
    if (high_end < HIGH + size + align)
        return 0;
    at = (high_end - size) & ~(align - 1);
    if (at < HIGH)
        return 0;
    high_end = at;
    return at;
}

/* RAM above what tables take is theirs alone; systems that know no map see less extended memory.
 * The ranges are those of SeaBIOS in QEMU, as small systems print them. */
void memory_finish(void)
{
    u32 end = high_end & ~(TABLES_UNIT - 1);

    if (high_end == SHARED->ram_end || end < HIGH)
        end = high_end & ~0xfffu;
    add(0, LOW_END, MEMORY_RAM);
    add(LOW_END, 0xa0000 - LOW_END, MEMORY_RESERVED);
    add(ROM_BASE, HIGH - ROM_BASE, MEMORY_RESERVED);
    add(HIGH, end - HIGH, MEMORY_RAM);
    add(end, SHARED->ram_end - end, MEMORY_RESERVED);
    add(TOP_ROM, 0u - TOP_ROM, MEMORY_RESERVED);
    SHARED->ram_end = end;
}
